"""Git to cluster: our stand-in for source-controller with the real kustomize-controller and the real sops."""

import asyncio
import base64
import json
import subprocess
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pyrage
import pytest

from app_platform.local import Platform
from app_platform.local.kubeapi import KubeApi
from app_platform.local.kubeconfig import read_access
from support.gitrepo import commit_and_push

SOURCES = "/apis/source.toolkit.fluxcd.io/v1/namespaces/{}/gitrepositories/source"
KUSTOMIZATIONS = "/apis/kustomize.toolkit.fluxcd.io/v1/namespaces/{}/kustomizations/sync"
MANAGER = "test"


@pytest.fixture
async def api(kubeconfig: Path) -> AsyncIterator[KubeApi]:
    async with KubeApi(read_access(kubeconfig)) as open_api:
        yield open_api


@pytest.fixture
async def namespace(api: KubeApi, request: pytest.FixtureRequest) -> str:
    """A namespace whose ServiceAccount `flux` may manage ConfigMaps and Secrets in it."""
    name = f"flux-{request.node.name.replace('_', '-')[5:50].rstrip('-')}"
    await apply(api, f"/api/v1/namespaces/{name}", "v1", "Namespace")
    await apply(api, f"/api/v1/namespaces/{name}/serviceaccounts/flux", "v1", "ServiceAccount")
    rbac = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{name}"
    rule = {"apiGroups": [""], "resources": ["configmaps", "secrets"], "verbs": ["*"]}
    await apply(api, f"{rbac}/roles/flux", "rbac.authorization.k8s.io/v1", "Role", rules=[rule])
    await apply(
        api,
        f"{rbac}/rolebindings/flux",
        "rbac.authorization.k8s.io/v1",
        "RoleBinding",
        roleRef={"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "flux"},
        subjects=[{"kind": "ServiceAccount", "name": "flux", "namespace": name}],
    )
    return name


@pytest.fixture
async def repository(platform: Platform, api: KubeApi, namespace: str) -> str:
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


async def apply(api: KubeApi, path: str, version: str, kind: str, **fields: Any) -> dict[str, Any]:
    metadata = {"name": path.rsplit("/", 1)[1], **fields.pop("metadata", {})}
    content = {"apiVersion": version, "kind": kind, "metadata": metadata, **fields}
    return await api.apply(path, content, MANAGER)


async def set_password(api: KubeApi, namespace: str, password: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/secrets/git"
    await apply(api, path, "v1", "Secret", stringData={"username": "flux", "password": password})


async def apply_source(
    api: KubeApi, platform: Platform, namespace: str, requested: str = "", **spec: Any
) -> None:
    content = {
        "url": f"{platform.env['GIT_URL']}/apps/{namespace}.git",
        "interval": "10m",
        "ref": {"branch": "main"},
        "secretRef": {"name": "git"},
        **spec,
    }
    annotations = {"annotations": {"reconcile.fluxcd.io/requestedAt": requested}} if requested else {}
    path = SOURCES.format(namespace)
    await apply(api, path, "source.toolkit.fluxcd.io/v1", "GitRepository", metadata=annotations, spec=content)


async def apply_sync(api: KubeApi, namespace: str, **spec: Any) -> None:
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
    path = KUSTOMIZATIONS.format(namespace)
    await apply(api, path, "kustomize.toolkit.fluxcd.io/v1", "Kustomization", spec=content)


async def wait_for(api: KubeApi, path: str, predicate: Any, what: str, within: float = 30) -> Any:
    """Poll an object until the predicate holds on it; fails with the object's last status."""
    deadline = time.monotonic() + within
    while not predicate(found := await api.get(path)):
        if time.monotonic() > deadline:
            status = (found or {}).get("status")
            pytest.fail(f"not within {within:.0f} s: {what}; last status: {json.dumps(status)}")
        await asyncio.sleep(0.05)
    return found


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
    platform: Platform, api: KubeApi, repository: str, tmp_path: Path, sops_binary: Path
) -> None:
    identity = pyrage.x25519.Identity.generate()
    key_path = f"/api/v1/namespaces/{repository}/secrets/sops-age"
    await apply(api, key_path, "v1", "Secret", stringData={"age.agekey": str(identity)})
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

    source = await wait_for(api, SOURCES.format(repository), at_revision(commit), "artifact of the commit")
    live = f"/api/v1/namespaces/{repository}/secrets/sealed"
    secret = await wait_for(api, live, bool, "the decrypted Secret")
    assert base64.b64decode(secret["data"]["password"]).decode() == "hunter2"
    assert source["status"]["observedGeneration"] == source["metadata"]["generation"]

    commit_and_push(platform, repository, tree, {"manifests/sealed.yaml": None})
    await apply_source(api, platform, repository, requested="now")
    await wait_for(api, live, lambda item: item is None, "the Secret pruned")
    handled = await api.get(SOURCES.format(repository))
    assert handled is not None
    assert handled["status"]["lastHandledReconcileAt"] == "now"


async def test_a_wrong_credential_is_shown_and_heals(
    platform: Platform, api: KubeApi, repository: str, tmp_path: Path
) -> None:
    commit = commit_and_push(
        platform, repository, tmp_path / "tree", {"manifests/map.yaml": config_map("a", "1")}
    )
    await set_password(api, repository, "f4lse")
    await apply_source(api, platform, repository)
    path = SOURCES.format(repository)
    failed = await wait_for(api, path, lambda item: ready(item).get("status") == "False", "the failure shown")
    assert ready(failed)["reason"] == "GitOperationFailed"
    assert "spec.secretRef" in ready(failed)["message"]
    assert "f4lse" not in json.dumps(failed)
    await set_password(api, repository, "right")
    await wait_for(api, path, at_revision(commit), "healed by itself")


async def test_a_suspended_source_is_left_alone_until_resumed(
    platform: Platform, api: KubeApi, repository: str, tmp_path: Path
) -> None:
    tree, path = tmp_path / "tree", SOURCES.format(repository)
    first = commit_and_push(platform, repository, tree, {"manifests/map.yaml": config_map("a", "1")})
    await apply_source(api, platform, repository)
    await wait_for(api, path, at_revision(first), "the first commit")
    await apply_source(api, platform, repository, suspend=True)
    second = commit_and_push(platform, repository, tree, {"manifests/map.yaml": config_map("a", "2")})
    await apply_source(api, platform, repository, requested="while suspended", suspend=True)
    await apply_source(api, platform, repository, requested="resumed", suspend=False)
    resumed = await wait_for(api, path, at_revision(second), "the second commit")
    assert resumed["status"]["lastHandledReconcileAt"] == "resumed"


async def test_a_short_interval_finds_commits_without_being_asked(
    platform: Platform, api: KubeApi, repository: str, tmp_path: Path
) -> None:
    tree, path = tmp_path / "tree", SOURCES.format(repository)
    first = commit_and_push(platform, repository, tree, {"file": "1"})
    await apply_source(api, platform, repository, interval="1s")
    await wait_for(api, path, at_revision(first), "the first commit")
    second = commit_and_push(platform, repository, tree, {"file": "2"})
    await wait_for(api, path, at_revision(second), "the second commit")


async def test_what_the_stand_in_does_not_do_is_said(
    platform: Platform, api: KubeApi, repository: str
) -> None:
    await apply_source(api, platform, repository, url="ssh://git@localhost/apps/x.git")
    path = SOURCES.format(repository)
    refused = await wait_for(api, path, lambda item: ready(item).get("status") == "False", "the refusal")
    assert "http and https only" in ready(refused)["message"]


async def test_the_stand_in_takes_up_its_work_after_being_killed(
    platform: Platform, api: KubeApi, repository: str, tmp_path: Path
) -> None:
    tree, path = tmp_path / "tree", SOURCES.format(repository)
    first = commit_and_push(platform, repository, tree, {"file": "1"})
    await apply_source(api, platform, repository)
    await wait_for(api, path, at_revision(first), "the first commit")
    platform.control.kill("source-controller")
    second = commit_and_push(platform, repository, tree, {"file": "2"})
    await wait_for(api, path, at_revision(second), "the second commit, by the restarted process")
