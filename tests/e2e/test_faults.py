"""What the platform withstands, on two replicas of every service: kills, outages, lost stores, repeated events, foreign commits.

Each test lets changes run while something goes wrong, then waits until all is as it was last written, and looks at how it
came about: nothing lost, nothing twice, nothing old over new, and no value where it does not belong.
"""

import json
import os
import random
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from app_platform.contracts import names
from app_platform.kube.registrations import REGISTRATIONS
from app_platform.local import SERVICES, Platform
from app_platform.local.listeners import replica_names
from app_platform.runtime.permissions import IDENTITIES
from support.apps import PATIENCE, App
from support.cluster import Cluster
from support.gitrepo import run_git
from support.leaks import leaks
from support.platform import WITH_SERVICES, eventually

SERVICE_NAMES = [service.name for service in SERVICES]
HEARING = [identity.name for identity in IDENTITIES if identity.hears]
REPLICAS_OF = {service.name: replica_names(service, WITH_SERVICES) for service in SERVICES}
REPLICAS = [name for names_ in REPLICAS_OF.values() for name in names_]
SECRETS = [f"secret-{number}" for number in range(8)]


@pytest.fixture(autouse=True)
def all_running(whole_platform: Platform) -> Iterator[None]:
    """Whatever a test stopped runs again after it."""
    yield
    children = list(whole_platform.control.status())
    for name in children:
        whole_platform.control.start(name)
    whole_platform.control.wait_ready(children, PATIENCE)


def changes(app: App, *, remake: bool = True) -> Iterator[int]:
    """Create, update, retarget and delete secrets, one change at a time, in the same order in each run.

    Args:
        app: whose.
        remake: whether deleted ones are made again, which waits until they have gone.
    """
    order = random.Random(app.name.partition("-")[0])  # noqa: S311 - nothing secret
    steps = [(name, action) for action in ("update", "retarget", "delete", "update") for name in SECRETS]
    for number, name in enumerate(SECRETS):
        app.create(name)
        yield number
    for number, (name, action) in enumerate(steps, start=len(SECRETS)):
        _change(app, name, action, order, remake=remake)
        yield number


def _change(app: App, name: str, action: str, order: random.Random, *, remake: bool) -> None:
    if name not in app.wanted:
        if remake:
            app.create(name)
    elif action == "update":
        app.update(name)
    elif action == "retarget":
        app.retarget(name, order.choice([app.dev, app.prod]))
    elif order.random() < 0.5:
        app.delete(name)


def check(app: App) -> None:
    """All is as it was last written, and came about as it should."""
    app.settle()
    app.check_history()
    assert leaks(app.platform, app.cluster) == []


def in_parallel(platform: Platform, command: str, children: Sequence[str]) -> None:
    """One command of the supervisor on several processes at once."""
    with ThreadPoolExecutor(len(children)) as pool:
        list(pool.map(getattr(platform.control, command), children))


def kill(platform: Platform, children: Sequence[str]) -> None:
    """Kill processes at once, each when it has come back from its last death."""
    platform.control.wait_ready(children, PATIENCE)
    in_parallel(platform, "kill", children)


@pytest.mark.parametrize("service", SERVICE_NAMES)
def test_a_service_killed_at_any_moment_loses_nothing(app: App, service: str) -> None:
    for number in changes(app):
        if number % 10 == 3:
            replicas = REPLICAS_OF[service]
            kill(app.platform, [replicas[number // 10 % len(replicas)]])
        if number in (8, 27):
            kill(app.platform, REPLICAS_OF[service])
    check(app)


def test_everything_killed_at_once_loses_nothing(app: App) -> None:
    for number in changes(app):
        if number in (6, 17, 30):
            kill(app.platform, REPLICAS)
    check(app)


def test_what_happens_while_all_services_are_down_is_done_when_they_are_up(app: App) -> None:
    for name in SECRETS:
        app.create(name)
    app.settle()
    in_parallel(app.platform, "stop", REPLICAS)
    app.create("made-meanwhile")
    app.create("made-and-deleted-meanwhile")
    app.delete("made-and-deleted-meanwhile")
    app.update(SECRETS[0])
    app.update(SECRETS[0])
    app.retarget(SECRETS[1], app.prod)
    app.delete(SECRETS[2])
    app.update(SECRETS[3])
    app.delete(SECRETS[3])
    in_parallel(app.platform, "start", REPLICAS)
    check(app)


def test_registrations_made_and_deleted_while_all_services_are_down(
    app: App, whole_platform: Platform, cluster: Cluster
) -> None:
    app.create("database")
    app.settle()
    made = App(whole_platform, cluster, f"{app.name}-new")
    in_parallel(whole_platform, "stop", REPLICAS)
    cluster.do(lambda client: client.delete(REGISTRATIONS, app.name))
    made.register()
    in_parallel(whole_platform, "start", REPLICAS)
    eventually(lambda: app.registration() is None, "the deleted registration gone", within=PATIENCE)
    assert set(app.live(app.prod)) == {"database"}
    made.until_ready()
    made.create("database")
    check(made)


def test_nats_killed_loses_nothing(app: App) -> None:
    for number in changes(app):
        if number in (5, 16, 28):
            kill(app.platform, ["nats"])
    check(app)


def test_the_loss_of_nats_store_loses_nothing(app: App) -> None:
    control, store = app.platform.control, app.platform.state.data / "nats"
    for number in changes(app):
        if number == 20:
            assert leaks(app.platform, app.cluster) == []
            control.stop("nats")
            shutil.rmtree(store)
        if number == 26:  # what was changed between is told to nobody
            control.start("nats")
    assert store.exists()
    check(app)


def test_the_api_server_restarted_loses_nothing(app: App) -> None:
    for number in changes(app):
        if number in (8, 24):
            kill(app.platform, ["kube-apiserver"])
    check(app)


def test_the_git_server_down_for_a_while_loses_nothing(app: App) -> None:
    for number in changes(app, remake=False):
        if number == 4:
            app.platform.control.stop("git")
        if number == 34:  # all were changed since; wait until it is the Git server that is waited for
            eventually(
                lambda: {app.status(name) for name in app.wanted} == {"Pending"},
                "all Pending",
                within=PATIENCE,
            )
            app.platform.control.start("git")
    check(app)


@pytest.mark.parametrize("service", HEARING)
def test_replayed_events_change_nothing(app: App, service: str) -> None:
    for _ in islice(changes(app), 20):
        pass
    app.settle()
    eventually(lambda: is_idle(app.platform), "all events handled", within=PATIENCE)
    before = observed(app)
    replay(app, service)
    eventually(lambda: is_idle(app.platform), "all replayed events handled", within=PATIENCE)
    assert observed(app) == before
    check(app)


def observed(app: App) -> dict[str, Any]:
    """What a replay could change: the head, and the intents, down to a write that leaves all as it was."""
    versions = {name: metadata["resourceVersion"] for name, metadata in app.intents().items()}
    return {"head": app.head(), "intents": versions}


def replay(app: App, service: str) -> None:
    """Give the whole history of the app to a service again."""
    command = [sys.executable, "-m", "app_platform.cli", "replay", "--service", service, "--app", app.name]
    env = {**os.environ, **app.platform.env}
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert f"events replayed to {service}" in done.stdout
    assert not done.stdout.startswith("0 ")


def is_idle(platform: Platform) -> bool:
    """Whether no service has anything left to fetch from NATS, or in hand."""
    port = json.loads(platform.state.ports_file.read_text())["nats-monitor"]
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/jsz?consumers=true&config=true") as answer:
        accounts = json.load(answer)["account_details"]
    consumers = [
        consumer
        for account in accounts
        for stream in account["stream_detail"]
        for consumer in stream.get("consumer_detail") or []
        if "durable_name" in consumer["config"]  # others are those of people who read
    ]
    assert consumers, "services have consumers"
    return all(not each["num_pending"] and not each["num_ack_pending"] for each in consumers)


def test_events_repeated_and_late_while_things_change_do_no_harm(app: App) -> None:
    for number in changes(app):
        if number % 10 == 9:
            replay(app, HEARING[number // 10 % len(HEARING)])
    for service in HEARING:
        replay(app, service)
    check(app)


def test_foreign_commits_are_kept(app: App, tmp_path: Path) -> None:
    pushed = [push_foreign(app, tmp_path, number) for number in changes(app) if number % 4 == 1]
    check(app)
    history = app.git("rev-list", "main").split()
    assert set(pushed) <= set(history)
    notes = app.git("ls-tree", "--name-only", "main", "notes/").split()
    assert len(notes) == len(pushed), "what they wrote is there"


def push_foreign(app: App, folder: Path, number: int) -> str:
    """Push a commit of somebody else, as `git pull --rebase && git push` does; returns its id."""
    tree, admin = folder / "tree", ("admin", app.platform.env["GIT_TOKEN"])
    if not tree.exists():
        url = f"{app.platform.env['GIT_URL']}/apps/{app.home}.git"
        assert run_git("clone", url, str(tree), folder=folder, user=admin).returncode == 0
    note = tree / "notes" / f"{number}.txt"
    note.parent.mkdir(exist_ok=True)
    note.write_text("a note of somebody else\n")
    run_git("add", "notes", folder=tree)
    run_git("commit", "-m", "a note", folder=tree)

    def pushed() -> bool:
        run_git("pull", "--rebase", "origin", "main", folder=tree, user=admin)
        return run_git("push", "origin", "HEAD:main", folder=tree, user=admin).returncode == 0

    eventually(pushed, "a push between the platform's own", within=PATIENCE)
    return run_git("rev-parse", "HEAD", folder=tree).stdout.strip()


def test_files_changed_by_others_are_put_right_when_the_secret_is_written_again(
    app: App, tmp_path: Path
) -> None:
    app.create("database")
    app.create("other")
    app.settle()
    tree, admin = tmp_path / "tree", ("admin", app.platform.env["GIT_TOKEN"])
    url = f"{app.platform.env['GIT_URL']}/apps/{app.home}.git"
    assert run_git("clone", url, str(tree), folder=tmp_path, user=admin).returncode == 0
    path = names.secret_path(app.dev, "database")
    (tree / path).write_text("not: sealed\n")
    run_git("commit", "-am", "by hand", folder=tree)
    assert run_git("push", "origin", "HEAD:main", folder=tree, user=admin).returncode == 0
    app.update("database")
    app.settle()
