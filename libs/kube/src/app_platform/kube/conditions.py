"""Status conditions: what they say, when they changed, and who owns them.

Each manager applies its own condition types with server-side apply; `conditions` is a map keyed by `type`
(`x-kubernetes-list-type: map`), so managers do not touch each other's. Writes happen only when something changed.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

from app_platform.kube.client import KubeClient
from app_platform.kube.resources import Object, Resource, key_of

ConditionStatus = Literal["True", "False", "Unknown"]
_LONGEST_MESSAGE: Final = 32768  # metav1.Condition


def condition(  # noqa: PLR0913 - the fields of metav1.Condition
    type: str,  # noqa: A002 - its name in Kubernetes
    status: ConditionStatus,
    reason: str,
    message: str,
    *,
    generation: int,
    now: dt.datetime,
    previous: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """A condition as in metav1.Condition; its transition time moves only when its status does.

    Args:
        type: `Ready`, say.
        status: True, False or Unknown, as text.
        reason: CamelCase, for programs.
        message: for people: what to change.
        generation: the `metadata.generation` that this was found for.
        now: with a time zone.
        previous: the object's conditions so far.
    """
    before = find(previous, type)
    changed = before is None or before.get("status") != status
    moment = now.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "type": type,
        "status": status,
        "reason": reason,
        "message": message[:_LONGEST_MESSAGE],
        "observedGeneration": generation,
        "lastTransitionTime": moment
        if before is None or changed
        else before.get("lastTransitionTime", moment),
    }


def find(conditions: Sequence[Mapping[str, Any]], type: str) -> Mapping[str, Any] | None:  # noqa: A002 - as above
    """The condition of a type, or None."""
    return next((one for one in conditions if one.get("type") == type), None)


def is_true(obj: Mapping[str, Any], type: str) -> bool:  # noqa: A002 - as above
    """Whether an object has a condition that is True and was found for its present generation."""
    found = find((obj.get("status") or {}).get("conditions") or [], type)
    generation = obj["metadata"].get("generation", 0)
    return (
        found is not None
        and found.get("status") == "True"
        and found.get("observedGeneration", 0) >= generation
    )


async def apply_conditions(
    client: KubeClient,
    resource: Resource,
    obj: Object,
    conditions: Sequence[Mapping[str, Any]],
    *,
    field_manager: str,
    fields: Mapping[str, Any] | None = None,
) -> bool:
    """Write one manager's conditions and status fields, if they are not so already.

    Give **all** that this manager owns each time: what it leaves out is removed.

    Args:
        client: the client.
        resource: the kind of the object.
        obj: the object as read. If it was deleted since, nothing is made; if a namesake took its place, that one gets
            the conditions, until its own turn comes (the API server checks no uid on `status`).
        conditions: made by `condition`.
        field_manager: the owner.
        fields: other top-level fields of the status.

    Returns:
        Whether anything was written.

    Raises:
        NotFound: it is gone.
    """
    wanted = {**(fields or {}), **({"conditions": list(conditions)} if conditions else {})}
    if _already(obj.get("status") or {}, wanted):
        return False
    key = key_of(obj)
    body = resource.manifest(key.name, key.namespace or None, status=wanted)
    await client.apply(
        resource, body, field_manager=field_manager, force=True, subresource="status", metadata_only=True
    )
    return True


def _already(status: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    present = status.get("conditions") or []
    conditions = wanted.get("conditions", ())
    others = {name: value for name, value in wanted.items() if name != "conditions"}
    return all(find(present, one["type"]) == one for one in conditions) and all(
        name in status and status[name] == value for name, value in others.items()
    )
