"""Asking for a new key, and waiting for it."""

from datetime import timedelta
from typing import Any, cast

import pytest

from app_platform.cli import rotate
from app_platform.contracts import names
from app_platform.kube import KubeClient, Resource
from support.samples import registration_object

LONG, SHORT = timedelta(minutes=10), timedelta(milliseconds=10)


class Cluster:
    """Has one registration, and notes what it is asked to change."""

    def __init__(self, asked: str = "", **rotation: str) -> None:
        self._obj = registration_object()
        self._obj["metadata"]["annotations"] = {names.ROTATE_KEY: asked} if asked else {}
        self._obj["status"] = {"rotation": rotation}
        self.asked: list[str] = []

    async def get(self, _resource: Resource, _name: str) -> dict[str, Any]:
        """The registration."""
        return self._obj

    async def merge_patch(
        self, _resource: Resource, _name: str, _namespace: None, patch: dict[str, Any]
    ) -> None:
        """The annotation."""
        self.asked.append(patch["metadata"]["annotations"][names.ROTATE_KEY])

    @property
    def client(self) -> KubeClient:
        """As the code takes it."""
        return cast("KubeClient", self)


NOT_BEGUN = {"asked": "monday"}
BEGUN = {"asked": "monday", "request": "monday", "phase": "Applying"}
DONE = {"asked": "monday", "request": "monday", "phase": "Done"}
BY_A_SETTING = {"phase": "Encrypting"}


@pytest.mark.parametrize("state", [NOT_BEGUN, BEGUN])
async def test_while_a_key_is_on_its_way_no_other_is_asked_for(state: dict[str, str]) -> None:
    cluster = Cluster(**state)
    assert await rotate.ask(cluster.client, "my-app") == rotate.Asked("monday", new=False)
    assert cluster.asked == []


@pytest.mark.parametrize(
    ("state", "again"),
    [({}, False), (DONE, False), (BY_A_SETTING, False), (NOT_BEGUN, True), (BEGUN, True)],
)
async def test_otherwise_or_again_a_new_one_is(state: dict[str, str], *, again: bool) -> None:
    cluster = Cluster(**state)
    asked = await rotate.ask(cluster.client, "my-app", again=again)
    assert asked.new
    assert cluster.asked == [asked.request]


async def test_the_end_of_patience_is_told() -> None:
    shown: list[str] = []
    with pytest.raises(rotate.RotationError, match="my-app: the old key has not gone after 0 s"):
        await rotate.follow(Cluster(**BEGUN).client, "my-app", "monday", shown.append, SHORT)
    assert shown == ["Applying: "]


async def test_what_is_done_is_not_waited_for() -> None:
    shown: list[str] = []
    await rotate.follow(Cluster(**DONE).client, "my-app", "monday", shown.append, LONG)
    assert shown == ["Done: "]


async def test_that_somebody_asked_for_another_is_told() -> None:
    with pytest.raises(rotate.RotationError, match="another key was asked for meanwhile"):
        await rotate.follow(Cluster(**BEGUN).client, "my-app", "sunday", lambda _: None, LONG)
