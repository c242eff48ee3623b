"""The ports on a real cluster and a real event store."""

import asyncio
from collections.abc import Sequence
from typing import Final

from app_platform.contracts.subjects import SubjectError
from app_platform.diagnosis.ports import UnreadableError
from app_platform.kube import (
    Action,
    Forbidden,
    KubeClient,
    KubeError,
    NotFound,
    Object,
    Resource,
    Selector,
    User,
    may,
)
from app_platform.runtime.consumers import ConsumerState, UnreachableError
from app_platform.runtime.dead_letters import DeadLetter
from app_platform.runtime.history import History

_BETWEEN_REQUESTS: Final = 1.0
_NEEDS_OWN_EYES: Final = frozenset({"secrets", "namespaces"})


class KubeCluster:
    """The ``Cluster`` port.

    Args:
        client: As whoever asks.
        own: Reads the metadata of Secrets and namespaces instead, where ``client`` acts for a user of an app who may know
            of these and has no right to read them in Kubernetes. Whoever gives it has asked first whether he may.
    """

    def __init__(self, client: KubeClient, own: KubeClient | None = None) -> None:
        self._client, self._own = client, own or client

    async def find(self, resource: Resource, name: str, namespace: str | None = None) -> Object | None:
        """See ``Cluster.find``."""
        try:
            return await self._for(resource).get(resource, name, namespace, metadata_only=resource.sensitive)
        except NotFound:
            return None
        except KubeError as error:
            raise _unreadable(error, Action("get", resource, namespace or "", name)) from None

    async def list(self, resource: Resource, namespace: str | None = None, labels: str = "") -> list[Object]:
        """See ``Cluster.list``."""
        selector = Selector(labels=labels or None)
        try:
            return await self._for(resource).list(
                resource, namespace, selector, metadata_only=resource.sensitive
            )
        except KubeError as error:
            raise _unreadable(error, Action("list", resource, namespace or "")) from None

    async def allowed(self, action: Action, who: User | None) -> bool:
        """See ``Cluster.allowed``."""
        try:
            return await may(self._client, action, who)
        except Forbidden:
            raise UnreadableError(
                "this needs the right to create subjectaccessreviews.authorization.k8s.io"
            ) from None
        except KubeError as error:
            raise _unreadable(error, action) from None

    def _for(self, resource: Resource) -> KubeClient:
        return self._own if resource.plural in _NEEDS_OWN_EYES else self._client


def _unreadable(error: KubeError, action: Action) -> UnreadableError:
    if isinstance(error, Forbidden):
        return UnreadableError(f"this needs the right to {action}")
    if isinstance(error, NotFound):
        return UnreadableError(
            f"this cluster knows no {action.resource.kind}: is its CustomResourceDefinition installed?"
        )
    return UnreadableError(f"the API server does not answer this: {error}", down=True)


class RecordedBus:
    """The ``Bus`` port, on the recorded history."""

    def __init__(self, history: History) -> None:
        self._history = history

    async def consumers(self) -> Sequence[ConsumerState]:
        """See ``Bus.consumers``."""
        states = await self._consumers()
        if all(state.asking for state in states):
            return states
        # Between two requests of a replica there is a moment without one: look once more before saying that it is gone.
        await asyncio.sleep(_BETWEEN_REQUESTS)
        return await self._consumers()

    async def _consumers(self) -> Sequence[ConsumerState]:
        try:
            return await self._history.consumers()
        except UnreachableError as error:
            raise UnreadableError(str(error), down=True) from None

    async def dead_letters(self, app: str | None) -> Sequence[DeadLetter]:
        """See ``Bus.dead_letters``."""
        try:
            return [letter async for _, letter in self._history.dead_letters(app=app)]
        except UnreachableError as error:
            raise UnreadableError(str(error), down=True) from None
        except SubjectError as error:
            raise UnreadableError(str(error)) from None


class NoBus:
    """An event store that cannot be reached.

    Args:
        why: In one line.
    """

    def __init__(self, why: str) -> None:
        self._error = UnreadableError(why, down=True)

    async def consumers(self) -> Sequence[ConsumerState]:
        """Say so."""
        raise self._error

    async def dead_letters(self, app: str | None) -> Sequence[DeadLetter]:
        """Say so."""
        del app
        raise self._error
