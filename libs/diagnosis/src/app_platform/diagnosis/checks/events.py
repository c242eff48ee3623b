"""Checks of the services, as far as the event store knows them, and of what they gave up."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from app_platform.diagnosis.facts import AppFacts, PlatformFacts, known
from app_platform.diagnosis.findings import Reference, Said, ok, problem, warning
from app_platform.diagnosis.ports import UnreadableError
from app_platform.runtime.consumers import ConsumerState
from app_platform.runtime.dead_letters import DeadLetter
from app_platform.runtime.permissions import HEARING
from app_platform.runtime.settings import RuntimeSettings

_FULL: Final = RuntimeSettings.model_fields["in_hand"].default
"""Messages in the hands of one replica, unless it is set otherwise: from here on it need not ask for more."""
_STUCK: Final = timedelta(minutes=10)
"""Longer than all deliveries of an event that fails: by then one of them is settled, or NATS has delivered it again."""
_BACKLOG: Final = 1000
_SHOWN: Final = 3
_REDRIVE: Final = (
    "After the cause is gone, the next round (10 minutes) heals the object by itself; "
    "`app-platform dead-letters redrive --all` is quicker, and removes the letters."
)


def nats(facts: PlatformFacts) -> Iterator[Said]:
    """The event store answers."""
    fact = facts.all_consumers
    if isinstance(fact, UnreadableError) and fact.down:
        yield problem(
            str(fact),
            "Check NATS_URL and nats-server. Changes wait in Kubernetes and are handled when it is back.",
        )
    else:
        known(fact)
        yield ok("NATS answers")


def services(facts: PlatformFacts) -> Iterator[Said]:
    """Every service takes events, and is not far behind."""
    for name in HEARING:
        yield _consumer(name, facts.consumers.get(name), facts.now)


def _consumer(name: str, state: ConsumerState | None, now: datetime) -> Said:
    if state is None:
        return problem(
            f"{name} has no consumer: it was deleted, and nothing makes it again",
            "Start `app_platform.runtime.bootstrap`: it makes consumers, and the next round (10 minutes) makes good what was missed.",
        )
    behind = f"{state.waiting} events wait, {state.in_hand} are in hand"
    if not state.asking and state.in_hand < _FULL:
        return problem(
            f"no replica of {name} asks for events; {behind}", f"Start {name}, or look at its log."
        )
    if state.in_hand and (since := _quiet_for(state, now)) > _STUCK:
        return problem(
            f"{name} got nothing and was done with nothing for {int(since.total_seconds())} s; {behind}",
            f"Its log says what it waits for; a spent limit of the forge ends by itself. Otherwise restart {name}: what it holds comes again.",
        )
    return _busy(name, state, behind)


def _quiet_for(state: ConsumerState, now: datetime) -> timedelta:
    """Since when nothing moved. An event that came just now, after a long idle time, has waited for nobody."""
    moved = [time for time in (state.last_delivery, state.last_ack) if time]
    return now - max(moved) if moved else timedelta()


def _busy(name: str, state: ConsumerState, behind: str) -> Said:
    if not state.asking:
        return warning(
            f"{name} has its hands full; {behind}", "If it stays so, look at its log, or run more replicas."
        )
    if state.redelivered:
        return warning(
            f"{name} tries {state.redelivered} events again; {behind}",
            f"Its log says why (`again in … s`); check operator logs for encryption or commit errors of {name}.",
        )
    if state.waiting > _BACKLOG:
        return warning(f"{name} is behind; {behind}", "Run more replicas if it does not catch up.")
    return ok(f"{name}: {behind}")


def watcher(facts: PlatformFacts) -> Iterator[Said]:
    """Somebody watches the cluster: a watcher's Lease is fresh."""
    leases = [lease for lease in known(facts.all_leases) if lease["metadata"]["name"].startswith("watcher-")]
    fresh = [lease for lease in leases if _is_fresh(lease, facts.now)]
    if fresh:
        yield ok(f"{len(fresh)} replicas of watcher are alive")
    else:
        yield problem(
            "no replica of watcher is alive: changes are not noticed",
            "Start watcher; it tells everything anew when it starts.",
            Reference("Lease", "watcher-*", "app-platform-system"),
        )


def _is_fresh(lease: dict[str, Any], now: datetime) -> bool:
    spec = lease.get("spec") or {}
    if not spec.get("renewTime"):
        return False
    lasts = timedelta(seconds=spec.get("leaseDurationSeconds") or 0)
    return datetime.fromisoformat(spec["renewTime"]) + lasts >= now


def letters_of_all(facts: PlatformFacts) -> Iterator[Said]:
    """Nothing was given up."""
    return _letters(facts.letters)


def letters_of_app(facts: AppFacts) -> Iterator[Said]:
    """Nothing of the app was given up."""
    return _letters(facts.letters)


def letters_of_object(facts: AppFacts, name: str) -> Iterator[Said]:
    """Nothing was given up that is about this object, or about the app as a whole."""
    return _letters([letter for letter in facts.letters if letter.name in {name, facts.name, facts.home}])


def _letters(letters: Sequence[DeadLetter]) -> Iterator[Said]:
    if not letters:
        yield ok("nothing was given up")
        return
    for letter in letters[-_SHOWN:]:
        what = f"{letter.event_type.removeprefix('work.labrats.')} of {letter.app}/{letter.name}"
        yield warning(
            f"{letter.service} gave up {what} at {letter.time} after {letter.attempts} tries: {letter.reason}",
            _REDRIVE,
        )
    if letters[:-_SHOWN]:
        yield warning(f"{len(letters) - _SHOWN} older dead letters", "See `app-platform dead-letters list`.")
