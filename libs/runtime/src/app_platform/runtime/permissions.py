"""Who may say what to NATS: one table of identities, and the requests that follow from it.

Guarantees: a service tells only its own kinds of events, of any app; it hears only through its own durable consumer, and settles
only what that gave it; nobody but ``bootstrap`` makes, changes or empties a stream, a bucket or a consumer. What is not in the
list of an identity, it cannot send.
Leaves out: keys and the server's configuration (``accounts``). Subjects are those of the account that holds the streams; the
identities reach its JetStream under the prefix of ``connection.DOMAIN``.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from app_platform.contracts import (
    CommitFailed,
    CommitPushed,
    EncryptionKeyReady,
    Event,
    FluxObjectChanged,
    ManagedObjectChanged,
    NamespacesReady,
    OidcClientChanged,
    OidcClientDeleted,
    OidcClientRegistered,
    OidcClientRejected,
    OidcClientRemoved,
    RegistrationChanged,
    RegistrationDeleted,
    RepositoryDrifted,
    RepositoryReady,
    SecretEncrypted,
    SecretIntentChanged,
    SecretIntentDeleted,
    SecretRemoved,
    SourceChanged,
    subjects,
)
from app_platform.runtime.streams import BUDGETS, DEAD_LETTERS, EVENT_DATA, EVENTS, SESSIONS, bucket_stream

BOOTSTRAP: Final = "bootstrap"
"""The identity that owns the streams; it alone is in their account, and may do anything there."""
READER: Final = "reader"
OPERATOR: Final = "operator"

_API: Final = "$JS.API"


@dataclass(frozen=True)
class Identity:
    """Somebody who speaks to NATS.

    Attributes:
        tells: Events that it publishes.
        hears: Events that its durable consumer, which has its name, delivers.
        buckets: Key-value buckets that it reads and writes.
        reads: Whether it may read the whole history, dead letters and the state of consumers.
        steers: Whether it may replay events, take dead letters away, and ask for dry runs.
        answers: Whether it answers dry runs.
    """

    name: str
    tells: tuple[type[Event], ...] = ()
    hears: tuple[type[Event], ...] = ()
    buckets: tuple[str, ...] = ()
    reads: bool = False
    steers: bool = False
    answers: bool = False


IDENTITIES: Final = (
    Identity(
        "watcher",
        tells=(
            RegistrationChanged,
            RegistrationDeleted,
            SecretIntentChanged,
            SecretIntentDeleted,
            FluxObjectChanged,
            ManagedObjectChanged,
            OidcClientChanged,
            OidcClientDeleted,
        ),
    ),
    Identity(
        "namespace-rbac",
        tells=(NamespacesReady,),
        hears=(
            RegistrationChanged,
            RegistrationDeleted,
            FluxObjectChanged,
            ManagedObjectChanged,
            OidcClientRegistered,
            OidcClientRejected,
            OidcClientRemoved,
        ),
        answers=True,
    ),
    Identity(
        "secrets-encryptor",
        tells=(EncryptionKeyReady, SecretEncrypted, SecretRemoved, RepositoryDrifted),
        hears=(
            RegistrationChanged,
            RegistrationDeleted,
            NamespacesReady,
            RepositoryReady,
            SecretIntentChanged,
            SecretIntentDeleted,
            CommitPushed,
            CommitFailed,
            FluxObjectChanged,
        ),
        answers=True,
    ),
    Identity(
        "git-committer",
        tells=(RepositoryReady, RepositoryDrifted, CommitPushed, CommitFailed, SourceChanged),
        hears=(
            RegistrationDeleted,
            EncryptionKeyReady,
            SecretEncrypted,
            SecretRemoved,
            FluxObjectChanged,
            SourceChanged,
        ),
        buckets=(BUDGETS,),
        answers=True,
    ),
    Identity(
        "oidc-registrar",
        tells=(OidcClientRegistered, OidcClientRejected, OidcClientRemoved),
        hears=(NamespacesReady, RegistrationDeleted, OidcClientChanged, OidcClientDeleted),
        answers=True,
    ),
    Identity("dashboard", buckets=(SESSIONS,), reads=True),
    Identity(READER, reads=True),
    Identity(OPERATOR, reads=True, steers=True),
)

HEARING: Final = tuple(identity.name for identity in IDENTITIES if identity.hears)
"""The services that events are delivered to, each by its durable consumer."""


@dataclass(frozen=True, order=True)
class Request:
    """Something that an identity may send.

    Attributes:
        subject: May hold wildcards.
        many: Whether one request has many answers.
    """

    subject: str
    many: bool = False


@dataclass(frozen=True)
class Question:
    """Something that one identity asks of another itself, past the streams.

    Attributes:
        subject: On which it is asked and answered.
        answered_by: Name of the identity.
    """

    subject: str
    answered_by: str


def questions(identity: Identity) -> tuple[Question, ...]:
    """What an identity may ask of others: the operator, for dry runs."""
    if not identity.steers:
        return ()
    return tuple(
        Question(subjects.dry_run_subject(each.name), each.name) for each in IDENTITIES if each.answers
    )


def identity_named(name: str) -> Identity | None:
    """The identity of that name, if it is in the table."""
    return next((each for each in IDENTITIES if each.name == name), None)


def requests(identity: Identity) -> tuple[Request, ...]:
    """All that an identity may send, sorted, each once."""
    return tuple(
        sorted(
            {
                *_telling(identity),
                *_hearing(identity),
                *_keeping(identity),
                *_reading(identity),
                *_steering(identity),
            }
        )
    )


def _telling(identity: Identity) -> Iterator[Request]:
    for event_class in identity.tells:
        yield Request(subjects.subjects_of(event_class))
    if identity.tells:
        yield Request(subjects.data_of(identity.name))
    yield Request(f"{_API}.STREAM.INFO.{EVENTS}")


def _hearing(identity: Identity) -> Iterator[Request]:
    if not identity.hears:
        return
    consumer = f"{EVENTS}.{identity.name}"
    yield Request(f"{_API}.CONSUMER.INFO.{consumer}")
    yield Request(f"{_API}.CONSUMER.MSG.NEXT.{consumer}", many=True)
    yield Request(f"$JS.ACK.{consumer}.>")
    yield Request(f"{_API}.DIRECT.GET.{EVENT_DATA}", many=True)
    yield Request(subjects.dead_filter(identity.name))


def _keeping(identity: Identity) -> Iterator[Request]:
    for bucket in identity.buckets:
        stream = bucket_stream(bucket)
        yield Request(f"{_API}.STREAM.INFO.{stream}")
        yield Request(f"{_API}.DIRECT.GET.{stream}.$KV.{bucket}.>")
        yield Request(f"$KV.{bucket}.>")


def _reading(identity: Identity) -> Iterator[Request]:
    if not identity.reads:
        return
    for stream in (EVENTS, DEAD_LETTERS, EVENT_DATA):
        yield Request(f"{_API}.STREAM.INFO.{stream}")
        yield Request(f"{_API}.DIRECT.GET.{stream}", many=True)
    for ask in ("STREAM.LIST", "STREAM.NAMES", f"CONSUMER.LIST.{EVENTS}", f"CONSUMER.NAMES.{EVENTS}"):
        yield Request(f"{_API}.{ask}")
    yield Request(f"{_API}.CONSUMER.INFO.{EVENTS}.*")


def _steering(identity: Identity) -> Iterator[Request]:
    if not identity.steers:
        return
    yield Request(f"{subjects.REPLAY}.>")
    yield Request(subjects.data_of(identity.name))
    yield Request(f"{_API}.STREAM.MSG.DELETE.{DEAD_LETTERS}")
