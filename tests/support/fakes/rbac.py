"""The cluster as namespace-rbac sees it, in memory."""

from collections.abc import Mapping, Sequence
from typing import Any

from app_platform.contracts import names
from app_platform.namespace_rbac.ports import ConflictError, Manifest, NamespaceView, Observed

Key = tuple[str, str, str]


def key_of(manifest: Manifest) -> Key:
    """Kind, namespace and name."""
    meta = manifest["metadata"]
    return manifest["kind"], meta.get("namespace", ""), meta["name"]


class FakeCluster:
    """The ``Cluster`` port of namespace-rbac: namespaces and managed objects of all apps."""

    def __init__(self) -> None:
        self.namespaces: dict[str, NamespaceView] = {}
        self.objects: dict[Key, Manifest] = {}
        self.writes: list[tuple[str, Key]] = []
        self.oidc_secrets = frozenset[str]()

    def add_namespace(self, name: str, labels: Mapping[str, str] | None = None, **fields: Any) -> None:
        """A namespace that somebody else made."""
        annotations = fields.pop("annotations", {})
        self.namespaces[name] = NamespaceView(name, labels or {}, annotations, **fields)

    async def observe(self, app: str, wanted: Sequence[str]) -> Observed:
        """See ``Cluster.observe``."""
        seen = {
            n: v for n, v in self.namespaces.items() if n in wanted or v.labels.get(names.APP_LABEL) == app
        }
        mine = [o for o in self.objects.values() if o["metadata"]["labels"].get(names.APP_LABEL) == app]
        return Observed(seen, mine, self.oidc_secrets)

    async def has_released(self, app: str) -> bool:
        """See ``Cluster.has_released``."""
        return any(
            v.labels.get(names.APP_LABEL) == app and names.RELEASED in v.annotations
            for v in self.namespaces.values()
        )

    async def create_namespace(self, manifest: Manifest) -> None:
        """See ``Cluster.create_namespace``."""
        if manifest["metadata"]["name"] in self.namespaces:
            raise ConflictError("made by somebody else")
        await self.apply(manifest)

    async def apply(self, manifest: Manifest) -> None:
        """See ``Cluster.apply``."""
        self.writes.append(("apply", key_of(manifest)))
        meta = manifest["metadata"]
        if manifest["kind"] != "Namespace":
            self.objects[key_of(manifest)] = manifest
            return
        there = self.namespaces.get(meta["name"], NamespaceView(meta["name"], {}, {}))
        kept = {k: v for k, v in there.annotations.items() if k != names.RELEASED}
        self.add_namespace(
            meta["name"],
            {**there.labels, **meta["labels"]},
            annotations={**kept, **meta.get("annotations", {})},
        )

    async def delete(self, manifest: Manifest) -> None:
        """See ``Cluster.delete``."""
        self.writes.append(("delete", key_of(manifest)))
        self.objects.pop(key_of(manifest), None)

    def registration_groups(self, app: str) -> dict[str, set[str]]:
        """Which groups may read and change a registration."""
        prefix = f"app-platform-registration:{app}:"
        return {
            name.removeprefix(prefix): {subject["name"] for subject in o["subjects"]}
            for (kind, _, name), o in self.objects.items()
            if kind == "ClusterRoleBinding" and name.startswith(prefix)
        }

    def bindings(self, namespace: str) -> dict[str, str]:
        """Group to role in a namespace."""
        return {
            o["subjects"][0]["name"]: o["roleRef"]["name"].removeprefix("app-platform-")
            for (kind, where, _), o in self.objects.items()
            if kind == "RoleBinding" and where == namespace and o["subjects"][0]["kind"] == "Group"
        }
