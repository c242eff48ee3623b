"""What can go wrong between us and the API server, translated once, here.

    KubeError                 .reason .message .causes; `.transient`: worth another try without a change
    ├── BadRequest            400: not understood
    ├── Unauthorized          401: the credential is not accepted
    ├── Forbidden             403: not allowed, by RBAC or an admission policy
    ├── NotFound              404
    ├── AlreadyExists         409: on create
    ├── Conflict              409: another resourceVersion, or fields that another manager owns
    ├── Gone                  410: this resourceVersion or continue token is too old: list again
    ├── Invalid               422: refused by validation; `.causes` name the fields
    ├── TooManyRequests       429 (transient, `.retry_after`)
    └── Unavailable           5xx, time-outs, connections refused or lost (transient, `.retry_after`)

No message holds a request body. The API server repeats offending values in its messages: for a sensitive resource
(Secrets) only field paths and reasons are kept.
"""

from dataclasses import dataclass
from typing import Any, ClassVar, Final

import orjson

_RBAC_REFUSAL: Final = 'is forbidden: User "'
_POLICY_REFUSAL: Final = "ValidatingAdmissionPolicy 'app-platform-"
"""Our own policies (deploy/kubernetes/policies) name labels, annotations and objects in their messages, never a value."""
_SAFE_STATUSES: Final = frozenset(
    {401, 404, 409, 410, 429}
)  # their messages name objects, fields and managers only


@dataclass(frozen=True)
class Cause:
    """One reason of a refusal: which field, and what is wrong with it (empty for a sensitive resource)."""

    field: str
    reason: str
    message: str = ""


class KubeError(Exception):
    """A request that the API server refused, or that never reached it.

    Attributes:
        status: the HTTP status; 0 when there was no answer.
        reason: Kubernetes' machine-readable reason, such as `NotFound`.
        message: for people; holds no value of a sensitive resource.
        causes: the fields at fault, if the server named any.
        retry_after: seconds that the server asks to wait, or None.
        transient: whether the same request may succeed later.
    """

    transient: ClassVar[bool] = False

    def __init__(
        self,
        message: str,
        *,
        status: int = 0,
        reason: str = "",
        causes: tuple[Cause, ...] = (),
        retry_after: float | None = None,
    ) -> None:
        self.status, self.reason, self.message = status, reason or type(self).__name__, message
        self.causes, self.retry_after = causes, retry_after
        super().__init__(message)


class BadRequest(KubeError):  # noqa: N818 - as all below: named like the reasons of Kubernetes
    """400."""


class Unauthorized(KubeError):  # noqa: N818
    """401."""


class Forbidden(KubeError):  # noqa: N818
    """403."""


class NotFound(KubeError):  # noqa: N818
    """404."""


class AlreadyExists(KubeError):  # noqa: N818
    """409 on create."""


class Conflict(KubeError):  # noqa: N818
    """409 on update: read again and decide again."""


class Gone(KubeError):  # noqa: N818
    """410: history is gone; list again."""


class Invalid(KubeError):  # noqa: N818
    """422."""


class TooManyRequests(KubeError):  # noqa: N818
    """429."""

    transient = True


class Unavailable(KubeError):  # noqa: N818
    """The server, or the way to it, is down or slow."""

    transient = True


RETRIABLE: Final[tuple[type[KubeError], ...]] = (Unavailable, TooManyRequests, Conflict, Forbidden)
"""What mends itself when a controller reads again and decides again; a new binding takes a moment until the API server knows
it, hence Forbidden. Wider than ``transient``, which is about sending the same request again."""

_BY_STATUS: Final[dict[int, type[KubeError]]] = {
    400: BadRequest,
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    410: Gone,
    422: Invalid,
    429: TooManyRequests,
}


def translate(
    status: int, body: bytes | dict[str, Any], *, sensitive: bool, retry_after: str | None = None
) -> KubeError:
    """The error for an answer of the API server.

    Args:
        status: the HTTP status, or the code of a Status object in a watch.
        body: the Status object, or the raw body, which may be anything.
        sensitive: whether the request was about objects whose values must not be repeated.
        retry_after: the header of that name.
    """
    answer = body if isinstance(body, dict) else _parse(body)
    reason = str(answer.get("reason") or "")
    kind = AlreadyExists if reason == "AlreadyExists" else Gone if reason == "Expired" else _kind(status)
    causes = tuple(_causes(answer, sensitive=sensitive))
    message = str(answer.get("message") or f"the API server answered {status}")
    if sensitive and not _is_safe(status, message):
        message = f"{reason or kind.__name__} ({status})" + (f": {_fields(causes)}" if causes else "")
    return kind(
        message, status=status, reason=reason, causes=causes, retry_after=_seconds(answer, retry_after)
    )


def _kind(status: int) -> type[KubeError]:
    return _BY_STATUS.get(status) or (Unavailable if status >= 500 else KubeError)  # noqa: PLR2004 - HTTP


def _parse(body: bytes) -> dict[str, Any]:
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:  # a proxy's page, say
        return {}
    return answer if isinstance(answer, dict) else {}


def _is_safe(status: int, message: str) -> bool:
    return (
        status in _SAFE_STATUSES
        or (status == 403 and _RBAC_REFUSAL in message)  # noqa: PLR2004 - HTTP
        or _POLICY_REFUSAL in message
    )


def _causes(answer: dict[str, Any], *, sensitive: bool) -> list[Cause]:
    causes = (answer.get("details") or {}).get("causes") or []
    return [
        Cause(
            str(cause.get("field", "")),
            str(cause.get("reason", "")),
            "" if sensitive else str(cause.get("message", "")),
        )
        for cause in causes
    ]


def _fields(causes: tuple[Cause, ...]) -> str:
    return ", ".join(f"{cause.field} {cause.reason}" for cause in causes)


def _seconds(answer: dict[str, Any], header: str | None) -> float | None:
    given = header if header is not None else (answer.get("details") or {}).get("retryAfterSeconds")
    try:
        return float(given) if given is not None else None
    except ValueError:  # an HTTP date: the API server sends none, proxies may
        return None
