"""What goes into an image: only what a member needs, in the versions of the lock."""

import importlib.metadata
import re
from pathlib import Path

import locked
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

MEMBERS = locked.members_of_workspace(locked.ROOT)
LOCK = (locked.ROOT / "requirements.lock").read_text()
DOCKERFILE = (locked.ROOT / "deploy" / "Dockerfile").read_text()
OF_TESTS = {"pytest", "playwright", "mypy", "ruff", "mkdocs", "hypothesis"}


def needed(project: str) -> set[str]:
    """What an installed project needs here, found by what the packages say of themselves."""
    found: set[str] = set()
    waiting = [(project, "")]
    while waiting:
        name, extra = waiting.pop()
        for line in importlib.metadata.requires(name) or []:
            wanted = Requirement(line)
            if wanted.marker and not wanted.marker.evaluate({"extra": extra}):
                continue
            key = canonicalize_name(wanted.name)
            if key not in found or wanted.extras:
                found.add(key)
                waiting += [(key, each) for each in (wanted.extras or {""})]
    return found


@pytest.mark.parametrize("project", MEMBERS)
def test_a_member_gets_what_it_needs_and_nothing_of_the_tests(project: str) -> None:
    members = locked.members_of(project.removeprefix("app-platform-"), MEMBERS)
    chosen = locked.blocks(locked.chosen(LOCK, frozenset(members))).keys()
    assert needed(project) <= chosen | members.keys()
    assert not chosen & OF_TESTS
    assert all("--hash=sha256:" in block for block in locked.blocks(LOCK).values())


def test_members_stand_on_others() -> None:
    members = locked.members_of("watcher", MEMBERS)
    assert {"app-platform-watcher", "app-platform-runtime", "app-platform-contracts"} <= members.keys()
    assert "app-platform-git-committer" not in members


def test_an_unknown_member_is_refused() -> None:
    with pytest.raises(KeyError):
        locked.members_of("nobody", MEMBERS)


def test_the_image_is_pinned_and_runs_as_nobody_special() -> None:
    version = re.search(r"^ARG PYTHON=(\d+\.\d+\.\d+)-slim-\w+$", DOCKERFILE, re.MULTILINE)
    assert version
    stages = re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)
    assert stages == ["python:${PYTHON}"] * 2
    assert re.findall(r"^USER (\S+)", DOCKERFILE, re.MULTILINE) == ["1001:1001"]
    assert "HEALTHCHECK" in DOCKERFILE


def test_what_the_image_copies_is_there_and_not_ignored() -> None:
    copied = [
        line.split()[1]
        for line in DOCKERFILE.splitlines()
        if line.startswith("COPY ") and "--from" not in line
    ]
    kept = {
        line[1:]
        for line in Path(locked.ROOT / ".dockerignore").read_text().splitlines()
        if line.startswith("!")
    }
    assert set(copied) == kept
    assert all((locked.ROOT / path).exists() for path in copied)
