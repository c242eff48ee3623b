"""The managed Flux objects of an app, and what their status says. Pure.

Guarantees: the Kustomization runs as the app's own ServiceAccount, so it reaches the app's namespaces and nothing else;
deleting it leaves what it deployed (``deletionPolicy: Orphan``).
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import yaml

from app_platform.contracts import ConditionType, Registration, Verdict, names
from app_platform.git_committer.ports import Repository

SOURCE_API: Final = "source.toolkit.fluxcd.io/v1"
KUSTOMIZE_API: Final = "kustomize.toolkit.fluxcd.io/v1"
REQUESTED_AT: Final = "reconcile.fluxcd.io/requestedAt"
PRUNE: Final = "kustomize.toolkit.fluxcd.io/prune"
"""Annotation ``disabled`` on a live object: kustomize-controller leaves it when it is in Git no more (Flux docs, "Kustomization", "prune")."""
OWNER_NAME: Final = "kustomize.toolkit.fluxcd.io/name"
OWNER_NAMESPACE: Final = "kustomize.toolkit.fluxcd.io/namespace"
"""Labels of what a Kustomization applied (fluxcd/pkg ``ssa`` ``SetOwnerLabels``)."""
_DURATIONS: Final = {"apply": "10m0s", "retry": "15s", "timeout": "2m0s"}

Object = dict[str, Any]


def manifests(registration: Registration, repository: Repository, fetch_seconds: int = 60) -> list[Object]:
    """The GitRepository and the Kustomization of the platform repository; arguments as of ``source``."""
    return [source(registration, repository, fetch_seconds), kustomization(registration)]


def _meta(registration: Registration) -> Object:
    return {
        "name": registration.platform_namespace,
        "namespace": registration.platform_namespace,
        "labels": {names.MANAGED_BY_LABEL: names.MANAGED_BY, names.APP_LABEL: registration.name},
    }


def source(registration: Registration, repository: Repository, fetch_seconds: int = 60) -> Object:
    """The GitRepository.

    Args:
        registration: Of the app.
        repository: What is fetched.
        fetch_seconds: After how long Flux fetches by itself.
    """
    return {
        "apiVersion": SOURCE_API,
        "kind": "GitRepository",
        "metadata": _meta(registration),
        "spec": {
            "interval": f"{fetch_seconds // 60}m{fetch_seconds % 60}s",
            "url": repository.url,
            "ref": {"branch": repository.branch},
            "provider": repository.provider,
            "secretRef": {"name": names.GIT_CREDENTIAL_SECRET},
            "timeout": "60s",
        },
    }


def kustomization(registration: Registration, given_up: Sequence[str] = ()) -> Object:
    """The Kustomization.

    Args:
        registration: Of the app.
        given_up: Namespaces that the app gave up, whose Secrets are to stay when their files go.
    """
    patches = {"patches": [_keep(namespace) for namespace in given_up]} if given_up else {}
    return {
        "apiVersion": KUSTOMIZE_API,
        "kind": "Kustomization",
        "metadata": _meta(registration),
        "spec": {
            "interval": _DURATIONS["apply"],
            "retryInterval": _DURATIONS["retry"],
            "timeout": _DURATIONS["timeout"],
            "path": f"./{names.SECRETS_FOLDER}",
            "prune": True,
            "deletionPolicy": "Orphan",
            "serviceAccountName": names.FLUX_SERVICE_ACCOUNT,
            "sourceRef": {"kind": "GitRepository", "name": registration.platform_namespace},
            "decryption": {"provider": "sops", "secretRef": {"name": names.AGE_KEY_SECRET}},
            **patches,
        },
    }


def _keep(namespace: str) -> Object:
    """A patch by which Flux marks what it applies in a namespace as not to be pruned; with a target, the patch's name is nobody's."""
    marked = {"name": "any", "annotations": {PRUNE: "disabled"}}
    patch = {"apiVersion": "v1", "kind": "Secret", "metadata": marked}
    return {"target": {"kind": "Secret", "namespace": namespace}, "patch": yaml.safe_dump(patch)}


def kept(applied: Mapping[str, Any] | None) -> tuple[str, ...]:
    """The namespaces whose Secrets the managed Kustomization is told to keep."""
    patches = (applied or {}).get("spec", {}).get("patches") or ()
    return tuple(each["target"]["namespace"] for each in patches if "namespace" in each.get("target", {}))


def is_applied(applied: Mapping[str, Any] | None) -> bool:
    """Whether Flux has applied everything since the Kustomization was last changed, so that each of its marks is on the live objects."""
    ready = _ready(applied) or {}
    generation = (applied or {}).get("metadata", {}).get("generation")
    return ready.get("status") == "True" and ready.get("observedGeneration") == generation


def has_applied(applied: Mapping[str, Any] | None, head: str) -> bool:
    """Whether Flux is done with this commit: it has applied it, and is not at work now."""
    revision = str(((applied or {}).get("status") or {}).get("lastAppliedRevision") or "")
    return bool(head) and is_applied(applied) and revision.rpartition(":")[2] == head


def delivered_to(applied: Mapping[str, Any] | None) -> frozenset[str]:
    """The namespaces of what Flux has applied; ids are ``<namespace>_<name>_<group>_<kind>`` (fluxcd/cli-utils ObjMetadata)."""
    inventory = (applied or {}).get("status", {}).get("inventory") or {}
    return frozenset(each["id"].split("_", 1)[0] for each in inventory.get("entries") or ())


def sync_verdict(fetched: Mapping[str, Any] | None, applied: Mapping[str, Any] | None) -> Verdict:
    """``SyncReady``: true once Flux has fetched and applied; otherwise what the first of the two says."""
    kind = ConditionType.SYNC
    for what, obj in (("GitRepository", fetched), ("Kustomization", applied)):
        ready = _ready(obj)
        if ready is None:
            return Verdict(kind, "Progressing", f"waiting for the managed {what}", ok=False)
        if ready.get("status") != "True":
            message = f"managed {what}: {ready.get('message', '')}"
            return Verdict(kind, ready.get("reason") or "Progressing", message, ok=False)
    return Verdict(kind, "Applied", "Flux follows the platform repository", ok=True)


def _ready(obj: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    conditions = (obj or {}).get("status", {}).get("conditions", [])
    return next((c for c in conditions if c.get("type") == "Ready"), None)
