"""Which checks belong to which target, in the order in which a person would look."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from app_platform.diagnosis.checks import access, clients, events, flux, registration, secrets
from app_platform.diagnosis.findings import Said
from app_platform.diagnosis.targets import (
    AccessTarget,
    AppTarget,
    ClientTarget,
    FluxTarget,
    PlatformTarget,
    SecretTarget,
    Target,
)


@dataclass(frozen=True)
class Check:
    """One thing to look at.

    Attributes:
        id: Stays the same between versions.
        title: What should be so, for people.
        judge: From the facts (``PlatformFacts`` for the platform, ``AppFacts`` otherwise) to what is to be said.
    """

    id: str
    title: str
    judge: Callable[[Any], Iterable[Said]]


_NATS: Final = Check("nats", "The event store answers", events.nats)
_SERVICES: Final = Check("services", "Every service takes events", events.services)
_REGISTERED: Final = Check("registered", "The app is registered", registration.registered)
_CONDITIONS: Final = Check("conditions", "The AppPlatformRegistration is Ready", registration.conditions)
_HOME: Final = Check("platform-namespace", "The platform namespace exists", registration.platform_namespace)
_KEY: Final = Check("age-key", "The AGE key secret exists in the platform namespace", registration.age_key)
_CREDENTIAL: Final = Check("git-credential", "Flux has its Git credential", registration.git_credential)
_WATCHER: Final = Check("watcher", "Changes in the cluster are noticed", events.watcher)

PLATFORM: Final = (
    Check("api-server", "The API server answers", registration.reachable),
    _NATS,
    _WATCHER,
    _SERVICES,
    Check("dead-letters", "Nothing was given up", events.letters_of_all),
    Check("registrations", "Every registration is Ready", registration.registrations),
)

APP: Final = (
    _REGISTERED,
    _CONDITIONS,
    _HOME,
    Check("app-namespaces", "The app's namespaces exist", registration.app_namespaces),
    _KEY,
    _CREDENTIAL,
    _SERVICES,
    Check("dead-letters", "Nothing of the app was given up", events.letters_of_app),
    Check("secrets", "Every secret is committed and live", secrets.all_intents),
    Check("oidc-clients", "Every OIDC client is registered", clients.all_clients),
    Check("git-repositories", "Every GitRepository is fetched", flux.sources),
    Check("kustomizations", "Every Kustomization is applied", flux.kustomizations),
    Check("depends-on", "No Kustomization waits in vain", flux.dependencies),
)


def checks_for(target: Target) -> Sequence[Check]:
    """The checks of a target."""
    match target:
        case PlatformTarget():
            return PLATFORM
        case AppTarget():
            return APP
        case SecretTarget():
            return _of_secret(target)
        case ClientTarget():
            return _of_client(target)
        case FluxTarget():
            return _of_flux(target)
        case AccessTarget():
            return _of_access(target)


def _of_secret(target: SecretTarget) -> Sequence[Check]:
    name = target.name
    return (
        _REGISTERED,
        Check("secret-exists", "The secret exists", partial(secrets.exists, name=name)),
        Check("secret-targets", "Its targets are namespaces of the app", partial(secrets.targets, name=name)),
        Check("secret-status", "It is committed", partial(secrets.status, name=name)),
        Check("secret-delivery", "It is live in every target", partial(secrets.deliveries, name=name)),
        _CONDITIONS,
        _HOME,
        _KEY,
        _CREDENTIAL,
        _SERVICES,
        Check("dead-letters", "Nothing of it was given up", partial(events.letters_of_object, name=name)),
    )


def _of_client(target: ClientTarget) -> Sequence[Check]:
    name = target.name
    return (
        _REGISTERED,
        Check("client-exists", "The labelled Secret exists", partial(clients.exists, name=name)),
        Check("client-status", "It is registered", partial(clients.status, name=name)),
        _CONDITIONS,
        _HOME,
        _SERVICES,
        Check("dead-letters", "Nothing of it was given up", partial(events.letters_of_object, name=name)),
    )


def _of_flux(target: FluxTarget) -> Sequence[Check]:
    name = target.name
    if target.kind == "GitRepository":
        return (
            _REGISTERED,
            Check("git-repository", "The source is fetched", partial(flux.source, name=name)),
        )
    return (
        _REGISTERED,
        Check("git-repository", "Its source is fetched", partial(flux.source_of_kustomization, name=name)),
        Check("kustomization", "It is applied", partial(flux.kustomization, name=name)),
        Check("depends-on", "What it depends on is healthy", partial(flux.depends_on, name=name)),
    )


def _of_access(target: AccessTarget) -> Sequence[Check]:
    groups = target.groups
    by_role = partial(access.rights_follow, groups=groups)
    rights = by_role if groups else partial(access.rights_alone, user=target.user)
    return (
        _REGISTERED,
        Check("groups", "A group of theirs is in spec.access", partial(access.groups_match, groups=groups)),
        Check("rights", "Kubernetes allows what the role should", rights),
        _CONDITIONS,
    )
