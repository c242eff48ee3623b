"""Kustomizations as pages show them: what they deploy, from where, and what they wait for. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from app_platform.dashboard.flux.objects import FluxObject, Revision, common, revision

_SOURCE: Final = "GitRepository"
_ID_PARTS: Final = 4
_MIRROR: Final = "MirrorPrune"
_TAKES_ALONG: Final = frozenset({"Delete", "WaitForTermination"})
_GOOD: Final = frozenset({"ReconciliationSucceeded"})


@dataclass(frozen=True)
class Applied:
    """An object of the inventory: what a Kustomization has put into the cluster."""

    kind: str
    name: str
    namespace: str
    group: str
    version: str


@dataclass(frozen=True)
class Attempt:
    """An entry of Flux's history of a Kustomization: one content, however often it was applied.

    Attributes:
        result: A reason, as in the Ready condition.
        times: How often it was tried.
    """

    revision: Revision | None
    result: str
    first: str
    last: str
    duration: str
    times: int

    @property
    def good(self) -> bool:
        """Whether it went well."""
        return self.result in _GOOD


@dataclass(frozen=True)
class Sync(FluxObject):
    """A Kustomization.

    Attributes:
        source: Name of its GitRepository; empty when it follows something else.
        depends_on: Names of the Kustomizations that it waits for, in its own namespace.
        target: Namespace that all its objects are put into; empty when the manifests say where.
        applied: The revision that is deployed.
        attempted: The one that was tried last.
        deletion: ``spec.deletionPolicy``.
    """

    source: str
    path: str
    target: str
    prune: bool
    depends_on: Sequence[str]
    applied: Revision | None
    attempted: Revision | None
    inventory: Sequence[Applied]
    history: Sequence[Attempt]
    deletion: str

    @property
    def takes_along(self) -> bool:
        """Whether Flux removes what it has deployed when it is deleted (kustomize-controller ``finalize``)."""
        follows = self.prune if self.deletion == _MIRROR else self.deletion in _TAKES_ALONG
        return follows and not self.suspended

    @property
    def behind(self) -> bool:
        """Whether what was tried last is not what is deployed."""
        return self.attempted is not None and self.attempted != self.applied


def sync(obj: Mapping[str, Any]) -> Sync:
    """A Kustomization as the API server sends it."""
    spec, status = obj.get("spec") or {}, obj.get("status") or {}
    followed = spec.get("sourceRef") or {}
    return Sync(
        **common(obj),
        source=followed.get("name", "") if followed.get("kind") == _SOURCE else "",
        path=spec.get("path") or "./",
        target=spec.get("targetNamespace", ""),
        prune=bool(spec.get("prune")),
        depends_on=tuple(each["name"] for each in spec.get("dependsOn") or ()),
        applied=revision(status.get("lastAppliedRevision", "")),
        attempted=revision(status.get("lastAttemptedRevision", "")),
        inventory=inventory(status),
        history=[_attempt(each) for each in status.get("history") or ()],
        deletion=spec.get("deletionPolicy") or _MIRROR,
    )


def inventory(status: Mapping[str, Any]) -> list[Applied]:
    """What is deployed, by namespace, kind and name.

    An entry's id is ``<namespace>_<name>_<group>_<kind>`` (kustomize-controller ``ResourceRef``; fluxcd/cli-utils ``object.ObjMetadata``, which
    writes a colon in a name as two underscores).
    """
    listed = (status.get("inventory") or {}).get("entries") or ()
    found = (_applied(str(each.get("id", "")), str(each.get("v", ""))) for each in listed)
    return sorted((each for each in found if each), key=lambda each: (each.namespace, each.kind, each.name))


def _applied(identity: str, version: str) -> Applied | None:
    namespace, _, rest = identity.partition("_")
    parts = rest.rsplit("_", 2)
    if len(parts) != _ID_PARTS - 1:
        return None
    name, group, kind = parts
    return Applied(kind, name.replace("__", ":"), namespace, group, version)


def _attempt(each: Mapping[str, Any]) -> Attempt:
    return Attempt(
        revision=revision((each.get("metadata") or {}).get("revision", "")),
        result=str(each.get("lastReconciledStatus", "")),
        first=str(each.get("firstReconciled", "")),
        last=str(each.get("lastReconciled", "")),
        duration=str(each.get("lastReconciledDuration", "")),
        times=int(each.get("totalReconciliations") or 0),
    )
