"""The SSH keys by which Flux reads the repositories of an app.

Each GitRepository has a key of its own, in Secret ``deploy-key-<name>`` of the platform namespace. The dashboard makes it itself, as nobody
else may write Secrets of that name there; who may make one is decided by ``Access``: whoever may make or change the GitRepository.

Guarantees: the private half goes from here to the API server and nowhere else; it is never read again. The public half is an annotation, so
that it can be shown without reading the Secret. The Secret goes with its GitRepository (owner reference, and at once when it is deleted here).
Leaves out: adding the key at the forge, which its owner does, or git-committer where the owner agreed.
"""

import base64
from typing import Final

from app_platform.contracts import names
from app_platform.dashboard.flux.sources import key_name
from app_platform.gitread import new_key_pair
from app_platform.kube import GIT_REPOSITORIES, SECRETS, KubeClient, NotFound, Object

_MANAGER: Final = "app-platform-dashboard"


async def make(own: KubeClient, source: Object, known_hosts: str, by: str) -> str:
    """Make the key of a GitRepository, or another one in its place; returns the public half.

    Args:
        own: The dashboard's own client, from ``Access.own_after``.
        source: The GitRepository.
        known_hosts: By which Flux knows the server.
        by: Who asked for it.

    Raises:
        KubeError: Kubernetes refuses.
    """
    pair = new_key_pair()
    entries = {"identity": pair.private, "identity.pub": pair.public, "known_hosts": known_hosts}
    manifest = _manifest(source, {names.CHANGED_BY: by, names.PUBLIC_KEY: pair.public})
    manifest["data"] = {name: base64.b64encode(text.encode()).decode() for name, text in entries.items()}
    await own.apply(SECRETS, manifest, field_manager=_MANAGER, force=True, metadata_only=True)
    return pair.public


async def public_half(own: KubeClient, app: str, source: str) -> str:
    """The public half of a GitRepository's key; empty when it has none.

    Args:
        own: As above.
        app: Whose.
        source: Name of the GitRepository.
    """
    home = names.platform_namespace(app)
    found = await own.find(SECRETS, key_name(source), home, metadata_only=True)
    return str((found["metadata"].get("annotations") or {}).get(names.PUBLIC_KEY, "")) if found else ""


async def remove(own: KubeClient, app: str, source: str) -> None:
    """Remove the key of a GitRepository, if it has one."""
    try:
        await own.delete(SECRETS, key_name(source), names.platform_namespace(app))
    except NotFound:
        return


def _manifest(source: Object, annotations: dict[str, str]) -> Object:
    meta = source["metadata"]
    owner = {
        "apiVersion": GIT_REPOSITORIES.api_version,
        "kind": GIT_REPOSITORIES.kind,
        "name": meta["name"],
        "uid": meta["uid"],
    }
    manifest = SECRETS.manifest(key_name(meta["name"]), meta["namespace"], type="Opaque")
    manifest["metadata"] |= {
        "labels": {
            names.MANAGED_BY_LABEL: names.MANAGED_BY,
            names.APP_LABEL: meta["namespace"].removesuffix(names.PLATFORM_SUFFIX),
        },
        "annotations": annotations,
        "ownerReferences": [owner],
    }
    return manifest
