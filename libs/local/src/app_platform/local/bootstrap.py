"""What must be in the cluster before anything else starts: namespaces, custom resource definitions, our RBAC.

All of it is server-side applied on every `up`, so that a changed file takes effect. Definitions come first and are
waited for, since the other files may use them.
"""

import asyncio
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import yaml

from app_platform.local.errors import ClusterError
from app_platform.local.identities import SYSTEM_NAMESPACE
from app_platform.local.kubeapi import KubeApi, Object

FLUX_NAMESPACE = "flux-system"

_MANAGER = "app-platform-local"
_DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
_ESTABLISHED_SECONDS = 30.0


def read_manifests(files: Iterable[Path]) -> list[Object]:
    """All objects of YAML files, lists taken apart."""
    return [item for file in files for item in _items(file)]


async def bootstrap(api: KubeApi, manifests: list[Object]) -> None:
    """Apply the namespaces of the platform and `manifests`.

    Raises:
        ClusterError: the API server refuses one of them; the message names it.
    """
    namespaces = [_namespace(name) for name in (FLUX_NAMESPACE, SYSTEM_NAMESPACE)]
    definitions = [each for each in manifests if each["kind"] == "CustomResourceDefinition"]
    others = [each for each in manifests if each["kind"] != "CustomResourceDefinition"]
    paths = Paths(api)
    await asyncio.gather(*(_apply(api, paths, each) for each in namespaces + definitions))
    await asyncio.gather(*(_established(api, each["metadata"]["name"]) for each in definitions))
    # Namespaced objects may come in the same folder as their namespace, and cluster-scoped ones depend on nothing.
    for each in sorted(others, key=lambda item: "namespace" in item["metadata"]):
        await _apply(api, paths, each)


class Paths:
    """Finds the URL path of an object from the API server's own discovery, asked once per API version."""

    def __init__(self, api: KubeApi) -> None:
        self._api = api
        self._known: dict[str, dict[str, Any]] = {}

    async def of(self, item: Object) -> str:
        """The path of `item`.

        Raises:
            ClusterError: the API server does not know its kind.
        """
        version, kind, metadata = item["apiVersion"], item["kind"], item["metadata"]
        prefix = f"/apis/{version}" if "/" in version else f"/api/{version}"
        if version not in self._known:
            self._known[version] = await self._api.get(prefix) or {"resources": []}
        resources = self._known[version]["resources"]
        found = next((each for each in resources if each["kind"] == kind and "/" not in each["name"]), None)
        if found is None:
            raise ClusterError(f"the API server knows no {kind} in {version} ({metadata['name']})")
        scope = f"/namespaces/{metadata.get('namespace', 'default')}" if found["namespaced"] else ""
        return f"{prefix}{scope}/{found['name']}/{metadata['name']}"


async def _apply(api: KubeApi, paths: Paths, item: Object) -> None:
    await api.apply(await paths.of(item), item, _MANAGER)


async def _established(api: KubeApi, name: str) -> None:
    deadline = time.monotonic() + _ESTABLISHED_SECONDS
    while not _is_established(await api.get(f"{_DEFINITIONS}/{name}") or {}):
        if time.monotonic() > deadline:
            raise ClusterError(f"the API server has not taken up {name} after {_ESTABLISHED_SECONDS:.0f} s")
        await asyncio.sleep(0.05)


def _is_established(definition: Object) -> bool:
    conditions = definition.get("status", {}).get("conditions") or []  # null at first
    return any(each["type"] == "Established" and each["status"] == "True" for each in conditions)


def _namespace(name: str) -> Object:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


def _items(file: Path) -> Iterator[Object]:
    # The C loader: Flux's definitions are long, and this runs on every `up`.
    for document in yaml.load_all(file.read_text(), Loader=yaml.CSafeLoader):
        if document and document["kind"] == "List":
            yield from document["items"]
        elif document:
            yield document
