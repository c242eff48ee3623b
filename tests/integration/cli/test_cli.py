"""The `app-platform` program on a real nats-server."""

import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from nats.aio.client import Client

from app_platform.contracts import SecretIntentChanged
from app_platform.runtime import RuntimeSettings
from app_platform.runtime.connection import connected
from app_platform.runtime.dead_letters import DeadLetter, keep, now
from app_platform.runtime.publish import Publisher
from app_platform.runtime.streams import ensure_streams
from support.cli import app_platform
from support.nats import NatsServer, until


def environment(url: str) -> dict[str, str]:
    return {"APP_PLATFORM_NATS_URL": url}


def program(server: NatsServer | str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command and return what it said."""
    return app_platform(environment(server if isinstance(server, str) else server.url), *arguments)


def lines(done: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def changed(name: str, app: str = "my-app") -> SecretIntentChanged:
    return SecretIntentChanged(app=app, name=name, uid="u", resource_version="1")


LETTER = DeadLetter(
    "git-committer", changed("one").id, changed("one").type, "my-app", "one", 1, 12, "why", now()
)


@pytest.fixture
async def nc(nats_server: NatsServer) -> AsyncIterator[Client]:
    settings = RuntimeSettings(nats_url=nats_server.url)
    async with connected(settings, "test") as client:
        await ensure_streams(client.jetstream(), settings)
        publisher = Publisher(client.jetstream(), "watcher", settings)
        for event in (changed("one"), changed("two"), changed("one", app="other")):
            await publisher.publish(event)
        await keep(
            client.jetstream(),
            "app-platform.dead.git-committer.my-app.secret-intent.one.changed",
            LETTER,
            seconds=5,
        )
        yield client


@pytest.mark.usefixtures("nc")
def test_events_are_listed_for_people(nats_server: NatsServer) -> None:
    done = program(nats_server, "events", "list", "--app", "my-app")
    assert done.returncode == 0, done.stderr
    head, *rows = done.stdout.splitlines()
    assert head.split() == ["SEQ", "TIME", "FROM", "EVENT", "APP", "NAME", "TELLS"]
    assert [row.split()[0] for row in rows] == ["1", "2"]
    assert "watcher" in rows[0]
    assert "secret-intent changed" in rows[0]


@pytest.mark.usefixtures("nc")
def test_events_are_listed_for_pipes(nats_server: NatsServer) -> None:
    found = lines(program(nats_server, "events", "list", "-o", "json"))
    assert lines(program(nats_server, "events", "list", "--json")) == found
    assert [(e["sequence"], e["data"]["app"], e["data"]["name"]) for e in found] == [
        (1, "my-app", "one"),
        (2, "my-app", "two"),
        (3, "other", "one"),
    ]
    assert found[0]["id"] == changed("one").id
    assert [
        e["sequence"] for e in lines(program(nats_server, "events", "list", "--name", "one", "-o", "json"))
    ] == [1, 3]
    assert lines(program(nats_server, "events", "list", "--kind", "commit", "-o", "json")) == []
    until_then = program(nats_server, "events", "list", "--until", found[1]["time"], "-o", "json")
    assert [e["sequence"] for e in lines(until_then)] == [1, 2]
    assert len(lines(program(nats_server, "events", "list", "--since", "1h", "-o", "json"))) == 3
    ahead = program(nats_server, "events", "list", "--since", "2999-01-01", "-o", "json")
    assert ahead.returncode == 2
    assert "has not come yet" in ahead.stderr


@pytest.mark.usefixtures("nc")
def test_of_many_events_the_newest_are_listed_and_the_others_counted(nats_server: NatsServer) -> None:
    done = program(nats_server, "events", "list", "--limit", "2", "-o", "json")
    assert [e["sequence"] for e in lines(done)] == [2, 3]
    assert done.stderr == "app-platform: 1 older events are not shown: --limit 0 shows all\n"
    for enough in ("0", "3", "200"):
        done = program(nats_server, "events", "list", "--limit", enough, "-o", "json")
        assert ([e["sequence"] for e in lines(done)], done.stderr) == ([1, 2, 3], "")


@pytest.mark.usefixtures("nc")
def test_one_event_is_shown(nats_server: NatsServer) -> None:
    done = program(nats_server, "events", "show", "2")
    assert json.loads(done.stdout)["data"]["name"] == "two"
    (line,) = lines(program(nats_server, "events", "show", "2", "--json"))
    assert line == json.loads(done.stdout)
    gone = program(nats_server, "events", "show", "99")
    assert (gone.returncode, gone.stdout) == (1, "")
    assert gone.stderr.startswith("app-platform: event 99 has left the history")


async def test_events_are_followed(nats_server: NatsServer, nc: Client) -> None:
    with subprocess.Popen(  # noqa: ASYNC220 - its lines are read as they come
        [sys.executable, "-u", "-m", "app_platform.cli", "events", "tail", "--since", "1h", "--json"],
        env={**environment(nats_server.url), "PATH": os.environ["PATH"]},
        stdout=subprocess.PIPE,
        text=True,
    ) as tail:
        assert tail.stdout is not None
        assert [json.loads(tail.stdout.readline())["sequence"] for _ in range(3)] == [1, 2, 3]
        publisher = Publisher(nc.jetstream(), "watcher", RuntimeSettings(nats_url=nats_server.url))
        await publisher.publish(changed("later"))
        assert json.loads(tail.stdout.readline())["data"]["name"] == "later"
        tail.terminate()


@pytest.mark.usefixtures("nc")
@pytest.mark.parametrize("arguments", [("events", "tail", "--since", "1h"), ("events", "list", "-o", "json")])
def test_that_nobody_reads_on_is_no_error(nats_server: NatsServer, arguments: tuple[str, ...]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", "app_platform.cli", *arguments],
        env={**environment(nats_server.url), "PATH": os.environ["PATH"]},
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
        check=False,
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (1, "")


def test_a_folder_that_cannot_be_written_to_is_named() -> None:
    wanted = ("--app", "my-app", "--image", "ghcr.io/labrats-work/my-app:1.2.3", "--to", "/proc/nope")
    done = app_platform({"NATS_URL": "nats://127.0.0.1:1"}, "scaffold", *wanted)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "app-platform: /proc/nope: No such file or directory\n"


@pytest.mark.usefixtures("nc")
def test_dead_letters_are_listed_and_shown(nats_server: NatsServer) -> None:
    (letter,) = lines(program(nats_server, "dead-letters", "list", "-o", "json"))
    assert (letter["id"], letter["service"], letter["reason"], letter["attempts"]) == (
        1,
        "git-committer",
        "why",
        12,
    )
    assert lines(program(nats_server, "dead-letters", "list", "--json")) == [letter]
    (shown,) = lines(program(nats_server, "dead-letters", "show", "1", "--json"))
    assert (shown["id"], shown["event"]["data"]["name"], shown["note"]) == (1, "one", "")
    table = program(nats_server, "dead-letters", "list", "--service", "git-committer").stdout
    assert "secret-intent.changed.v1" in table
    assert lines(program(nats_server, "dead-letters", "list", "--app", "other", "-o", "json")) == []
    assert (
        json.loads(program(nats_server, "dead-letters", "show", "1").stdout)["event"]["data"]["name"] == "one"
    )


async def test_a_redrive_takes_the_letter_away(nats_server: NatsServer, nc: Client) -> None:
    done = program(nats_server, "dead-letters", "redrive", "--all")
    assert done.stdout.splitlines() == [f"1: {changed('one').id}", "1 redriven"]
    assert lines(program(nats_server, "dead-letters", "list", "-o", "json")) == []
    raw = await nc.jetstream().get_last_msg(
        "EVENTS", "app-platform.replay.git-committer.my-app.secret-intent.one.changed"
    )
    assert raw.seq == 4
    assert program(nats_server, "dead-letters", "redrive", "1").returncode == 1


async def test_a_letter_that_cannot_be_redriven_stays_and_stops_no_other(
    nats_server: NatsServer, nc: Client
) -> None:
    js = nc.jetstream()
    unreadable = await js.publish("app-platform.events.my-app.secret-intent.odd.changed", b"no event")
    for name, sequence in (("gone", 99), ("odd", unreadable.seq), ("two", 2)):
        lettered = replace(LETTER, event_id=changed(name).id, name=name, sequence=sequence)
        await keep(
            js, f"app-platform.dead.git-committer.my-app.secret-intent.{name}.changed", lettered, seconds=5
        )
    done = program(nats_server, "dead-letters", "redrive", "--all")
    assert done.returncode == 1
    assert done.stdout.splitlines() == [f"1: {changed('one').id}", f"4: {changed('two').id}", "2 redriven"]
    gone, odd = done.stderr.splitlines()
    assert gone == "app-platform: dead letter 2 is not redriven: event 99 has left the history"
    assert odd.startswith(
        "app-platform: dead letter 3 is not redriven: event 4 cannot be read: not a CloudEvent"
    )
    left = lines(program(nats_server, "dead-letters", "list", "-o", "json"))
    assert [letter["id"] for letter in left] == [2, 3]
    piped = program(nats_server, "dead-letters", "redrive", "--all", "--json")
    assert (piped.returncode, len(piped.stderr.splitlines())) == (1, 2)
    (told,) = [json.loads(line) for line in piped.stdout.splitlines()]
    assert (told["redriven"], [each["id"] for each in told["left"]]) == (0, [2, 3])
    assert told["left"][0]["reason"] == "event 99 has left the history"
    shown = json.loads(program(nats_server, "dead-letters", "show", "2").stdout)
    assert (shown["id"], shown["event"], shown["note"]) == (2, None, "event 99 has left the history")


async def test_a_replay_reaches_one_service(nats_server: NatsServer, nc: Client) -> None:
    done = program(nats_server, "replay", "--service", "git-committer", "--app", "my-app")
    assert done.stdout == "2 events replayed to git-committer\n"
    assert (
        program(nats_server, "replay", "--service", "git-committer", "--event", "3").stdout
        == "1 events replayed to git-committer\n"
    )
    gone = program(nats_server, "replay", "--service", "git-committer", "--event", "97-99")
    assert gone.stderr == "app-platform: event 97-99 is not, or no longer, in the history\n"

    nothing = program(nats_server, "replay", "--service", "git-committer", "--all", "--until", "1h", "--json")
    assert lines(nothing) == [{"service": "git-committer", "replayed": 0}]

    async def all_there() -> bool:
        return (await nc.jetstream().stream_info("EVENTS")).state.messages == 6

    await until(all_there, "three replays are stored")
    assert len(lines(program(nats_server, "events", "list", "-o", "json"))) == 3


@pytest.mark.parametrize(
    "arguments",
    [
        ("events", "list"),
        ("dead-letters", "list"),
        ("replay", "--service", "git-committer", "--all"),
        ("events", "show", "1"),
    ],
)
def test_without_nats_one_line_says_so(arguments: tuple[str, ...]) -> None:
    done = program("nats://127.0.0.1:1", *arguments)
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("app-platform: NATS at 127.0.0.1:1 does not")


def test_without_streams_one_line_says_so(nats_server: NatsServer) -> None:
    done = program(nats_server, "events", "list")
    assert (done.returncode, done.stdout) == (1, "")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ("events", "list", "--since", "yesterday"),
        ("events", "list", "--since", ""),
        ("events", "list", "-o", "xml"),
        ("events", "list", "--kind", "commits"),
        ("events", "list", "--limit", "-1"),
        ("events", "tail", "--kind", "commits"),
        ("dead-letters", "list", "--service", "nobody"),
        ("dead-letters", "redrive", "--all", "--service", "watcher"),
        ("events", "show", "one"),
        ("dead-letters", "redrive"),
        ("dead-letters", "redrive", "1", "--all"),
        ("dead-letters", "redrive", "1", "--service", "git-committer"),
        ("dead-letters", "redrive", "1", "--app", "my-app"),
        ("replay",),
        ("replay", "--service", "git-committer"),
        ("replay", "--service", "git-committer", "--until", "1h"),
        ("replay", "--service", "git-committer", "--app", "my-app", "--all"),
        ("replay", "--service", "nobody"),
        ("unheard-of",),
    ],
)
def test_wrong_usage_is_status_2(arguments: tuple[str, ...]) -> None:
    done = program("nats://127.0.0.1:1", *arguments)
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr


def test_a_name_that_no_object_has_is_refused(nats_server: NatsServer) -> None:
    done = program(nats_server, "events", "list", "--name", "my app.>")
    assert done.returncode == 1
    assert "is not a Kubernetes name" in done.stderr


def test_a_password_in_the_url_is_not_repeated() -> None:
    done = program("nats://user:hunter2@127.0.0.1:1", "events", "list")
    assert done.returncode == 1
    assert "hunter2" not in done.stdout + done.stderr
