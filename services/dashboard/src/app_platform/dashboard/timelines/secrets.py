"""The life of a secret as stories: who changed it, then received, encrypted, committed, fetched, applied. Pure.

Each change whose files were encrypted is a story, each deletion is one, and so is what stands now without having come that far. The
events give times; what the intent says of itself now (status, message, deliveries) is the truth about the latest story.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from app_platform.contracts import (
    CommitFailed,
    CommitPushed,
    SecretEncrypted,
    SecretIntentChanged,
    SecretIntentDeleted,
    SecretRemoved,
    names,
)
from app_platform.contracts import Stage as Delivered
from app_platform.dashboard.intents import Intent
from app_platform.dashboard.timelines.flux import Commits, applied, fetched
from app_platform.dashboard.timelines.stories import Stage, State, Story, Told, moment
from app_platform.diagnosis.advice import PENDING_ADVICE, STAGE_ADVICE

_CAUSES = {
    "change": "Changed",
    "repair": "Put back, as somebody else had changed the repository",
    "rotation": "Encrypted anew for another key of the app",
}
_SUPERSEDED = "A newer change came first."
_FIX = "Change what the message says; it heals at once."


@dataclass(frozen=True)
class _View:
    """What is known of one secret.

    Attributes:
        past: Everything told of it, of commits and of Flux, in the order told.
        flux: Name of the app's own Flux objects.
    """

    name: str
    past: Sequence[Told]
    commits: Commits
    flux: str


def stories(app: str, name: str, past: Sequence[Told], now: Intent | None) -> list[Story]:
    """The stories of a secret, the latest first.

    Args:
        app: Whose it is.
        name: Of the secret.
        past: Events of the app in the order told, at least those of the secret, of commits and of Flux.
        now: The secret as it is; ``None`` when there is none.
    """
    view = _View(name, past, Commits(past), names.platform_namespace(app))
    told = list(_told(view))
    if now is not None:
        told = _as_it_stands(told, now)
    return [story for _, story in reversed(told)]


def _told(view: _View) -> Iterator[tuple[str, Story]]:
    """Uid and story of each change, in their order."""
    seen: set[tuple[str, str]] = set()
    for place, told in enumerate(view.past):
        match told.event:
            case SecretEncrypted(name=view.name) as event if (event.uid, event.fingerprint) not in seen:
                seen.add((event.uid, event.fingerprint))
                yield event.uid, _change(view, place, told, event)
            case SecretRemoved(name=view.name) as event if event.uid and (event.uid, "") not in seen:
                seen.add((event.uid, ""))
                yield event.uid, _removal(view, place, told, event)


def _change(view: _View, place: int, told: Told, event: SecretEncrypted) -> Story:
    received = _received(view, place, event)
    encrypted = Stage("Encrypted", State.DONE, told.at, f"with the keys {', '.join(event.keys)}")
    return Story(_CAUSES[event.cause], event.by, (received, encrypted, *_delivery(view, told, event)))


def _received(view: _View, place: int, event: SecretEncrypted) -> Stage:
    """The change that led to this encryption: the last one told before, but for the encryptor's own mark."""
    for told in reversed(view.past[:place]):
        match told.event:
            case SecretEncrypted(name=view.name):
                break
            case SecretIntentChanged(name=view.name) as change:
                if change.resource_version != event.resource_version:
                    return Stage("Received", State.DONE, told.at)
    return Stage("Received", State.DONE)


def _delivery(view: _View, told: Told, event: SecretEncrypted) -> tuple[Stage, ...]:
    committed = _committed(view, told, event)
    if committed.state is not State.DONE:
        return (committed, *_not_yet(committed.state is State.SKIPPED))
    return (committed, *_by_flux(view, committed))


def _not_yet(skipped: bool) -> tuple[Stage, ...]:  # noqa: FBT001 - private, one caller each
    state = State.SKIPPED if skipped else State.WAITING
    return (Stage("Fetched", state), Stage("Applied", state))


def _by_flux(view: _View, committed: Stage) -> tuple[Stage, ...]:
    after = next(
        told.sequence
        for told in view.past
        if isinstance(told.event, CommitPushed) and told.event.sha == committed.commit
    )
    sha = committed.commit
    return (
        fetched(view.past, view.commits, view.flux, sha, after),
        applied(view.past, view.commits, view.flux, sha, after),
    )


def _committed(view: _View, encrypted: Told, event: SecretEncrypted) -> Stage:
    failure: Stage | None = None
    for told in view.past:
        if told.sequence <= encrypted.sequence:
            continue
        match told.event:
            case CommitPushed() as commit if _names(commit, event):
                return Stage("Committed", State.DONE, told.at, commit=commit.sha)
            case CommitFailed() as failed if _names(failed, event):
                failure = Stage("Committed", State.FAILED, told.at, failed.reason, PENDING_ADVICE)
            case SecretEncrypted(name=view.name, uid=event.uid) as later:
                if later.fingerprint != event.fingerprint:
                    return Stage("Committed", State.SKIPPED, text=_SUPERSEDED)
            case SecretRemoved(name=view.name, uid=event.uid):
                return Stage("Committed", State.SKIPPED, text=_SUPERSEDED)
    return failure or Stage("Committed", State.BUSY, advice=PENDING_ADVICE)


def _names(event: CommitPushed | CommitFailed, encrypted: SecretEncrypted) -> bool:
    return any(
        (each.uid, each.fingerprint) == (encrypted.uid, encrypted.fingerprint) for each in event.intents
    )


def _removal(view: _View, place: int, told: Told, event: SecretRemoved) -> Story:
    asked = next(
        (
            each.at
            for each in reversed(view.past[: place + 1])
            if isinstance(each.event, SecretIntentDeleted) and each.event.uid == event.uid
        ),
        told.at,
    )
    received = Stage("Received", State.DONE, asked)
    committed = Stage("Taken out of Git", State.BUSY, advice=PENDING_ADVICE)
    for later in view.past[place:]:
        match later.event:
            case CommitPushed() as commit if any(each.uid == event.uid for each in commit.removed):
                committed = Stage("Taken out of Git", State.DONE, later.at, commit=commit.sha)
                flux = _by_flux(view, committed)
                gone = replace(flux[1], title="Gone from its namespaces")
                return Story("Deleted", event.by, (received, committed, flux[0], gone))
    waiting = (Stage("Fetched", State.WAITING), Stage("Gone from its namespaces", State.WAITING))
    return Story("Deleted", event.by, (received, committed, *waiting))


def _as_it_stands(told: Sequence[tuple[str, Story]], now: Intent) -> list[tuple[str, Story]]:
    """The stories with the truth about the latest one."""
    latest = told[-1] if told and told[-1][0] == now.uid else None
    if now.status == "Deleting":
        return list(told) if latest and latest[1].title == "Deleted" else [*told, (now.uid, _standing(now))]
    if latest is None or _is_newer(now, latest[1]):
        return [*told, (now.uid, _standing(now))]
    return [*told[:-1], (now.uid, _corrected(latest[1], now))]


def _is_newer(now: Intent, story: Story) -> bool:
    """Whether the content was changed after what the story tells of was encrypted, and came no further."""
    encrypted = next((stage.at for stage in story.stages if stage.title == "Encrypted"), None)
    changed = moment(now.changed)
    settled = now.status == "Committed"
    return not settled and encrypted is not None and changed is not None and changed > encrypted


def _standing(now: Intent) -> Story:
    """A change that nothing was told of yet, or that is refused."""
    received = Stage("Received", State.DONE, moment(now.changed))
    if now.status == "Deleting":
        stages = (
            Stage("Taken out of Git", State.BUSY, advice=PENDING_ADVICE),
            Stage("Fetched", State.WAITING),
        )
        return Story("Deleted", "", (received, *stages, Stage("Gone from its namespaces", State.WAITING)))
    if now.status == "Committed":
        before = (received, Stage("Encrypted", State.DONE), Stage("Committed", State.DONE, commit=now.commit))
        return _corrected(Story("Changed", now.changed_by, (*before, *_not_yet(skipped=False))), now)
    encrypted = (
        Stage("Encrypted", State.FAILED, None, now.message, _FIX)
        if now.status == "Failed"
        else Stage("Encrypted", State.BUSY, advice=PENDING_ADVICE)
    )
    return Story(
        "Changed",
        now.changed_by,
        (received, encrypted, Stage("Committed", State.WAITING), *_not_yet(skipped=False)),
    )


def _corrected(story: Story, now: Intent) -> Story:
    """What the intent says of itself, over what the events say."""
    if now.status == "Failed" and story.state is not State.FAILED:
        stages = [*story.stages]
        at = next((i for i, stage in enumerate(stages) if stage.state is not State.DONE), len(stages) - 1)
        stages[at] = replace(stages[at], state=State.FAILED, text=now.message, advice=_FIX)
        return replace(story, stages=stages)
    if now.status != "Committed" or not now.targets:
        return story
    return replace(story, stages=[*story.stages[:-1], *_in_targets(story.stages[-1], now)])


def _in_targets(last: Stage, now: Intent) -> Iterator[Stage]:
    for target in now.targets:
        delivery = now.deliveries.get(target)
        title = f"Live in {target}"
        if delivery is None or delivery.stage is Delivered.WAITING:
            yield Stage(title, State.BUSY, text=delivery.message if delivery else "")
        elif delivery.stage is Delivered.APPLIED:
            yield Stage(title, State.DONE, last.at)
        else:
            text = f"{delivery.stage}: {delivery.message}" if delivery.message else str(delivery.stage)
            yield Stage(title, State.FAILED, last.at, text, STAGE_ADVICE[delivery.stage])
