"""The cookies: names and attributes.

``__Host-`` (RFC 6265bis, section 4.1.3.2) ties a cookie to this host and to TLS, so that no neighbouring host can plant one. On loopback
there is no TLS: the prefix and ``Secure`` are left out, everything else holds. ``SameSite=Lax``, since people come back from the identity
provider by a link; forms are guarded besides (``forms``).
"""

from typing import Final

from starlette.requests import Request
from starlette.responses import Response

SESSION: Final = "app-platform-session"
SIGN_IN: Final = "app-platform-sign-in"
DRAFT: Final = "app-platform-draft"
APP: Final = "app-platform-app"
"""The app that was looked at last."""


class Cookies:
    """Reads and writes them.

    Args:
        secure: Whether the dashboard is reached by TLS.
    """

    def __init__(self, *, secure: bool) -> None:
        self._secure = secure

    def name(self, name: str) -> str:
        """The whole name."""
        return f"__Host-{name}" if self._secure else name

    def get(self, request: Request, name: str) -> str:
        """The value; empty when there is none."""
        return request.cookies.get(self.name(name), "")

    def put(self, response: Response, name: str, value: str, seconds: float | None = None) -> None:
        """Set it; without a time it goes with the browser."""
        response.set_cookie(
            self.name(name), value, max_age=None if seconds is None else int(seconds), path="/",
            secure=self._secure, httponly=True, samesite="lax",
        )  # fmt: skip

    def drop(self, response: Response, name: str) -> None:
        """Have the browser forget it."""
        response.delete_cookie(self.name(name), path="/", secure=self._secure, httponly=True, samesite="lax")
