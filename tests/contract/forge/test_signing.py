"""Commits signed with an SSH key, by both real adapters, as ``git`` itself checks them."""

import os
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from app_platform.git_committer.adapters.git import Author, Clone, Remote
from app_platform.git_committer.adapters.signing import Signer, SigningKeyError
from app_platform.git_committer.ports import Changes, Head
from support.github.forge import opened, with_token
from support.github.server import GitHubServer, github_server

EMAIL = "app-platform@example.invalid"
MESSAGES = ["subject", "subject\n\nbody\n\nTrace: abc", "ümlaut\n\n-----BEGIN SSH SIGNATURE-----\n"]


def run(*command: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    env = {"PATH": os.environ["PATH"], "HOME": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    return subprocess.run(command, cwd=cwd, env=env, check=False, capture_output=True, text=True)


def new_key(folder: Path, name: str = "key", kind: str = "ed25519", passphrase: str = "") -> Path:
    file = folder / name
    done = run("ssh-keygen", "-q", "-t", kind, "-N", passphrase, "-C", "test", "-f", file)
    assert done.returncode == 0, done.stderr
    return file


@pytest.fixture
def author(tmp_path: Path) -> Author:
    return Author("App Platform", EMAIL, Signer.load(new_key(tmp_path)))


def verify(repository: Path, sha: str, public: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """``git verify-commit`` with one allowed signer."""
    allowed = folder / "allowed"
    allowed.write_text(f'{EMAIL} namespaces="git" {public}\n')
    return run("git", "-c", f"gpg.ssh.allowedSignersFile={allowed}", "verify-commit", sha, cwd=repository)


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[GitHubServer]:
    async with github_server(tmp_path / "github") as made:
        yield made


def signer_of(author: Author) -> Signer:
    assert author.signer is not None
    return author.signer


async def check(repository: Path, sha: str, author: Author, folder: Path) -> None:
    done = verify(repository, sha, signer_of(author).public, folder)
    assert done.returncode == 0, done.stderr
    assert 'Good "git" signature' in done.stderr
    other = Signer.load(new_key(folder, f"other-{sha[:8]}"))
    assert verify(repository, sha, other.public, folder).returncode != 0
    assert run("git", "fsck", "--strict", cwd=repository).returncode == 0


@pytest.mark.parametrize("message", MESSAGES)
async def test_commits_on_github_verify(
    server: GitHubServer, author: Author, tmp_path: Path, message: str
) -> None:
    async with opened(with_token(server), author) as forge:
        await forge.ensure("my-app")
        await forge.commit("my-app", await forge.head("my-app"), Changes({"a": "1"}), message)
        sha = await forge.commit("my-app", await forge.head("my-app"), Changes({"a": "2"}), message)
    await check(server.repo("my-app-platform").bare.path, sha, author, tmp_path)


@pytest.mark.parametrize("message", MESSAGES)
async def test_commits_by_git_verify(author: Author, tmp_path: Path, message: str) -> None:
    remote = tmp_path / "remote.git"
    run("git", "init", "-q", "--bare", "--initial-branch", "main", remote)
    clone = Clone(tmp_path / "clone.git", Remote(f"file://{remote}", "x", "x"), author, 20)
    assert await clone.head() == Head("", {})
    await clone.commit(await clone.head(), Changes({"a": "1"}), message)
    sha = await clone.commit(await clone.head(), Changes({"a": "2"}), message)
    assert (await clone.head()).sha == sha
    await check(remote, sha, author, tmp_path)


async def test_a_changed_commit_does_not_verify(server: GitHubServer, author: Author, tmp_path: Path) -> None:
    async with opened(with_token(server), author) as forge:
        await forge.ensure("my-app")
        sha = await forge.commit("my-app", Head("", {}), Changes({"a": "1"}), "test")
    bare = server.repo("my-app-platform").bare
    forged = bare.git("cat-file", "commit", sha).replace("App Platform <", "Somebody <", 1).encode()
    other = bare.git("hash-object", "-t", "commit", "-w", "--stdin", stdin=forged).strip()
    assert verify(bare.path, other, signer_of(author).public, tmp_path).returncode != 0


def test_the_signature_is_what_ssh_keygen_checks(tmp_path: Path) -> None:
    signer = Signer.load(new_key(tmp_path))
    (tmp_path / "allowed").write_text(f"me {signer.public}\n")
    (tmp_path / "signature").write_text(signer.sign(b"text"))
    command = ["ssh-keygen", "-Y", "verify", "-f", "allowed", "-I", "me", "-n", "git", "-s", "signature"]
    good = subprocess.run(command, cwd=tmp_path, input=b"text", check=False, capture_output=True)
    assert good.returncode == 0, good.stderr
    bad = subprocess.run(command, cwd=tmp_path, input=b"other", check=False, capture_output=True)
    assert bad.returncode != 0


@pytest.mark.parametrize("kind", ["rsa", "ecdsa"])
def test_other_kinds_of_keys_are_refused_with_what_to_do(tmp_path: Path, kind: str) -> None:
    with pytest.raises(SigningKeyError, match="ssh-keygen -t ed25519"):
        Signer.load(new_key(tmp_path, kind=kind))


def test_a_file_that_is_no_key_is_refused_without_its_content(tmp_path: Path) -> None:
    file = tmp_path / "x"
    file.write_text("canary-7f3a9c")
    for path in (file, tmp_path / "missing", new_key(tmp_path, "locked", passphrase="secret")):
        with pytest.raises(SigningKeyError) as caught:
            Signer.load(path)
        assert "canary" not in repr(caught.value)


def test_a_signer_does_not_print_its_key(tmp_path: Path) -> None:
    file = new_key(tmp_path)
    middle = file.read_text().splitlines()[3]
    assert middle not in repr(Author("a", "b", Signer.load(file)))
