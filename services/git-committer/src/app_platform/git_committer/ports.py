"""What this service needs of the forge and the cluster, as the handlers see it.

Guarantees: a credential is only in ``Credential.entries``, which do not appear in any ``repr``. Error tree::

    ForgeError             the forge refused: its text says what to change, its reason is that of a condition
    ├── ForgeUnavailable   it does not answer, or not now; try again, not before ``after`` seconds
    │   └── HeadMoved      somebody committed meanwhile; read again and rebuild
    └── RepositoryMissing  there is no such repository (any more)
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, Protocol

from app_platform.contracts import Registration, Verdict
from app_platform.runtime import EventSink


class ForgeError(Exception):
    """The forge refused; the text says what to change and holds no credential.

    Args:
        message: For people.
        reason: For the condition, in CamelCase; the class has one of its own.
        after: Seconds before which trying again is useless; 0 if that is not known.
    """

    default_reason: ClassVar[str] = "ForgeRefused"

    def __init__(self, message: str, *, reason: str = "", after: float = 0.0) -> None:
        super().__init__(message)
        self.reason = reason or self.default_reason
        self.after = after


class ForgeUnavailable(ForgeError):  # noqa: N818 - the state of the forge, not an error of ours
    """The forge does not answer, or asks to come back later."""

    default_reason: ClassVar[str] = "ForgeUnavailable"


class ForgeLimited(ForgeUnavailable):
    """A limit is spent; ``after`` is when it begins anew."""

    default_reason: ClassVar[str] = "RateLimited"


class HeadMoved(ForgeUnavailable):
    """The branch has another head than the one that was read."""

    default_reason: ClassVar[str] = "HeadMoved"


class RepositoryMissing(ForgeError):  # noqa: N818 - as above
    """The repository does not exist."""

    default_reason: ClassVar[str] = "RepositoryMissing"


@dataclass(frozen=True)
class Repair:
    """Something about a repository that was not as it must be, and was put right.

    Attributes:
        reason: For the condition, in CamelCase.
        message: What was found and what was done.
    """

    reason: str
    message: str


@dataclass(frozen=True)
class Repository:
    """A platform repository.

    Attributes:
        url: As Flux shall clone it.
        provider: How Flux authenticates there (``spec.provider`` of a GitRepository).
        repaired: What was put right just now.
    """

    app: str
    url: str
    branch: str
    provider: Literal["generic", "github"] = "generic"
    repaired: tuple[Repair, ...] = ()


@dataclass(frozen=True)
class Head:
    """What the branch holds.

    Attributes:
        sha: Of the commit; empty while there is none.
        tree: Path to Git blob id of every file.
    """

    sha: str
    tree: Mapping[str, str]


@dataclass(frozen=True)
class Changes:
    """What a commit changes.

    Attributes:
        writes: Path to new content.
        deletes: Paths to remove.
    """

    writes: Mapping[str, str] = field(default_factory=dict)
    deletes: Sequence[str] = ()

    def __bool__(self) -> bool:
        return bool(self.writes or self.deletes)


@dataclass(frozen=True)
class Credential:
    """By which Flux reads one repository, and nothing else: the entries of a Secret, by the names that Flux knows.

    Attributes:
        entries: User name and password, or an SSH identity and the known hosts, or a GitHub App
            (https://fluxcd.io/flux/components/source/gitrepositories/, "Secret reference", "Provider").
        random: The entries that were made by chance. Those are kept once they are stored; all others follow the settings.
    """

    entries: Mapping[str, str] = field(repr=False)
    random: frozenset[str] = frozenset()

    def over(self, stored: Mapping[str, str]) -> "Credential":
        """This credential with the random entries that are stored already, if they are all there."""
        if not all(stored.get(name) for name in self.random):
            return self
        return Credential({**self.entries, **{name: stored[name] for name in self.random}}, self.random)


@dataclass(frozen=True)
class IntentState:
    """The truth about an intent, from its metadata alone.

    Attributes:
        fingerprint: Of its latest content, as the encryptor marked it.
        committed: Whether it says already that the repository holds that content.
        targets: The namespaces that it is for.
    """

    uid: str
    fingerprint: str
    deleting: bool
    committed: bool = False
    targets: frozenset[str] = frozenset()


@dataclass(frozen=True)
class DeliveredSecret:
    """A live Secret that the app's managed Kustomization applied, from its metadata alone.

    Attributes:
        kept: Whether it is marked to outlive its file, as those in a namespace that was given up are.
    """

    namespace: str
    name: str
    uid: str
    resource_version: str
    kept: bool = False


class Forge(Protocol):
    """Where repositories are. All adapters pass ``tests/contract/forge``."""

    async def ensure(self, app: str) -> Repository:
        """Make the app's private repository if there is none, and put right what may be; refuses one that is not ours."""
        ...

    def propose(self, app: str) -> Credential:
        """A new credential of the kind that this forge takes."""
        ...

    async def allow(self, app: str, credential: Credential) -> bool:
        """Let the credential read the app's repository; returns whether it could not until now."""
        ...

    async def head(self, app: str, newest: str = "") -> Head:
        """What the branch holds now; raises ``RepositoryMissing``.

        Args:
            app: Whose.
            newest: The latest head that is known of; an answer from before it is ``ForgeUnavailable``.
        """
        ...

    async def commit(self, app: str, parent: Head, changes: Changes, message: str) -> str:
        """Make one commit on ``parent`` and return its id; raises ``HeadMoved`` when that is the head no more.

        One of the same changes on the same parent, whose making was not heard of, is returned instead of made again.
        """
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


class Cluster(Protocol):
    """What this service reads and makes in the app's platform namespace."""

    async def intents(self, app: str) -> Mapping[str, IntentState]:
        """Name to state of all of the app's intents."""
        ...

    async def credential(self, app: str, proposed: Credential) -> Credential:
        """The app's Git credential: ``proposed`` over the one that is stored (see ``Credential.over``), stored now."""
        ...

    async def apply_flux(self, manifests: Sequence[Mapping[str, Any]]) -> None:
        """Apply the managed Flux objects."""
        ...

    async def flux(self, app: str) -> tuple[Mapping[str, Any] | None, Mapping[str, Any] | None]:
        """The managed GitRepository and Kustomization as they are; ``None`` for one that is not there."""
        ...

    async def belonging(self, app: str, namespaces: Sequence[str]) -> frozenset[str]:
        """Those of the namespaces that exist, are not being deleted, and are labelled as the app's."""
        ...

    async def delete_flux(self, app: str) -> None:
        """Delete the managed Flux objects, in such a way that what they deployed stays."""
        ...


class Delivered(Protocol):
    """What Flux delivered to the app's namespaces."""

    async def secrets(self, app: str, namespaces: Sequence[str]) -> Sequence[DeliveredSecret]:
        """The Secrets in these namespaces that the app's managed Kustomization applied; none of one that may not be looked at."""
        ...

    async def delete(self, secret: DeliveredSecret) -> None:
        """Delete one in the version that was read; nothing when it is gone or another by now."""
        ...

    async def apply_again(self, app: str) -> None:
        """Have kustomize-controller apply once more what it has of the app's platform repository."""
        ...


class Sync(Protocol):
    """Tells Flux to look."""

    async def fetch_source(self, app: str, name: str) -> None:
        """Have source-controller fetch another of the app's GitRepositories, likewise."""
        ...

    async def fetch_now(self, app: str, files: int) -> None:
        """Have source-controller fetch the app's platform repository, which holds that many files, as soon as is useful."""
        ...


@dataclass(frozen=True)
class AppSource:
    """A GitRepository of an app's own, and its deploy key.

    Attributes:
        public: Public half of its key; empty when it has none.
        added_to: ``owner/name`` of the repository to which the key was added, or was about to be.
        status: What was said of it last.
        held: Whether it waits for this service before it goes.
    """

    app: str
    name: str
    uid: str
    url: str
    public: str
    added_to: str
    status: str
    deleting: bool
    held: bool


class Sources(Protocol):
    """GitRepositories of apps, other than the managed ones."""

    async def find(self, app: str, name: str) -> AppSource | None:
        """One of them as it is; ``None`` when it is gone."""
        ...

    async def hold(self, source: AppSource, repository: str) -> None:
        """Note where its key is about to be added, and that it must not go before the key was taken off."""
        ...

    async def say(self, source: AppSource, status: str) -> None:
        """Note what became of its key."""
        ...

    async def let_go(self, source: AppSource, status: str) -> None:
        """Note that its key is nowhere any more, so that it may go."""
        ...


class KeyForge(Protocol):
    """Repositories that are not the platform's, of which the forge's credential may change the deploy keys."""

    def repository(self, url: str) -> str:
        """``owner/name`` of a repository that may be one of those; else empty."""
        ...

    async def refusal(self, app: str, repository: str, url: str) -> str:
        """Why no key of this app may be added there, for people; empty when one may."""
        ...

    async def add(self, repository: str, title: str, public: str) -> bool:
        """Have this key there, for reading only, and no other of this title; returns whether it was not there."""
        ...

    async def remove(self, repository: str, title: str) -> None:
        """Take the keys of this title off; nothing when the repository is gone."""
        ...


@dataclass(frozen=True)
class AppKeys:
    """What adds deploy keys to repositories of apps."""

    sources: Sources
    forge: KeyForge


@dataclass(frozen=True)
class Ports:
    """Everything a handler gets.

    Attributes:
        app_keys: ``None`` where keys of app repositories are added by hand.
        fetch_seconds: After how long Flux fetches a platform repository by itself.
    """

    registrations: Registrations
    cluster: Cluster
    delivered: Delivered
    forge: Forge
    sync: Sync
    events: EventSink
    app_keys: AppKeys | None = None
    fetch_seconds: int = 60
