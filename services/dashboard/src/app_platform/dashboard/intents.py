"""Secret intents as their metadata tells them: names of keys, targets, states; never a value.

Everything here is asked for as ``PartialObjectMetadata``, also what the API server answers to a write, so that no value of a secret ever
comes to the dashboard but the ones that somebody has just entered.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from app_platform.contracts import Delivery, Stage, names, read_deliveries
from app_platform.kube import SECRETS, KubeClient, Selector

SELECTOR: Final = Selector(labels=f"{names.SECRET_INTENT_LABEL}=true")


@dataclass(frozen=True)
class Intent:
    """One secret, without its values.

    Attributes:
        status: Pending, Committed, Failed or Deleting.
        message: For people: what is wrong.
        keys: As the encryptor saw them last.
        deliveries: Target to how far it is.
        changed_by: Who changed it last by the dashboard.
    """

    name: str
    uid: str
    resource_version: str
    status: str
    message: str
    keys: tuple[str, ...]
    targets: tuple[str, ...]
    commit: str
    created: str
    changed_by: str
    deliveries: Mapping[str, Delivery] = field(default_factory=dict)

    @property
    def live(self) -> Sequence[str]:
        """Targets where it is live."""
        return [target for target in self.targets if self.stage(target) == Stage.APPLIED]

    def stage(self, target: str) -> Stage | None:
        """How far it is in one target; ``None`` when nothing is known."""
        found = self.deliveries.get(target)
        return found.stage if found else None


def intent(obj: Mapping[str, Any]) -> Intent:
    """An intent from its metadata."""
    meta = obj["metadata"]
    notes: Mapping[str, str] = meta.get("annotations") or {}
    return Intent(
        name=meta["name"],
        uid=meta["uid"],
        resource_version=meta["resourceVersion"],
        status="Deleting" if "deletionTimestamp" in meta else notes.get(names.SECRET_STATUS, "Pending"),
        message=notes.get(names.SECRET_MESSAGE, ""),
        keys=_list(notes.get(names.SECRET_KEYS, "")),
        targets=_list(notes.get(names.TARGET_NAMESPACES, "")),
        commit=notes.get(names.SECRET_COMMIT, ""),
        created=meta.get("creationTimestamp", ""),
        changed_by=notes.get(names.CHANGED_BY, ""),
        deliveries=read_deliveries(notes.get(names.SECRET_DELIVERY)),
    )


async def listed(own: KubeClient, app: str) -> list[Intent]:
    """All of an app's, by name.

    Args:
        own: The dashboard's own client, from ``Access.own_after(intents("list", app))``.
        app: Whose.
    """
    found = await own.list(SECRETS, names.platform_namespace(app), SELECTOR, metadata_only=True)
    return sorted((intent(each) for each in found), key=lambda each: each.name)


def _list(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())
