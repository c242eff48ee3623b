"""A repository that a command reads."""

import base64
from typing import Any, cast

import pytest

from app_platform.cli import repository
from app_platform.cli.errors import CommandError
from app_platform.contracts import Registration
from app_platform.gitread import Clone, GitError
from app_platform.kube import KubeClient
from support.samples import registration_object


class Cluster:
    """Has the credential."""

    async def get(self, *_: object) -> dict[str, Any]:
        """The Secret."""
        return {"data": {key: base64.b64encode(b"x").decode() for key in ("username", "password")}}


async def test_what_git_cannot_read_later_is_told_of_the_app(monkeypatch: pytest.MonkeyPatch) -> None:
    async def cloned(*_: object) -> Clone:
        return cast("Clone", object())

    monkeypatch.setattr(repository, "cloned", cloned)
    obj = registration_object()
    obj["status"] = {
        "repository": {"url": "https://forge/apps/my-app-platform", "branch": "main", "headSha": "c"}
    }
    with pytest.raises(CommandError, match="my-app: a path with a line break cannot be read"):
        async with repository.platform_repository(
            cast("KubeClient", Cluster()), Registration.from_object(obj)
        ):
            raise GitError("a path with a line break cannot be read")
