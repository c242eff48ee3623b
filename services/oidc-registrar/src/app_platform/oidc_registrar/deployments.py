"""How far the rollout of a Deployment is. Pure.

As ``kubectl rollout status`` tells it (https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#deployment-status): done
when every replica is of the latest template and available, and none of an older one is left; failed when the deployment controller
says that its deadline has passed.
"""

from collections.abc import Mapping
from typing import Any

from app_platform.contracts import names
from app_platform.oidc_registrar.ports import Progress, Rollout

_DEADLINE = "ProgressDeadlineExceeded"


def rollout(deployment: Mapping[str, Any]) -> Rollout:
    """What a Deployment says of itself."""
    template = deployment["spec"].get("template", {}).get("metadata") or {}
    annotations = template.get("annotations") or {}
    return Rollout(
        digest=annotations.get(names.OIDC_CLIENTS, ""),
        attempt=annotations.get(names.OIDC_ROLL, ""),
        progress=_progress(deployment),
        version=deployment["metadata"]["resourceVersion"],
    )


def _progress(deployment: Mapping[str, Any]) -> Progress:
    status = deployment.get("status") or {}
    if status.get("observedGeneration", 0) < deployment["metadata"].get("generation", 0):
        return Progress.RUNNING
    conditions = status.get("conditions") or []
    if any(each.get("type") == "Progressing" and each.get("reason") == _DEADLINE for each in conditions):
        return Progress.FAILED
    wanted = deployment["spec"].get("replicas", 1)
    counts = {status.get(count, 0) for count in ("replicas", "updatedReplicas", "availableReplicas")}
    return Progress.DONE if counts == {wanted} else Progress.RUNNING


def roll(digest: str, attempt: str, version: str) -> dict[str, Any]:
    """The merge patch that has the pods replaced.

    Args:
        digest: Of the list that they are to run with.
        attempt: Which roll this is.
        version: Of the Deployment that was read.
    """
    notes = {names.OIDC_CLIENTS: digest, names.OIDC_ROLL: attempt}
    return {
        "metadata": {"resourceVersion": version},
        "spec": {"template": {"metadata": {"annotations": notes}}},
    }
