"""What this service needs of the cluster, as the handlers see it.

Guarantees: a secret value is only in ``Intent.data`` and ``KeyFile.content``, which do not appear in any ``repr``.
Errors: ``ConflictError`` for a write that somebody else overtook; what is merely unavailable is retried by runtime.
"""

import asyncio
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from app_platform.contracts import Registration, Verdict
from app_platform.runtime import EventSink


class ConflictError(Exception):
    """An object was changed or made by somebody else between reading and writing; look again."""


@dataclass(frozen=True)
class Intent:
    """A secret intent as it is now.

    Attributes:
        data: Key to raw value.
        finalizers: All of them, in order.
        changed_by: Who changed the content last, as far as the object tells.
        deleted_by: Who asked for its deletion, likewise.
    """

    name: str
    uid: str
    resource_version: str
    type: str
    data: Mapping[str, bytes] = field(repr=False)
    annotations: Mapping[str, str] = field(default_factory=dict)
    finalizers: tuple[str, ...] = ()
    deleting: bool = False
    changed_by: str = ""
    deleted_by: str = ""


@dataclass(frozen=True)
class Mark:
    """What to write on an intent, provided that it is still at ``resource_version``.

    Attributes:
        annotations: To set; ``None`` removes one.
        finalizers: The whole new list, or ``None`` to leave it.
        trace: Of the change that this tells the end of (``traceparent``), if it is not the current one.
    """

    name: str
    uid: str
    resource_version: str
    annotations: Mapping[str, str | None] = field(default_factory=dict)
    finalizers: tuple[str, ...] | None = None
    trace: str = ""


@dataclass(frozen=True)
class IntentMetadata:
    """What the metadata of an intent says; its content was not read."""

    name: str
    uid: str
    resource_version: str
    annotations: Mapping[str, str] = field(default_factory=dict)
    deleting: bool = False


@dataclass(frozen=True)
class KeyFile:
    """The content of an AGE key file, and what is noted beside it.

    Attributes:
        request: The request for a new key that the first identity was made for; empty when there was none.
        retiring: Recipients of identities that go as soon as no file needs them.
        version: Of the object that it was read from; empty for one that is yet to be stored.
    """

    content: str = field(repr=False)
    request: str = ""
    retiring: tuple[str, ...] = ()
    version: str = ""


@dataclass(frozen=True)
class FluxObjects:
    """The managed Flux objects of an app as they are; ``None`` for one that is not there."""

    source: Mapping[str, Any] | None = None
    kustomization: Mapping[str, Any] | None = None


class Intents(Protocol):
    """The secret intents of an app. Writes ask for metadata in return, so no value comes back."""

    async def read(self, app: str, only: Collection[str] | None = None) -> Sequence[Intent]:
        """The app's intents, or those of them with these names; missing ones are left out."""
        ...

    async def metadata(self, app: str) -> Sequence[IntentMetadata]:
        """The metadata of all of the app's intents."""
        ...

    async def mark(self, app: str, mark: Mark) -> str:
        """Write on an intent and return its new resource version.

        Raises:
            ConflictError: It has changed or gone since.
        """
        ...


class Keys(Protocol):
    """The AGE keys."""

    async def load(self, app: str) -> KeyFile | None:
        """The app's key file; ``None`` when there is none."""
        ...

    async def create(self, app: str, content: KeyFile) -> None:
        """Store a key file where there is none; raises ``ConflictError`` when there is one by now."""
        ...

    async def replace(self, app: str, content: KeyFile) -> None:
        """Store a key file over the one of the same version; raises ``ConflictError`` when that was overtaken."""
        ...


class Flux(Protocol):
    """The managed Flux objects."""

    async def read(self, app: str) -> FluxObjects:
        """As they are."""
        ...


class Registrations(Protocol):
    """The registrations and what this service reports on them."""

    async def get(self, app: str) -> Registration | None:
        """The registration now; ``None`` when there is none."""
        ...

    async def report(self, registration: Registration, verdict: Verdict, status: Mapping[str, Any]) -> None:
        """Write a condition, made of the verdict, and the status fields that go with it, if they differ."""
        ...

    async def hold(self, registration: Registration) -> None:
        """Put this service's finalizer on it."""
        ...

    async def release(self, registration: Registration) -> None:
        """Take this service's finalizer off."""
        ...


@dataclass
class OwnWrites:
    """Versions of intents that this replica wrote itself and so knows the content of.

    Their events need no look at the object. Forgetting one costs a read and nothing else.
    """

    limit: int = 20_000
    _versions: dict[tuple[str, str], None] = field(default_factory=dict)

    def add(self, uid: str, resource_version: str) -> None:
        """Remember a version."""
        self._versions[(uid, resource_version)] = None
        if len(self._versions) > self.limit:
            del self._versions[next(iter(self._versions))]

    def __contains__(self, version: tuple[str, str]) -> bool:
        return version in self._versions


@dataclass
class OutdatedFiles:
    """How many files of each app this replica last saw to be encrypted for other recipients than the present ones.

    Another replica may have seen an app since: what is older than ``lifetime`` seconds counts no more.
    """

    lifetime: float = 1800.0
    clock: Callable[[], float] = time.monotonic
    _seen: dict[str, tuple[float, int]] = field(default_factory=dict)

    def see(self, app: str, count: int) -> None:
        """Remember what was counted."""
        self._seen.pop(app, None)
        if count:
            self._seen[app] = (self.clock(), count)

    @property
    def total(self) -> int:
        """Of all apps."""
        since = self.clock() - self.lifetime
        return sum(count for seen, count in self._seen.values() if seen >= since)


@dataclass
class Patience:
    """For how long work that would soon be done again is put off, app by app.

    Only this replica's: after a restart, or in another one, it is put off once more for as long.
    """

    seconds: float = 2.0
    clock: Callable[[], float] = time.monotonic
    _since: dict[str, float] = field(default_factory=dict)

    def is_over(self, app: str, *, waiting: bool) -> bool:
        """Whether to do it now; ``waiting`` says whether there is anything to wait for."""
        since = self._since.setdefault(app, self.clock())
        over = not waiting or self.clock() - since >= self.seconds
        if over:
            del self._since[app]
        return over


@dataclass(frozen=True)
class Ports:
    """Everything a handler gets.

    Attributes:
        extra_recipients: Whom every file is encrypted for besides the app's own recipient.
        large: Held while large files are made and told: those of one intent may take 200 MB while they are on their way.
    """

    registrations: Registrations
    intents: Intents
    keys: Keys
    flux: Flux
    events: EventSink
    extra_recipients: tuple[str, ...] = ()
    own: OwnWrites = field(default_factory=OwnWrites)
    outdated: OutdatedFiles = field(default_factory=OutdatedFiles)
    patience: Patience = field(default_factory=Patience)
    large: asyncio.Lock = field(default_factory=asyncio.Lock)
