"""What Flux delivered to an app's namespaces, in the cluster (port ``Delivered``).

Guarantees: only metadata is read, and only of Secrets that carry both our label and those of the app's managed Kustomization. A namespace in
which it is not allowed is passed over.
"""

import asyncio
import logging
from collections.abc import Sequence
from typing import Final

from app_platform.contracts import names
from app_platform.git_committer import flux
from app_platform.git_committer.adapters.cluster import ask_flux
from app_platform.git_committer.ports import DeliveredSecret
from app_platform.kube import (
    KUSTOMIZATIONS,
    SECRETS,
    Conflict,
    Forbidden,
    KubeClient,
    NotFound,
    Object,
    Selector,
)

_LOG: Final = logging.getLogger(__name__)


class KubernetesDelivered:
    """The ``Delivered`` port on Kubernetes.

    Args:
        client: To the cluster.
    """

    def __init__(self, client: KubeClient) -> None:
        self._client = client

    async def secrets(self, app: str, namespaces: Sequence[str]) -> Sequence[DeliveredSecret]:
        """See ``Delivered.secrets``."""
        home = names.platform_namespace(app)
        ours = Selector(
            labels=f"{names.SECRET_NAME_LABEL},{flux.OWNER_NAME}={home},{flux.OWNER_NAMESPACE}={home}"
        )
        found = await asyncio.gather(*(self._in(name, ours) for name in namespaces))
        return [_delivered(obj) for objects in found for obj in objects]

    async def _in(self, namespace: str, selector: Selector) -> Sequence[Object]:
        try:
            return await self._client.list(SECRETS, namespace, selector, metadata_only=True)
        except Forbidden:
            # namespace-rbac has not bound us there yet: the next round looks again.
            _LOG.info("Secrets in %s are not looked at: not allowed yet", namespace)
            return ()

    async def delete(self, secret: DeliveredSecret) -> None:
        """See ``Delivered.delete``."""
        try:
            await self._client.delete(
                SECRETS,
                secret.name,
                secret.namespace,
                uid=secret.uid,
                resource_version=secret.resource_version,
            )
        except (NotFound, Conflict):
            return

    async def apply_again(self, app: str) -> None:
        """See ``Delivered.apply_again``."""
        await ask_flux(self._client, KUSTOMIZATIONS, app, names.platform_namespace(app))


def _delivered(obj: Object) -> DeliveredSecret:
    meta = obj["metadata"]
    return DeliveredSecret(
        namespace=meta["namespace"],
        name=meta["name"],
        uid=meta["uid"],
        resource_version=meta["resourceVersion"],
        kept=(meta.get("annotations") or {}).get(flux.PRUNE) == "disabled",
    )
