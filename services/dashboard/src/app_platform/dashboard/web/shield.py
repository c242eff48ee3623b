"""What surrounds every request: a bound on its body, and headers that tell the browser what a page may not do. Pure ASGI.

Guarantees: pages run no script and load no style but the dashboard's own files, are shown in no frame, are kept in no cache and talk to
no other host. A body is refused as soon as it is over the limit, whatever its header said.
"""

from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_BODY: Final = 1_600_000
"""Bytes: a Secret of 1 MiB as a form, with room for its other fields."""

_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
_HEADERS: Final = {
    "Content-Security-Policy": _POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    # Not "no-referrer": browsers would then send forms with "Origin: null".
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
_YEAR: Final = "max-age=31536000; includeSubDomains"


class BodyTooLargeError(Exception):
    """The body is over the limit."""


class Shield:
    """The middleware.

    Args:
        app: What it surrounds.
        secure: Whether the dashboard is reached by TLS.
        max_body: Bytes of a request's body at most.
    """

    def __init__(self, app: ASGIApp, *, secure: bool, max_body: int = MAX_BODY) -> None:
        self._app, self._max_body = app, max_body
        self._headers = _HEADERS | ({"Strict-Transport-Security": _YEAR} if secure else {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        await self._app(scope, self._bounded(receive), self._dressed(send))

    def _bounded(self, receive: Receive) -> Receive:
        left = self._max_body

        async def bounded() -> Message:
            nonlocal left
            message = await receive()
            left -= len(message.get("body", b""))
            if left < 0:
                raise BodyTooLargeError
            return message

        return bounded

    def _dressed(self, send: Send) -> Send:
        async def dressed(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        return dressed
