"""Templates: Jinja2, with everything escaped and every missing name an error.

Guarantees: nothing that is shown can become markup. Style sheet and script have their digest in their address, so that a browser keeps
them until they change.
"""

import hashlib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from starlette.responses import HTMLResponse

LANDING: Final = "secrets"
"""The page of an app that opens first."""
_PACKAGE: Final = "app_platform.dashboard"
STATIC: Final = Path(str(resources.files(_PACKAGE) / "static"))
_UNITS: Final = ((86_400, "day"), (3_600, "hour"), (60, "minute"))
_NOW_SECONDS: Final = 10


class Templates:
    """All templates of the package.

    Args:
        commit_link: Where people look at a commit, by the repository's URL and its id; empty when that is not known.
    """

    def __init__(self, commit_link: Callable[[str, str], str]) -> None:
        self._environment = Environment(
            loader=PackageLoader(_PACKAGE),
            autoescape=select_autoescape(default=True, default_for_string=True),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.filters["when"] = when
        self._environment.filters["exactly"] = exactly
        self._environment.filters["tone"] = tone
        self._environment.filters["same_page_of"] = same_page_of
        self._environment.globals["landing"] = LANDING
        self._environment.globals["static"] = static_url
        self._environment.globals["commit_link"] = commit_link
        self._environment.globals["now"] = lambda: datetime.now(UTC)

    def page(
        self,
        name: str,
        context: Mapping[str, Any],
        status: int = 200,
        headers: Mapping[str, str] | None = None,
    ) -> HTMLResponse:
        """A page."""
        text = self._environment.get_template(name).render(**context)
        return HTMLResponse(text, status, headers=dict(headers or {}))


@cache
def static_url(name: str) -> str:
    """The address of a file under ``static``."""
    digest = hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]
    return f"/static/{name}?v={digest}"


def moment(value: datetime | str | None) -> datetime | None:
    """A time from what Kubernetes writes (RFC 3339); ``None`` when it is none."""
    if isinstance(value, datetime):
        return value
    try:
        return datetime.fromisoformat(value) if value else None
    except ValueError:
        return None


def when(value: datetime | str | None, now: datetime) -> str:
    """How long ago, in words; empty when it is not known."""
    then = moment(value)
    if then is None:
        return ""
    seconds = (now - then).total_seconds()
    if seconds < _NOW_SECONDS:
        return "just now"
    for size, unit in _UNITS:
        if seconds >= size:
            count = int(seconds // size)
            return f"{count} {unit}{'' if count == 1 else 's'} ago"
    return f"{int(seconds)} seconds ago"


def exactly(value: datetime | str | None) -> str:
    """The exact time, in UTC."""
    then = moment(value)
    return then.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC") if then else ""


def same_page_of(here: str, app: str) -> str:
    """The page of another app that is like this one: its list, as what is in it belongs to this app."""
    parts = here.split("/")
    section = parts[_SECTION] if here.startswith("/apps/") and len(parts) > _SECTION else LANDING
    return f"/apps/{app}/{section}"


_SECTION: Final = 3
"""Place of a page's name in the path ``/apps/<app>/<page>``."""
_TONES: Final = {
    "good": {"True", "Ready", "Committed", "Applied", "Done", "Registered"},
    "bad": {
        "False",
        "Failed",
        "Fetch",
        "Build",
        "Decryption",
        "Apply",
        "Refused",
        "Prune",
        "Health",
        "Rejected",
    },
    "busy": {
        "Pending",
        "Waiting",
        "Unknown",
        "Deleting",
        "Not ready yet",
        "Encrypting",
        "Applying",
        "Reconciling",
    },
}


def tone(state: str) -> str:
    """How a state is coloured: good, bad, busy or plain."""
    return next((name for name, states in _TONES.items() if state in states), "plain")
