"""What must be in the cluster before anything else starts: namespaces, custom resource definitions, our RBAC.

All of it is server-side applied on every `up`, so that a changed file takes effect. Definitions come first and are
waited for, since the other files may use them.
"""

import asyncio
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import yaml

from app_platform.kube import (
    CLUSTER_ROLE_BINDINGS,
    CLUSTER_ROLES,
    CONFIG_MAPS,
    CUSTOM_RESOURCE_DEFINITIONS,
    NAMESPACES,
    ROLE_BINDINGS,
    ROLES,
    SECRETS,
    SERVICE_ACCOUNTS,
    KubeClient,
    Object,
    Resource,
)
from app_platform.local.errors import ClusterError
from app_platform.local.identities import SYSTEM_NAMESPACE

FLUX_NAMESPACE = "flux-system"

_MANAGER = "app-platform-local"
_ADMISSION = "admissionregistration.k8s.io"
_DEPLOYMENTS = Resource("apps", "v1", "deployments", "Deployment")
_SERVICES = Resource("", "v1", "services", "Service")

KINDS = (
    NAMESPACES,
    CUSTOM_RESOURCE_DEFINITIONS,
    SERVICE_ACCOUNTS,
    CONFIG_MAPS,
    CLUSTER_ROLES,
    CLUSTER_ROLE_BINDINGS,
    ROLES,
    ROLE_BINDINGS,
    Resource(_ADMISSION, "v1", "validatingadmissionpolicies", "ValidatingAdmissionPolicy", namespaced=False),
    Resource(
        _ADMISSION,
        "v1",
        "validatingadmissionpolicybindings",
        "ValidatingAdmissionPolicyBinding",
        namespaced=False,
    ),
    SECRETS,
    _SERVICES,
    _DEPLOYMENTS,
)
"""What may lie in deploy/kubernetes/crds, rbac, policies and authelia."""

_LOCAL_POLICY = {"gitSchemes": "http,https,ssh", "gitCredentialSchemes": "http,ssh"}
_AUTHELIA_DEADLINE = 10  # seconds until a list of clients that the provider refuses is given up
_ESTABLISHED_SECONDS = 30.0


def read_manifests(files: Iterable[Path]) -> list[Object]:
    """All objects of YAML files, lists taken apart."""
    return [item for file in files for item in _items(file)]


def authelia_manifests(folder: Path) -> list[Path]:
    """The objects of Authelia in deploy/kubernetes, without what only kustomize reads."""
    return sorted(set((folder / "authelia").glob("*.yaml")) - {folder / "authelia" / "kustomization.yaml"})


def with_local_settings(manifests: list[Object]) -> list[Object]:
    """The manifests with what differs on one machine: our Git server speaks plain HTTP, on loopback; nobody waits for minutes."""
    return [_locally(each) for each in manifests]


def _locally(item: Object) -> Object:
    match (item["kind"], item["metadata"]["name"]):
        case ("ConfigMap", "app-platform-policies"):
            return {**item, "data": {**item["data"], **_LOCAL_POLICY}}
        case ("Deployment", "authelia"):
            return {**item, "spec": {**item["spec"], "progressDeadlineSeconds": _AUTHELIA_DEADLINE}}
    return item


async def bootstrap(client: KubeClient, manifests: list[Object]) -> None:
    """Apply the namespaces of the platform and `manifests`.

    Raises:
        ClusterError: a kind is not in the table above, or a definition is not taken up.
        KubeError: the API server refuses an object.
    """
    namespaces = [NAMESPACES.manifest(name) for name in (FLUX_NAMESPACE, SYSTEM_NAMESPACE)]
    definitions = [each for each in manifests if each["kind"] == CUSTOM_RESOURCE_DEFINITIONS.kind]
    others = [each for each in manifests if each["kind"] != CUSTOM_RESOURCE_DEFINITIONS.kind]
    await asyncio.gather(*(_apply(client, each) for each in namespaces + definitions))
    await asyncio.gather(*(_established(client, each["metadata"]["name"]) for each in definitions))
    # A namespace may come in the same folder as what lies in it.
    for each in sorted(others, key=lambda item: "namespace" in item["metadata"]):
        await _apply(client, each)


def resource_of(item: Object) -> Resource:
    """The resource of an object.

    Raises:
        ClusterError: its kind is not one that is set up here.
    """
    for resource in KINDS:
        if (resource.api_version, resource.kind) == (item["apiVersion"], item["kind"]):
            return resource
    name = item["metadata"]["name"]
    raise ClusterError(f"{item['kind']} {name} ({item['apiVersion']}): add this kind to KINDS in {__name__}")


async def require_no_flux(client: KubeClient) -> None:
    """Refuse a cluster that runs Flux itself: two controllers would undo each other's work.

    Raises:
        ClusterError: there is a kustomize-controller.
    """
    if await client.find(_DEPLOYMENTS, "kustomize-controller", FLUX_NAMESPACE):
        raise ClusterError(
            f"this cluster runs Flux ({FLUX_NAMESPACE}/kustomize-controller), which cannot reach a Git server on this "
            "machine and would fight with ours: choose a cluster without Flux, or leave --cluster out"
        )


async def _apply(client: KubeClient, item: Object) -> None:
    await client.apply(resource_of(item), item, field_manager=_MANAGER, force=True)


async def _established(client: KubeClient, name: str) -> None:
    deadline = time.monotonic() + _ESTABLISHED_SECONDS
    while not _is_established(await client.get(CUSTOM_RESOURCE_DEFINITIONS, name)):
        if time.monotonic() > deadline:
            raise ClusterError(f"the API server has not taken up {name} after {_ESTABLISHED_SECONDS:.0f} s")
        await asyncio.sleep(0.05)


def _is_established(definition: Object) -> bool:
    conditions = definition.get("status", {}).get("conditions") or []  # null at first
    return any(each["type"] == "Established" and each["status"] == "True" for each in conditions)


def _items(file: Path) -> Iterator[Object]:
    # The C loader: Flux's definitions are long, and this runs on every `up`.
    for document in yaml.load_all(file.read_text(), Loader=yaml.CSafeLoader):
        if document and document["kind"] == "List":
            yield from document["items"]
        elif document:
            yield document
