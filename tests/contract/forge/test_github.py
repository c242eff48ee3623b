"""What is particular to GitHub: how commits are made, who owns a repository, what may be wrong with it, and its limits."""

import asyncio
import base64
import subprocess
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import load_ssh_private_key, load_ssh_public_key

from app_platform.contracts import names
from app_platform.git_committer.adapters.github import upload
from app_platform.git_committer.adapters.github.forge import GitHubForge
from app_platform.git_committer.ports import (
    Changes,
    Credential,
    ForgeError,
    ForgeLimited,
    ForgeUnavailable,
    Head,
    HeadMoved,
    RepositoryMissing,
)
from app_platform.runtime.budget import Limit
from support.github.faults import Limits
from support.github.forge import OwnBudget, as_app, opened, with_token
from support.github.server import TOKEN, GitHubServer, github_server

APP = "my-app"
REPOSITORY = "my-app-platform"


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[GitHubServer]:
    async with github_server(tmp_path / "github", Limits(per_minute=1000, per_hour=10_000)) as made:
        yield made


@pytest.fixture
def budgets() -> dict[str, OwnBudget]:
    return {}


@pytest.fixture
async def forge(server: GitHubServer, budgets: dict[str, OwnBudget]) -> AsyncIterator[GitHubForge]:
    settings = with_token(server, writes_per_minute=1000, writes_per_hour=10_000)
    async with opened(settings, budgets=budgets) as made:
        yield made


async def committed(forge: GitHubForge, writes: dict[str, str], *deletes: str) -> str:
    return await forge.commit(APP, await forge.head(APP), Changes(writes, deletes), "test")


async def prepared(forge: GitHubForge) -> Head:
    """A repository with a commit."""
    await forge.ensure(APP)
    await committed(forge, {"README.md": "x", "secrets/my-app-dev/a.yaml": "1"})
    return await forge.head(APP)


def run(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


async def refusal(awaited: Any) -> ForgeError:
    with pytest.raises(ForgeError) as caught:
        await awaited
    return caught.value


# Commits


async def test_a_thousand_secrets_take_few_writes(server: GitHubServer, forge: GitHubForge) -> None:
    """As they come: in batches of at most 250."""
    await forge.ensure(APP)
    await forge.allow(APP, forge.propose(APP))
    await committed(forge, {"README.md": "x", ".sops.yaml": "y", "secrets/.gitkeep": ""})
    for batch in range(4):
        files = {
            f"secrets/my-app-{target}/s{batch}-{number}.yaml": f"{target} {number}\n" * 60
            for number in range(250)
            for target in ("dev", "prod")
        }
        await committed(forge, files)
    assert len((await forge.head(APP)).tree) == 2003
    assert len(server.writes()) <= 30
    shown = server.repo(REPOSITORY).bare.git("log", "--format=%s", "main").split("\n")
    assert [line for line in shown if line] == ["test"] * 5 + ["platform: begin the repository"]


async def test_one_commit_is_three_writes_and_one_read(server: GitHubServer, forge: GitHubForge) -> None:
    await prepared(forge)
    server.requests.clear()
    await committed(forge, {"a": "2"}, "README.md")
    assert [(verb, path.rpartition("platform/")[2]) for verb, path, _ in server.requests] == [
        ("GET", "git/ref/heads/main"),
        ("POST", "git/trees"),
        ("POST", "git/commits"),
        ("PATCH", "git/refs/heads/main"),
    ]


async def test_what_was_committed_can_be_cloned(
    server: GitHubServer, forge: GitHubForge, tmp_path: Path
) -> None:
    await prepared(forge)
    await committed(forge, {"a/ü.txt": "äöü\r\n"}, "README.md")
    path = server.repo(REPOSITORY).bare.path
    run("git", "clone", "-q", str(path), str(tmp_path / "clone"))
    assert (tmp_path / "clone/a/ü.txt").read_bytes() == "äöü\r\n".encode()
    assert not (tmp_path / "clone/README.md").exists()
    run("git", "-C", str(path), "fsck", "--strict")


async def test_large_changes_go_in_several_requests_and_one_commit(
    server: GitHubServer, forge: GitHubForge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upload, "TREE_ENTRIES", 3)
    monkeypatch.setattr(upload, "INLINE_BYTES", 1000)
    before = await prepared(forge)
    writes = {f"f{number}": f"{number}" for number in range(7)} | {"large": "x" * 5000}
    sha = await committed(forge, writes, "README.md")
    head = await forge.head(APP)
    assert head.tree == {"secrets/my-app-dev/a.yaml": names.blob_id("1")} | {
        path: names.blob_id(text) for path, text in writes.items()
    }
    described = server.repo(REPOSITORY).bare.describe(sha)
    assert described["parents"] == [{"sha": before.sha}]
    assert server.repo(REPOSITORY).bare.entries(sha, recursive=False)


async def test_files_over_githubs_limit_are_refused_before_anything_is_sent(
    server: GitHubServer, forge: GitHubForge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upload, "FILE_BYTES", 10)
    await forge.ensure(APP)
    server.requests.clear()
    error = await refusal(forge.commit(APP, Head("", {}), Changes({"big": "x" * 11}), "test"))
    assert (error.reason, server.writes()) == ("FileTooLarge", [])
    assert "big has 11 bytes" in str(error)


async def test_a_listing_that_is_cut_short_is_read_folder_by_folder(
    server: GitHubServer, tmp_path: Path, forge: GitHubForge
) -> None:
    await prepared(forge)
    files = {f"secrets/{space}/s{number}.yaml": "x" for space in ("a", "b", "c") for number in range(5)}
    await committed(forge, files)
    server.tree_limit = 7
    async with opened(with_token(server)) as other:
        assert (await other.head(APP)).tree == (await forge.head(APP)).tree


async def test_an_emptied_branch_is_begun_anew_without_touching_others(
    server: GitHubServer, forge: GitHubForge
) -> None:
    await prepared(forge)
    repo = server.repo(REPOSITORY)
    repo.bare.git("branch", "theirs", "main")
    repo.bare.drop("heads/main")
    async with opened(with_token(server)) as other:
        assert await other.head(APP) == Head("", {})
        await other.commit(APP, Head("", {}), Changes({"a": "1"}), "test")
        assert (await other.head(APP)).tree == {"a": names.blob_id("1")}
    assert set(repo.bare.branches()) == {"main", "theirs"}


async def test_a_crash_between_beginning_and_the_first_commit_does_no_harm(
    server: GitHubServer, forge: GitHubForge
) -> None:
    await forge.ensure(APP)
    server.faults.broken.append(("POST", "git/trees"))
    assert isinstance(await refusal(committed(forge, {"a": "1"})), ForgeUnavailable)
    async with opened(with_token(server)) as other:
        head = await other.head(APP)
        assert head.tree == {"secrets/.gitkeep": names.blob_id("")}
        await other.commit(APP, head, Changes({"a": "1"}), "test")
        assert (await other.head(APP)).tree.keys() == {"a", "secrets/.gitkeep"}


# Answers that are lost, and answers from the past


@pytest.mark.parametrize("request_", [("PATCH", "git/refs"), ("POST", "git/commits"), ("POST", "git/trees")])
async def test_a_lost_answer_leads_to_one_commit(
    server: GitHubServer, forge: GitHubForge, request_: tuple[str, str]
) -> None:
    await prepared(forge)
    before = server.repo(REPOSITORY).bare.git("rev-list", "--count", "main")
    server.faults.lost.append(request_)
    sha = await committed(forge, {"a": "2"})
    assert server.repo(REPOSITORY).bare.ref("heads/main") == sha
    assert int(server.repo(REPOSITORY).bare.git("rev-list", "--count", "main")) == int(before) + 1


async def test_a_lost_first_commit_is_found_too(server: GitHubServer, forge: GitHubForge) -> None:
    await forge.ensure(APP)
    server.faults.lost.append(("PATCH", "git/refs"))
    sha = await committed(forge, {"a": "1"})
    assert (await forge.head(APP)) == Head(sha, {"a": names.blob_id("1")})


async def test_a_commit_that_was_not_made_is_not_taken_for_made(
    server: GitHubServer, forge: GitHubForge
) -> None:
    before = await prepared(forge)
    server.faults.broken.append(("PATCH", "git/refs"))
    assert isinstance(await refusal(committed(forge, {"a": "2"})), ForgeUnavailable)
    assert await forge.head(APP) == before


async def test_another_change_on_the_same_parent_is_not_taken_for_ours(
    server: GitHubServer, forge: GitHubForge
) -> None:
    head = await prepared(forge)
    async with opened(with_token(server)) as other:
        await other.commit(APP, await other.head(APP), Changes({"a": "other"}), "test")
    with pytest.raises(HeadMoved):
        await forge.commit(APP, head, Changes({"a": "mine"}), "test")


async def test_a_head_from_before_our_own_commit_is_not_believed(
    server: GitHubServer, forge: GitHubForge
) -> None:
    await prepared(forge)
    sha = await committed(forge, {"a": "2"})
    server.faults.stale_reads = 1
    error = await refusal(forge.head(APP))
    assert (type(error), error.reason) == (ForgeUnavailable, "StaleRead")
    assert error.after > 0
    assert (await forge.head(APP)).sha == sha


async def test_a_head_from_before_a_reported_one_is_not_believed(
    server: GitHubServer, forge: GitHubForge
) -> None:
    await prepared(forge)
    sha = await committed(forge, {"a": "2"})
    async with opened(with_token(server)) as other:
        server.faults.stale_reads = 1
        assert (await refusal(other.head(APP, sha))).reason == "StaleRead"
        assert (await other.head(APP, sha)).sha == sha


async def test_a_head_after_a_reported_one_is_believed(server: GitHubServer, forge: GitHubForge) -> None:
    reported = (await prepared(forge)).sha
    for number in range(3):
        server.push(server.repo(REPOSITORY), {f"foreign-{number}": "x"})
    async with opened(with_token(server)) as other:
        assert (await other.head(APP, reported)).tree.keys() >= {"foreign-0", "foreign-2"}


async def test_a_branch_that_was_put_back_is_believed_after_a_while(
    server: GitHubServer, forge: GitHubForge, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = await prepared(forge)
    sha = await committed(forge, {"a": "2"})
    bare = server.repo(REPOSITORY).bare
    bare.move("heads/main", before.sha, sha)
    assert (await refusal(forge.head(APP))).reason == "StaleRead"
    reader: Any = forge._reader  # noqa: SLF001 - time is what passes here
    monkeypatch.setattr(reader, "_clock", lambda clock=reader._clock: clock() + 61)  # noqa: SLF001
    assert await forge.head(APP) == before


async def test_a_rewritten_branch_is_believed_at_once(server: GitHubServer, forge: GitHubForge) -> None:
    await prepared(forge)
    bare = server.repo(REPOSITORY).bare
    old = bare.ref("heads/main")
    bare.drop("heads/main")
    bare.git("branch", "theirs", old)
    bare.move("heads/main", server_root(server), "")
    assert (await forge.head(APP)).tree == {"other": names.blob_id("x")}


def server_root(server: GitHubServer) -> str:
    bare = server.repo(REPOSITORY).bare
    tree = bare.tree("", [{"path": "other", "mode": "100644", "content": "x"}])
    who = {"name": "x", "email": "x", "date": "2026-01-31T12:00:00+00:00"}
    return bare.commit({"message": "root", "tree": tree, "parents": [], "author": who})


# Whose it is, and what may be wrong with it


async def test_a_new_repository_is_private_and_marked(server: GitHubServer, forge: GitHubForge) -> None:
    made = await forge.ensure(APP)
    repo = server.repo(REPOSITORY)
    assert (repo.visibility, repo.topics) == ("private", ["app-platform"])
    assert (made.url, made.provider, made.repaired) == (
        "ssh://git@github.com/example-org/my-app-platform.git",
        "generic",
        (),
    )


async def test_looking_again_costs_nothing_of_githubs_limit(server: GitHubServer, forge: GitHubForge) -> None:
    await prepared(forge)
    credential = forge.propose(APP)
    await forge.allow(APP, credential)
    await asyncio.gather(forge.ensure(APP), forge.allow(APP, credential), forge.head(APP))
    server.requests.clear()
    used = server.limits.used
    await forge.ensure(APP)
    await forge.allow(APP, credential)
    await forge.head(APP)
    assert [status for _, _, status in server.requests] == [304, 304, 304]
    assert server.limits.used == used


async def test_an_empty_repository_is_taken(server: GitHubServer, forge: GitHubForge) -> None:
    repo = server.add(REPOSITORY, topics=["theirs"])
    await forge.ensure(APP)
    assert repo.topics == ["theirs", "app-platform"]


async def test_a_marked_repository_is_taken_with_what_it_holds(
    server: GitHubServer, forge: GitHubForge
) -> None:
    server.push(server.add(REPOSITORY, topics=["app-platform"]), {"theirs": "x"})
    await forge.ensure(APP)
    assert (await forge.head(APP)).tree.keys() == {"theirs"}


async def test_a_foreign_repository_is_left_alone(server: GitHubServer, forge: GitHubForge) -> None:
    repo = server.add(REPOSITORY, visibility="public", default_branch="trunk")
    server.push(repo, {"theirs": "x"})
    error = await refusal(forge.ensure(APP))
    assert error.reason == "RepositoryForeign"
    assert "topic app-platform" in str(error)
    assert server.writes() == []


async def test_a_repository_that_is_hidden_from_us_is_told(server: GitHubServer, forge: GitHubForge) -> None:
    server.add(REPOSITORY)
    server.faults.refused = [(("GET", f"/{REPOSITORY}"), 404, "Not Found", {})]
    error = await refusal(forge.ensure(APP))
    assert (error.reason, isinstance(error, ForgeUnavailable)) == ("RepositoryHidden", True)


async def test_a_missing_organisation_is_told(server: GitHubServer) -> None:
    settings = with_token(server).model_copy(update={"organization": "nobody"})
    async with opened(settings) as forge:
        assert (await refusal(forge.ensure(APP))).reason == "OrganizationMissing"


@pytest.mark.parametrize("visibility", ["public", "internal"])
async def test_a_repository_that_others_could_read_is_made_private_again(
    server: GitHubServer, forge: GitHubForge, visibility: str
) -> None:
    await prepared(forge)
    server.repo(REPOSITORY).visibility = visibility
    made = await forge.ensure(APP)
    assert [repair.reason for repair in made.repaired] == ["RepositoryWasPublic"]
    assert server.repo(REPOSITORY).visibility == "private"
    assert (await forge.ensure(APP)).repaired == ()


async def test_a_repository_that_cannot_be_made_private_is_not_used(
    server: GitHubServer, forge: GitHubForge
) -> None:
    await prepared(forge)
    server.repo(REPOSITORY).visibility = "public"
    server.faults.refused = [(("PATCH", REPOSITORY), 422, "Validation Failed", {})]
    assert (await refusal(forge.ensure(APP))).reason == "RepositoryPublic"


async def test_another_default_branch_is_put_back(server: GitHubServer, forge: GitHubForge) -> None:
    await prepared(forge)
    repo = server.repo(REPOSITORY)
    repo.bare.git("branch", "theirs", "main")
    repo.default_branch = "theirs"
    assert [repair.reason for repair in (await forge.ensure(APP)).repaired] == ["DefaultBranchRestored"]
    assert repo.default_branch == "main"


async def test_an_organisations_own_default_branch_is_no_fault(
    server: GitHubServer, forge: GitHubForge
) -> None:
    server.add(REPOSITORY, default_branch="trunk")
    assert (await forge.ensure(APP)).repaired == ()
    await committed(forge, {"a": "1"})
    assert set(server.repo(REPOSITORY).bare.branches()) == {"main"}


def rename(server: GitHubServer) -> None:
    server.rename(server.repo(REPOSITORY), "theirs")


def transfer(server: GitHubServer) -> None:
    server.rename(server.repo(REPOSITORY), REPOSITORY, "another-org")


def archive(server: GitHubServer) -> None:
    server.repo(REPOSITORY).archived = True


def disable(server: GitHubServer) -> None:
    server.repo(REPOSITORY).disabled = True


def suspend(server: GitHubServer) -> None:
    server.faults.suspended = True


def revoke(server: GitHubServer) -> None:
    server.tokens.clear()


@pytest.mark.parametrize(
    ("act", "reason"),
    [
        (rename, "RepositoryRenamed"),
        (transfer, "RepositoryTransferred"),
        (archive, "RepositoryArchived"),
        (disable, "RepositoryDisabled"),
        (suspend, "InstallationSuspended"),
        (revoke, "CredentialRejected"),
    ],
)
async def test_what_somebody_did_is_told_with_a_reason_of_its_own(
    server: GitHubServer, forge: GitHubForge, act: Callable[[GitHubServer], None], reason: str
) -> None:
    await prepared(forge)
    act(server)
    error = await refusal(forge.ensure(APP))
    assert (error.reason, isinstance(error, ForgeUnavailable)) == (reason, False)
    assert len(str(error)) > 30
    assert TOKEN not in repr(error)


@pytest.mark.parametrize(
    ("act", "reason"),
    [(rename, "RepositoryRenamed"), (archive, "RepositoryArchived"), (revoke, "CredentialRejected")],
)
async def test_a_commit_tells_it_too(
    server: GitHubServer, forge: GitHubForge, act: Callable[[GitHubServer], None], reason: str
) -> None:
    head = await prepared(forge)
    act(server)
    assert (await refusal(forge.commit(APP, head, Changes({"a": "2"}), "test"))).reason == reason


async def test_a_deleted_repository_is_made_again(server: GitHubServer, forge: GitHubForge) -> None:
    reported = (await prepared(forge)).sha
    server.repos.clear()
    with pytest.raises(RepositoryMissing):
        await forge.head(APP, reported)
    await forge.ensure(APP)
    assert await forge.head(APP, reported) == Head("", {})
    await forge.commit(APP, Head("", {}), Changes({"a": "1"}), "test")
    assert (await forge.head(APP, reported)).tree == {"a": names.blob_id("1")}


async def test_a_protected_branch_is_told(server: GitHubServer, forge: GitHubForge) -> None:
    head = await prepared(forge)
    server.repo(REPOSITORY).protected = True
    error = await refusal(forge.commit(APP, head, Changes({"a": "2"}), "test"))
    assert (error.reason, isinstance(error, ForgeUnavailable)) == ("BranchProtected", False)
    assert "pull request" in str(error)


@pytest.mark.parametrize("permission", ["administration", "contents"])
async def test_a_missing_permission_is_named(
    server: GitHubServer, forge: GitHubForge, permission: str
) -> None:
    if permission == "contents":
        await forge.ensure(APP)
    server.faults.forbidden = {permission}
    attempt = forge.ensure(APP) if permission == "administration" else committed(forge, {"a": "1"})
    error = await refusal(attempt)
    assert error.reason == "PermissionMissing"
    assert "Contents" in str(error)


async def test_a_repository_that_is_still_being_made_is_waited_for(
    server: GitHubServer, forge: GitHubForge
) -> None:
    server.faults.refused = [(("PUT", "/topics"), 409, "Conflict", {})]
    error = await refusal(forge.ensure(APP))
    assert (type(error), error.reason) == (ForgeUnavailable, "RepositoryBusy")
    await forge.ensure(APP)
    assert server.repo(REPOSITORY).topics == ["app-platform"]


# How Flux gets in


async def test_a_deploy_key_is_a_key_that_ssh_knows(forge: GitHubForge) -> None:
    entries = forge.propose(APP).entries
    private = load_ssh_private_key(entries["identity"].encode(), None)
    public = load_ssh_public_key(entries["identity.pub"].encode())
    assert private.public_key() == public
    assert entries["known_hosts"].startswith("127.0.0.1 ssh-ed25519 ")


async def test_a_removed_deploy_key_is_added_again(server: GitHubServer, forge: GitHubForge) -> None:
    await prepared(forge)
    credential = forge.propose(APP)
    assert await forge.allow(APP, credential)
    assert not await forge.allow(APP, credential)
    server.repo(REPOSITORY).keys.clear()
    assert await forge.allow(APP, credential)
    assert len(server.repo(REPOSITORY).keys) == 1


async def test_a_key_that_may_write_and_an_old_one_of_ours_go_and_others_stay(
    server: GitHubServer, forge: GitHubForge
) -> None:
    await prepared(forge)
    old, new = forge.propose(APP), forge.propose(APP)
    await forge.allow(APP, old)
    keys = server.repo(REPOSITORY).keys
    theirs = {"id": 99, "key": "ssh-ed25519 AAAA", "title": "theirs", "read_only": False}
    keys += [theirs, {"id": 98, "key": new.entries["identity.pub"], "title": "x", "read_only": False}]
    assert await forge.allow(APP, new)
    shown = [(key["title"], key["read_only"]) for key in server.repo(REPOSITORY).keys]
    assert shown == [("theirs", False), ("App Platform: Flux, read only", True)]


async def test_a_key_of_another_repository_is_told(server: GitHubServer, forge: GitHubForge) -> None:
    await prepared(forge)
    await forge.ensure("other")
    credential = forge.propose(APP)
    await forge.allow("other", credential)
    assert (await refusal(forge.allow(APP, credential))).reason == "DeployKeyInUse"


async def test_forbidden_deploy_keys_are_told(server: GitHubServer, forge: GitHubForge) -> None:
    await prepared(forge)
    server.faults.no_deploy_keys = True
    error = await refusal(forge.allow(APP, forge.propose(APP)))
    assert error.reason == "DeployKeyRefused"
    assert "APP_PLATFORM_GITHUB_FLUX_CREDENTIAL=app" in str(error)


async def test_flux_may_come_as_an_app_of_its_own(server: GitHubServer, tmp_path: Path) -> None:
    file = tmp_path / "flux.pem"
    file.write_text(server.private_key)
    settings = with_token(
        server,
        flux_credential="app",
        flux_app_id=1,
        flux_installation_id=2,
        flux_private_key_file=file,
    )
    async with opened(settings) as forge:
        made = await forge.ensure(APP)
        assert (made.provider, made.url) == ("github", "https://github.com/example-org/my-app-platform.git")
        credential = forge.propose(APP)
        assert not await forge.allow(APP, credential)
    assert credential.entries == {
        "githubAppID": "1",
        "githubAppInstallationID": "2",
        "githubAppPrivateKey": server.private_key,
        "githubAppBaseURL": server.url,
    }
    assert server.private_key not in repr(credential)
    assert isinstance(credential, Credential)


# Credentials and limits


async def test_an_apps_token_is_had_once_and_again_when_it_is_refused(
    server: GitHubServer, tmp_path: Path
) -> None:
    async with opened(as_app(server, tmp_path)) as forge:
        await asyncio.gather(*(forge.ensure(f"app-{number}") for number in range(8)))
        assert server.issued == 1
        server.tokens.clear()
        await forge.ensure("app-1")
        assert server.issued == 2


async def test_an_app_that_github_does_not_know_is_told(server: GitHubServer, tmp_path: Path) -> None:
    settings = as_app(server, tmp_path).model_copy(update={"app_id": 1})
    async with opened(settings) as forge:
        error = await refusal(forge.ensure(APP))
    assert error.reason == "CredentialRejected"
    assert "private key" in str(error)


async def test_a_spent_budget_gives_the_message_back_with_the_seconds_to_wait(
    server: GitHubServer, budgets: dict[str, OwnBudget], forge: GitHubForge
) -> None:
    head = await prepared(forge)
    budget = budgets["writes"]
    budget.limits = [Limit(80, 60)]
    budget.ledger = budget.ledger.spend(budget.limits, 78, budget.now)
    server.requests.clear()
    error = await refusal(forge.commit(APP, head, Changes({"a": "2"}), "test"))
    assert (type(error), error.reason) == (ForgeLimited, "RateLimited")
    assert 59 <= error.after <= 61
    assert server.requests == []
    budget.now += error.after
    await forge.commit(APP, head, Changes({"a": "2"}), "test")


LIMITED = [
    (403, "You have exceeded a secondary rate limit.", {"retry-after": "37"}, 37.0),
    (429, "Too many requests", {"retry-after": "11"}, 11.0),
    (403, "You have exceeded a secondary rate limit. Please wait.", {}, 60.0),
    (429, "Too many requests", {}, 60.0),
    (503, "Unavailable", {"retry-after": "5"}, 5.0),
    (502, "Bad Gateway", {}, 0.0),
]


@pytest.mark.parametrize("limited", LIMITED)
async def test_githubs_limits_are_heeded_and_not_slept_through(
    server: GitHubServer, budgets: dict[str, OwnBudget], forge: GitHubForge, limited: Any
) -> None:
    status, message, headers, after = limited
    head = await prepared(forge)
    server.faults.refused = [(("POST", "git/trees"), status, message, headers)]
    error = await refusal(forge.commit(APP, head, Changes({"a": "2"}), "test"))
    assert error.after == after
    assert isinstance(error, ForgeLimited) == (status not in {502, 503})
    if status not in {502, 503}:
        assert budgets["points"].closed == [after], "all replicas hold still"
        server.requests.clear()
        assert (await refusal(forge.head(APP))).after > 0
        assert server.requests == [], "GitHub is left alone"


async def test_the_points_of_a_minute_are_counted_and_reads_wait_for_the_next(
    server: GitHubServer, budgets: dict[str, OwnBudget], forge: GitHubForge
) -> None:
    head = await prepared(forge)
    points, at = budgets["points"], budgets["points"].now
    spent = points.ledger.spent
    await forge.head(APP)
    assert sum(count for _, count in points.ledger.spent) == sum(count for _, count in spent) + 1
    points.ledger = points.ledger.spend(points.limits, 900, at)
    server.requests.clear()
    for attempt in (forge.head(APP), forge.commit(APP, head, Changes({"a": "2"}), "test")):
        error = await refusal(attempt)
        assert isinstance(error, ForgeLimited)
        assert 0 < error.after <= 61
    assert server.requests == []
    points.now += 61
    await forge.commit(APP, head, Changes({"a": "2"}), "test")


async def test_the_primary_limit_is_waited_for_before_it_refuses(
    server: GitHubServer, forge: GitHubForge
) -> None:
    await prepared(forge)
    server.limits.used = server.limits.requests - 1
    server.push(server.repo(REPOSITORY), {"x": "1"})
    error = await refusal(forge.head(APP))
    assert error.reason == "RateLimited"
    assert error.after > 60
    assert server.limits.refusals == 0


async def test_a_repository_that_hangs_holds_up_no_other(server: GitHubServer, forge: GitHubForge) -> None:
    for app in ("slow", "quick"):
        await forge.ensure(app)
    server.faults.held["slow-platform"] = asyncio.Event()
    waiting = [asyncio.create_task(forge.head("slow")) for _ in range(5)]
    assert await forge.head("quick") == Head("", {})
    assert not any(task.done() for task in waiting)
    server.faults.held["slow-platform"].set()
    assert await asyncio.gather(*waiting) == [Head("", {})] * 5


async def test_credentials_are_in_no_error(server: GitHubServer, forge: GitHubForge) -> None:
    await prepared(forge)
    server.faults.away = True
    told = []
    for attempt in (forge.ensure(APP), forge.head(APP), forge.allow(APP, forge.propose(APP))):
        error = await refusal(attempt)
        told.append(f"{error!r} {error.__cause__!r} {error.__context__!r}")
    assert TOKEN not in "".join(told)
    assert base64.b64encode(TOKEN.encode()).decode() not in "".join(told)
