"""What was seen, as the checks use it. Pure.

Guarantees: what could not be read is not mistaken for what is not there. Asking for it raises ``UnreadableError``, from which
the one that runs the checks makes the finding ``unknown``; asking for what presupposes something that is missing raises
``NotApplicableError``, which becomes ``skipped``. So a check reads as if everything could always be seen.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, TypeAlias, TypeVar

from app_platform.contracts import Registration, names
from app_platform.diagnosis.ports import UnreadableError
from app_platform.kube import Action, Object
from app_platform.kube.objects import labels_of
from app_platform.kube.registrations import UnparsedError
from app_platform.runtime.consumers import ConsumerState
from app_platform.runtime.dead_letters import DeadLetter

T = TypeVar("T")
Fact: TypeAlias = T | UnreadableError
"""What was read, or why it could not be."""

NOT_ASKED: Final = UnreadableError("it was not looked at")


class NotApplicableError(Exception):
    """A check means nothing here; the text says because of what."""


def known(fact: Fact[T]) -> T:
    """What was read.

    Raises:
        UnreadableError: It could not be.
    """
    if isinstance(fact, UnreadableError):
        raise fact
    return fact


@dataclass(frozen=True)
class PlatformFacts:
    """What is known of the platform.

    Attributes:
        all_registrations: Every one that parses.
        unparsed: Why the others do not.
        all_consumers: Of the services.
        all_letters: Dead letters, oldest first.
        all_leases: Of the watchers.
    """

    now: datetime
    all_registrations: Fact[Sequence[Registration]] = NOT_ASKED
    unparsed: Sequence[UnparsedError] = ()
    all_consumers: Fact[Sequence[ConsumerState]] = NOT_ASKED
    all_letters: Fact[Sequence[DeadLetter]] = NOT_ASKED
    all_leases: Fact[Sequence[Object]] = NOT_ASKED

    @property
    def consumers(self) -> Mapping[str, ConsumerState]:
        """By the name of the service."""
        return {state.name: state for state in known(self.all_consumers)}

    @property
    def letters(self) -> Sequence[DeadLetter]:
        """What was given up."""
        return known(self.all_letters)


@dataclass(frozen=True)
class AppFacts(PlatformFacts):
    """What is known of one app.

    Attributes:
        name: Of the app.
        maybe_registration: ``None`` when there is none.
        all_namespaces: The platform namespace and those of the spec, each by name.
        all_secrets: Metadata of the Secrets in the platform namespace, by name.
        all_sources: GitRepositories there, by name.
        all_kustomizations: Likewise.
        rights: Whether the user or groups in question may do something.
    """

    name: str = ""
    maybe_registration: Fact[Registration | None] = NOT_ASKED
    all_namespaces: Mapping[str, Fact[Object | None]] = field(default_factory=dict)
    all_secrets: Fact[Mapping[str, Object]] = NOT_ASKED
    all_sources: Fact[Mapping[str, Object]] = NOT_ASKED
    all_kustomizations: Fact[Mapping[str, Object]] = NOT_ASKED
    rights: Fact[Mapping[Action, bool]] = field(default=NOT_ASKED)

    @property
    def home(self) -> str:
        """The platform namespace."""
        return names.platform_namespace(self.name)

    @property
    def registration(self) -> Registration:
        """The registration.

        Raises:
            NotApplicableError: There is none.
        """
        found = known(self.maybe_registration)
        if found is None:
            raise NotApplicableError(f"there is no app {self.name!r}")
        return found

    def namespace(self, name: str) -> Object | None:
        """One of the app's namespaces; ``None`` when it is not there."""
        return known(self.all_namespaces.get(name, NOT_ASKED))

    @property
    def secrets(self) -> Mapping[str, Object]:
        """Metadata of all Secrets in the platform namespace by name."""
        return known(self.all_secrets)

    @property
    def intents(self) -> Mapping[str, Object]:
        """Those that are secret intents."""
        return _with_label(self.secrets, names.SECRET_INTENT_LABEL)

    @property
    def clients(self) -> Mapping[str, Object]:
        """Those that are OIDC clients."""
        return _with_label(self.secrets, names.OIDC_CLIENT_LABEL)

    @property
    def sources(self) -> Mapping[str, Object]:
        """GitRepositories by name."""
        return known(self.all_sources)

    @property
    def kustomizations(self) -> Mapping[str, Object]:
        """Kustomizations by name."""
        return known(self.all_kustomizations)


def _with_label(objects: Mapping[str, Object], label: str) -> dict[str, Object]:
    return {name: obj for name, obj in objects.items() if label in labels_of(obj)}
