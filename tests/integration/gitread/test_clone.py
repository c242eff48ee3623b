"""Reading repositories with the real git."""

from pathlib import Path

import pytest

from app_platform.gitread import Changed, Clone, GitError, cloned
from support.gitrepo import run_git


@pytest.fixture
def origin(tmp_path: Path) -> Path:
    """A repository with three commits."""
    folder = tmp_path / "origin"
    (folder / "secrets" / "a").mkdir(parents=True)
    run_git("init", "-q", "-b", "main", folder=folder)
    commit(folder, "first", {"secrets/a/x.yaml": "one\n", "README.md": "r\n"})
    commit(folder, "second: two\n\nwith a body", {"secrets/a/x.yaml": "two\n", "secrets/a/ü b.yaml": "ü\n"})
    (folder / "secrets/a/x.yaml").unlink()
    commit(folder, "third", {})
    return folder


def commit(folder: Path, message: str, files: dict[str, str]) -> None:
    for path, text in files.items():
        (folder / path).write_text(text)
    run_git("add", "-A", folder=folder)
    done = run_git("commit", "-qm", message, folder=folder)
    assert done.returncode == 0, done.stderr


async def clone_of(origin: Path, tmp_path: Path) -> Clone:
    (tmp_path / "work").mkdir()
    return await cloned(str(origin), "main", None, tmp_path / "work")


async def test_files_of_the_head_are_read(origin: Path, tmp_path: Path) -> None:
    clone = await clone_of(origin, tmp_path)
    assert await clone.files(await clone.head(), "secrets/") == {"secrets/a/ü b.yaml": "ü\n"}


async def test_each_commit_tells_what_it_changed(origin: Path, tmp_path: Path) -> None:
    clone = await clone_of(origin, tmp_path)
    first, second, third = await clone.commits("secrets/")
    assert first.changed == (Changed("A", "secrets/a/x.yaml"),)
    assert second.changed == (Changed("M", "secrets/a/x.yaml"), Changed("A", "secrets/a/ü b.yaml"))
    assert third.changed == (Changed("D", "secrets/a/x.yaml"),)
    assert (second.message, second.author, second.parents) == (
        "second: two\n\nwith a body\n",
        "test@localhost <test@localhost>",
        (first.sha,),
    )
    before, after, missing = await clone.contents(
        [f"{first.sha}:secrets/a/x.yaml", f"{second.sha}:secrets/a/x.yaml", f"{third.sha}:secrets/a/x.yaml"]
    )
    assert (before, after, missing) == ("one\n", "two\n", None)


async def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    with pytest.raises(GitError, match="does not appear to be a git repository"):
        await cloned(str(tmp_path / "nowhere"), "main", None, tmp_path / "work")
