"""What became of commits, and letting go of intents."""

from collections.abc import Collection, Sequence
from typing import Final

from app_platform.contracts import CommitFailed, CommitPushed, IntentVersion, RemovedIntent, names
from app_platform.runtime import Batch, Done, Outcome, Retry
from app_platform.secrets_encryptor import core
from app_platform.secrets_encryptor.handlers.flux import commits_may_be_applied
from app_platform.secrets_encryptor.handlers.opening import mark_all
from app_platform.secrets_encryptor.ports import ConflictError, Mark, Ports

_OVERTAKEN: Final = Retry("an intent changed while it was being released", kind="Overtaken")


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
    overtaken = await mark_all(ports, app, latest.values())
    await _mark_again(ports, app, [(versions[m.uid], m) for m in overtaken])
    released = await _release(ports, app, removed)
    return await commits_may_be_applied(ports, app) if versions and isinstance(released, Done) else released


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
    overtaken = await mark_all(ports, app, [core.release_mark(intent) for intent in leaving])
    return _OVERTAKEN if overtaken else Done()


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
    if await mark_all(ports, registration.name, [core.release_mark(intent) for intent in held]):
        return _OVERTAKEN
    await ports.registrations.release(registration)
    return Done()
