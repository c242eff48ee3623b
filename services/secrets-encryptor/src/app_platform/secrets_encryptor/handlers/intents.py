"""Bringing intents up to date: marked, encrypted, told."""

import asyncio
from collections.abc import Collection, Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from app_platform.contracts import (
    RepositoryDrifted,
    RepositoryReady,
    SecretIntentChanged,
    SecretIntentDeleted,
    SecretRemoved,
)
from app_platform.runtime import Batch, Done, Outcome, Retry, resync_mark, tracing
from app_platform.secrets_encryptor import core
from app_platform.secrets_encryptor.handlers.keys import compared, missing
from app_platform.secrets_encryptor.handlers.opening import PARALLEL, App, open_app, try_mark
from app_platform.secrets_encryptor.ports import Intent, Ports

_TRIES = 3
"""Times that an intent which changes under our hands is read again at once, before the batch waits for its next turn."""


async def intents_changed(ports: Ports, events: Batch) -> Outcome:
    """Bring the intents that the events name up to date."""
    versions = [e for e in events if isinstance(e, SecretIntentChanged | SecretIntentDeleted)]
    changed = {e.name for e in versions if (e.uid, e.resource_version) not in ports.own}
    if not changed:
        return Done()
    intents = await ports.intents.read(events[0].app, changed)
    app = await open_app(ports, events[0].app, resync_mark(events))
    if app is None:
        return await missing(ports, events[0].app)
    gone = [e for e in versions if e.name in changed and e.name not in {i.name for i in intents}]
    await ports.events.publish(*(_removed(app, e.name, e.uid, e.resource_version) for e in gone))
    return await _settle(ports, _Work(app, core.Look()), intents)


async def repository_ready(ports: Ports, events: Batch) -> Outcome:
    """Compare every intent of the app with the repository: tell what is missing or wrong there, and what has no intent."""
    latest = events[-1]
    if not isinstance(latest, RepositoryReady):
        return Done()
    intents = await ports.intents.read(latest.app)
    app = await open_app(ports, latest.app, resync_mark(events) + latest.head_sha[:12])
    if app is None:
        return Done()
    left = core.orphans(intents, latest.files)
    await ports.events.publish(*(_removed(app, name, "", latest.head_sha) for name in left))
    # An event that comes late, or again, tells of an older tree: what is committed since would seem to be missing in it.
    # The registration was read after the intents, so it names a head as new as any of them says to be committed in.
    is_present = latest.head_sha == app.registration.status.repository.head_sha
    work = _Work(app, core.Look(all=True, tree=latest.files if is_present else None))
    outcome = await _settle(ports, work, intents)
    wrong = [*work.wrong, *(path for paths in left.values() for path in paths)]
    if is_present and wrong:
        await ports.events.publish(_drifted(app, latest.head_sha, wrong))
    elif is_present and isinstance(outcome, Done):
        await compared(ports, app, latest.head_sha)
    return outcome


def _drifted(app: App, head: str, paths: Sequence[str]) -> RepositoryDrifted:
    return RepositoryDrifted(
        app=app.name,
        name=app.name,
        resync=app.resync,
        uid=app.registration.uid,
        head_sha=head,
        part="secrets",
        paths=tuple(sorted(paths)),
    )


@dataclass(frozen=True)
class _Work:
    """What is being done for a batch.

    Attributes:
        wrong: Files found in the repository other than as they were committed.
    """

    app: App
    look: core.Look
    wrong: list[str] = field(default_factory=list)


async def _settle(ports: Ports, work: _Work, intents: Iterable[Intent]) -> Outcome:
    """Bring intents up; one that was overtaken is read again at once, since the others need not wait for it."""
    overtaken = await _bring_all_up(ports, work, intents)
    for _ in range(_TRIES):
        if not overtaken:
            return Done()
        again = await ports.intents.read(work.app.name, overtaken)
        present = await open_app(ports, work.app.name, work.app.resync)
        if present is None:
            return Done()
        work = replace(work, app=present)
        overtaken = await _bring_all_up(ports, work, again)
    if overtaken:
        return Retry(f"{len(overtaken)} intents changed meanwhile", kind="Overtaken")
    return Done()


async def _bring_all_up(ports: Ports, work: _Work, intents: Iterable[Intent]) -> Collection[str]:
    """Do what each needs; returns the names of those that were not as they were read any more."""
    slots = asyncio.Semaphore(PARALLEL)

    async def one(intent: Intent) -> str | None:
        async with slots:
            return None if await _bring_up(ports, work, intent) else intent.name

    return {name for name in await asyncio.gather(*map(one, intents)) if name is not None}


async def _bring_up(ports: Ports, work: _Work, intent: Intent) -> bool:
    """Do what one intent needs; returns whether it was still as it was read."""
    app = work.app
    match core.decide(app.registration, intent, app.ring, datetime.now(UTC)):
        case core.Refuse(mark):
            return await try_mark(ports, app.name, mark) is not None
        case core.Remove():
            removed = _removed(app, intent.name, intent.uid, intent.resource_version, intent.deleted_by)
            await ports.events.publish(removed)
        case core.Seal() as seal:
            needed = core.need(intent, seal, app.name, work.look)
            if needed is not None:
                work.wrong.extend(needed.wrong)
                return await _tell_sealed(ports, app, intent, replace(seal, cause=needed.cause))
    return True


async def _tell_sealed(ports: Ports, app: App, intent: Intent, seal: core.Seal) -> bool:
    version: str | None = intent.resource_version
    if seal.mark is not None:
        version = await try_mark(ports, app.name, core.traced(seal.mark, tracing.traceparent(intent.name)))
        if version is None:
            return False
    async with ports.large if core.is_large(intent, seal.targets) else nullcontext():
        await ports.events.publish(seal.event(app.name, intent, version or "", app.resync))
    return True


def _removed(app: App, name: str, uid: str, resource_version: str, by: str = "") -> SecretRemoved:
    return SecretRemoved(
        app=app.name, name=name, resync=app.resync, uid=uid, resource_version=resource_version, by=by
    )
