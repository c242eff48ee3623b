"""Which events are told of what was seen, by whom, and that none is lost while NATS is away."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app_platform.contracts import FluxObjectChanged, SecretIntentChanged
from app_platform.kube import share
from app_platform.watcher import core, outbox
from app_platform.watcher.apps import Apps
from app_platform.watcher.ports import Asks, FluxSeen, Seen
from support.fakes.events import Sink

APPS = st.lists(st.sampled_from([f"app-{n}" for n in range(30)]), unique=True)
REPLICAS = st.lists(st.sampled_from(["w-0", "w-1", "w-2", "w-3"]), unique=True, min_size=1)


def seen(name: str, version: str = "1", *, deleted: bool = False) -> Seen:
    return Seen("ns", name, f"u-{name}", version, deleted)


@pytest.mark.parametrize(("deleted", "verb"), [(False, "changed"), (True, "deleted")])
def test_events_say_whether_something_goes(deleted: bool, verb: str) -> None:  # noqa: FBT001 - parametrized
    registration = core.registration_event(seen("my-app", deleted=deleted))
    intent = core.intent_event("my-app", seen("database", deleted=deleted))
    assert (registration.kind, registration.verb, registration.app) == ("registration", verb, "my-app")
    assert (intent.kind, intent.verb, intent.app, intent.name) == (
        "secret-intent",
        verb,
        "my-app",
        "database",
    )


def test_two_replicas_tell_the_same_once_and_a_new_version_anew() -> None:
    assert core.intent_event("a", seen("x")).id == core.intent_event("a", seen("x")).id
    assert core.intent_event("a", seen("x", "2")).id != core.intent_event("a", seen("x")).id
    assert core.registration_event(seen("a"), "round-1").id != core.registration_event(seen("a")).id


INTENT, CLIENT, NOTHING = frozenset({Asks.INTENT}), frozenset({Asks.CLIENT}), frozenset[Asks]()


@pytest.mark.parametrize(
    ("labels", "asks"),
    [
        ({}, NOTHING),
        ({"labrats.work/secret-intent": "true"}, INTENT),
        ({"labrats.work/secret-intent": "false"}, NOTHING),
        ({"labrats.work/oidc-client": "web"}, CLIENT),
        ({"labrats.work/oidc-client": ""}, CLIENT),
        ({"labrats.work/oidc-client": "web", "labrats.work/secret-intent": "true"}, INTENT | CLIENT),
    ],
)
def test_labels_say_what_a_secret_asks_for(labels: dict[str, str], asks: frozenset[Asks]) -> None:
    assert core.asks_of(labels) == asks


@pytest.mark.parametrize(
    ("before", "now", "told"),
    [
        (NOTHING, NOTHING, []),
        (NOTHING, CLIENT, [("oidc-client", "changed")]),
        (CLIENT, CLIENT, [("oidc-client", "changed")]),
        (CLIENT, NOTHING, [("oidc-client", "deleted")]),
        (INTENT, CLIENT, [("secret-intent", "deleted"), ("oidc-client", "changed")]),
    ],
)
def test_a_lost_label_is_told_as_a_deletion(
    before: frozenset[Asks], now: frozenset[Asks], told: list[tuple[str, str]]
) -> None:
    events = core.secret_events("a", seen("x"), before, now)
    assert [(event.kind, event.verb) for event in events] == told


def test_a_secret_that_goes_is_told_as_deleted_whatever_it_asked_for() -> None:
    events = core.secret_events("a", seen("x", deleted=True), NOTHING, CLIENT | INTENT)
    assert [event.verb for event in events] == ["deleted", "deleted"]


def test_a_flux_message_is_bounded() -> None:
    event = core.flux_event(
        "a", FluxSeen(seen("a-platform"), "Kustomization", "main@sha1:x", "False", "R", "x" * 9000)
    )
    assert isinstance(event, FluxObjectChanged)
    assert len(event.message) == 2000


@given(APPS, st.lists(st.floats(0.1, 400.0), min_size=1, max_size=80), st.floats(0, 2e9))
def test_every_app_is_due_once_a_round_whenever_we_look(
    names: list[str], pauses: list[float], start: float
) -> None:
    looked, told = start, dict.fromkeys(names, 0)
    marks: set[tuple[str, str]] = set()
    for pause in pauses:
        due = core.due_rounds(names, looked, looked + pause, 600.0)
        looked += pause
        for app, mark in due.items():
            told[app] += 1
            assert (app, mark) not in marks, "a mark is told once"
            marks.add((app, mark))
    rounds = (looked - start) / 600.0
    assert all(int(rounds) <= count <= int(rounds) + 1 for count in told.values())


def test_replicas_that_look_at_other_moments_give_the_same_mark() -> None:
    whole = core.due_rounds(["a"], 0.0, 600.0, 600.0)
    parts = [core.due_rounds(["a"], at * 7.0, (at + 1) * 7.0, 600.0) for at in range(86)]
    assert [part for part in parts if part] == [whole]


def test_the_rounds_of_many_apps_are_spread() -> None:
    names = [f"app-{number}" for number in range(1000)]
    parts = [core.due_rounds(names, at * 60.0, (at + 1) * 60.0, 600.0) for at in range(10)]
    assert sum(map(len, parts)) == 1000
    assert all(60 < len(part) < 140 for part in parts)


def test_a_clock_that_was_set_back_tells_nothing() -> None:
    assert core.due_rounds(["a"], 6000.0, 0.0, 600.0) == {}


@given(APPS, REPLICAS)
def test_every_app_has_exactly_one_replica(names: list[str], replicas: list[str]) -> None:
    shares = []
    for replica in replicas:
        apps = Apps(replica, share)
        apps.set_replicas(tuple(replicas))
        for name in names:
            apps.see(seen(name), gone=False)
        shares += list(apps.ours)
    assert sorted(shares) == sorted(names)


def test_a_replica_that_knows_of_nobody_looks_after_everything() -> None:
    apps = Apps("w-0", share)
    apps.see(seen("a"), gone=False)
    assert apps.is_ours("a")
    apps.set_replicas(("w-1", "w-2"))
    assert apps.is_ours("a")
    assert not apps.is_ours("unknown")
    apps.see(seen("a"), gone=True)
    assert not apps.is_ours("a")


async def running(box: outbox.Outbox, is_so: Callable[[], object]) -> None:
    """Let the outbox publish until something holds."""
    task = asyncio.create_task(box.run())
    for _ in range(1000):
        if is_so():
            break
        await asyncio.sleep(0)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    assert is_so()


def changed(name: str, version: str = "1", resync: str = "") -> SecretIntentChanged:
    return SecretIntentChanged(app="a", name=name, uid="u", resource_version=version, resync=resync)


async def test_the_latest_of_each_object_is_published() -> None:
    sink = Sink()
    box = outbox.Outbox(sink)
    for event in (changed("x", "1"), changed("y", "1"), changed("x", "2"), changed("x", "2", "round-1")):
        box.put(event)
    await running(box, lambda: len(sink.events) >= 3)
    assert {e.id for e in sink.events} == {
        changed("x", "2").id,
        changed("y", "1").id,
        changed("x", "2", "round-1").id,
    }


async def test_objects_of_one_name_are_told_each() -> None:
    """The managed GitRepository and Kustomization of an app have its platform namespace's name; so may an app's own."""
    sink = Sink()
    box = outbox.Outbox(sink)
    told = [
        FluxObjectChanged(app="a", name="a-platform", uid=kind, resource_version="1", object_kind=kind)
        for kind in ("GitRepository", "Kustomization")
    ]
    for event in told:
        box.put(event)
    await running(box, lambda: len(sink.events) >= 2)
    assert sink.events == told


async def test_nothing_is_lost_while_nats_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "_PAUSE", 0.0)
    sink = Sink()
    sink.away = True
    box = outbox.Outbox(sink)
    box.put(changed("x"))
    task: Awaitable[None] = running(box, lambda: sink.events)
    asyncio.get_running_loop().call_soon(lambda: setattr(sink, "away", False))
    await task
    assert sink.events == [changed("x")]


async def test_many_are_published_in_parts() -> None:
    sink = Sink()
    box = outbox.Outbox(sink)
    for n in range(1200):
        box.put(changed(f"x-{n}"))
    await running(box, lambda: len(sink.events) == 1200)
