"""What the Git server tells of a push, as git-committer reads it."""

import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from app_platform.git_committer import webhook
from app_platform.local.git.hooks import Hooks, refs_of
from app_platform.local.git.store import Repository, Store
from support.gitrepo import run_git

SECRET = "shared"
Receiving = Callable[[int], Awaitable[tuple[str, list[web.Request]]]]


@pytest.fixture
async def receiver() -> AsyncIterator[Receiving]:
    """Starts a receiver that answers with a status; returns its URL and what it got."""
    async with AsyncExitStack() as stack:

        async def start(status: int) -> tuple[str, list[web.Request]]:
            got: list[web.Request] = []

            async def take(request: web.Request) -> web.Response:
                await request.read()
                got.append(request)
                return web.Response(status=status)

            app = web.Application()
            app.router.add_post("/hook", take)
            server = await stack.enter_async_context(TestServer(app))
            return str(server.make_url("/hook")), got

        yield start


@pytest.fixture
async def repository(tmp_path: Path) -> Repository:
    """An empty repository."""
    store = Store(tmp_path / "git")
    made = store.repository("apps", "demo")
    await store.create(made)
    return made


def commit(repository: Repository, folder: Path, *refs: str) -> str:
    """One more commit, pushed to each of the refs."""
    tree = folder / "tree"
    if not tree.exists():
        subprocess.run(
            ["git", "clone", "-q", str(repository.path), str(tree)], check=True, capture_output=True
        )
    run_git("commit", "--allow-empty", "-m", "more", folder=tree)
    for ref in refs:
        assert run_git("push", "origin", f"HEAD:{ref}", folder=tree).returncode == 0
    return run_git("rev-parse", "HEAD", folder=tree).stdout.strip()


async def test_each_changed_ref_is_told_to_the_first_that_takes_it(
    receiver: Receiving, repository: Repository, tmp_path: Path
) -> None:
    (down, refused), (up, got), (spare, unused) = (
        await receiver(503),
        await receiver(202),
        await receiver(202),
    )
    hooks = Hooks(["http://127.0.0.1:9/hook", down, up, spare], SECRET, "http://git")
    before = await refs_of(repository)
    sha = commit(repository, tmp_path, "refs/heads/main", "refs/tags/v1")
    hooks.pushed(repository, before, await refs_of(repository), "dev")
    await hooks.close()
    assert (len(refused), len(got), len(unused)) == (2, 2, 0)
    notices = [webhook.read(request.headers["X-GitHub-Event"], await request.read()) for request in got]
    assert {notice.ref for notice in notices if notice} == {"refs/heads/main", "refs/tags/v1"}
    for request, notice in zip(got, notices, strict=True):
        signature = request.headers["X-Hub-Signature-256"]
        assert webhook.is_authentic([SECRET], await request.read(), signature)
        assert notice is not None
        assert (notice.repositories, notice.sha, notice.by) == (("git/apps/demo",), sha, "dev")
        assert notice.authors == {"test@localhost"}


async def test_only_the_new_commits_are_told_and_a_removed_ref_without_any(
    receiver: Receiving, repository: Repository, tmp_path: Path
) -> None:
    url, got = await receiver(200)
    hooks = Hooks([url], SECRET, "http://git")
    commit(repository, tmp_path, "refs/heads/main", "refs/tags/old")
    before = await refs_of(repository)
    run_git("update-ref", "-d", "refs/tags/old", folder=repository.path)
    sha = commit(repository, tmp_path, "refs/heads/main")
    hooks.pushed(repository, before, await refs_of(repository), "dev")
    await hooks.close()
    by_ref = {}
    for request in got:
        body = await request.json()
        by_ref[body["ref"]] = (body["deleted"], [c["id"] for c in body["commits"]])
    assert by_ref == {"refs/heads/main": (False, [sha]), "refs/tags/old": (True, [])}


async def test_a_push_that_changes_nothing_is_not_told(
    receiver: Receiving, repository: Repository, tmp_path: Path
) -> None:
    url, got = await receiver(200)
    commit(repository, tmp_path, "refs/heads/main")
    refs = await refs_of(repository)
    hooks = Hooks([url], SECRET, "http://git")
    hooks.pushed(repository, refs, refs, "dev")
    await hooks.close()
    assert not got
