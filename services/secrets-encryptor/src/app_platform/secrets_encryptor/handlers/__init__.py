"""What this service does about each event.

Guarantees: handlers read the present state and may run twice, late or out of order. An intent is marked Pending before its
files are told, under the resource version that was read, so the mark on the object always says which content is the
latest; git-committer goes by that mark. Intents are read before the key; see ``opening``.
"""

from app_platform.contracts import (
    CommitFailed,
    CommitPushed,
    ConditionType,
    FluxObjectChanged,
    IntentVersion,
    NamespacesReady,
    RegistrationChanged,
    RegistrationDeleted,
    RepositoryReady,
    SecretIntentChanged,
    SecretIntentDeleted,
    Verdict,
)
from app_platform.runtime import Batch, HandlerTable
from app_platform.secrets_encryptor import core
from app_platform.secrets_encryptor.handlers.commits import commit_settled, registration_deleted
from app_platform.secrets_encryptor.handlers.flux import flux_changed
from app_platform.secrets_encryptor.handlers.intents import intents_changed, repository_ready
from app_platform.secrets_encryptor.handlers.keys import namespaces_ready, registration_changed, report_key
from app_platform.secrets_encryptor.handlers.opening import mark_all
from app_platform.secrets_encryptor.ports import Ports

__all__ = [
    "HANDLERS",
    "commit_settled",
    "flux_changed",
    "gave_up",
    "intents_changed",
    "namespaces_ready",
    "registration_changed",
    "registration_deleted",
    "repository_ready",
]


async def gave_up(ports: Ports, events: Batch, reason: str) -> None:
    """Show on the objects why they cannot be served now."""
    registration = await ports.registrations.get(events[0].app)
    if registration is None or registration.deleting:
        return
    if isinstance(events[0], SecretIntentChanged | SecretIntentDeleted):
        intents = await ports.intents.read(registration.name, {e.name for e in events})
        marks = [
            core.failed_mark(
                IntentVersion(name=i.name, uid=i.uid, resource_version=i.resource_version, fingerprint=""),
                reason,
            )
            for i in intents
        ]
        await mark_all(ports, registration.name, marks)
    elif isinstance(events[0], NamespacesReady):
        await report_key(
            ports, registration, Verdict(ConditionType.ENCRYPTION_KEY, "ReconcileError", reason, ok=False)
        )


HANDLERS: HandlerTable[Ports] = {
    RegistrationChanged: registration_changed,
    NamespacesReady: namespaces_ready,
    RepositoryReady: repository_ready,
    SecretIntentChanged: intents_changed,
    SecretIntentDeleted: intents_changed,
    CommitPushed: commit_settled,
    CommitFailed: commit_settled,
    FluxObjectChanged: flux_changed,
    RegistrationDeleted: registration_deleted,
}
