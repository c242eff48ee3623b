"""Asks for a new AGE key of an app, and follows how far its replacement is. Reads and writes the registration only."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
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


async def ask(client: KubeClient, app: str) -> str:
    """Ask for a new key; returns the request, by which it can be followed.

    Raises:
        CommandError: There is no such app, or the last request has not been served yet.
    """
    registration = await read(client, app)
    if registration.rotate_key not in {"", registration.status.rotation.request}:
        raise RotationError(
            f"{app}: a new key was asked for before and has not been begun: see `kubectl get apr {app}`"
        )
    request = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    note = {
        "metadata": {
            # Of two that ask at once, one is told so.
            "resourceVersion": registration.resource_version,
            "annotations": {names.ROTATE_KEY: request},
        }
    }
    await client.merge_patch(REGISTRATIONS, app, None, note)
    return request


async def follow(client: KubeClient, app: str, request: str, show: Callable[[str], None]) -> None:
    """Show each step until the old key has gone.

    Raises:
        RotationError: Somebody asked for another key meanwhile.
    """
    shown = ""
    while True:
        registration = await read(client, app)
        line = progress(registration, request)
        if line != shown:
            show(line)
            shown = line
        if is_done(registration, request):
            return
        if registration.rotate_key != request:
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
