"""The app's Git credential on a real API server: made once, kept, and following the settings."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from app_platform.contracts import names
from app_platform.git_committer.adapters.cluster import KubernetesCluster
from app_platform.git_committer.ports import Credential
from app_platform.kube import NAMESPACES, SECRETS, AlreadyExists, ClusterConfig, Conflict, KubeClient

APP = "credential"
SSH = frozenset({"identity", "identity.pub"})


@pytest.fixture
async def client(kubeconfig: Path) -> AsyncIterator[KubeClient]:
    config = ClusterConfig.load({"KUBECONFIG": str(kubeconfig)})
    async with KubeClient(config, user_agent="test") as made:
        try:
            await made.create(NAMESPACES, NAMESPACES.manifest(names.platform_namespace(APP)))
        except AlreadyExists:
            await made.delete(SECRETS, names.GIT_CREDENTIAL_SECRET, names.platform_namespace(APP))
        yield made


def ssh(identity: str, known_hosts: str = "host") -> Credential:
    entries = {"identity": identity, "identity.pub": f"{identity}.pub", "known_hosts": known_hosts}
    return Credential(entries, SSH)


async def stored(client: KubeClient) -> set[str]:
    secret = await client.get(SECRETS, names.GIT_CREDENTIAL_SECRET, names.platform_namespace(APP))
    return set(secret["data"])


async def test_what_is_stored_is_kept_and_the_rest_follows(client: KubeClient) -> None:
    cluster = KubernetesCluster(client)
    assert await cluster.credential(APP, ssh("one")) == ssh("one")
    assert await cluster.credential(APP, ssh("two")) == ssh("one")
    assert await cluster.credential(APP, ssh("three", "new")) == ssh("one", "new")
    assert await cluster.credential(APP, ssh("four", "new")) == ssh("one", "new")


async def test_another_forge_replaces_all_entries(client: KubeClient) -> None:
    cluster = KubernetesCluster(client)
    basic = Credential({"username": "flux", "password": "x"}, frozenset({"password"}))
    await cluster.credential(APP, basic)
    assert await cluster.credential(APP, ssh("one")) == ssh("one")
    assert await stored(client) == {"identity", "identity.pub", "known_hosts"}
    assert await cluster.credential(APP, basic) == basic
    assert await stored(client) == {"username", "password"}


async def test_of_two_replicas_one_credential_is_stored(
    client: KubeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster = KubernetesCluster(client)
    await cluster.credential(APP, Credential({"username": "old"}))
    get = client.get

    async def overtaken(*arguments: object, **options: object) -> object:
        found = await get(*arguments, **options)  # type: ignore[arg-type]  # passed through as it came
        monkeypatch.setattr(client, "get", get)
        await cluster.credential(APP, ssh("other"))
        return found

    monkeypatch.setattr(client, "get", overtaken)
    with pytest.raises(Conflict):
        await cluster.credential(APP, ssh("one"))
    assert await cluster.credential(APP, ssh("one")) == ssh("other")
