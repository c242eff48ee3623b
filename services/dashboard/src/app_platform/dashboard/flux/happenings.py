"""What Kubernetes Events tell of an object, read as the person who looks.

Guarantees: no message shows a value that an error quotes. Leaves out: what is older than the API server keeps, an hour by default.
Source: core/v1 ``Event``; kustomize-controller and source-controller write one at each change of what they did.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from app_platform.contracts.flux_text import without_values
from app_platform.kube import Forbidden, KubeClient, Object, Resource, Selector

EVENTS: Final = Resource("", "v1", "events", "Event")
_MOST: Final = 20


@dataclass(frozen=True)
class Happening:
    """One Event.

    Attributes:
        when: Of the last time.
        good: Whether it is no warning.
        count: How often it happened.
    """

    when: str
    good: bool
    reason: str
    message: str
    count: int


async def happenings(kube: KubeClient, about: Object) -> Sequence[Happening]:
    """The last Events of an object, newest first; none when this person may not see them.

    Args:
        kube: As the person.
        about: The object.
    """
    meta = about["metadata"]
    fields = f"involvedObject.kind={about['kind']},involvedObject.name={meta['name']}"
    try:
        found = await kube.list(EVENTS, meta["namespace"], Selector(fields=fields))
    except Forbidden:
        return []
    return newest(found, meta.get("uid", ""))


def newest(events: Sequence[Mapping[str, Any]], uid: str) -> Sequence[Happening]:
    """Events of one incarnation of an object, newest first."""
    mine = (event for event in events if (event.get("involvedObject") or {}).get("uid") in ("", None, uid))
    return sorted((_happening(event) for event in mine), key=lambda each: each.when, reverse=True)[:_MOST]


def _happening(event: Mapping[str, Any]) -> Happening:
    series = event.get("series") or {}
    when = (
        series.get("lastObservedTime")
        or event.get("lastTimestamp")
        or event.get("eventTime")
        or event["metadata"].get("creationTimestamp", "")
    )
    return Happening(
        when=str(when),
        good=event.get("type") != "Warning",
        reason=str(event.get("reason") or ""),
        message=without_values(str(event.get("message") or "")),
        count=int(series.get("count") or event.get("count") or 1),
    )
