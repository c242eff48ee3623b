"""Git to cluster: our stand-in for source-controller with the real kustomize-controller and the real sops."""

import asyncio
import base64
import json
import subprocess
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pyrage
import pytest

from app_platform.kube import (
    GIT_REPOSITORIES,
    KUSTOMIZATIONS,
    NAMESPACES,
    ROLE_BINDINGS,
    ROLES,
    SECRETS,
    SERVICE_ACCOUNTS,
    ClusterConfig,
    Key,
    KubeClient,
    Resource,
)
from app_platform.local import Platform
from support.gitrepo import commit_and_push

MANAGER = "test"


@pytest.fixture
async def api(kubeconfig: Path) -> AsyncIterator[KubeClient]:
    async with KubeClient(ClusterConfig.load({"KUBECONFIG": str(kubeconfig)})) as client:
        yield client


@pytest.fixture
async def namespace(api: KubeClient, request: pytest.FixtureRequest) -> str:
    """A namespace whose ServiceAccount `flux` may manage ConfigMaps and Secrets in it."""
    name = f"flux-{request.node.name.replace('_', '-')[5:50].rstrip('-')}"
    await api.apply(NAMESPACES, NAMESPACES.manifest(name), field_manager=MANAGER)
    await api.apply(SERVICE_ACCOUNTS, SERVICE_ACCOUNTS.manifest("flux", name), field_manager=MANAGER)
    rule = {"apiGroups": [""], "resources": ["configmaps", "secrets"], "verbs": ["*"]}
    await api.apply(ROLES, ROLES.manifest("flux", name, rules=[rule]), field_manager=MANAGER)
    role = {"apiGroup": ROLES.group, "kind": "Role", "name": "flux"}
    account = {"kind": "ServiceAccount", "name": "flux", "namespace": name}
    binding = ROLE_BINDINGS.manifest("flux", name, roleRef=role, subjects=[account])
    await api.apply(ROLE_BINDINGS, binding, field_manager=MANAGER)
    return name


@pytest.fixture
async def repository(platform: Platform, api: KubeClient, namespace: str) -> str:
    """A repository, and in the namespace the Secret `git` with a credential that may read it."""
    await server(platform, "PUT", f"apps/{namespace}")
    await server(
        platform, "PUT", f"apps/{namespace}/credentials/flux", {"password": "right", "access": "read"}
    )
    await set_password(api, namespace, "right")
    return namespace


async def server(platform: Platform, method: str, path: str, body: object = None) -> None:
    headers = {"Authorization": f"Bearer {platform.env['GIT_TOKEN']}"}
    async with aiohttp.request(
        method, f"{platform.env['GIT_URL']}/api/repos/{path}", json=body, headers=headers
    ) as answer:
        answer.raise_for_status()


async def set_password(api: KubeClient, namespace: str, password: str) -> None:
    await apply_secret(api, namespace, "git", username="flux", password=password)


async def apply_secret(api: KubeClient, namespace: str, name: str, **data: str) -> None:
    await api.apply(SECRETS, SECRETS.manifest(name, namespace, stringData=data), field_manager=MANAGER)


async def apply_source(
    api: KubeClient, platform: Platform, namespace: str, requested: str = "", **spec: Any
) -> None:
    content = {
        "url": f"{platform.env['GIT_URL']}/apps/{namespace}.git",
        "interval": "10m",
        "ref": {"branch": "main"},
        "secretRef": {"name": "git"},
        **spec,
    }
    item = GIT_REPOSITORIES.manifest("source", namespace, spec=content)
    if requested:
        item["metadata"]["annotations"] = {"reconcile.fluxcd.io/requestedAt": requested}
    await api.apply(GIT_REPOSITORIES, item, field_manager=MANAGER)


async def apply_sync(api: KubeClient, namespace: str, **spec: Any) -> None:
    content = {
        "interval": "10m",
        "retryInterval": "2s",
        "path": "./manifests",
        "prune": True,
        "targetNamespace": namespace,
        "serviceAccountName": "flux",
        "sourceRef": {"kind": "GitRepository", "name": "source"},
        **spec,
    }
    await api.apply(
        KUSTOMIZATIONS, KUSTOMIZATIONS.manifest("sync", namespace, spec=content), field_manager=MANAGER
    )


async def wait_for(
    api: KubeClient, resource: Resource, key: Key, predicate: Callable[[Any], object], what: str
) -> Any:
    """Poll an object (none while there is no such) until the predicate holds; fails with its last status."""
    deadline = time.monotonic() + 30
    while not predicate(found := await api.find(resource, key.name, key.namespace)):
        if time.monotonic() > deadline:
            pytest.fail(f"not within 30 s: {what}; last status: {json.dumps((found or {}).get('status'))}")
        await asyncio.sleep(0.05)
    return found


async def wait_source(api: KubeClient, namespace: str, predicate: Callable[[Any], object], what: str) -> Any:
    return await wait_for(api, GIT_REPOSITORIES, Key(namespace, "source"), predicate, what)


def ready(item: Any) -> dict[str, Any]:
    conditions = ((item or {}).get("status") or {}).get("conditions", [])
    return next((each for each in conditions if each["type"] == "Ready"), {})


def at_revision(commit: str) -> Any:
    return lambda item: (
        ready(item).get("status") == "True"
        and item["status"]["artifact"]["revision"] == f"main@sha1:{commit}"
    )


def config_map(name: str, value: str) -> str:
    return json.dumps(
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"key": value}}
    )


def encrypted(sops: Path, recipient: str, value: str, folder: Path) -> str:
    plain = folder / "plain.yaml"
    plain.write_text(
        f"apiVersion: v1\nkind: Secret\nmetadata:\n  name: sealed\nstringData:\n  password: {value}\n"
    )
    command = [
        str(sops),
        "encrypt",
        "--age",
        recipient,
        "--encrypted-regex",
        "^(data|stringData)$",
        str(plain),
    ]
    text = subprocess.run(command, capture_output=True, text=True, check=True, cwd=folder).stdout
    assert value not in text
    return text


async def test_an_encrypted_secret_reaches_the_cluster_and_leaves_it_again(
    platform: Platform, api: KubeClient, repository: str, tmp_path: Path, sops_binary: Path
) -> None:
    identity = pyrage.x25519.Identity.generate()
    await apply_secret(api, repository, "sops-age", **{"age.agekey": str(identity)})
    sealed = encrypted(sops_binary, str(identity.to_public()), "hunter2", tmp_path)
    tree = tmp_path / "tree"
    files = {
        "manifests/sealed.yaml": sealed,
        "manifests/map.yaml": config_map("plain", "1"),
        ".sops.yaml": "a: 1\n",
    }
    commit = commit_and_push(platform, repository, tree, files)
    await apply_source(api, platform, repository)
    await apply_sync(api, repository, decryption={"provider": "sops", "secretRef": {"name": "sops-age"}})

    source = await wait_source(api, repository, at_revision(commit), "artifact of the commit")
    live = Key(repository, "sealed")
    secret = await wait_for(api, SECRETS, live, bool, "the decrypted Secret")
    assert base64.b64decode(secret["data"]["password"]).decode() == "hunter2"
    assert source["status"]["observedGeneration"] == source["metadata"]["generation"]

    commit_and_push(platform, repository, tree, {"manifests/sealed.yaml": None})
    await apply_source(api, platform, repository, requested="now")
    await wait_for(api, SECRETS, live, lambda item: item is None, "the Secret pruned")
    handled = await api.get(GIT_REPOSITORIES, "source", repository)
    assert handled["status"]["lastHandledReconcileAt"] == "now"


async def test_a_wrong_credential_is_shown_and_heals(
    platform: Platform, api: KubeClient, repository: str, tmp_path: Path
) -> None:
    commit = commit_and_push(
        platform, repository, tmp_path / "tree", {"manifests/map.yaml": config_map("a", "1")}
    )
    await set_password(api, repository, "f4lse")
    await apply_source(api, platform, repository)
    failed = await wait_source(
        api, repository, lambda item: ready(item).get("status") == "False", "the failure shown"
    )
    assert ready(failed)["reason"] == "GitOperationFailed"
    assert "spec.secretRef" in ready(failed)["message"]
    assert "f4lse" not in json.dumps(failed)
    await set_password(api, repository, "right")
    await wait_source(api, repository, at_revision(commit), "healed by itself")


async def test_a_suspended_source_is_left_alone_until_resumed(
    platform: Platform, api: KubeClient, repository: str, tmp_path: Path
) -> None:
    tree = tmp_path / "tree"
    first = commit_and_push(platform, repository, tree, {"manifests/map.yaml": config_map("a", "1")})
    await apply_source(api, platform, repository)
    await wait_source(api, repository, at_revision(first), "the first commit")
    await apply_source(api, platform, repository, suspend=True)
    second = commit_and_push(platform, repository, tree, {"manifests/map.yaml": config_map("a", "2")})
    await apply_source(api, platform, repository, requested="while suspended", suspend=True)
    await apply_source(api, platform, repository, requested="resumed", suspend=False)
    resumed = await wait_source(api, repository, at_revision(second), "the second commit")
    assert resumed["status"]["lastHandledReconcileAt"] == "resumed"


async def test_a_short_interval_finds_commits_without_being_asked(
    platform: Platform, api: KubeClient, repository: str, tmp_path: Path
) -> None:
    tree = tmp_path / "tree"
    first = commit_and_push(platform, repository, tree, {"file": "1"})
    await apply_source(api, platform, repository, interval="1s")
    await wait_source(api, repository, at_revision(first), "the first commit")
    second = commit_and_push(platform, repository, tree, {"file": "2"})
    await wait_source(api, repository, at_revision(second), "the second commit")


async def test_what_the_stand_in_does_not_do_is_said(
    platform: Platform, api: KubeClient, repository: str
) -> None:
    await apply_source(api, platform, repository, ref={"tag": "v1"})
    refused = await wait_source(
        api, repository, lambda item: ready(item).get("status") == "False", "the refusal"
    )
    assert "not tag" in ready(refused)["message"]


async def test_the_stand_in_takes_up_its_work_after_being_killed(
    platform: Platform, api: KubeClient, repository: str, tmp_path: Path
) -> None:
    tree = tmp_path / "tree"
    first = commit_and_push(platform, repository, tree, {"file": "1"})
    await apply_source(api, platform, repository)
    await wait_source(api, repository, at_revision(first), "the first commit")
    platform.control.kill("source-controller")
    second = commit_and_push(platform, repository, tree, {"file": "2"})
    await wait_source(api, repository, at_revision(second), "the second commit, by the restarted process")


async def test_artifacts_of_a_deleted_source_are_gone(
    platform: Platform, api: KubeClient, repository: str, tmp_path: Path
) -> None:
    commit = commit_and_push(platform, repository, tmp_path / "tree", {"file": "1"})
    await apply_source(api, platform, repository)
    source = await wait_source(api, repository, at_revision(commit), "the commit")
    url = source["status"]["artifact"]["url"]
    assert await http_status(url) == 200
    await api.delete(GIT_REPOSITORIES, "source", repository)
    deadline = time.monotonic() + 30
    while await http_status(url) != 404:
        assert time.monotonic() < deadline, "the artifact is still there"
        await asyncio.sleep(0.05)


async def http_status(url: str) -> int:
    async with aiohttp.request("GET", url) as answer:
        return answer.status
