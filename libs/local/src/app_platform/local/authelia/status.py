"""What the status of the Deployment should say. Pure; words and reasons are those of Kubernetes' deployment controller."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app_platform.local.source.status import timestamp

_DEFAULT_DEADLINE = 600


@dataclass(frozen=True)
class Situation:
    """The processes of a Deployment.

    Attributes:
        template: the hash of the wanted pod template.
        new_exists: whether there is a process of that template.
        new_ready: whether it is ready.
        old_exists: whether there is a process of another template.
        old_ready: whether that one is ready.
        completed: whether the new process has been ready, now or earlier.
        overdue: whether its time is over without that.
    """

    template: str
    new_exists: bool = False
    new_ready: bool = False
    old_exists: bool = False
    old_ready: bool = False
    completed: bool = False
    overdue: bool = False


def template_hash(deployment: Mapping[str, Any]) -> str:
    """A name for the pod template: two templates have the same one only if they are equal."""
    template = json.dumps(deployment["spec"]["template"], sort_keys=True)
    return hashlib.sha256(template.encode()).hexdigest()[:10]


def wanted_replicas(deployment: Mapping[str, Any]) -> int:
    """How many pods the Deployment asks for."""
    return int(deployment["spec"].get("replicas", 1))


def deadline_seconds(deployment: Mapping[str, Any]) -> float:
    """How long a new process may take."""
    return float(deployment["spec"].get("progressDeadlineSeconds", _DEFAULT_DEADLINE))


def status(deployment: Mapping[str, Any], now: Situation, time: datetime) -> dict[str, Any]:
    """The whole status; counts that are zero are null, which removes them, as the API leaves them out."""
    existing, available = now.new_exists + now.old_exists, now.new_ready + now.old_ready
    wanted = wanted_replicas(deployment)
    counts = {
        "replicas": existing,
        "updatedReplicas": int(now.new_exists),
        "readyReplicas": available,
        "availableReplicas": available,
        "unavailableReplicas": max(wanted, existing) - available,
    }
    old = (deployment.get("status") or {}).get("conditions") or []
    conditions = [_available("True" if available >= wanted else "False"), _progressing(deployment, now)]
    return {
        "observedGeneration": deployment["metadata"]["generation"],
        **{name: count or None for name, count in counts.items()},
        "conditions": [_dated(each, old, time) for each in conditions],
    }


def is_written(deployment: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Whether the Deployment says so already, apart from times."""
    there = deployment.get("status") or {}
    told = [_undated(each) for each in there.get("conditions") or []]
    return told == [_undated(each) for each in wanted["conditions"]] and all(
        there.get(name) == value for name, value in wanted.items() if name != "conditions"
    )


def _available(enough: str) -> dict[str, str]:
    words = {
        "True": ("MinimumReplicasAvailable", "Deployment has minimum availability."),
        "False": ("MinimumReplicasUnavailable", "Deployment does not have minimum availability."),
    }
    reason, message = words[enough]
    return {"type": "Available", "status": enough, "reason": reason, "message": message}


def _progressing(deployment: Mapping[str, Any], now: Situation) -> dict[str, str]:
    if now.completed:
        state, reason, words = "True", "NewReplicaSetAvailable", "has successfully progressed."
    elif now.overdue:
        state, reason, words = "False", "ProgressDeadlineExceeded", "has timed out progressing."
    else:
        state, reason, words = "True", "ReplicaSetUpdated", "is progressing."
    message = f'ReplicaSet "{deployment["metadata"]["name"]}-{now.template}" {words}'
    return {"type": "Progressing", "status": state, "reason": reason, "message": message}


def _dated(condition: dict[str, str], old: list[dict[str, str]], time: datetime) -> dict[str, str]:
    before = next((each for each in old if each["type"] == condition["type"]), None)
    same = before is not None and before["status"] == condition["status"]
    since = before["lastTransitionTime"] if before and same else timestamp(time)
    return condition | {"lastUpdateTime": timestamp(time), "lastTransitionTime": since}


def _undated(condition: Mapping[str, str]) -> tuple[str, str, str, str]:
    return (condition["type"], condition["status"], condition["reason"], condition["message"])
