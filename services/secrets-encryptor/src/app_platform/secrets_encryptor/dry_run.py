"""The ports of a dry run: they read as usual, and note what they would write.

What this replica remembers is not used, as it would hide what an event is about.
"""

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Final

from app_platform.contracts import names
from app_platform.contracts.dry_run import Steps
from app_platform.kube.registrations import DryRegistrations
from app_platform.runtime.dry_run import DrySink
from app_platform.secrets_encryptor.core import SERVICE
from app_platform.secrets_encryptor.ports import (
    Intent,
    IntentMetadata,
    Intents,
    KeyFile,
    Keys,
    Mark,
    OutdatedFiles,
    OwnWrites,
    Patience,
    Ports,
)

_SHOWN: Final = (
    names.SECRET_STATUS,
    names.SECRET_MESSAGE,
    names.SECRET_COMMIT,
    names.SECRET_KEYS,
    names.SECRET_DELIVERY,
)
"""Annotations whose values are told; of the others, that they would change."""


def dry(ports: Ports, steps: Steps) -> Ports:
    """Ports that change nothing."""
    return replace(
        ports,
        registrations=DryRegistrations(ports.registrations, steps, SERVICE),
        intents=DryIntents(ports.intents, steps),
        keys=DryKeys(ports.keys, steps),
        events=DrySink(steps),
        own=OwnWrites(),
        outdated=OutdatedFiles(),
        patience=Patience(seconds=0),
        large=asyncio.Lock(),
    )


class DryIntents:
    """The ``Intents`` port."""

    def __init__(self, real: Intents, steps: Steps) -> None:
        self._real, self._steps = real, steps

    async def read(self, app: str, only: Collection[str] | None = None) -> Sequence[Intent]:
        """See the port."""
        return await self._real.read(app, only)

    async def metadata(self, app: str) -> Sequence[IntentMetadata]:
        """See the port."""
        return await self._real.metadata(app)

    async def mark(self, app: str, mark: Mark) -> str:
        """Note it; the version stays as it is."""
        what = f"Secret {names.platform_namespace(app)}/{mark.name}"
        self._steps.would("annotate", what, ", ".join(_change(*item) for item in mark.annotations.items()))
        if mark.finalizers is not None:
            self._steps.would("hold" if mark.finalizers else "release", what, ", ".join(mark.finalizers))
        return mark.resource_version


def _change(annotation: str, value: str | None) -> str:
    short = annotation.removeprefix(f"{names.GROUP}/")
    if value is None:
        return f"without {short}"
    return f"{short}={value}" if annotation in _SHOWN else short


class DryKeys:
    """The ``Keys`` port; of a key file, nothing is told."""

    def __init__(self, real: Keys, steps: Steps) -> None:
        self._real, self._steps = real, steps

    async def load(self, app: str) -> KeyFile | None:
        """See the port."""
        return await self._real.load(app)

    async def create(self, app: str, content: KeyFile) -> None:
        """Note it."""
        self._note("create", app, content)

    async def replace(self, app: str, content: KeyFile) -> None:
        """Note it."""
        self._note("replace", app, content)

    def _note(self, verb: str, app: str, content: KeyFile) -> None:
        retiring = f"{len(content.retiring)} former keys are kept beside it" if content.retiring else ""
        self._steps.would(verb, f"Secret {names.platform_namespace(app)}/{names.AGE_KEY_SECRET}", retiring)
