"""Changing GitRepositories and Kustomizations, as the person who asks for it.

Guarantees: an edit is made to what its author saw: if somebody else changed the object meanwhile, ``ChangedMeanwhileError`` is raised and
nothing is written. Fields that a form does not show stay as they are. Leaves out: who may; Kubernetes and its admission policies say so.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from app_platform.dashboard.flux.objects import REQUESTED_AT
from app_platform.kube import Conflict, KubeClient, Object, Resource

_ATTEMPTS: Final = 5


class ChangedMeanwhileError(Exception):
    """Somebody else changed the object while the form was open.

    Attributes:
        generation: Of the object now.
    """

    def __init__(self, generation: int) -> None:
        self.generation = generation
        super().__init__()


async def edit(
    kube: KubeClient, resource: Resource, where: tuple[str, str], spec: Mapping[str, Any], seen: str
) -> None:
    """Change fields of a spec; ``None`` removes one, a list is replaced.

    Args:
        kube: As the person.
        resource: Kind of the object.
        where: Its namespace and name.
        spec: The fields.
        seen: The generation that the form showed.

    Raises:
        ChangedMeanwhileError: It is another one now.
        KubeError: Kubernetes refuses.
    """
    namespace, name = where
    for attempt in range(_ATTEMPTS):
        found = await kube.get(resource, name, namespace)
        if str(found["metadata"]["generation"]) != seen:
            raise ChangedMeanwhileError(found["metadata"]["generation"])
        version = {"resourceVersion": found["metadata"]["resourceVersion"]}
        try:
            await kube.merge_patch(resource, name, namespace, {"metadata": version, "spec": dict(spec)})
        except Conflict:
            # Mostly Flux, writing the status.
            if attempt == _ATTEMPTS - 1:
                raise
            continue
        return


async def suspend(kube: KubeClient, resource: Resource, where: tuple[str, str], *, on: bool) -> None:
    """Have Flux leave an object alone, or take it up again.

    Raises:
        KubeError: Kubernetes refuses.
    """
    namespace, name = where
    await kube.merge_patch(resource, name, namespace, {"spec": {"suspend": True if on else None}})


async def reconcile(kube: KubeClient, resource: Resource, where: tuple[str, str]) -> None:
    """Have Flux look at an object at once.

    Raises:
        KubeError: Kubernetes refuses.
    """
    namespace, name = where
    await kube.merge_patch(resource, name, namespace, {"metadata": {"annotations": asked_now()}})


def asked_now() -> dict[str, str]:
    """The annotation that asks for it, as ``flux reconcile`` writes it."""
    return {REQUESTED_AT: datetime.now(UTC).isoformat()}


async def create(
    kube: KubeClient, resource: Resource, where: tuple[str, str], spec: Mapping[str, Any]
) -> Object:
    """Make an object; fields that are ``None`` are left out.

    Raises:
        KubeError: Kubernetes refuses.
    """
    namespace, name = where
    given = {field: value for field, value in spec.items() if value is not None}
    return await kube.create(resource, resource.manifest(name, namespace, spec=given))


async def delete(
    kube: KubeClient, resource: Resource, where: tuple[str, str], *, orphan: bool = False
) -> None:
    """Delete an object.

    Args:
        kube: As the person.
        resource: Its kind.
        where: Its namespace and name.
        orphan: Whether what a Kustomization has deployed stays (``spec.deletionPolicy``).

    Raises:
        KubeError: Kubernetes refuses.
    """
    namespace, name = where
    if orphan:
        await kube.merge_patch(resource, name, namespace, {"spec": {"deletionPolicy": "Orphan"}})
    await kube.delete(resource, name, namespace)
