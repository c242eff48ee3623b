"""Kinds of objects and where the API server keeps them. Pure.

Listed are built-in kinds, and those of Flux that several services use; a user of this library adds its own: `Resource("example.com", "v1", "widgets", "Widget")`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple
from urllib.parse import quote

Object = dict[str, Any]


class Key(NamedTuple):
    """An object's place within its resource; `namespace` is empty for cluster-scoped objects."""

    namespace: str
    name: str


@dataclass(frozen=True)
class Resource:
    """One resource of the API.

    Attributes:
        group: the API group; empty for the core group.
        version: `v1`, `v1alpha1`, …
        plural: as in the URL.
        kind: as in manifests.
        namespaced: whether its objects live in namespaces.
        sensitive: whether its objects hold values that no error may repeat.
    """

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool = True
    sensitive: bool = False

    @property
    def api_version(self) -> str:
        """`group/version`, or `version` in the core group."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(
        self, namespace: str | None = None, name: str | None = None, subresource: str | None = None
    ) -> str:
        """The URL path of a collection or, with a name, of one object.

        Args:
            namespace: None for cluster-scoped resources, or for a collection over all namespaces.
            name: of one object.
            subresource: such as `status`.

        Raises:
            ValueError: a namespace for a cluster-scoped resource, or none for one namespaced object: a mistake in the
                caller that would otherwise be a baffling 404.
        """
        if namespace and not self.namespaced:
            raise ValueError(f"{self.plural} are cluster-scoped: no namespace")
        if name and self.namespaced and not namespace:
            raise ValueError(f"{self.plural} are namespaced: give the namespace of {name!r}")
        parts = [f"/apis/{self.api_version}" if self.group else f"/api/{self.version}"]
        if namespace:
            parts.append(f"namespaces/{quote(namespace, safe='')}")
        parts.append(self.plural)
        parts.extend(quote(part, safe="") for part in (name, subresource) if part)
        return "/".join(parts)

    def manifest(self, name: str, namespace: str | None = None, **fields: Any) -> Object:  # noqa: ANN401 - any JSON
        """The skeleton of an object: apiVersion, kind and metadata, and the given top-level fields."""
        metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
        return {"apiVersion": self.api_version, "kind": self.kind, "metadata": metadata, **fields}


def key_of(obj: Mapping[str, Any]) -> Key:
    """The key of an object."""
    metadata = obj["metadata"]
    return Key(metadata.get("namespace", ""), metadata["name"])


_RBAC: Final = "rbac.authorization.k8s.io"
NAMESPACES: Final = Resource("", "v1", "namespaces", "Namespace", namespaced=False)
SECRETS: Final = Resource("", "v1", "secrets", "Secret", sensitive=True)
CONFIG_MAPS: Final = Resource("", "v1", "configmaps", "ConfigMap")
SERVICE_ACCOUNTS: Final = Resource("", "v1", "serviceaccounts", "ServiceAccount")
ROLES: Final = Resource(_RBAC, "v1", "roles", "Role")
ROLE_BINDINGS: Final = Resource(_RBAC, "v1", "rolebindings", "RoleBinding")
CLUSTER_ROLES: Final = Resource(_RBAC, "v1", "clusterroles", "ClusterRole", namespaced=False)
CLUSTER_ROLE_BINDINGS: Final = Resource(
    _RBAC, "v1", "clusterrolebindings", "ClusterRoleBinding", namespaced=False
)
LEASES: Final = Resource("coordination.k8s.io", "v1", "leases", "Lease")
GIT_REPOSITORIES: Final = Resource("source.toolkit.fluxcd.io", "v1", "gitrepositories", "GitRepository")
KUSTOMIZATIONS: Final = Resource("kustomize.toolkit.fluxcd.io", "v1", "kustomizations", "Kustomization")
CUSTOM_RESOURCE_DEFINITIONS: Final = Resource(
    "apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition", namespaced=False
)
