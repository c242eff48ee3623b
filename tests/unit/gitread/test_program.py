"""How git is run."""

from pathlib import Path

import pytest

from app_platform.gitread import GitError, run_git


async def test_a_missing_git_is_told(tmp_path: Path) -> None:
    with pytest.raises(GitError, match="the program git is not installed"):
        await run_git({"PATH": str(tmp_path)}, "--version")
