"""Asks for a new AGE key of an app, and follows how far its replacement is. Reads and writes the registration only."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from app_platform.cli.apps import registration as read
from app_platform.cli.errors import CommandError
from app_platform.contracts import ConditionType, Registration, names
from app_platform.kube import KubeClient
from app_platform.kube.registrations import REGISTRATIONS

_LOOK_SECONDS: Final = 1.0
_DONE: Final = "Done"


class RotationError(CommandError):
    """The key is not being replaced; the text says why and what to do."""


@dataclass(frozen=True)
class Asked:
    """A request for a new key.

    Attributes:
        request: By which it can be followed.
        new: Whether it was made now; if not, it was under way already.
    """

    request: str
    new: bool


async def ask(client: KubeClient, app: str, *, again: bool = False) -> Asked:
    """Ask for a new key, unless one is on its way and another is not wanted ``again``.

    Raises:
        CommandError: There is no such app.
    """
    registration = await read(client, app)
    running = under_way(registration)
    if running and not again:
        return Asked(running, new=False)
    request = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    note = {
        "metadata": {
            # Of two that ask at once, one is told so.
            "resourceVersion": registration.resource_version,
            "annotations": {names.ROTATE_KEY: request},
        }
    }
    await client.merge_patch(REGISTRATIONS, app, None, note)
    return Asked(request, new=True)


def under_way(registration: Registration) -> str:
    """The request whose key is on its way; empty when there is none. Files may be encrypted anew without one, because of a setting."""
    rotation = registration.status.rotation
    if registration.rotate_key not in {"", rotation.request}:
        return registration.rotate_key
    return "" if rotation.phase in {"", _DONE} else rotation.request


async def follow(
    client: KubeClient, app: str, request: str, show: Callable[[str], None], patience: timedelta
) -> None:
    """Show each step until the old key has gone.

    Raises:
        RotationError: It took longer than the patience, or somebody asked for another key meanwhile.
    """
    try:
        async with asyncio.timeout(patience.total_seconds()):
            await _follow(client, app, request, show)
    except TimeoutError:
        raise RotationError(
            f"{app}: the old key has not gone after {patience.total_seconds():.0f} s. It goes on by itself: follow it by the same command"
        ) from None


async def _follow(client: KubeClient, app: str, request: str, show: Callable[[str], None]) -> None:
    shown = ""
    while True:
        registration = await read(client, app)
        line = progress(registration, request)
        if line != shown:
            show(line)
            shown = line
        if is_done(registration, request):
            return
        if registration.rotate_key not in {"", request}:
            raise RotationError(f"{app}: another key was asked for meanwhile ({registration.rotate_key!r})")
        await asyncio.sleep(_LOOK_SECONDS)


def is_done(registration: Registration, request: str) -> bool:
    """Whether the key that was asked for is the only one left."""
    rotation = registration.status.rotation
    return (rotation.request, rotation.phase) == (request, _DONE)


def progress(registration: Registration, request: str) -> str:
    """Where the rotation stands, in one line."""
    rotation = registration.status.rotation
    condition = registration.status.condition(ConditionType.ENCRYPTION_KEY)
    if condition is not None and condition.status == "False":
        return f"{condition.reason}: {condition.message}"
    if rotation.request != request:
        return "asked for; waiting for secrets-encryptor"
    return f"{rotation.phase}: {condition.message if condition else ''}"
