"""Which list Authelia is to try next, and what its answer means. Pure.

    idle ──► trying ──► it runs: the list is the last good one ──► idle
                │
                └──► it does not: restoring ──► it runs with the last good one: what was new is to blame ──► idle
                                     │
                                     └──► not with that either: waiting, for Authelia to be put right ──► idle

Guarantees: a client that Authelia does not run with is found by trying ever fewer changes at once (halves, so that of *n* one is
found in about log2 *n* rounds), put in quarantine in the form that it had, and named; the others go through. Nobody is blamed while
Authelia does not run with what it ran with before. What nobody asks for any more leaves with the next list, whatever is tried.
"""

from collections.abc import Iterable
from typing import Any, Final

from app_platform.oidc_registrar.checking import faults
from app_platform.oidc_registrar.registry import Held, Registry, State, digest_of, foreign, lenient
from app_platform.oidc_registrar.rendering import (
    ClientList,
    UnreadableListError,
    parse,
    render,
    sha256,
)

BLAMED: Final = (
    "Authelia does not run with this client as it is asked for: change what it asks for, or ask a platform admin to look at "
    "Authelia's log"
)
UNHEALTHY: Final = (
    "Authelia does not run with its last good list either: a platform admin has to look at its Deployment"
)


def edited(state: State) -> State | None:
    """The state with what somebody changed in the published list by hand; ``None`` when nobody did.

    Clients of others are taken over as they stand there now. A list that cannot be read is put back as it was.
    """
    registry = state.registry
    if sha256(state.file) == registry.published:
        return None
    try:
        listed = parse(state.file)
    except UnreadableListError:
        return _with(state, file=state.good, phase="idle", trial={}, going={}, published=sha256(state.good))
    # What was being tried is not what is published any more, so nothing would follow from its success or failure.
    return _with(
        state,
        phase="idle",
        trial={},
        going={},
        foreign=foreign(listed, registry.records),
        policies=dict(listed.policies),
        published=sha256(state.file),
    )


def changed(state: State) -> list[str]:
    """The clients that Authelia does not run with as they are wanted, but for those in quarantine."""
    good, registry = state.good_clients(), state.registry
    return [
        client_id
        for client_id, entry in registry.wanted().items()
        if good.get(client_id) != entry and not _is_held(registry, client_id)
    ]


def _is_held(registry: Registry, client_id: str) -> bool:
    held = registry.held.get(client_id)
    return held is not None and held.entry == digest_of(registry.wanted()[client_id])


def checked(state: State) -> State:
    """The state with those in quarantine that cannot be right, and without those that are wanted otherwise by now."""
    registry = state.registry
    wanted = registry.wanted()
    held = {c: h for c, h in registry.held.items() if c in wanted and h.entry == digest_of(wanted[c])}
    for client_id in changed(state):
        found = faults(wanted[client_id])
        if found:
            reason = f"Authelia would not take this client ({found[0]})"
            held[client_id] = Held(entry=digest_of(wanted[client_id]), reason=reason)
    blamed = registry.apps_of(held.keys() - registry.held.keys())
    return state if held == registry.held else _with(state, held=held, unsettled=_unsettled(registry, blamed))


def next_trial(state: State) -> State | None:
    """The state with the next list to try; ``None`` when Authelia is known to run with all that it can.

    Args:
        state: Idle, complete and checked.
    """
    registry = state.registry
    good, wanted = state.good_clients(), registry.wanted()
    candidates = changed(state)
    if not candidates and _is_as_wanted(state):
        return None
    chosen = candidates[: registry.limit] if registry.limit else candidates
    listed = {c: good[c] for c in wanted if c in good} | {c: wanted[c] for c in chosen}
    file = render(ClientList(listed, registry.policies))
    if not listed or (file == state.good and file == state.file):
        return None
    return _with(
        state,
        file=file,
        phase="trying",
        trial={client_id: digest_of(wanted[client_id]) for client_id in chosen},
        going={client_id: left.uid for client_id, left in registry.leaving.items()},
        attempt=registry.attempt + 1,
        published=sha256(file),
    )


def _is_as_wanted(state: State) -> bool:
    """Whether the published list is the good one, with nobody in it who should not be."""
    listed = lenient(state.good)
    is_ours = (
        listed.clients.keys() <= state.registry.wanted().keys() and listed.policies == state.registry.policies
    )
    return is_ours and bool(listed.clients) and state.file == state.good


def without_leaving(state: State) -> State | None:
    """The state when nothing is to be tried: then Authelia runs without whatever was to go; ``None`` when that was known."""
    registry = state.registry
    if not registry.leaving:
        return None
    apps = registry.apps_of(registry.leaving)
    return _with(state, leaving={}, unsettled=_unsettled(registry, apps))


def runs(state: State) -> State:
    """Authelia was seen to run with the published list."""
    phase = state.registry.phase
    return (
        _tried(state)
        if phase == "trying"
        else _restored(state)
        if phase == "restoring"
        else _recovered(state)
    )


def _tried(state: State) -> State:
    registry = state.registry
    left = {c: each for c, each in registry.leaving.items() if registry.going.get(c) != each.uid}
    apps = registry.apps_of([*registry.trial, *registry.going])
    now = _with(
        state,
        good=state.file,
        phase="idle",
        trial={},
        going={},
        leaving=left,
        failures=0,
        note="",
        unsettled=_unsettled(registry, apps),
    )
    more = 2 * registry.limit
    return _with(now, limit=more if more < len(changed(now)) else 0)


def _restored(state: State) -> State:
    """With the last good list it runs, so what was new is to blame: one client, or some of several."""
    registry = state.registry
    suspects = registry.trial
    found = suspects if len(suspects) == 1 else {}
    held = {client_id: Held(entry=digest, reason=BLAMED) for client_id, digest in found.items()}
    now = _with(
        state,
        good=state.file,
        phase="idle",
        trial={},
        going={},
        held={**registry.held, **held},
        limit=len(suspects) // 2,
        note="",
        unsettled=_unsettled(registry, registry.apps_of(suspects)),
    )
    return now if suspects else _as_before(now)


def _as_before(state: State) -> State:
    """Nothing of ours was new, so it is what somebody edited by hand: that is taken back."""
    listed = lenient(state.good)
    others = foreign(listed, state.registry.records)
    failures = state.registry.failures + 1
    return _with(state, foreign=others, policies=dict(listed.policies), failures=failures)


def _recovered(state: State) -> State:
    return _with(
        state, good=state.file, phase="idle", trial={}, going={}, note="", unsettled=_everybody_waiting(state)
    )


def fails(state: State) -> State:
    """Authelia was seen not to run with the published list."""
    registry = state.registry
    if registry.phase == "restoring":
        unsettled, failures = _everybody_waiting(state), registry.failures + 1
        return _with(state, phase="waiting", note=UNHEALTHY, unsettled=unsettled, failures=failures)
    if registry.phase == "waiting":
        return state
    file = state.good if lenient(state.good).clients else _least(state)
    return _with(
        state,
        file=file,
        phase="restoring",
        attempt=registry.attempt + 1,
        published=sha256(file),
    )


def _least(state: State) -> bytes:
    """The list with which a new Authelia must start: the platform's own client alone."""
    own = {c: record.entry for c, record in state.registry.records.items() if not record.app}
    return render(ClientList(own))


def settled(state: State, apps: Iterable[str]) -> State:
    """These apps have been told."""
    return _with(state, unsettled=tuple(sorted(set(state.registry.unsettled) - set(apps))))


def noted(state: State, note: str) -> State | None:
    """The state with what all that is pending waits for; ``None`` when that was known."""
    if note == state.registry.note:
        return None
    return _with(state, note=note, unsettled=_everybody_waiting(state))


def _everybody_waiting(state: State) -> tuple[str, ...]:
    return _unsettled(state.registry, state.registry.apps_of(changed(state)))


def _unsettled(registry: Registry, apps: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted({*registry.unsettled, *apps}))


def _with(state: State, **changes: Any) -> State:  # noqa: ANN401 - fields of any type
    """The state with other fields, of its own or of its registry."""
    own = {key: value for key, value in changes.items() if key in ("file", "good")}
    other = {key: value for key, value in changes.items() if key not in own}
    return state.model_copy(update={**own, "registry": state.registry.model_copy(update=other)})
