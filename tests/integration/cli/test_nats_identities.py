"""The `nats` commands of docs/operations.md as the identities that they are for, over TLS, on a local platform."""

import os
import subprocess
from pathlib import Path

import pytest

from app_platform.contracts import CommitPushed, SecretEncrypted
from app_platform.local import Options, Platform, find_tool
from app_platform.runtime import RuntimeSettings, accounts
from app_platform.runtime.connection import connected, jetstream
from app_platform.runtime.permissions import BOOTSTRAP, OPERATOR, READER
from app_platform.runtime.publish import Publisher
from support.consuming import changed
from support.documents import shell_commands
from support.platform import PlatformFactory

SHOWN = [words for page, words in shell_commands("nats") if page == "docs/operations.md"]
OF_READERS = [words for words in SHOWN if "--js-domain=platform" in words]
READING = [
    words
    for words in SHOWN
    if words not in OF_READERS
    and not {"purge", "rmm"} & set(words)
    and ("sub" not in words or "--stream" in words)
]
ENCRYPTED = SecretEncrypted(
    app="my-app", name="database", uid="u", resource_version="1", fingerprint="f" * 64, keys=("k",), files=()
)

PUSHED = CommitPushed(app="my-app", name="abc", sha="a" * 40, paths=(), intents=(), removed=(), digest="d")


@pytest.fixture(scope="module")
def told(new_platform: PlatformFactory) -> Platform:
    """A platform on TLS without services, whose history has thirty events."""
    running = new_platform("nats-identities", Options(services=(), tls=True, with_caller=True))
    running.up()
    return running


@pytest.fixture
async def _history(told: Platform) -> None:
    files = told.state.certificates
    settings = RuntimeSettings(
        nats_url=told.env["NATS_URL"],
        nats_nkey=accounts.key_file(told.state.nats_keys, BOOTSTRAP),
        nats_ca=files / "ca.crt",
        nats_certificate=files / "client.crt",
        nats_certificate_key=files / "client.key",
    )
    async with connected(settings, BOOTSTRAP, wait=False) as client:
        publisher = Publisher(jetstream(client), "watcher", settings)
        for event in (*(changed("database", version) for version in range(30)), ENCRYPTED, PUSHED):
            await publisher.publish(event)


def run(platform: Platform, home: Path, identity: str, words: list[str]) -> subprocess.CompletedProcess[str]:
    known = {name: value for name, value in platform.env.items() if name.startswith("NATS_")}
    key = str(accounts.key_file(platform.state.nats_keys, identity))
    return subprocess.run(
        [str(find_tool("nats", os.environ, print)), *words],
        env={**known, "NATS_NKEY": key, "HOME": str(home), "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_page_shows_commands_for_both() -> None:
    assert len(OF_READERS) >= 5
    assert len(READING) >= 12


@pytest.mark.usefixtures("_history")
@pytest.mark.parametrize("words", READING, ids=" ".join)
def test_bootstrap_reads_over_tls(told: Platform, tmp_path: Path, words: list[str]) -> None:
    done = run(told, tmp_path, BOOTSTRAP, words)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.usefixtures("_history")
@pytest.mark.parametrize("identity", [READER, OPERATOR])
@pytest.mark.parametrize("words", OF_READERS, ids=" ".join)
def test_readers_read_over_tls(told: Platform, tmp_path: Path, words: list[str], identity: str) -> None:
    own = [word.replace(f"_INBOX_{READER}", f"_INBOX_{identity}") for word in words]
    done = run(told, tmp_path, identity, own)
    assert done.returncode == 0, done.stdout + done.stderr
    if "req" in words:
        assert '"specversion":"1.0"' in done.stdout


@pytest.mark.usefixtures("_history")
@pytest.mark.parametrize("words", [["purge", "EVENTS", "-f"], ["rmm", "EVENTS", "28", "-f"]], ids=" ".join)
def test_readers_take_nothing_away(told: Platform, tmp_path: Path, words: list[str]) -> None:
    done = run(
        told,
        tmp_path,
        READER,
        ["--js-domain=platform", f"--inbox-prefix=_INBOX_{READER}", "--timeout=2s", "stream", *words],
    )
    assert done.returncode != 0
    assert run(told, tmp_path, BOOTSTRAP, ["stream", "get", "EVENTS", "28"]).returncode == 0
