"""What GitHub's answers mean. Pure.

Sources: https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api ("Exceeding the rate limit"),
https://docs.github.com/rest/using-the-rest-api/troubleshooting-the-rest-api, and the status codes of each endpoint.

Guarantees: a text names the status and GitHub's own message, cut, and never what was sent.
"""

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, Final

from app_platform.git_committer.ports import ForgeError, ForgeLimited, ForgeUnavailable, RepositoryMissing

_MAX_TEXT: Final = 300
_WITHOUT_A_TIME: Final = 60.0
"""Seconds to wait at least when a secondary limit names no time, as GitHub asks."""
_BUSY: Final = 2.0
_SECONDARY: Final = ("secondary rate limit", "abuse detection")


def of(status: int, headers: Mapping[str, Any], body: object, now: float) -> ForgeError:
    """The error that an answer stands for.

    Args:
        status: Of HTTP, 300 or more.
        headers: With lower-case names.
        body: Decoded.
        now: Unix time.
    """
    message = message_of(body)
    text = f"GitHub answered {status}: {message}" if message else f"GitHub answered {status}"
    if status in (HTTPStatus.FORBIDDEN, HTTPStatus.TOO_MANY_REQUESTS):
        after = seconds_to_wait(status, headers, message, now)
        return limited(text, after) if after is not None else _forbidden(text, message.lower())
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return ForgeUnavailable(text, after=_retry_after(headers) or 0.0)
    return _BY_STATUS.get(status, ForgeError)(text)


def limited(text: str, after: float) -> ForgeLimited:
    """A limit of GitHub's is spent."""
    return ForgeLimited(f"{text}; trying again in {after:.0f} s", after=after)


def seconds_to_wait(status: int, headers: Mapping[str, Any], message: str, now: float) -> float | None:
    """How long GitHub wants to be left alone; ``None`` when a refusal is not about limits."""
    wait = _retry_after(headers)
    if wait is not None:
        return wait
    if spent_until(headers) is not None:
        return max(1.0, (spent_until(headers) or now) - now)
    secondary = any(words in message.lower() for words in _SECONDARY)
    return _WITHOUT_A_TIME if secondary or status == HTTPStatus.TOO_MANY_REQUESTS else None


def spent_until(headers: Mapping[str, Any]) -> float | None:
    """When the primary limit, of which nothing is left, begins anew, as Unix time; ``None`` while something is left."""
    if str(headers.get("x-ratelimit-remaining", "")) != "0":
        return None
    try:
        return float(headers["x-ratelimit-reset"])
    except (KeyError, ValueError):
        return None


def message_of(body: object) -> str:
    """GitHub's own words: ``message`` and those of each error."""
    if not isinstance(body, dict):
        return ""
    errors = body.get("errors") or ()
    details = [str(e.get("message") or "") for e in errors if isinstance(e, dict)]
    words = " ".join([str(body.get("message") or ""), *filter(None, details)])
    return " ".join(words.split())[:_MAX_TEXT]


def _retry_after(headers: Mapping[str, Any]) -> float | None:
    try:
        return max(1.0, float(headers["retry-after"]))
    except (KeyError, ValueError):
        return None


def _forbidden(text: str, message: str) -> ForgeError:
    for words, reason, advice in _FORBIDDEN:
        if words in message:
            return ForgeError(f"{text}: {advice}", reason=reason)
    return ForgeError(text, reason="ForgeForbidden")


_PERMISSIONS: Final = (
    "give the GitHub App, or the token, the repository permissions Administration and Contents (read and write) "
    "for all repositories of the organisation"
)
_FORBIDDEN: Final = (
    ("suspended", "InstallationSuspended", "unsuspend the GitHub App in the organisation's settings"),
    ("archived", "RepositoryArchived", "unarchive it in its settings, or delete it to have it made again"),
    ("not accessible by", "PermissionMissing", _PERMISSIONS),
    ("must have admin rights", "PermissionMissing", _PERMISSIONS),
    ("protected branch", "BranchProtected", "let the platform's credential bypass the protection"),
)


def _rejected(text: str) -> ForgeError:
    advice = "renew APP_PLATFORM_GITHUB_TOKEN, or check the App's id, installation and private key"
    return ForgeError(f"{text}: {advice}", reason="CredentialRejected")


def _renamed(text: str) -> ForgeError:
    return ForgeError(
        f"{text}: the repository was renamed or moved: rename it back", reason="RepositoryRenamed"
    )


def _busy(text: str) -> ForgeError:
    return ForgeUnavailable(f"{text}: it may still be being made", reason="RepositoryBusy", after=_BUSY)


def _blocked(text: str) -> ForgeError:
    return ForgeError(f"{text}: ask GitHub's support", reason="RepositoryDisabled")


_BY_STATUS: Final[dict[int, Callable[[str], ForgeError]]] = {
    HTTPStatus.UNAUTHORIZED: _rejected,
    HTTPStatus.MOVED_PERMANENTLY: _renamed,
    HTTPStatus.FOUND: _renamed,
    HTTPStatus.TEMPORARY_REDIRECT: _renamed,
    HTTPStatus.PERMANENT_REDIRECT: _renamed,
    HTTPStatus.NOT_FOUND: RepositoryMissing,
    HTTPStatus.CONFLICT: _busy,
    HTTPStatus.UNAVAILABLE_FOR_LEGAL_REASONS: _blocked,
}
