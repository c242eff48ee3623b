"""Secret intents as their metadata tells them: names of keys, targets, states; never a value.

Everything here is asked for as ``PartialObjectMetadata``, also what the API server answers to a write, so that no value of a secret ever
comes to the dashboard but the ones that somebody has just entered.
"""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from app_platform.contracts import Delivery, Stage, names, read_deliveries
from app_platform.dashboard.secret_forms import Wanted
from app_platform.kube import SECRETS, Conflict, KubeClient, NotFound, Selector

_ATTEMPTS: Final = 6
_MAX_MANAGER: Final = 128  # of a field manager's name (apimachinery ``ValidateFieldManager``)
SERVICE: Final = "dashboard"
"""The field manager of the dashboard's own writes."""
SELECTOR: Final = Selector(labels=f"{names.SECRET_INTENT_LABEL}=true")


@dataclass(frozen=True)
class Intent:
    """One secret, without its values.

    Attributes:
        status: Pending, Committed, Failed or Deleting.
        message: For people: what is wrong.
        keys: As they are now.
        deliveries: Target to how far it is.
        changed: When its content was changed last.
        changed_by: Who did, as far as metadata tells: no proof, the API server's audit log is that.
    """

    name: str
    uid: str
    resource_version: str
    status: str
    message: str
    keys: tuple[str, ...]
    targets: tuple[str, ...]
    commit: str
    changed: str
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
    changed, manager = _last_change(meta)
    return Intent(
        name=meta["name"],
        uid=meta["uid"],
        resource_version=meta["resourceVersion"],
        status="Deleting" if "deletionTimestamp" in meta else notes.get(names.SECRET_STATUS, "Pending"),
        message=notes.get(names.SECRET_MESSAGE, ""),
        keys=_keys(meta) or _list(notes.get(names.SECRET_KEYS, "")),
        targets=_list(notes.get(names.TARGET_NAMESPACES, "")),
        commit=notes.get(names.SECRET_COMMIT, ""),
        changed=changed or meta.get("creationTimestamp", ""),
        changed_by=notes.get(names.CHANGED_BY, "") if manager == SERVICE else manager,
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


async def find(own: KubeClient, app: str, name: str) -> Intent | None:
    """One of an app's intents; ``None`` when there is none, or the Secret of that name is something else.

    Args:
        own: The dashboard's own client, after a question about this intent.
        app: Whose.
        name: Its name.
    """
    one = Selector(labels=SELECTOR.labels, fields=f"metadata.name={name}")
    found = await own.list(SECRETS, names.platform_namespace(app), one, metadata_only=True)
    return intent(found[0]) if found else None


async def create(kube: KubeClient, app: str, wanted: Wanted, by: str) -> None:
    """Make an intent, as the person.

    Args:
        kube: Acts as the person.
        app: Whose.
        wanted: What it should be.
        by: The person's name, for the commit.

    Raises:
        KubeError: Kubernetes does not let them, or does not take it.
    """
    manifest = SECRETS.manifest(
        wanted.name, names.platform_namespace(app), type=wanted.kind, data=_encoded(wanted.values)
    )
    manifest["metadata"]["labels"] = {names.SECRET_INTENT_LABEL: "true"}
    manifest["metadata"]["annotations"] = {names.TARGET_NAMESPACES: ",".join(wanted.targets)}
    await kube.create(SECRETS, manifest, field_manager=by[:_MAX_MANAGER], metadata_only=True)


async def change(own: KubeClient, app: str, there: Intent, wanted: Wanted, by: str) -> None:
    """Change an intent, for a person who may.

    Args:
        own: The dashboard's own client, from ``Access.own_after(intents("update", app, name))``.
        app: Whose.
        there: As the person saw it: another secret of that name is not touched.
        wanted: Values to set, keys to take away, targets.
        by: The person's name, for the commit.

    Raises:
        NotFound: It has gone.
        KubeError: Kubernetes does not take it.
    """
    notes = {names.TARGET_NAMESPACES: ",".join(wanted.targets), names.CHANGED_BY: by}
    data = {**dict.fromkeys(wanted.removed), **_encoded(wanted.values)}
    await _patch(own, app, there, {"metadata": {"annotations": notes}, **({"data": data} if data else {})})


async def delete(own: KubeClient, app: str, there: Intent, by: str) -> None:
    """Delete an intent, for a person who may.

    Args:
        own: The dashboard's own client, from ``Access.own_after(intents("delete", app, name))``.
        app: Whose.
        there: As the person saw it.
        by: The person's name, for the commit.

    Raises:
        NotFound: It has gone.
    """
    await _patch(own, app, there, {"metadata": {"annotations": {names.CHANGED_BY: by}}})
    await own.delete(SECRETS, there.name, names.platform_namespace(app), uid=there.uid)


async def _patch(own: KubeClient, app: str, there: Intent, patch: Mapping[str, Any]) -> None:
    """Patch the very intent that was looked at, at a version at which it was seen to be one."""
    for attempt in range(1, _ATTEMPTS + 1):
        now = await find(own, app, there.name)
        if now is None or now.uid != there.uid:
            raise NotFound("it has gone, or is another one by now", status=404)
        versioned = {**patch, "metadata": {**patch["metadata"], "resourceVersion": now.resource_version}}
        try:
            await own.merge_patch(
                SECRETS, there.name, names.platform_namespace(app), versioned, metadata_only=True
            )
        except Conflict:  # the encryptor writes its marks all the time
            if attempt == _ATTEMPTS:
                raise
        else:
            return


def _encoded(values: Mapping[str, bytes]) -> dict[str, str]:
    return {key: base64.b64encode(value).decode() for key, value in values.items()}


def _last_change(meta: Mapping[str, Any]) -> tuple[str, str]:
    """When the content was written last, and by which field manager; of the dashboard's own writes the annotation says for whom."""
    entries = [
        (str(entry.get("time") or ""), str(entry.get("manager") or ""))
        for entry in meta.get("managedFields") or ()
        if "f:data" in (entry.get("fieldsV1") or {})
    ]
    return max(entries, default=("", ""))


def _keys(meta: Mapping[str, Any]) -> tuple[str, ...]:
    """The keys that somebody owns (``managedFields``): known at once, whatever became of the intent."""
    owned = (entry.get("fieldsV1") or {} for entry in meta.get("managedFields") or ())
    found = {field.removeprefix("f:") for fields in owned for field in fields.get("f:data") or {}}
    return tuple(sorted(found - {"."}))


def _list(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())
