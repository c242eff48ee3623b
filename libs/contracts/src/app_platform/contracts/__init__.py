"""What the parts of the App Platform agree on: names, the registration resource, events and their subjects.

Pure: importing this package does no I/O and needs nothing but pydantic. Names and rules are in ``names``, the custom
resource in ``registration`` and ``crd``, the messages in ``events``, ``subjects`` and ``cloudevents``.
"""

from app_platform.contracts import names
from app_platform.contracts.cloudevents import Envelope, UnreadableEventError, decode, encode
from app_platform.contracts.events import (
    EVENT_CLASSES,
    CommitFailed,
    CommitPushed,
    EncryptedFile,
    EncryptionKeyReady,
    Event,
    FluxObjectChanged,
    IntentVersion,
    NamespacesReady,
    RegistrationChanged,
    RegistrationDeleted,
    RemovedIntent,
    RepositoryDrifted,
    RepositoryReady,
    SecretEncrypted,
    SecretIntentChanged,
    SecretIntentDeleted,
    SecretRemoved,
    type_of,
)
from app_platform.contracts.registration import (
    Access,
    Condition,
    ConditionType,
    Registration,
    RegistrationSpec,
    RegistrationStatus,
    RepositoryStatus,
    Role,
    Verdict,
    stamped,
)

__all__ = [
    "EVENT_CLASSES",
    "Access",
    "CommitFailed",
    "CommitPushed",
    "Condition",
    "ConditionType",
    "EncryptedFile",
    "EncryptionKeyReady",
    "Envelope",
    "Event",
    "FluxObjectChanged",
    "IntentVersion",
    "NamespacesReady",
    "Registration",
    "RegistrationChanged",
    "RegistrationDeleted",
    "RegistrationSpec",
    "RegistrationStatus",
    "RemovedIntent",
    "RepositoryDrifted",
    "RepositoryReady",
    "RepositoryStatus",
    "Role",
    "SecretEncrypted",
    "SecretIntentChanged",
    "SecretIntentDeleted",
    "SecretRemoved",
    "UnreadableEventError",
    "Verdict",
    "decode",
    "encode",
    "names",
    "stamped",
    "type_of",
]
