"""What becomes of a list that Authelia does not run with: rolled back, the offender found and named, nobody else harmed."""

import asyncio
import itertools
import math
from collections.abc import Callable, Mapping
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from app_platform.contracts import names
from app_platform.kube import Forbidden, Invalid, Unavailable
from app_platform.oidc_registrar import credentials, deployments, trials
from app_platform.oidc_registrar.ports import ConflictError, Progress, Stored
from app_platform.oidc_registrar.rendering import Entry, sha256
from app_platform.oidc_registrar.rollout import NO_DEPLOYMENT, Loop, Pace
from app_platform.runtime import PublishError
from support.fakes.oidc import DASHBOARD_URL, World, client_secret

APP, WEB = "my-app", "web"
HAND_MADE: dict[str, Any] = {"client_id": "grafana", "scopes": ["openid"], "client_secret": "$plaintext$x"}


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Digests of the right form, made at once; ``test_credentials`` looks at the real ones."""
    made = (f"$pbkdf2-sha512$310000${n:022d}${n:086d}" for n in itertools.count())
    monkeypatch.setattr(credentials, "digest", lambda _secret: next(made))


async def with_clients(*ids: str) -> World:
    """A quiet platform, to which these clients are then added at once."""
    world = World()
    await world.quiet()
    for client_id in ids:
        world.clients.put(APP, client_secret(client_id, client_id))
    return world


def phase_of(world: World) -> str:
    """Where the loop is."""
    return world.ledger.state.registry.phase


def without(*bad: str) -> Any:
    """Likes lists without these clients."""
    return lambda clients: not set(bad) & set(clients)


async def test_many_changes_cost_one_roll() -> None:
    world = await with_clients(*(f"c{n}" for n in range(30)))
    for n in range(5):
        world.clients.put("other", client_secret(f"o{n}", f"o{n}", "other"))
    before = len(world.authelia.rolls)
    await world.settle()
    assert len(world.authelia.rolls) == before + 1
    assert len(world.authelia.running) == 36


async def test_the_offender_is_named_and_the_others_are_registered() -> None:
    world = await with_clients("a", "b", "c", "d", "e")
    world.authelia.likes = without("d")
    await world.settle()
    statuses = {name: world.clients.status(APP, name) for name in "abcde"}
    assert statuses.pop("d") == f"Failed: {trials.BLAMED}"
    assert set(statuses.values()) == {"Registered"}
    assert set(world.authelia.running) == {"a", "b", "c", "e", names.DASHBOARD_CLIENT}
    assert world.authelia.rolls[-1] == sha256(world.ledger.state.file)
    assert world.verbs("d") == ["rejected"]
    assert world.loop.held == 1


async def test_an_offender_that_is_changed_is_tried_again() -> None:
    world = await with_clients("a", "b")
    world.authelia.likes = lambda clients: "/bad" not in str(clients.get("b"))
    world.clients.change(APP, "b", callbackPath="/bad")
    await world.settle()
    assert world.clients.status(APP, "b").startswith("Failed: ")
    rolls = len(world.authelia.rolls)
    await world.settle()
    assert len(world.authelia.rolls) == rolls, "what is in quarantine is not tried again and again"
    world.clients.change(APP, "b", callbackPath="/good")
    await world.settle()
    assert world.clients.status(APP, "b") == "Registered"
    assert world.ledger.state.registry.held == {}


async def test_a_registered_client_that_becomes_an_offender_stays_as_it_was() -> None:
    world = await with_clients("a", "b")
    await world.settle()
    before = world.authelia.running["b"]
    world.authelia.likes = lambda clients: "/bad" not in str(clients.get("b"))
    world.clients.change(APP, "b", callbackPath="/bad")
    await world.settle()
    assert world.authelia.running["b"] == before
    assert world.clients.status(APP, "b").startswith("Failed: ")
    assert world.clients.status(APP, "a") == "Registered"


async def test_removals_go_through_while_an_offender_is_sought() -> None:
    world = await with_clients("a", "b")
    await world.settle()
    world.clients.delete(APP, "a")
    world.clients.put(APP, client_secret("bad", "bad"))
    world.authelia.likes = without("bad")
    await world.settle()
    assert (APP, "a") not in world.clients.secrets
    assert set(world.authelia.running) == {"b", names.DASHBOARD_CLIENT}


@settings(max_examples=20)
@given(st.sets(st.integers(0, 15), max_size=3), st.integers(1, 16))
def test_every_offender_is_found_in_few_rolls(bad: set[int], count: int) -> None:
    asyncio.run(_find(bad, count))


async def _find(bad: set[int], count: int) -> None:
    offenders = {f"c{n}" for n in bad if n < count}
    world = await with_clients(*(f"c{n}" for n in range(count)))
    world.authelia.likes = without(*offenders)
    before = len(world.authelia.rolls)
    await world.handle()
    await world.quiet(2000)
    statuses = {f"c{n}": world.clients.status(APP, f"c{n}") for n in range(count)}
    assert {name for name, status in statuses.items() if status.startswith("Failed")} == offenders
    assert {
        name for name, status in statuses.items() if status == "Registered"
    } == statuses.keys() - offenders
    # Each offender: as many failures as halvings, each with its way back, and the successes between.
    bound = 1 + (len(offenders) * 4 * (math.ceil(math.log2(count)) + 1) if offenders else 0)
    assert len(world.authelia.rolls) - before <= bound


async def test_nobody_is_blamed_when_authelia_itself_is_broken() -> None:
    world = await with_clients("a")
    await world.settle()
    world.authelia.is_well = False
    world.clients.put(APP, client_secret("b", "b"))
    await world.settle()
    assert world.clients.status(APP, "b") == "Pending"
    assert world.clients.secrets[APP, "b"].annotations[names.OIDC_MESSAGE] == trials.UNHEALTHY
    assert world.ledger.state.registry.held == {}
    rolls = len(world.authelia.rolls)
    await world.quiet()
    assert len(world.authelia.rolls) == rolls, "a broken Authelia is left alone"
    world.authelia.recover()
    await world.quiet()
    assert world.clients.status(APP, "b") == "Registered"
    assert names.OIDC_MESSAGE not in world.clients.secrets[APP, "b"].annotations


async def test_a_first_list_that_fails_falls_back_to_the_platforms_own_client() -> None:
    world = World()
    world.clients.put(APP, client_secret("bad", "bad"))
    world.authelia.likes = without("bad")
    await world.settle()
    assert set(world.authelia.running) == {names.DASHBOARD_CLIENT}
    assert world.clients.status(APP, "bad").startswith("Failed: ")


async def test_authelia_that_is_rolled_out_but_not_well_gets_some_time_and_no_more() -> None:
    world = await with_clients("a")
    now = 0.0
    world.loop = Loop(
        world.ports,
        DASHBOARD_URL,
        Pace(idle=0, rolling=0, gather=0, healthy=30, after_failure=0),
        lambda: now,
    )
    await world.handle()
    answers = {"well": False}

    async def is_healthy() -> bool:
        return answers["well"]

    world.authelia.is_healthy = is_healthy  # type: ignore[method-assign]
    await world.quiet()
    assert phase_of(world) == "trying"
    assert world.clients.status(APP, "a") == "Pending"
    now = 31.0
    await world.loop.step()
    assert phase_of(world) == "restoring"
    await world.quiet()
    now = 62.0
    await world.quiet()
    assert phase_of(world) == "waiting"
    answers["well"] = True
    await world.quiet()
    assert world.clients.status(APP, "a") == "Registered"


@pytest.mark.parametrize(
    "error", [Invalid("immutable"), Forbidden("no right"), ValueError("not a registration")]
)
async def test_an_app_that_cannot_be_written_to_keeps_nobody_waiting(error: Exception) -> None:
    world = await with_clients("a")
    world.clients.put("other", client_secret("shop", "shop", "other"))
    for app in world.apps:
        await world.handle(app)

    def refuse(name: str) -> None:
        if name == "a":
            raise error

    world.clients.before_mark = refuse
    await world.quiet()
    assert world.clients.status("other", "shop") == "Registered"
    world.clients.before_mark = lambda _name: None
    await world.settle()
    assert world.clients.status(APP, "a") == "Registered"


async def turns_until(is_so: Callable[[], bool]) -> None:
    """Let other tasks run until something holds."""
    for _ in range(100_000):
        if is_so():
            return
        await asyncio.sleep(0)
    pytest.fail("it never becomes so")


async def test_the_loop_goes_on_after_errors_and_when_it_is_woken(caplog: pytest.LogCaptureFixture) -> None:
    world = await with_clients("a")
    errors: list[Exception] = [Unavailable("away"), ConflictError("overtaken"), PublishError("not confirmed")]
    load = world.ledger.load

    async def failing() -> Stored | None:
        if errors:
            raise errors.pop()
        return await load()

    world.ledger.load = failing  # type: ignore[method-assign]
    async with asyncio.TaskGroup() as group:
        running = group.create_task(world.loop.run())
        await turns_until(lambda: not errors)
        await world.handle()
        await turns_until(lambda: world.clients.status(APP, "a") == "Registered")
        running.cancel()
    assert "overtaken" not in caplog.text, "a conflict is no warning"
    assert "away" in caplog.text


async def test_without_a_deployment_everything_waits_and_says_for_what() -> None:
    world = await with_clients("a")
    world.authelia.is_there = False
    await world.settle()
    assert world.clients.status(APP, "a") == "Pending"
    assert world.clients.secrets[APP, "a"].annotations[names.OIDC_MESSAGE] == NO_DEPLOYMENT
    world.authelia.is_there = True
    await world.quiet()
    assert world.clients.status(APP, "a") == "Registered"


async def test_authelia_is_rolled_again_when_our_mark_was_taken_off() -> None:
    world = await with_clients("a")
    await world.settle()
    rolls = len(world.authelia.rolls)
    world.authelia.forget()
    await world.quiet()
    assert world.authelia.rolls[rolls:] == [sha256(world.ledger.state.file)]


async def test_what_failed_for_nobodys_fault_rests_ever_longer() -> None:
    world = await with_clients("a")
    await world.settle()
    now = 0.0
    world.loop = Loop(
        world.ports,
        DASHBOARD_URL,
        Pace(idle=0, rolling=0, gather=0, healthy=0, after_failure=10),
        lambda: now,
    )
    world.clients.put(APP, client_secret("b", "b"))
    await world.handle()
    for rest in (10.0, 20.0):
        world.authelia.is_well = False
        await world.quiet()
        world.authelia.recover()
        await world.quiet()
        rolls = len(world.authelia.rolls)
        now += rest - 1
        await world.quiet()
        assert len(world.authelia.rolls) == rolls, "it rests"
        world.authelia.is_well = False
        now += 1
    world.authelia.recover()
    await world.quiet()
    assert world.clients.status(APP, "b") == "Registered"
    assert world.ledger.state.registry.failures == 0


# What others put into the list


def list_of(*clients: Mapping[str, Any], **policies: Any) -> bytes:
    oidc = {"clients": list(clients), "claims_policies": policies}
    return yaml.safe_dump({"identity_providers": {"oidc": oidc}}).encode()


async def test_clients_that_were_there_before_us_are_kept() -> None:
    world = World()
    world.ledger.edit(list_of(HAND_MADE, theirs={"id_token": ["email"]}))
    await world.settle()
    assert world.authelia.running["grafana"] == HAND_MADE
    assert yaml.safe_load(world.ledger.state.file)["identity_providers"]["oidc"]["claims_policies"]["theirs"]


async def test_clients_added_by_hand_are_kept_and_run_with_and_go_by_hand() -> None:
    world = await with_clients("a")
    await world.settle()
    document = yaml.safe_load(world.ledger.state.file)
    document["identity_providers"]["oidc"]["clients"].append(HAND_MADE)
    world.ledger.edit(yaml.safe_dump(document).encode())
    await world.quiet()
    assert world.authelia.running["grafana"] == HAND_MADE
    world.clients.put(APP, client_secret("b", "b"))
    await world.settle()
    assert {"grafana", "a", "b"} < world.authelia.running.keys()
    document["identity_providers"]["oidc"]["clients"].pop()
    world.ledger.edit(yaml.safe_dump(document).encode())
    await world.quiet()
    assert "grafana" not in world.authelia.running
    assert {"a", "b"} < world.authelia.running.keys()


async def test_what_is_changed_of_ours_by_hand_is_put_back() -> None:
    world = await with_clients("a")
    await world.settle()
    before = world.authelia.running["a"]
    world.ledger.edit(world.ledger.state.file.replace(b"https://a.", b"https://evil."))
    await world.quiet()
    assert world.authelia.running["a"] == before
    assert world.ledger.listed["a"] == before


@pytest.mark.parametrize("file", [b"", b"a: [", b"identity_providers: 1"])
async def test_a_list_that_was_broken_by_hand_is_put_back(file: bytes) -> None:
    world = await with_clients("a")
    world.ledger.edit(list_of(HAND_MADE))
    await world.settle()
    running: Mapping[str, Entry] = world.authelia.running
    world.ledger.edit(file)
    await world.quiet()
    assert world.ledger.listed.keys() >= {"a", names.DASHBOARD_CLIENT}
    assert world.authelia.running.keys() >= {"a", names.DASHBOARD_CLIENT}
    if file:
        assert world.ledger.listed == running


async def test_a_hand_made_client_that_authelia_does_not_take_is_left_out(
    caplog: pytest.LogCaptureFixture,
) -> None:
    world = await with_clients("a")
    await world.settle()
    for bad, likes in (
        ({"client_id": "bad"}, without()),
        ({**HAND_MADE, "client_id": "worse"}, without("worse")),
    ):
        world.authelia.likes = likes
        document = yaml.safe_load(world.ledger.state.file)
        document["identity_providers"]["oidc"]["clients"].append(bad)
        world.ledger.edit(yaml.safe_dump(document).encode())
        await world.quiet()
        assert set(world.authelia.running) == {"a", names.DASHBOARD_CLIENT}
        assert bad["client_id"] in world.ledger.state.registry.held
        assert f"client {bad['client_id']} is in quarantine: Authelia " in caplog.text
    assert world.clients.status(APP, "a") == "Registered"


async def test_a_policy_of_others_that_authelia_does_not_take_is_taken_back() -> None:
    world = await with_clients("a")
    await world.settle()
    document = yaml.safe_load(world.ledger.state.file)
    document["identity_providers"]["oidc"]["claims_policies"]["wrong"] = {}
    good, world.authelia.likes = (
        world.ledger.state.good,
        lambda _clients: b"wrong" not in world.ledger.state.file,
    )
    world.ledger.edit(yaml.safe_dump(document).encode())
    await world.quiet()
    assert world.ledger.state.file == good


# The Deployment


def deployment(status: dict[str, Any], generation: int = 2, replicas: int = 2) -> dict[str, Any]:
    template = {"metadata": {"annotations": {names.OIDC_CLIENTS: "abc", names.OIDC_ROLL: "7"}}}
    return {
        "metadata": {"resourceVersion": "9", "generation": generation},
        "spec": {"replicas": replicas, "template": template},
        "status": {"observedGeneration": 2, **status},
    }


ALL_UP = {"replicas": 2, "updatedReplicas": 2, "availableReplicas": 2}
PAST = {"conditions": [{"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}]}


@pytest.mark.parametrize(
    ("status", "progress"),
    [
        (ALL_UP, Progress.DONE),
        ({**ALL_UP, "observedGeneration": 1}, Progress.RUNNING),
        ({**ALL_UP, "observedGeneration": 1, **PAST}, Progress.RUNNING),
        ({**ALL_UP, "updatedReplicas": 1}, Progress.RUNNING),
        ({**ALL_UP, "replicas": 3}, Progress.RUNNING),
        ({"replicas": 2, "updatedReplicas": 2}, Progress.RUNNING),
        ({"replicas": 2, "updatedReplicas": 1, "availableReplicas": 1, **PAST}, Progress.FAILED),
        ({}, Progress.RUNNING),
    ],
)
def test_a_rollout_is_read_as_kubectl_reads_it(status: dict[str, Any], progress: Progress) -> None:
    found = deployments.rollout(deployment(status))
    assert (found.digest, found.attempt, found.progress, found.version) == ("abc", "7", progress, "9")


def test_a_deployment_that_was_never_rolled_by_us_says_so() -> None:
    found = deployments.rollout({"metadata": {"resourceVersion": "1"}, "spec": {"template": {}}})
    assert (found.digest, found.attempt, found.progress) == ("", "", Progress.RUNNING)
