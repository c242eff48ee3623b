"""One suite for every forge: what git-committer relies on, held against the local forge, GitHub and the one in memory."""

import base64
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest

from app_platform.contracts import names
from app_platform.git_committer.adapters.git import Author
from app_platform.git_committer.adapters.local_forge import local_forge
from app_platform.git_committer.ports import (
    Changes,
    Credential,
    Forge,
    ForgeUnavailable,
    Head,
    HeadMoved,
    RepositoryMissing,
)
from app_platform.git_committer.settings import LocalForgeSettings
from app_platform.local.ports import choose
from support.fakes.forge import MemoryForge
from support.github.forge import as_app, opened
from support.github.server import github_server
from support.platform import eventually

TOKEN = "the-administrators"
AUTHOR = Author("App Platform", "app-platform@example.invalid")
ODD = [
    "secrets/my-app-dev/tls.example.yaml",
    "with space.txt",
    'quo"te',
    "back\\slash",
    "ünï-çødé",
    "a/b/c/d/e.txt",
]


@dataclass
class Setup:
    """A forge under test and what the suite needs besides its port."""

    forge: Forge
    other: Forge
    """The same forge as another replica sees it."""
    stop: Callable[[], None]
    reads: Callable[[str, Credential], Awaitable[bool]]


class GitProcess:
    """The real Git server as a process."""

    def __init__(self, folder: Path) -> None:
        self.port = choose(["git"], {}, str(folder))["git"]
        self.url = f"http://127.0.0.1:{self.port}"
        env = {
            "PATH": f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin",
            "APP_PLATFORM_GIT_PORT": str(self.port),
            "APP_PLATFORM_GIT_DATA": str(folder),
            "APP_PLATFORM_GIT_TOKEN": TOKEN,
        }
        self.process = subprocess.Popen([sys.executable, "-m", "app_platform.local.git"], env=env)

    def stop(self) -> None:
        """End it."""
        self.process.kill()
        self.process.wait()


def _answers(url: str) -> bool:
    done = subprocess.run(
        ["git", "ls-remote", f"{url}/x/y.git"],
        capture_output=True,
        check=False,
        env={"PATH": _path(), "GIT_TERMINAL_PROMPT": "0"},
    )
    return b"Could not connect" not in done.stderr and b"Failed to connect" not in done.stderr


def _path() -> str:
    return str(Path(shutil.which("git") or "git").parent)


@pytest.fixture
def git_process(tmp_path: Path) -> Iterator[GitProcess]:
    folder = tmp_path / "repositories"
    folder.mkdir()
    server = GitProcess(folder)
    eventually(lambda: _answers(server.url), "the Git server answers")
    yield server
    server.stop()


@asynccontextmanager
async def in_memory(_: pytest.FixtureRequest) -> AsyncIterator[Setup]:
    memory = MemoryForge()

    async def reads(app: str, credential: Credential) -> bool:
        there = memory.repositories[app].readers
        return there.get(credential.entries["username"]) == credential.entries["password"]

    yield Setup(memory, memory, lambda: setattr(memory, "away", True), reads)


@asynccontextmanager
async def on_github(request: pytest.FixtureRequest) -> AsyncIterator[Setup]:
    folder: Path = request.getfixturevalue("tmp_path")
    async with github_server(folder / "github") as server:

        async def reads(app: str, credential: Credential) -> bool:
            keys = server.repo(names.repository_name(app)).keys
            return any(key["key"] == credential.entries["identity.pub"] and key["read_only"] for key in keys)

        settings = as_app(server, folder)
        async with opened(settings) as one, opened(settings) as two:
            yield Setup(one, two, lambda: setattr(server.faults, "away", True), reads)


@asynccontextmanager
async def on_local_server(request: pytest.FixtureRequest) -> AsyncIterator[Setup]:
    server: GitProcess = request.getfixturevalue("git_process")
    settings = LocalForgeSettings(forge_url=server.url, forge_token=TOKEN, forge_timeout=20)

    async def reads(app: str, credential: Credential) -> bool:
        basic = base64.b64encode(
            ":".join(credential.entries[key] for key in ("username", "password")).encode()
        ).decode()
        url = f"{server.url}/apps/{names.repository_name(app)}.git/info/refs?service=git-upload-pack"
        async with (
            aiohttp.ClientSession() as http,
            http.get(url, headers={"Authorization": f"Basic {basic}"}) as answer,
        ):
            return answer.status == 200

    async with AsyncExitStack() as stack:
        one = await stack.enter_async_context(local_forge(settings, AUTHOR))
        two = await stack.enter_async_context(local_forge(settings, AUTHOR))
        yield Setup(one, two, server.stop, reads)


FORGES = {"memory": in_memory, "local": on_local_server, "github": on_github}


@pytest.fixture(params=FORGES)
async def setup(request: pytest.FixtureRequest) -> AsyncIterator[Setup]:
    async with FORGES[request.param](request) as made:
        yield made


@pytest.fixture
def forge(setup: Setup) -> Forge:
    return setup.forge


async def committed(forge: Forge, writes: dict[str, str], *deletes: str, app: str = "my-app") -> str:
    """Commit on the present head."""
    return await forge.commit(app, await forge.head(app), Changes(writes, deletes), "test")


def tree(files: dict[str, str]) -> dict[str, str]:
    return {path: names.blob_id(text) for path, text in files.items()}


async def test_making_a_repository_again_changes_nothing(forge: Forge) -> None:
    first = await forge.ensure("my-app")
    await committed(forge, {"a": "1"})
    assert await forge.ensure("my-app") == first
    assert (await forge.head("my-app")).tree == tree({"a": "1"})
    assert (first.app, first.branch) == ("my-app", "main")
    assert first.url.endswith("/my-app-platform.git")


async def test_a_new_repository_is_empty(forge: Forge) -> None:
    await forge.ensure("my-app")
    assert await forge.head("my-app") == Head("", {})


async def test_a_commit_is_seen_by_all(setup: Setup) -> None:
    await setup.forge.ensure("my-app")
    sha = await committed(setup.forge, {"a": "1", "secrets/x/y.yaml": "äöü\n"})
    wanted = Head(sha, tree({"a": "1", "secrets/x/y.yaml": "äöü\n"}))
    assert await setup.forge.head("my-app") == wanted
    assert await setup.other.head("my-app") == wanted


async def test_commits_build_on_each_other(forge: Forge) -> None:
    await forge.ensure("my-app")
    await committed(forge, {"a": "1", "b": "2", "c": "3"})
    sha = await committed(forge, {"a": "changed", "d": "4"}, "b")
    assert await forge.head("my-app") == Head(sha, tree({"a": "changed", "c": "3", "d": "4"}))


async def test_a_moved_head_is_told_and_nothing_is_lost(setup: Setup) -> None:
    await setup.forge.ensure("my-app")
    await committed(setup.forge, {"a": "1"})
    stale = await setup.forge.head("my-app")
    foreign = await committed(setup.other, {"foreign": "2"})
    with pytest.raises(HeadMoved):
        await setup.forge.commit("my-app", stale, Changes({"mine": "3"}), "test")
    assert await setup.other.head("my-app") == Head(foreign, tree({"a": "1", "foreign": "2"}))
    sha = await committed(setup.forge, {"mine": "3"})
    assert await setup.other.head("my-app") == Head(sha, tree({"a": "1", "foreign": "2", "mine": "3"}))


async def test_the_first_commit_can_be_overtaken_too(setup: Setup) -> None:
    await setup.forge.ensure("my-app")
    empty = await setup.forge.head("my-app")
    await committed(setup.other, {"foreign": "1"})
    with pytest.raises(HeadMoved):
        await setup.forge.commit("my-app", empty, Changes({"mine": "2"}), "test")
    assert (await setup.forge.head("my-app")).tree == tree({"foreign": "1"})


@pytest.mark.parametrize("path", ODD)
async def test_odd_file_names(forge: Forge, path: str) -> None:
    await forge.ensure("my-app")
    await committed(forge, {path: "1", "other": "2"})
    assert (await forge.head("my-app")).tree == tree({path: "1", "other": "2"})
    await committed(forge, {}, path)
    assert (await forge.head("my-app")).tree == tree({"other": "2"})


@pytest.mark.parametrize("text", ["", "no newline", "x" * 300_000, "a\r\nb\n", "data 5\nhello\ndone\n"])
async def test_contents_arrive_as_they_are(forge: Forge, text: str) -> None:
    await forge.ensure("my-app")
    await committed(forge, {"a": text, "b": "after"})
    assert (await forge.head("my-app")).tree == tree({"a": text, "b": "after"})


async def test_messages_of_any_kind_are_taken(forge: Forge) -> None:
    await forge.ensure("my-app")
    sha = await forge.commit(
        "my-app", await forge.head("my-app"), Changes({"a": "1"}), "ümlaut\n\ndata 3\nfrom x\n"
    )
    assert (await forge.head("my-app")).sha == sha


async def test_a_missing_repository_is_told(forge: Forge) -> None:
    with pytest.raises(RepositoryMissing):
        await forge.head("nobody")
    with pytest.raises(RepositoryMissing):
        await forge.allow("nobody", forge.propose("nobody"))


async def test_a_forge_that_does_not_answer_is_told_without_credentials(setup: Setup) -> None:
    await setup.forge.ensure("my-app")
    await committed(setup.forge, {"a": "1"})
    head = await setup.forge.head("my-app")
    credential = setup.forge.propose("my-app")
    setup.stop()
    told = []
    for attempt in (
        setup.forge.ensure("my-app"),
        setup.forge.head("my-app"),
        setup.forge.allow("my-app", credential),
        setup.forge.commit("my-app", head, Changes({"b": "2"}), "test"),
    ):
        with pytest.raises(ForgeUnavailable) as caught:
            await attempt
        told.append(f"{caught.value!r} {caught.value.__cause__!r}")
    assert TOKEN not in "".join(told)
    assert base64.b64encode(f"admin:{TOKEN}".encode()).decode() not in "".join(told)
    assert not [name for name in credential.random if credential.entries[name] in "".join(told)]


async def test_a_credential_reads_its_own_repository_only(setup: Setup) -> None:
    credential = setup.forge.propose("my-app")
    for app in ("my-app", "other"):
        await setup.forge.ensure(app)
    assert not await setup.reads("my-app", credential)
    for _ in range(2):
        await setup.forge.allow("my-app", credential)
    assert await setup.reads("my-app", credential)
    assert not await setup.reads("other", credential)
    assert not await setup.reads("my-app", setup.forge.propose("my-app"))


async def test_two_proposals_have_nothing_random_in_common(forge: Forge) -> None:
    one, two = forge.propose("my-app"), forge.propose("my-app")
    assert one.random
    assert all(one.entries[name] != two.entries[name] for name in one.random)


async def test_apps_do_not_see_each_other(forge: Forge) -> None:
    for app in ("my-app", "other"):
        await forge.ensure(app)
    await committed(forge, {"a": "1"})
    assert await forge.head("other") == Head("", {})


async def test_the_same_change_on_the_same_parent_is_one_commit(setup: Setup) -> None:
    """What a replica finds that was killed before it heard of its commit, or another one that had the same batch."""
    await setup.forge.ensure("my-app")
    await committed(setup.forge, {"a": "1", "b": "2"})
    parent, changes = await setup.forge.head("my-app"), Changes({"a": "2", "c": "3"}, ("b",))
    made = await setup.other.commit("my-app", await setup.other.head("my-app"), changes, "one")
    assert await setup.forge.commit("my-app", parent, changes, "two") == made
    assert (await setup.forge.head("my-app")).sha == made
