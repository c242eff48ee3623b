"""Secret intents as their metadata tells them: names of keys, targets, states; never a value.

Everything here is asked for as ``PartialObjectMetadata``, also what the API server answers to a write, so that no value of a secret ever
comes to the dashboard but the ones that somebody has just entered.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from app_platform.contracts import Delivery, Stage, names, read_deliveries
from app_platform.dashboard.labelled_secrets import (
    Labelled,
    encoded,
    field_manager,
    keys_of,
    last_change,
    traced,
)
from app_platform.dashboard.secret_forms import Wanted
from app_platform.kube import SECRETS, KubeClient, Object, Selector

_SEARCHED: Final = (names.SECRET_STATUS, names.SECRET_MESSAGE, names.SECRET_KEYS, names.TARGET_NAMESPACES)
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
    changed, by = last_change(obj)
    return Intent(
        name=meta["name"],
        uid=meta["uid"],
        resource_version=meta["resourceVersion"],
        status="Deleting" if "deletionTimestamp" in meta else notes.get(names.SECRET_STATUS, "Pending"),
        message=notes.get(names.SECRET_MESSAGE, ""),
        keys=keys_of(obj) or names.listed(notes.get(names.SECRET_KEYS, "")),
        targets=names.listed(notes.get(names.TARGET_NAMESPACES, "")),
        commit=notes.get(names.SECRET_COMMIT, ""),
        changed=changed,
        changed_by=by,
        deliveries=read_deliveries(notes.get(names.SECRET_DELIVERY)),
    )


async def objects(own: KubeClient, app: str) -> list[Object]:
    """The metadata of all of an app's, by name.

    Args:
        own: The dashboard's own client, from ``Access.own_after(intents("list", app))``.
        app: Whose.
    """
    found = await own.list(SECRETS, names.platform_namespace(app), SELECTOR, metadata_only=True)
    return sorted(found, key=lambda each: str(each["metadata"]["name"]))


def words(obj: Mapping[str, Any]) -> Iterator[str]:
    """What a search looks at, without reading the rest."""
    notes = obj["metadata"].get("annotations") or {}
    yield obj["metadata"]["name"]
    yield from (notes.get(each, "") for each in _SEARCHED)


async def listed(own: KubeClient, app: str) -> list[Intent]:
    """All of an app's, by name; arguments as above."""
    return [intent(each) for each in await objects(own, app)]


async def find(own: KubeClient, app: str, name: str) -> Intent | None:
    """One of an app's intents; ``None`` when there is none, or the Secret of that name is something else.

    Args:
        own: The dashboard's own client, after a question about this intent.
        app: Whose.
        name: Its name.
    """
    found = await _secrets(own, app).find(name)
    return intent(found) if found else None


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
        wanted.name, names.platform_namespace(app), type=wanted.kind, data=encoded(wanted.values)
    )
    manifest["metadata"]["labels"] = {names.SECRET_INTENT_LABEL: "true"}
    manifest["metadata"]["annotations"] = {names.TARGET_NAMESPACES: ",".join(wanted.targets)}
    with traced("create", manifest["metadata"]):
        await kube.create(SECRETS, manifest, field_manager=field_manager(by), metadata_only=True)


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
    data = {**dict.fromkeys(wanted.removed), **encoded(wanted.values)}
    patch = {"metadata": {"annotations": notes}, **({"data": data} if data else {})}
    await _secrets(own, app).patch(there.name, there.uid, patch)


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
    await _secrets(own, app).delete(there.name, there.uid, by)


def _secrets(own: KubeClient, app: str) -> Labelled:
    return Labelled(own, app, str(SELECTOR.labels))
