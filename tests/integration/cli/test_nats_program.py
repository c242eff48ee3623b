"""Every `nats` command of docs/operations.md, as it stands there, with the real program on a real server.

Each is run on a server of its own with some history, since some of them take it away.
"""

import asyncio
import itertools
import os
import subprocess
from asyncio.subprocess import PIPE, STDOUT
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from nats.aio.client import Client

from app_platform.contracts import CommitPushed, Event, SecretEncrypted
from app_platform.local import find_tool
from app_platform.runtime import RuntimeSettings
from app_platform.runtime.bootstrap import ensure
from app_platform.runtime.connection import connected, jetstream
from app_platform.runtime.dead_letters import DeadLetter, keep, now
from app_platform.runtime.publish import Publisher
from support.consuming import changed
from support.documents import shell_commands
from support.nats import NatsServer

SHOWN = [
    words
    for page, words in shell_commands("nats")
    if page in ("docs/operations.md", "docs/runbook.md") and "--js-domain=platform" not in words
]
"""Those of ``bootstrap``; those of others are tried in test_nats_identities.py."""
LIVE = ["sub", "app-platform.events.my-app.>"]
"""This one waits for what comes; it is tried below."""
SHOWN_LIVE = b"app-platform.events.my-app.secret-intent.live.changed"
TELLS = {
    "stream ls": "DEAD_LETTERS",
    "stream info": "app-platform.events.>",
    "stream subjects EVENTS": "app-platform.events.my-app.secret-intent.database.changed",
    "stream get EVENTS 28": "Nats-Msg-Id",
    "stream get EVENTS --last-for": "work.labrats.secret.encrypted.v1",
    "consumer report": "secrets-encryptor",
    "consumer info": "app-platform.events.*.secret-intent.*.changed",
    "server check": "OK",
    "sub app-platform.events.my-app.*.database.>": "app-platform.events.my-app.secret-intent.database.changed",
    "sub app-platform.events.*.commit.*.pushed": "work.labrats.commit.pushed.v1",
    "sub app-platform.events.>": "Nats-Msg-Id",
}
LEFT = {
    "--subject app-platform.replay.>": {"EVENTS": 40, "DEAD_LETTERS": 8},
    "--subject app-platform.events.my-app.>": {"EVENTS": 0, "DEAD_LETTERS": 8},
    "--keep 10000": {"EVENTS": 40, "DEAD_LETTERS": 8},
    "purge DEAD_LETTERS": {"EVENTS": 40, "DEAD_LETTERS": 0},
    "rmm DEAD_LETTERS 7": {"EVENTS": 40, "DEAD_LETTERS": 7},
}


def told() -> list[Event]:
    """Forty events of one app."""
    digest, app = "f" * 64, "my-app"
    commit = CommitPushed(app=app, name="abc", sha="a" * 40, paths=(), intents=(), removed=(), digest="d")
    sealed = SecretEncrypted(
        app=app, name="database", uid="u", resource_version="1", fingerprint=digest, keys=("k",), files=()
    )
    return [*(changed("database", version) for version in range(38)), commit, sealed]


@pytest.fixture
async def nc(nats_server: NatsServer) -> AsyncIterator[Client]:
    settings = RuntimeSettings(nats_url=nats_server.url)
    async with connected(settings, "bootstrap") as client:
        js = jetstream(client)
        await ensure(js, settings)
        publisher = Publisher(js, "watcher", settings)
        for event in told():
            await publisher.publish(event)
        for number in range(8):
            letter = DeadLetter("tester", "i", changed("x").type, "my-app", "x", number, 12, "why", now())
            await keep(js, "app-platform.dead.tester.my-app.secret-intent.x.changed", letter, seconds=5)
        yield client


@pytest.fixture
def program(nats_server: NatsServer, tmp_path: Path) -> list[str]:
    """The program and what it is told by its environment."""
    tool = find_tool("nats", os.environ, print)
    return ["env", f"NATS_URL={nats_server.url}", f"HOME={tmp_path}", str(tool)]


def expected(words: list[str], table: dict[str, object]) -> object | None:
    line = " ".join(words)
    return next((value for key, value in table.items() if key in line), None)


def test_the_page_shows_commands_for_everything() -> None:
    lines = [" ".join(words) for words in SHOWN]
    assert all(any(key in line for line in lines) for key in (*TELLS, *LEFT)), (
        "each expectation has its command"
    )
    assert LIVE in SHOWN


@pytest.mark.parametrize("words", [words for words in SHOWN if words != LIVE], ids=" ".join)
async def test_a_command_works_as_shown(nc: Client, program: list[str], words: list[str]) -> None:
    done = subprocess.run(  # noqa: ASYNC221 - nothing else runs
        [*program, *words], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    tells = expected(words, dict(TELLS))
    assert tells is None or str(tells) in done.stdout, done.stdout
    left = expected(words, dict(LEFT))
    if left is not None:
        infos = await jetstream(nc).streams_info()
        found = {info.config.name: info.state.messages for info in infos}
        assert {name: found[name] for name in ("EVENTS", "DEAD_LETTERS")} == left


async def test_what_happens_is_shown_live(nc: Client, program: list[str], nats_server: NatsServer) -> None:
    live = await asyncio.create_subprocess_exec(*program, *LIVE, stdout=PIPE, stderr=STDOUT)
    assert live.stdout
    telling = asyncio.create_task(tell_again_and_again(nats_server))
    try:
        async with asyncio.timeout(60):
            while SHOWN_LIVE not in (line := await live.stdout.readline()):
                assert line, "it ended"
    finally:
        telling.cancel()
        live.terminate()
        await live.wait()


async def tell_again_and_again(nats_server: NatsServer) -> None:
    """It says that it subscribes before the server knows, so what is told just then may not be shown."""
    settings = RuntimeSettings(nats_url=nats_server.url)
    async with connected(settings, "bootstrap") as client:
        publisher = Publisher(jetstream(client), "watcher", settings)
        for version in itertools.count(100):
            await publisher.publish(changed("live", version))
            await asyncio.sleep(0.1)
