"""Replicas that come, leave and die."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from app_platform.kube import LEASES, Group, KubeClient, Membership

REPLICA = """
import asyncio, sys
from app_platform.kube import ClusterConfig, Group, KubeClient, Membership
async def main(namespace, replica):
    async with KubeClient(ClusterConfig.load()) as client:
        group = Group(namespace, "test", {"group": "test"}, duration=1.5, renew=0.3)
        await Membership(client, group, replica).run(lambda replicas: None)
asyncio.run(main(*sys.argv[1:]))
"""


class Member:
    """A replica in this process, and the views that it had."""

    def __init__(self, client: KubeClient, namespace: str, replica: str) -> None:
        group = Group(namespace, "test", {"group": "test"}, duration=1.5, renew=0.3)
        self.membership = Membership(client, group, replica)
        self.views: asyncio.Queue[tuple[str, ...]] = asyncio.Queue()

    async def sees(self, *replicas: str) -> None:
        async with asyncio.timeout(30):
            while await self.views.get() != replicas:
                pass


@asynccontextmanager
async def running(client: KubeClient, namespace: str, replica: str) -> AsyncIterator[Member]:
    member = Member(client, namespace, replica)
    task = asyncio.create_task(member.membership.run(member.views.put_nowait))
    try:
        yield member
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def leases(client: KubeClient, namespace: str) -> list[str]:
    return sorted(lease["metadata"]["name"] for lease in await client.list(LEASES, namespace))


async def until_gone(client: KubeClient, namespace: str, lease: str) -> None:
    while lease in await leases(client, namespace):  # noqa: ASYNC110 - it is the server that is asked
        await asyncio.sleep(0.2)


async def test_one_comes_and_leaves(client: KubeClient, namespace: str) -> None:
    async with running(client, namespace, "a") as first:
        await first.sees("a")
        async with running(client, namespace, "b") as second:
            await first.sees("a", "b")
            await second.sees("a", "b")
            assert await leases(client, namespace) == ["test-a", "test-b"]
        await first.sees("a")
    assert await leases(client, namespace) == []


async def test_one_dies(client: KubeClient, namespace: str, kubeconfig: Path) -> None:
    async with running(client, namespace, "a") as survivor:
        other = await asyncio.create_subprocess_exec(
            sys.executable, "-c", REPLICA, namespace, "b", env={"KUBECONFIG": str(kubeconfig)}
        )
        await survivor.sees("a", "b")
        other.kill()
        await other.wait()
        assert await leases(client, namespace) == ["test-a", "test-b"]
        await survivor.sees("a")
        async with asyncio.timeout(30):
            await until_gone(client, namespace, "test-b")  # what the dead leave behind is cleared away
