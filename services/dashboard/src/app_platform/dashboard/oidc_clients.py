"""OIDC clients as the metadata of their Secrets tells them, and what a person may do with them; never a value.

A client is a labelled Secret in the platform namespace; oidc-registrar makes its client secret and writes its state there. The dashboard
neither reads nor shows what is in it: host name and paths come from the annotation that oidc-registrar writes of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlsplit

from app_platform.contracts import names, oidc
from app_platform.dashboard.labelled_secrets import (
    Labelled,
    encoded,
    field_manager,
    keys_of,
    last_change,
    traced,
)
from app_platform.dashboard.oidc_forms import Wanted
from app_platform.kube import SECRETS, KubeClient

LABEL: Final = names.OIDC_CLIENT_LABEL


@dataclass(frozen=True)
class OidcClient:
    """One client.

    Attributes:
        name: Of its Secret.
        status: Pending, Registered, Failed or Deleting.
        message: What to change, or what it waits for.
        redirect_uris: To which users are sent back; empty while they are not known.
        keys: Of its Secret.
        changed: When what it asks for was written last, and by whom.
        rotating: Whether a new client secret was asked for and is not made yet.
    """

    name: str
    uid: str
    client_id: str
    status: str
    message: str
    redirect_uris: tuple[str, ...]
    keys: tuple[str, ...]
    changed: str
    changed_by: str
    rotating: bool = False

    @property
    def hostname(self) -> str:
        """Where it is used; empty while it is not known."""
        return urlsplit(self.redirect_uris[0]).hostname or "" if self.redirect_uris else ""

    @property
    def paths(self) -> tuple[str, ...]:
        """The callback paths."""
        return tuple(urlsplit(uri).path for uri in self.redirect_uris)

    @property
    def is_public(self) -> bool:
        """Whether it is known to have no client secret."""
        return self.status == oidc.REGISTERED and oidc.CLIENT_SECRET not in self.keys


def client(obj: Mapping[str, Any]) -> OidcClient:
    """A client from the metadata of its Secret."""
    meta = obj["metadata"]
    notes: Mapping[str, str] = meta.get("annotations") or {}
    changed, by = last_change(obj)
    said = notes.get(names.OIDC_STATUS, oidc.PENDING)
    failed = said.startswith(oidc.FAILED)
    return OidcClient(
        name=meta["name"],
        uid=meta["uid"],
        client_id=(meta.get("labels") or {}).get(LABEL, ""),
        status="Deleting" if "deletionTimestamp" in meta else "Failed" if failed else said,
        message=said.removeprefix(oidc.FAILED) if failed else notes.get(names.OIDC_MESSAGE, ""),
        redirect_uris=tuple(notes.get(names.OIDC_REDIRECT_URIS, "").split()),
        keys=keys_of(obj),
        changed=changed,
        changed_by=by,
        rotating=notes.get(names.OIDC_ROTATE, "") != notes.get(names.OIDC_ROTATED, ""),
    )


def secrets_of(own: KubeClient, app: str) -> Labelled:
    """The Secrets of an app's clients.

    Args:
        own: The dashboard's own client, from ``Access.own_after(oidc_clients(…))``.
        app: Whose.
    """
    return Labelled(own, app, LABEL)


async def create(kube: KubeClient, app: str, wanted: Wanted, by: str) -> None:
    """Ask for a client, as the person.

    Args:
        kube: Acts as the person.
        app: Whose.
        wanted: What it should be.
        by: The person's name.

    Raises:
        KubeError: Kubernetes does not let them, or does not take it.
    """
    home = names.platform_namespace(app)
    manifest = SECRETS.manifest(wanted.name, home, type="Opaque", data=_encoded(wanted.data))
    manifest["metadata"]["labels"] = {LABEL: wanted.client_id, names.APP_LABEL: app}
    with traced("create", manifest["metadata"]):
        await kube.create(SECRETS, manifest, field_manager=field_manager(by), metadata_only=True)


async def change(secrets: Labelled, there: OidcClient, wanted: Wanted, by: str) -> None:
    """Set what is given, take away what is to be as it is by default.

    Raises:
        NotFound: It has gone.
        KubeError: Kubernetes does not take it.
    """
    data = {**dict.fromkeys(wanted.removed), **_encoded(wanted.data)}
    patch = {"metadata": {"annotations": {names.CHANGED_BY: by}}, "data": data}
    await secrets.patch(there.name, there.uid, patch)


async def rotate(secrets: Labelled, there: OidcClient, by: str) -> None:
    """Ask for another client secret.

    Raises:
        NotFound: It has gone.
    """
    asked = datetime.now(UTC).isoformat()
    notes = {names.OIDC_ROTATE: asked, names.CHANGED_BY: by}
    await secrets.patch(there.name, there.uid, {"metadata": {"annotations": notes}})


def _encoded(data: Mapping[str, str]) -> dict[str, str]:
    return encoded({key: value.encode() for key, value in data.items()})
