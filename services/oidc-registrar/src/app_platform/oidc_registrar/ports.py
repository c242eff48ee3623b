"""What this service needs of the cluster and of Authelia, as its handlers and its loop see it.

Guarantees: no Kubernetes type appears here; a client secret is only in ``ClientSecret.data`` and ``Mark.client_secret``, which do
not appear in any ``repr``. Errors: ``ConflictError`` for a write that somebody else overtook; what is merely unavailable is raised
by the adapters as it comes and tried again.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Protocol

from app_platform.contracts import Registration, names
from app_platform.runtime import EventSink

SERVICE = "oidc-registrar"
FINALIZER = names.finalizer(SERVICE)


class ConflictError(Exception):
    """An object was changed or made by somebody else between reading and writing; look again."""


@dataclass(frozen=True)
class Rules:
    """What a platform allows.

    Attributes:
        domains: Host names, or ``*.`` and the domain that they must lie in.
        reserved_hosts: Host names within them that no app may have.
        max_clients: How many clients the list may hold.
        authorization_policy: That users must meet (Authelia's ``authorization_policy``).
    """

    domains: tuple[str, ...]
    reserved_hosts: frozenset[str] = frozenset()
    max_clients: int = 500
    authorization_policy: str = "two_factor"


@dataclass(frozen=True)
class ClientSecret:
    """A Secret that asks for an OIDC client, or did, as it is now.

    Attributes:
        created: When it was made (RFC 3339).
        data: Key to raw value.
        deleting: It is being deleted, or asks for no client any more.
        immutable: What it holds cannot be changed.
    """

    name: str
    uid: str
    resource_version: str
    created: str = ""
    type: str = "Opaque"
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    finalizers: tuple[str, ...] = ()
    deleting: bool = False
    immutable: bool = False
    data: Mapping[str, bytes] = field(default_factory=dict, repr=False)

    def says(self, annotations: Mapping[str, str | None]) -> bool:
        """Whether it has these annotations; ``None`` stands for one that is not there."""
        return all(self.annotations.get(name) == value for name, value in annotations.items())


@dataclass(frozen=True)
class Mark:
    """What to write on such a Secret, provided that it is still at ``resource_version``.

    Attributes:
        annotations: To set; ``None`` removes one.
        finalizers: The whole new list, or ``None`` to leave it.
        client_secret: To set; an empty text removes it, ``None`` leaves it.
    """

    name: str
    uid: str
    resource_version: str
    annotations: Mapping[str, str | None] = field(default_factory=dict)
    finalizers: tuple[str, ...] | None = None
    client_secret: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Stored:
    """The Secret that Authelia's list of clients is kept in.

    Attributes:
        files: Entry to content.
        version: Of the object.
    """

    files: Mapping[str, bytes] = field(repr=False)
    version: str


class Progress(Enum):
    """How far a rollout of Authelia is."""

    RUNNING = auto()
    DONE = auto()
    FAILED = auto()


@dataclass(frozen=True)
class Rollout:
    """Authelia's Deployment.

    Attributes:
        digest: SHA-256 (hex) of the list that its pods are to run with; empty when that was never said.
        attempt: Which roll of ours that was; empty likewise.
        progress: Of the latest change of the pod template, whoever made it.
        version: Of the object.
    """

    digest: str
    attempt: str
    progress: Progress
    version: str


class Registrations(Protocol):
    """The registrations of apps."""

    async def get(self, app: str) -> Registration | None:
        """The registration now; ``None`` when there is none."""
        ...

    async def apps(self) -> Sequence[str]:
        """The names of all."""
        ...

    async def hold(self, registration: Registration) -> None:
        """Put this service's finalizer on it."""
        ...

    async def release(self, registration: Registration) -> None:
        """Take this service's finalizer off."""
        ...


class Clients(Protocol):
    """The Secrets of an app that ask for OIDC clients. Writes ask for metadata in return, so no value comes back."""

    async def read(self, app: str) -> Sequence[ClientSecret]:
        """All of the app's, and those that this service still holds."""
        ...

    async def mark(self, app: str, mark: Mark) -> None:
        """Write on one.

        Raises:
            ConflictError: It has changed or gone since.
        """
        ...


class Ledger(Protocol):
    """The one Secret in which Authelia's list of clients is kept, with what this service remembers of it."""

    async def load(self) -> Stored | None:
        """What is there; ``None`` when there is no such Secret."""
        ...

    async def store(self, files: Mapping[str, bytes], version: str) -> None:
        """Replace these entries, all or none.

        Raises:
            ConflictError: It is not at that version any more.
        """
        ...


class Provider(Protocol):
    """Authelia as it runs."""

    async def rollout(self) -> Rollout | None:
        """How far its Deployment is; ``None`` when there is none."""
        ...

    async def roll(self, digest: str, attempt: str, version: str) -> None:
        """Have its pods replaced by ones that read the list again.

        Raises:
            ConflictError: The Deployment is not at that version any more.
        """
        ...

    async def is_healthy(self) -> bool:
        """Whether it answers that it is."""
        ...


class Dashboard(Protocol):
    """The client secret of the dashboard, whose client keeps the list from being empty."""

    async def load(self) -> ClientSecret | None:
        """The Secret that holds it; ``None`` when there is no such Secret."""
        ...

    async def store(self, client_secret: str, version: str) -> None:
        """Write it there.

        Raises:
            ConflictError: It is not at that version any more.
        """
        ...


@dataclass(frozen=True)
class Ports:
    """Everything that handlers and the loop get.

    Attributes:
        rules: What this platform allows.
        wake: Set when the loop has something to do.
    """

    registrations: Registrations
    clients: Clients
    ledger: Ledger
    provider: Provider
    dashboard: Dashboard
    events: EventSink
    rules: Rules
    wake: asyncio.Event = field(default_factory=asyncio.Event)
