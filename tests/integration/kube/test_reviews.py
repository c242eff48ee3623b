"""Questions about rights, answered by the real API server."""

from pathlib import Path
from uuid import uuid4

import pytest

from app_platform.kube import Action, ClusterConfig, Forbidden, KubeClient, Resource, User, may
from app_platform.kube.resources import KUSTOMIZATIONS, SECRETS
from integration.policies.conftest import Team, person, team
from support.nats import until

PODS = Resource("", "v1", "pods", "Pod")


@pytest.fixture
async def mine(kubeconfig: Path) -> Team:
    async with KubeClient(ClusterConfig.load({"KUBECONFIG": str(kubeconfig)})) as root:
        made = await team(root, f"rev{uuid4().hex[:8]}")
        reading = Action("list", KUSTOMIZATIONS, made.home)
        await until(lambda: may(root, reading, User("", (f"{made.name}-readers",))), "the bindings are known")
        return made


async def test_what_a_group_may_do_is_asked_about_it(kubeconfig: Path, mine: Team) -> None:
    async with KubeClient(ClusterConfig.load({"KUBECONFIG": str(kubeconfig)})) as root:
        readers = User("", (f"{mine.name}-readers",))
        reading, execing = (
            Action("list", PODS, mine.dev),
            Action("create", PODS, mine.dev, subresource="exec"),
        )
        assert (await may(root, reading, readers), await may(root, execing, readers)) == (True, False)
        assert await may(root, execing, User("", (f"{mine.name}-developers",)))
        assert not await may(root, reading, User("oidc:nobody"))


async def test_everybody_may_ask_about_himself_and_nobody_about_others(kubeconfig: Path, mine: Team) -> None:
    async with KubeClient(ClusterConfig.load({"KUBECONFIG": str(kubeconfig)})) as root:
        reader = person(root, "rita", f"{mine.name}-readers")
        assert await may(reader, Action("list", KUSTOMIZATIONS, mine.home))
        assert not await may(reader, Action("get", SECRETS, mine.home))
        with pytest.raises(Forbidden, match="subjectaccessreviews"):
            await may(reader, Action("list", PODS), User("oidc:somebody"))
