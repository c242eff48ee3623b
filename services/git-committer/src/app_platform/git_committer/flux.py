"""The managed Flux objects of an app, and what their status says. Pure.

Guarantees: the Kustomization runs as the app's own ServiceAccount, so it reaches the app's namespaces and nothing else;
deleting it leaves what it deployed (``deletionPolicy: Orphan``).
"""

from collections.abc import Mapping
from typing import Any, Final

from app_platform.contracts import ConditionType, Registration, Verdict, names
from app_platform.git_committer.ports import Repository

SOURCE_API: Final = "source.toolkit.fluxcd.io/v1"
KUSTOMIZE_API: Final = "kustomize.toolkit.fluxcd.io/v1"
REQUESTED_AT: Final = "reconcile.fluxcd.io/requestedAt"
_SECONDS: Final = {"fetch": "1m0s", "apply": "10m0s", "retry": "15s", "timeout": "2m0s"}

Object = dict[str, Any]


def manifests(registration: Registration, repository: Repository) -> list[Object]:
    """The GitRepository and the Kustomization of the platform repository."""
    return [_source(registration, repository), _kustomization(registration)]


def _meta(registration: Registration) -> Object:
    return {
        "name": registration.platform_namespace,
        "namespace": registration.platform_namespace,
        "labels": {names.MANAGED_BY_LABEL: names.MANAGED_BY, names.APP_LABEL: registration.name},
    }


def _source(registration: Registration, repository: Repository) -> Object:
    return {
        "apiVersion": SOURCE_API,
        "kind": "GitRepository",
        "metadata": _meta(registration),
        "spec": {
            "interval": _SECONDS["fetch"],
            "url": repository.url,
            "ref": {"branch": repository.branch},
            "provider": repository.provider,
            "secretRef": {"name": names.GIT_CREDENTIAL_SECRET},
            "timeout": "60s",
        },
    }


def _kustomization(registration: Registration) -> Object:
    return {
        "apiVersion": KUSTOMIZE_API,
        "kind": "Kustomization",
        "metadata": _meta(registration),
        "spec": {
            "interval": _SECONDS["apply"],
            "retryInterval": _SECONDS["retry"],
            "timeout": _SECONDS["timeout"],
            "path": f"./{names.SECRETS_FOLDER}",
            "prune": True,
            "deletionPolicy": "Orphan",
            "serviceAccountName": names.FLUX_SERVICE_ACCOUNT,
            "sourceRef": {"kind": "GitRepository", "name": registration.platform_namespace},
            "decryption": {"provider": "sops", "secretRef": {"name": names.AGE_KEY_SECRET}},
        },
    }


def sync_verdict(source: Mapping[str, Any] | None, kustomization: Mapping[str, Any] | None) -> Verdict:
    """``SyncReady``: true once Flux has fetched and applied; otherwise what the first of the two says."""
    kind = ConditionType.SYNC
    for what, obj in (("GitRepository", source), ("Kustomization", kustomization)):
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
