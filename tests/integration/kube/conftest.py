"""A client of the real API server, a namespace per test, and a kind with conditions."""

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest

from app_platform.kube import (
    CUSTOM_RESOURCE_DEFINITIONS,
    NAMESPACES,
    ClusterConfig,
    KubeClient,
    NotFound,
    Resource,
)

WIDGETS = Resource("kube-test.example.com", "v1", "widgets", "Widget")
_CONDITIONS = {
    "type": "array",
    "x-kubernetes-list-type": "map",
    "x-kubernetes-list-map-keys": ["type"],
    "items": {
        "type": "object",
        "required": ["type"],
        "properties": {"type": {"type": "string"}},
        "x-kubernetes-preserve-unknown-fields": True,
    },
}
_SCHEMA = {
    "type": "object",
    "properties": {
        "spec": {
            "type": "object",
            "properties": {"size": {"type": "integer", "minimum": 1}, "note": {"type": "string"}},
        },
        "status": {
            "type": "object",
            "properties": {
                "conditions": _CONDITIONS,
                "size": {"type": "integer"},
                "recipient": {"type": "string"},
            },
        },
    },
}
_SPEC = {
    "group": WIDGETS.group,
    "scope": "Namespaced",
    "names": {"kind": WIDGETS.kind, "plural": WIDGETS.plural, "singular": "widget"},
    "versions": [
        {
            "name": WIDGETS.version,
            "served": True,
            "storage": True,
            "schema": {"openAPIV3Schema": _SCHEMA},
            "subresources": {"status": {}},
        }
    ],
}


@pytest.fixture(scope="session")
def cluster(kubeconfig: Path) -> ClusterConfig:
    return ClusterConfig.load({"KUBECONFIG": str(kubeconfig)})


@pytest.fixture
async def client(cluster: ClusterConfig) -> AsyncIterator[KubeClient]:
    async with KubeClient(cluster) as opened:
        yield opened


@pytest.fixture
async def namespace(client: KubeClient) -> str:
    name = f"kube-{uuid4().hex[:8]}"
    await client.create(NAMESPACES, NAMESPACES.manifest(name))
    return name


@pytest.fixture
async def widgets(client: KubeClient, namespace: str) -> Resource:
    name = f"{WIDGETS.plural}.{WIDGETS.group}"
    definition = CUSTOM_RESOURCE_DEFINITIONS.manifest(name, spec=_SPEC)
    await client.apply(CUSTOM_RESOURCE_DEFINITIONS, definition, field_manager="test")
    while True:  # the API server needs a moment to serve a new kind; the test's own time limit ends this
        try:
            await client.list(WIDGETS, namespace)
        except NotFound:
            continue
        return WIDGETS
