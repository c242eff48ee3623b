"""The events that the services exchange: one frozen class each, one discriminated union over all.

Guarantees: no event has a field for a secret value; what travels is references, names, keyed fingerprints and ciphertext.
An event's ``id`` depends only on what it tells, so that two replicas or a retry that tell the same publish it once.
Leaves out: the envelope (``cloudevents``) and where an event is published (``subjects``).

An event is a hint: its reader looks at the object it names and decides by what is there now.
"""

from typing import Annotated, ClassVar, Literal, get_args

from pydantic import Field

from app_platform.contracts.event_parts import Cause, EncryptedFile, EventPart, IntentVersion, RemovedIntent

TYPE_PREFIX = "work.labrats."


class Event(EventPart):
    """Base of all events.

    Attributes:
        app: Name of the registration that it belongs to.
        name: Name of the object that it tells of; unique for its kind within the app.
        resync: Empty, or the mark of a forced resync, which makes the event differ from an earlier equal one.
    """

    kind: ClassVar[str]
    verb: ClassVar[str]
    versioned_by: ClassVar[tuple[str, ...]]
    """Fields that, with app and name, tell two events of this class apart."""

    type: str
    app: str = Field(description="Name of the registration that it belongs to.")
    name: str = Field(description="Name of the object that it tells of.")
    resync: str = Field(default="", description="Mark of a forced resync; empty otherwise.")

    @property
    def id(self) -> str:
        """Deterministic identity, used as CloudEvents ``id`` and as ``Nats-Msg-Id``."""
        version = [_as_text(getattr(self, field)) for field in self.versioned_by]
        return "/".join(
            [self.type.removeprefix(TYPE_PREFIX), self.app, self.name, *version, self.resync]
        ).rstrip("/")


def _as_text(value: object) -> str:
    return ",".join(value) if isinstance(value, tuple) else str(value)


class RegistrationChanged(Event):
    """A registration was made or changed, in its spec or its status."""

    kind: ClassVar[str] = "registration"
    verb: ClassVar[str] = "changed"
    versioned_by: ClassVar[tuple[str, ...]] = ("uid", "resource_version")

    type: Literal["work.labrats.registration.changed.v1"] = "work.labrats.registration.changed.v1"
    uid: str = Field(description="Of the object.")
    resource_version: str = Field(description="Of the object, when this was seen.")


class RegistrationDeleted(Event):
    """Deletion of a registration was asked for, or it is gone."""

    kind: ClassVar[str] = "registration"
    verb: ClassVar[str] = "deleted"
    versioned_by: ClassVar[tuple[str, ...]] = ("uid", "resource_version")

    type: Literal["work.labrats.registration.deleted.v1"] = "work.labrats.registration.deleted.v1"
    uid: str = Field(description="Of the object.")
    resource_version: str = Field(description="Of the object, when this was seen.")


class NamespacesReady(Event):
    """The platform namespace and those app namespaces that the app may have exist, labelled and bound."""

    kind: ClassVar[str] = "namespaces"
    verb: ClassVar[str] = "ready"
    versioned_by: ClassVar[tuple[str, ...]] = ("uid", "generation", "digest")

    type: Literal["work.labrats.namespaces.ready.v1"] = "work.labrats.namespaces.ready.v1"
    uid: str
    generation: int
    namespaces: tuple[str, ...]
    digest: str = Field(description="Changes with the namespaces, so that a healed conflict is told again.")


class EncryptionKeyReady(Event):
    """The app's AGE key exists."""

    kind: ClassVar[str] = "encryption-key"
    verb: ClassVar[str] = "ready"
    versioned_by: ClassVar[tuple[str, ...]] = ("uid", "generation", "recipient", "extra_recipients")

    type: Literal["work.labrats.encryption-key.ready.v1"] = "work.labrats.encryption-key.ready.v1"
    uid: str
    generation: int
    recipient: str = Field(description="The age recipient: a public key.")
    extra_recipients: tuple[str, ...] = Field(
        default=(),
        description="Further recipients that every file is encrypted for, such as a break-glass key.",
    )


class RepositoryReady(Event):
    """The app's platform repository exists and holds its base files."""

    kind: ClassVar[str] = "repository"
    verb: ClassVar[str] = "ready"
    versioned_by: ClassVar[tuple[str, ...]] = ("uid", "generation", "head_sha")

    type: Literal["work.labrats.repository.ready.v1"] = "work.labrats.repository.ready.v1"
    uid: str
    generation: int
    url: str
    branch: str
    head_sha: str
    files: dict[str, str] = Field(
        description="Path to Git blob id (SHA-1, hex) of every file under secrets/."
    )


class RepositoryDrifted(Event):
    """Somebody else changed what the platform keeps in its repository; it is being put back."""

    kind: ClassVar[str] = "repository"
    verb: ClassVar[str] = "drifted"
    versioned_by: ClassVar[tuple[str, ...]] = ("uid", "head_sha", "part")

    type: Literal["work.labrats.repository.drifted.v1"] = "work.labrats.repository.drifted.v1"
    uid: str
    head_sha: str
    part: Literal["secrets", "base"] = Field(description="Secrets, or the repository's own files.")
    paths: tuple[str, ...] = Field(description="Files that are missing, changed or foreign.")


class SecretIntentChanged(Event):
    """A secret intent was made or changed. Its content is not told: the encryptor reads it."""

    kind: ClassVar[str] = "secret-intent"
    verb: ClassVar[str] = "changed"
    versioned_by: ClassVar[tuple[str, ...]] = ("uid", "resource_version")

    type: Literal["work.labrats.secret-intent.changed.v1"] = "work.labrats.secret-intent.changed.v1"
    uid: str = Field(description="Of the object.")
    resource_version: str = Field(description="Of the object, when this was seen.")


class SecretIntentDeleted(Event):
    """Deletion of a secret intent was asked for, or it is gone, or it is no intent any more."""

    kind: ClassVar[str] = "secret-intent"
    verb: ClassVar[str] = "deleted"
    versioned_by: ClassVar[tuple[str, ...]] = ("uid", "resource_version")

    type: Literal["work.labrats.secret-intent.deleted.v1"] = "work.labrats.secret-intent.deleted.v1"
    uid: str = Field(description="Of the object.")
    resource_version: str = Field(description="Of the object, when this was seen.")


class SecretEncrypted(Event):
    """An intent's files are ready to be committed. They are all of its files: others of its name are to go."""

    kind: ClassVar[str] = "secret"
    verb: ClassVar[str] = "encrypted"
    versioned_by: ClassVar[tuple[str, ...]] = ("uid", "resource_version", "fingerprint")

    type: Literal["work.labrats.secret.encrypted.v1"] = "work.labrats.secret.encrypted.v1"
    uid: str
    resource_version: str
    fingerprint: str
    keys: tuple[str, ...]
    files: tuple[EncryptedFile, ...]
    cause: Cause = Field(default="change", description="Why the files are told now.")
    by: str = Field(default="", description="Who changed the intent last, as far as the object tells.")

    @property
    def intent(self) -> IntentVersion:
        """The state of the intent that the files were made from."""
        return IntentVersion(
            name=self.name, uid=self.uid, resource_version=self.resource_version, fingerprint=self.fingerprint
        )


class SecretRemoved(Event):
    """No file of this intent may be left in the repository."""

    kind: ClassVar[str] = "secret"
    verb: ClassVar[str] = "removed"
    versioned_by: ClassVar[tuple[str, ...]] = ("uid", "resource_version")

    type: Literal["work.labrats.secret.removed.v1"] = "work.labrats.secret.removed.v1"
    uid: str = Field(
        description="Of the intent that was deleted; empty when files were found that have none."
    )
    resource_version: str
    by: str = Field(default="", description="Who deleted the intent, as far as the object tells.")


class CommitPushed(Event):
    """The platform repository holds the latest files of these intents at this commit."""

    kind: ClassVar[str] = "commit"
    verb: ClassVar[str] = "pushed"
    versioned_by: ClassVar[tuple[str, ...]] = ("sha", "digest")

    type: Literal["work.labrats.commit.pushed.v1"] = "work.labrats.commit.pushed.v1"
    sha: str
    paths: tuple[str, ...] = Field(
        description="Files written or removed by the commit; empty if it held them already."
    )
    intents: tuple[IntentVersion, ...]
    removed: tuple[RemovedIntent, ...]
    digest: str = Field(description="Of the intents told, as one commit may be told for several batches.")


class CommitFailed(Event):
    """The files of these intents could not be committed, and the committer has given up for now."""

    kind: ClassVar[str] = "commit"
    verb: ClassVar[str] = "failed"
    versioned_by: ClassVar[tuple[str, ...]] = ("digest",)

    type: Literal["work.labrats.commit.failed.v1"] = "work.labrats.commit.failed.v1"
    reason: str
    intents: tuple[IntentVersion, ...]
    digest: str = Field(description="Of the intents told and the reason.")


class FluxObjectChanged(Event):
    """A GitRepository or Kustomization of the app was made, changed, reconciled or deleted."""

    kind: ClassVar[str] = "flux"
    verb: ClassVar[str] = "changed"
    versioned_by: ClassVar[tuple[str, ...]] = ("uid", "resource_version")

    type: Literal["work.labrats.flux.changed.v1"] = "work.labrats.flux.changed.v1"
    uid: str
    resource_version: str
    object_kind: Literal["GitRepository", "Kustomization"]
    deleted: bool = False
    revision: str = ""
    ready: str = Field(default="Unknown", description="Status of the Ready condition.")
    reason: str = ""
    message: str = ""


class OidcClientChanged(Event):
    """A Secret that asks for an OIDC client was made or changed. Its content is not told: oidc-registrar reads it."""

    kind: ClassVar[str] = "oidc-client"
    verb: ClassVar[str] = "changed"
    versioned_by: ClassVar[tuple[str, ...]] = ("uid", "resource_version")

    type: Literal["work.labrats.oidc-client.changed.v1"] = "work.labrats.oidc-client.changed.v1"
    uid: str = Field(description="Of the object.")
    resource_version: str = Field(description="Of the object, when this was seen.")


class OidcClientDeleted(Event):
    """Deletion of such a Secret was asked for, or it is gone, or it asks for no client any more."""

    kind: ClassVar[str] = "oidc-client"
    verb: ClassVar[str] = "deleted"
    versioned_by: ClassVar[tuple[str, ...]] = ("uid", "resource_version")

    type: Literal["work.labrats.oidc-client.deleted.v1"] = "work.labrats.oidc-client.deleted.v1"
    uid: str = Field(description="Of the object.")
    resource_version: str = Field(description="Of the object, when this was seen.")


class OidcClientRegistered(Event):
    """The identity provider runs with this client as its Secret asks for it."""

    kind: ClassVar[str] = "oidc-client"
    verb: ClassVar[str] = "registered"
    versioned_by: ClassVar[tuple[str, ...]] = ("uid", "resource_version", "client_id")

    type: Literal["work.labrats.oidc-client.registered.v1"] = "work.labrats.oidc-client.registered.v1"
    uid: str = Field(description="Of the Secret.")
    resource_version: str = Field(description="Of the Secret whose content was registered.")
    client_id: str
    redirect_uris: tuple[str, ...] = Field(description="To which the provider sends its users back.")


class OidcClientRejected(Event):
    """A Secret asks for a client that it cannot have; another client that it had before is withdrawn."""

    kind: ClassVar[str] = "oidc-client"
    verb: ClassVar[str] = "rejected"
    versioned_by: ClassVar[tuple[str, ...]] = ("uid", "resource_version", "reason")

    type: Literal["work.labrats.oidc-client.rejected.v1"] = "work.labrats.oidc-client.rejected.v1"
    uid: str = Field(description="Of the Secret.")
    resource_version: str = Field(description="Of the Secret that was refused.")
    reason: str = Field(description="What to change, for its author.")


class OidcClientRemoved(Event):
    """The identity provider no longer runs with any client of this Secret."""

    kind: ClassVar[str] = "oidc-client"
    verb: ClassVar[str] = "removed"
    versioned_by: ClassVar[tuple[str, ...]] = ("uid", "resource_version")

    type: Literal["work.labrats.oidc-client.removed.v1"] = "work.labrats.oidc-client.removed.v1"
    uid: str = Field(description="Of the Secret.")
    resource_version: str = Field(description="Of the Secret, when it was let go.")


class ManagedObjectChanged(Event):
    """A namespace, binding, role or ServiceAccount that the platform manages for the app was changed or deleted, by whomever."""

    kind: ClassVar[str] = "managed-object"
    verb: ClassVar[str] = "changed"
    versioned_by: ClassVar[tuple[str, ...]] = ("object_kind", "uid", "resource_version")

    type: Literal["work.labrats.managed-object.changed.v1"] = "work.labrats.managed-object.changed.v1"
    uid: str = Field(description="Of the object.")
    resource_version: str = Field(description="Of the object, when this was seen.")
    object_kind: str = Field(description="Its Kubernetes kind.")
    namespace: str = Field(default="", description="Where it is or was.")
    deleted: bool = False


class SourceChanged(Event):
    """The forge told that a repository which a GitRepository of the app follows was pushed to, or changed otherwise."""

    kind: ClassVar[str] = "source"
    verb: ClassVar[str] = "changed"
    versioned_by: ClassVar[tuple[str, ...]] = ("action", "ref", "sha")

    type: Literal["work.labrats.source.changed.v1"] = "work.labrats.source.changed.v1"
    action: str = Field(
        description="``push``, or what happened to the repository: ``archived``, ``renamed``, …"
    )
    repository: str = Field(description="Host and path, for instance ``github.com/owner/repo``.")
    ref: str = Field(default="", description="That was pushed to, for instance ``refs/heads/main``.")
    sha: str = Field(default="", description="Of the commit that the ref names now.")
    by: str = Field(default="", description="Login of who did it.")


AnyEvent = Annotated[
    RegistrationChanged
    | RegistrationDeleted
    | NamespacesReady
    | EncryptionKeyReady
    | RepositoryReady
    | RepositoryDrifted
    | SecretIntentChanged
    | SecretIntentDeleted
    | SecretEncrypted
    | SecretRemoved
    | CommitPushed
    | CommitFailed
    | FluxObjectChanged
    | OidcClientChanged
    | OidcClientDeleted
    | OidcClientRegistered
    | OidcClientRejected
    | OidcClientRemoved
    | ManagedObjectChanged
    | SourceChanged,
    Field(discriminator="type"),
]

EVENT_CLASSES: tuple[type[Event], ...] = get_args(get_args(AnyEvent)[0])
"""Every event class, in the order of the pipeline."""


def type_of(event_class: type[Event]) -> str:
    """The CloudEvents ``type`` of an event class, for instance ``work.labrats.secret.encrypted.v1``."""
    return str(event_class.model_fields["type"].default)
