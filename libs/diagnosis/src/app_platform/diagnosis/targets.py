"""What can be diagnosed."""

from dataclasses import dataclass
from typing import Literal

FluxKind = Literal["GitRepository", "Kustomization"]


@dataclass(frozen=True)
class PlatformTarget:
    """The platform itself: its services, its event store, all registrations."""


@dataclass(frozen=True)
class AppTarget:
    """Everything of an app."""

    app: str


@dataclass(frozen=True)
class SecretTarget:
    """One secret: why it is not committed, or not live."""

    app: str
    name: str


@dataclass(frozen=True)
class ClientTarget:
    """One OIDC client, by the name of its Secret."""

    app: str
    name: str


@dataclass(frozen=True)
class FluxTarget:
    """One Flux object in the app's platform namespace: why a push did not deploy."""

    app: str
    kind: FluxKind
    name: str


@dataclass(frozen=True)
class AccessTarget:
    """Why somebody cannot see an app.

    Attributes:
        user: As Kubernetes knows him, for instance ``oidc:ada``; empty to ask about groups alone.
        groups: As the identity provider names them; without any, only what Kubernetes allows is looked at.
        myself: Whether it is the caller himself: then he needs no right to ask about others.
    """

    app: str
    user: str = ""
    groups: tuple[str, ...] = ()
    myself: bool = False


OfApp = AppTarget | SecretTarget | ClientTarget | FluxTarget | AccessTarget
Target = PlatformTarget | OfApp
