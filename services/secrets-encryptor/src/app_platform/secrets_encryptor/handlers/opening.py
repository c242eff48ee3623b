"""What every handler begins with: the app, its keys, and writing on intents."""

import asyncio
from collections.abc import Iterable
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Final

from app_platform import sops
from app_platform.contracts import Registration
from app_platform.runtime import tracing
from app_platform.secrets_encryptor import sealing
from app_platform.secrets_encryptor.ports import ConflictError, KeyFile, Mark, Ports

PARALLEL: Final = 32
"""Intents written at once: enough to keep the API server busy, few enough not to crowd others out."""


@dataclass(frozen=True)
class App:
    """What every intent of a batch is decided by."""

    registration: Registration
    key: KeyFile
    ring: sealing.Keyring
    resync: str = ""

    @property
    def name(self) -> str:
        """Of the app."""
        return self.registration.name


async def open_app(ports: Ports, name: str, resync: str = "") -> App | None:
    """The app with its keys; ``None`` while it has none, as ``RepositoryReady`` brings every intent up again then.

    **To be called after the intents were read.** A key that is replaced is there before any intent is marked with it. So who
    read an intent before it was marked with the new key, and the key afterwards, either has the new key or is
    refused to write; nothing is encrypted for the old key alone any more once every intent is marked with the new one.
    """
    registration = await ports.registrations.get(name)
    key = await ports.keys.load(name)
    if registration is None or registration.deleting or key is None:
        return None
    try:
        return App(registration, key, sealing.keyring(key.content, ports.extra_recipients), resync)
    except sops.InvalidKeyError:
        return None


async def mark_all(ports: Ports, app: str, marks: Iterable[Mark], *, as_seen: bool = False) -> list[Mark]:
    """Write marks; returns those that were overtaken.

    Args:
        ports: The cluster.
        app: Whose intents.
        marks: On versions whose content an encryptor has seen, unless ``as_seen``.
        as_seen: Only the metadata of these versions was read. Then what is written is no news to this replica only where
            the version before was none: the event of a change of content may have given way to the event of this write.
    """
    slots = asyncio.Semaphore(PARALLEL)

    async def one(mark: Mark) -> Mark | None:
        known = not as_seen or (mark.uid, mark.resource_version) in ports.own
        async with slots:
            return mark if await try_mark(ports, app, mark, known=known) is None else None

    return [mark for mark in await asyncio.gather(*map(one, marks)) if mark is not None]


async def try_mark(ports: Ports, app: str, mark: Mark, *, known: bool = True) -> str | None:
    """Write a mark; returns the new resource version, or ``None`` when the intent was overtaken.

    Args:
        ports: The cluster.
        app: Whose intent.
        mark: To write.
        known: Whether an encryptor has seen the content of the version that it is written on.
    """
    try:
        with tracing.joined("tell how far a secret is", mark.trace) if mark.trace else nullcontext():
            version = await ports.intents.mark(app, mark)
    except ConflictError:
        return None
    if known:
        ports.own.add(mark.uid, version)
    return version
