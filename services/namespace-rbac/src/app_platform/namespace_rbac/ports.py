"""What this service needs of the cluster, as the handlers see it.

Guarantees: no Kubernetes client type appears here. Errors: ``ConflictError`` for a write that somebody else overtook;
everything that is merely unavailable for now is raised by the adapter as it comes and retried by runtime.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from app_platform.contracts import Registration, Verdict
from app_platform.runtime import EventSink

Manifest = Mapping[str, Any]
"""A Kubernetes object as JSON."""


class ConflictError(Exception):
    """An object was changed or made by somebody else between reading and writing; look again."""


@dataclass(frozen=True)
class NamespaceView:
    """What decides about a namespace."""

    name: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    terminating: bool = False


@dataclass(frozen=True)
class Observed:
    """What the cluster holds for one app.

    Attributes:
        namespaces: By name: those the app asks for that exist, and all that carry its label.
        managed: The app's Roles, RoleBindings and ServiceAccounts that carry our label.
        oidc_secrets: Names of the Secrets in the platform namespace that hold an OIDC client, and may be read.
        delivered_to: Namespaces in which Flux still holds objects of the app.
    """

    namespaces: Mapping[str, NamespaceView] = field(default_factory=dict)
    managed: Sequence[Manifest] = ()
    oidc_secrets: frozenset[str] = frozenset()
    delivered_to: frozenset[str] = frozenset()


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


class Cluster(Protocol):
    """The objects this service makes."""

    async def observe(self, app: str, wanted: Sequence[str]) -> Observed:
        """What is there for ``app``, looking also at the namespaces ``wanted``."""
        ...

    async def has_released(self, app: str) -> bool:
        """Whether there is a namespace that the app gave up."""
        ...

    async def create_namespace(self, manifest: Manifest) -> None:
        """Make a namespace; raises ``ConflictError`` when it exists by now."""
        ...

    async def apply(self, manifest: Manifest) -> None:
        """Server-side apply, taking over the fields given."""
        ...

    async def delete(self, manifest: Manifest) -> None:
        """Delete an object; one that is gone already is fine."""
        ...


@dataclass(frozen=True)
class Ports:
    """Everything a handler gets."""

    registrations: Registrations
    cluster: Cluster
    events: EventSink
