"""Pure parts of the stand-in: what a GitRepository asks for, when it is due, and what its status should say."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

REQUESTED_AT = "reconcile.fluxcd.io/requestedAt"

_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_DURATION_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|h|m|s)")
_FIRST_RETRY, _LAST_RETRY = 1.0, 30.0
_LONGEST_MESSAGE = 1000


class RefusedError(Exception):
    """The object asks for what cannot be done; `reason` goes into its Ready condition."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True)
class Wanted:
    """What one GitRepository asks for."""

    url: str
    branch: str
    secret: str


@dataclass(frozen=True)
class Artifact:
    """A tar.gz of one commit, as kustomize-controller wants to know it."""

    path: str
    url: str
    digest: str
    revision: str
    size: int


def wanted(item: Mapping[str, Any]) -> Wanted:
    """What a GitRepository asks for.

    Raises:
        RefusedError: it asks for something the stand-in does not do.
    """
    spec = item["spec"]
    reference = spec.get("ref") or {}
    if not spec["url"].startswith(("http://", "https://", "ssh://")):
        raise RefusedError(
            "URLInvalid", "the local platform fetches over http, https and ssh only: change spec.url"
        )
    if spec["url"].startswith("ssh://") and "secretRef" not in spec:
        raise RefusedError("AuthenticationFailed", "ssh needs a key: name its Secret in spec.secretRef")
    if others := reference.keys() - {"branch"}:
        raise RefusedError(
            "Unsupported", f"the local platform knows spec.ref.branch only, not {', '.join(others)}"
        )
    return Wanted(
        spec["url"], reference.get("branch", "master"), (spec.get("secretRef") or {}).get("name", "")
    )


def trigger(item: Mapping[str, Any]) -> tuple[int, str]:
    """What makes a fetch due at once when it changes: the generation, which any change of the spec raises, and a wish."""
    return item["metadata"].get("generation", 0), requested_at(item)


def requested_at(item: Mapping[str, Any]) -> str:
    """The last wish for a fetch at once; empty if there was none."""
    return str((item["metadata"].get("annotations") or {}).get(REQUESTED_AT, ""))


def seconds(duration: str) -> float:
    """A Go duration in seconds.

    >>> seconds("1m30s")
    90.0
    """
    return sum(float(number) * _UNITS[unit] for number, unit in _DURATION_PART.findall(duration))


def retry_delay(failures: int, interval: float) -> float:
    """Seconds until the next try after so many failures in a row, at most one interval."""
    return min(_FIRST_RETRY * 2.0 ** min(failures - 1, 10), _LAST_RETRY, interval)


def succeeded(item: Mapping[str, Any], artifact: Artifact, now: datetime) -> dict[str, Any]:
    """The status after a fetch. The artifact keeps its time as long as its revision and address stay."""
    old = (item.get("status") or {}).get("artifact") or {}
    fields = {
        "path": artifact.path,
        "url": artifact.url,
        "digest": artifact.digest,
        "revision": artifact.revision,
        "size": artifact.size,
    }
    same = all(old.get(key) == value for key, value in fields.items())
    fields["lastUpdateTime"] = old["lastUpdateTime"] if same else timestamp(now)
    message = f"stored artifact for revision '{artifact.revision}'"
    return _status(item, "True", "Succeeded", message, now) | {"artifact": fields}


def failed(item: Mapping[str, Any], reason: str, message: str, now: datetime) -> dict[str, Any]:
    """The status after a failure; an artifact of before stays in use."""
    return _status(item, "False", reason, message[:_LONGEST_MESSAGE], now)


def timestamp(now: datetime) -> str:
    """A time as Kubernetes writes it."""
    return now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def event(item: Mapping[str, Any], status: Mapping[str, Any], now: datetime) -> dict[str, Any] | None:
    """The Kubernetes Event (core/v1) that tells of a new status, if people want to know; source-controller's own reasons.

    Args:
        item: the GitRepository with the status before.
        status: its new one.
        now: the time.
    """
    ready: Mapping[str, Any] = status["conditions"][0]
    before = [_told(each) for each in (item.get("status") or {}).get("conditions", [])]
    if _told(ready) in before:
        return None
    good, meta, time = ready["status"] == "True", item["metadata"], timestamp(now)
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"{meta['name']}.{meta['resourceVersion']}", "namespace": meta["namespace"]},
        "involvedObject": {
            "apiVersion": item["apiVersion"],
            "kind": item["kind"],
            **{field: meta[field] for field in ("name", "namespace", "uid", "resourceVersion")},
        },
        "type": "Normal" if good else "Warning",
        "reason": "NewArtifact" if good else ready["reason"],
        "message": ready["message"],
        "source": {"component": "source-controller"},
        "reportingComponent": "source-controller",
        "firstTimestamp": time,
        "lastTimestamp": time,
        "count": 1,
    }


def _told(condition: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(condition[field] for field in ("type", "status", "reason", "message"))


def _status(item: Mapping[str, Any], ready: str, reason: str, message: str, now: datetime) -> dict[str, Any]:
    generation = item["metadata"].get("generation", 0)
    old = next(
        (each for each in (item.get("status") or {}).get("conditions", []) if each["type"] == "Ready"), None
    )
    since = old["lastTransitionTime"] if old and old["status"] == ready else timestamp(now)
    condition = {
        "type": "Ready",
        "status": ready,
        "reason": reason,
        "message": message,
        "lastTransitionTime": since,
        "observedGeneration": generation,
    }
    handled = {"lastHandledReconcileAt": requested_at(item)} if requested_at(item) else {}
    return {"observedGeneration": generation, "conditions": [condition]} | handled
