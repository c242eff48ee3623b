"""What this service does about each event.

Guarantees: handlers read the present state and may run twice, late or out of order. An intent is marked Pending before its
files are told, under the resource version that was read, so the mark on the object always says which content is the
latest; git-committer goes by that mark.
"""

import asyncio
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from app_platform import sops
from app_platform.contracts import (
    CommitFailed,
    CommitPushed,
    ConditionType,
    EncryptionKeyReady,
    IntentVersion,
    NamespacesReady,
    Registration,
    RegistrationDeleted,
    RemovedIntent,
    RepositoryReady,
    SecretIntentChanged,
    SecretIntentDeleted,
    SecretRemoved,
    Verdict,
    names,
)
from app_platform.runtime import Batch, Done, HandlerTable, Outcome, Retry, resync_mark
from app_platform.secrets_encryptor import core, sealing
from app_platform.secrets_encryptor.ports import ConflictError, Intent, KeyFile, Mark, Ports

_PARALLEL: Final = 32
"""Intents written at once: enough to keep the API server busy, few enough not to crowd others out."""


@dataclass(frozen=True)
class _App:
    """What every intent of a batch is decided by."""

    registration: Registration
    ring: sealing.Keyring
    resync: str

    @property
    def name(self) -> str:
        return self.registration.name


async def namespaces_ready(ports: Ports, events: Batch) -> Outcome:
    """See that the app has its AGE key, and tell its recipient."""
    registration = await ports.registrations.get(events[0].app)
    if registration is None or registration.deleting:
        return Done()
    await ports.registrations.hold(registration)
    try:
        content = await _existing_or_new_key(ports, registration)
    except ConflictError:
        return Retry("another replica has just made the key")
    if content is None:
        await _report_key(ports, registration, core.key_missing())
        return Done()
    try:
        ring = sealing.keyring(content.content)
    except sops.InvalidKeyError:
        await _report_key(ports, registration, core.key_invalid())
        return Done()
    await ports.events.publish(_key_ready(registration, ring.recipient, resync_mark(events)))
    await _report_key(ports, registration, core.key_ready(ring.recipient), ring.recipient)
    return Done()


async def _existing_or_new_key(ports: Ports, registration: Registration) -> KeyFile | None:
    existing = await ports.keys.load(registration.name)
    if existing is not None or registration.status.recipient:
        return existing
    created = KeyFile(sops.Identity.generate().secret + "\n")
    await ports.keys.create(registration.name, created)
    return created


async def _report_key(
    ports: Ports, registration: Registration, verdict: Verdict, recipient: str | None = None
) -> None:
    status = {"recipient": recipient or registration.status.recipient}
    await ports.registrations.report(registration, verdict, status)


def _key_ready(registration: Registration, recipient: str, resync: str) -> EncryptionKeyReady:
    return EncryptionKeyReady(
        app=registration.name,
        name=registration.name,
        resync=resync,
        uid=registration.uid,
        generation=registration.generation,
        recipient=recipient,
    )


async def intents_changed(ports: Ports, events: Batch) -> Outcome:
    """Bring the intents that the events name up to date."""
    versions = [e for e in events if isinstance(e, SecretIntentChanged | SecretIntentDeleted)]
    changed = {e.name for e in versions if (e.uid, e.resource_version) not in ports.own}
    if not changed:
        return Done()
    app = await _open_app(ports, events[0].app, resync_mark(events))
    if app is None:
        return Done()
    intents = await ports.intents.read(app.name, changed)
    gone = [e for e in versions if e.name in changed and e.name not in {i.name for i in intents}]
    await ports.events.publish(*(_removed(app, e.name, e.uid, e.resource_version) for e in gone))
    return await _settle(ports, app, intents, core.Look())


async def repository_ready(ports: Ports, events: Batch) -> Outcome:
    """Compare every intent of the app with the repository: tell what is missing or wrong there, and what has no intent."""
    latest = events[-1]
    if not isinstance(latest, RepositoryReady):
        return Done()
    app = await _open_app(ports, latest.app, resync_mark(events) + latest.head_sha[:12])
    if app is None:
        return Done()
    intents = await ports.intents.read(app.name)
    left = core.orphans(intents, latest.files)
    await ports.events.publish(*(_removed(app, name, "", latest.head_sha) for name in left))
    # An event that comes late, or again, tells of an older tree: what is committed since would seem to be missing in it.
    is_present = latest.head_sha == app.registration.status.repository.head_sha
    return await _settle(
        ports, app, intents, core.Look(retry_failed=True, tree=latest.files if is_present else None)
    )


async def _open_app(ports: Ports, name: str, resync: str) -> _App | None:
    """The app with its keys; ``None`` while it has none, as ``RepositoryReady`` brings every intent up again then."""
    registration = await ports.registrations.get(name)
    key = await ports.keys.load(name)
    if registration is None or registration.deleting or key is None:
        return None
    try:
        return _App(registration, sealing.keyring(key.content), resync)
    except sops.InvalidKeyError:
        return None


async def _settle(ports: Ports, app: _App, intents: Iterable[Intent], look: core.Look) -> Outcome:
    slots = asyncio.Semaphore(_PARALLEL)

    async def one(intent: Intent) -> bool:
        async with slots:
            return await _bring_up(ports, app, intent, look)

    overtaken = [done for done in await asyncio.gather(*map(one, intents)) if not done]
    return Retry(f"{len(overtaken)} intents changed meanwhile") if overtaken else Done()


async def _bring_up(ports: Ports, app: _App, intent: Intent, look: core.Look) -> bool:
    """Do what one intent needs; returns whether it was still as it was read."""
    match core.decide(app.registration, intent, app.ring, datetime.now(UTC)):
        case core.Refuse(mark):
            return await _try_mark(ports, app.name, mark) is not None
        case core.Remove():
            await ports.events.publish(_removed(app, intent.name, intent.uid, intent.resource_version))
        case core.Seal() as seal:
            if core.is_needed(intent, seal, app.name, look):
                return await _tell_sealed(ports, app, intent, seal)
    return True


async def _tell_sealed(ports: Ports, app: _App, intent: Intent, seal: core.Seal) -> bool:
    version: str | None = intent.resource_version
    if seal.mark is not None:
        version = await _try_mark(ports, app.name, seal.mark)
        if version is None:
            return False
    await ports.events.publish(seal.event(app.name, intent, version or "", app.resync))
    return True


async def _try_mark(ports: Ports, app: str, mark: Mark) -> str | None:
    """Write a mark; returns the new resource version, or ``None`` when the intent was overtaken."""
    try:
        version = await ports.intents.mark(app, mark)
    except ConflictError:
        return None
    ports.own.add(mark.uid, version)
    return version


def _removed(app: _App, name: str, uid: str, resource_version: str) -> SecretRemoved:
    return SecretRemoved(
        app=app.name, name=name, resync=app.resync, uid=uid, resource_version=resource_version
    )


async def commit_settled(ports: Ports, events: Batch) -> Outcome:
    """Tell on each intent that it is committed, or why it is not, and let go of those that were to be deleted."""
    app = events[0].app
    marks: list[Mark] = []
    removed: list[RemovedIntent] = []
    for event in events:
        if isinstance(event, CommitPushed):
            marks += [core.committed_mark(version, event.sha) for version in event.intents]
            removed += event.removed
        elif isinstance(event, CommitFailed):
            marks += [core.failed_mark(version, event.reason) for version in event.intents]
    versions = {v.uid: v for e in events if isinstance(e, CommitPushed | CommitFailed) for v in e.intents}
    # Of one intent only the latest matters; an earlier mark would not fit any more.
    latest = {mark.uid: mark for mark in marks}
    overtaken = await _mark_all(ports, app, latest.values())
    await _mark_again(ports, app, [(versions[m.uid], m) for m in overtaken])
    return await _release(ports, app, removed)


async def _mark_all(ports: Ports, app: str, marks: Iterable[Mark]) -> list[Mark]:
    slots = asyncio.Semaphore(_PARALLEL)

    async def one(mark: Mark) -> Mark | None:
        async with slots:
            return mark if await _try_mark(ports, app, mark) is None else None

    return [mark for mark in await asyncio.gather(*map(one, marks)) if mark is not None]


async def _mark_again(ports: Ports, app: str, overtaken: Sequence[tuple[IntentVersion, Mark]]) -> None:
    """Something else on the intent changed since: the mark still holds if the content it speaks of is the latest."""
    if not overtaken:
        return
    now = {i.uid: i for i in await ports.intents.read(app, {v.name for v, _ in overtaken})}
    for version, mark in overtaken:
        intent = now.get(version.uid)
        if intent is not None and intent.annotations.get(names.SECRET_FINGERPRINT) == version.fingerprint:
            # Not remembered as an own write: the object may hold content that this replica has not seen.
            await _mark_unless_overtaken(
                ports, app, Mark(mark.name, mark.uid, intent.resource_version, mark.annotations)
            )


async def _release(ports: Ports, app: str, removed: Collection[RemovedIntent]) -> Outcome:
    if not removed:
        return Done()
    uids = {r.uid for r in removed}
    leaving = [
        i for i in await ports.intents.read(app, {r.name for r in removed}) if i.deleting and i.uid in uids
    ]
    overtaken = await _mark_all(ports, app, [core.release_mark(intent) for intent in leaving])
    return Retry("an intent changed while it was being released") if overtaken else Done()


async def _mark_unless_overtaken(ports: Ports, app: str, mark: Mark) -> None:
    try:
        await ports.intents.mark(app, mark)
    except ConflictError:
        # Then its own event follows, and it is told again from the repository's state.
        return


async def registration_deleted(ports: Ports, events: Batch) -> Outcome:
    """Let go of the app's intents, so that they can be deleted without us, and of the registration."""
    registration = await ports.registrations.get(events[0].app)
    if registration is None or not registration.deleting:
        return Done()
    held = [i for i in await ports.intents.read(registration.name) if core.FINALIZER in i.finalizers]
    if await _mark_all(ports, registration.name, [core.release_mark(intent) for intent in held]):
        return Retry("an intent changed while it was being released")
    await ports.registrations.release(registration)
    return Done()


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
        await _mark_all(ports, registration.name, marks)
    elif isinstance(events[0], NamespacesReady):
        await _report_key(
            ports, registration, Verdict(ConditionType.ENCRYPTION_KEY, "ReconcileError", reason, ok=False)
        )


HANDLERS: HandlerTable[Ports] = {
    NamespacesReady: namespaces_ready,
    RepositoryReady: repository_ready,
    SecretIntentChanged: intents_changed,
    SecretIntentDeleted: intents_changed,
    CommitPushed: commit_settled,
    CommitFailed: commit_settled,
    RegistrationDeleted: registration_deleted,
}
