"""Kubernetes objects as plain dicts: read, list, create, apply, patch, delete, watch.

Guarantees: every request has a time limit; failures are `KubeError`s; only what is safe to repeat is repeated. With
`metadata_only` the server sends `PartialObjectMetadata`, also in answer to writes, so that no value of a Secret reaches
this process; the copy that `kubectl apply` leaves in a Secret's annotations is dropped on arrival. Left out: typed models, discovery, exec/attach/logs, HTTP/2 (a watch costs a connection).
"""

import copy
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Final, Self

from app_platform.kube.config import ClusterConfig
from app_platform.kube.errors import translate
from app_platform.kube.resources import Object, Resource, key_of
from app_platform.kube.transport import Request, Transport, User, accept

_APPLY: Final = "application/apply-patch+yaml"  # JSON is YAML
_MERGE: Final = "application/merge-patch+json"
_JSON_PATCH: Final = "application/json-patch+json"
_LAST_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"
_PAGE: Final = 500
_WATCH_GRACE: Final = 15.0  # seconds that a watch may outlive the time we asked for, before we call it dead


@dataclass(frozen=True)
class Selector:
    """Which objects of a collection; empty means all."""

    labels: str | None = None
    fields: str | None = None

    def query(self) -> dict[str, str | int | None]:
        """As query parameters."""
        return {"labelSelector": self.labels, "fieldSelector": self.fields}


@dataclass(frozen=True)
class Page:
    """A part of a list, and the resourceVersion at which the whole list is true."""

    items: list[Object]
    resource_version: str


EVERYTHING: Final = Selector()


class KubeClient:
    """A client of one API server. Use `async with`, or call `close`."""

    def __init__(
        self, config: ClusterConfig, *, user_agent: str = "app-platform", concurrency: int = 32
    ) -> None:
        """Prepare; nothing is opened before the first request.

        Args:
            config: `ClusterConfig.load()`, usually.
            user_agent: shows in the API server's audit log.
            concurrency: requests at a time; more wait here. Watches are not counted.
        """
        self._transport = Transport(config, user_agent=user_agent, concurrency=concurrency)
        self._user: User | None = None

    def acting_as(self, user: User) -> Self:
        """The same client, over the same connections, with each request made as somebody else. Close only the first."""
        other = copy.copy(self)
        other._user = user  # noqa: SLF001 - a copy of ourselves
        return other

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all connections."""
        await self._transport.close()

    async def get(
        self, resource: Resource, name: str, namespace: str | None = None, *, metadata_only: bool = False
    ) -> Object:
        """Read one object.

        Raises:
            NotFound: there is none.
            KubeError: any other failure, here and in all methods below.
        """
        return await self._send(resource, "GET", resource.path(namespace, name), metadata_only=metadata_only)

    async def find(
        self, resource: Resource, name: str, namespace: str | None = None, *, metadata_only: bool = False
    ) -> Object | None:
        """Read one object, or None if there is none. Costs a list of one, so that absence is no error in any log."""
        selector = Selector(fields=f"metadata.name={name}")
        found = await self.list(resource, namespace, selector, metadata_only=metadata_only)
        return found[0] if found else None

    async def list(
        self,
        resource: Resource,
        namespace: str | None = None,
        selector: Selector = EVERYTHING,
        *,
        metadata_only: bool = False,
    ) -> list[Object]:
        """Read all objects of a namespace, or of all namespaces. For many objects, `pages` needs less memory."""
        pages = self.pages(resource, namespace, selector, metadata_only=metadata_only)
        return [item async for page in pages for item in page.items]

    async def pages(
        self,
        resource: Resource,
        namespace: str | None = None,
        selector: Selector = EVERYTHING,
        *,
        metadata_only: bool = False,
        limit: int = _PAGE,
    ) -> AsyncGenerator[Page, None]:
        """List in parts of at most `limit` objects, all true at the same resourceVersion.

        Raises:
            Gone: listing took so long that its resourceVersion was compacted: start again.
        """
        token: str | None = None
        while True:
            query = {**selector.query(), "limit": limit, "continue": token}
            request = Request(
                "GET", resource.path(namespace), query, accept=accept(metadata_only=metadata_only, many=True),
                idempotent=True, sensitive=resource.sensitive, acting_as=self._user,
            )  # fmt: skip
            answer = await self._transport.send(request)
            items = [_complete(item, resource) for item in answer.get("items") or []]
            yield Page(items, answer["metadata"]["resourceVersion"])
            token = answer["metadata"].get("continue")
            if not token:
                return

    async def create(
        self,
        resource: Resource,
        obj: Object,
        *,
        field_manager: str | None = None,
        metadata_only: bool = False,
    ) -> Object:
        """Create an object. Not repeated when the connection is lost: it may have been created.

        Args:
            resource: its kind.
            obj: the whole object.
            field_manager: who owns its fields; the user agent's name if left out.
            metadata_only: answer with metadata only.

        Raises:
            AlreadyExists: there is one of that name.
        """
        path = resource.path(key_of(obj).namespace or None)
        query = {"fieldManager": field_manager}
        return await self._send(resource, "POST", path, obj, query=query, metadata_only=metadata_only)

    async def apply(
        self,
        resource: Resource,
        obj: Object,
        *,
        field_manager: str,
        force: bool = False,
        subresource: str | None = None,
        metadata_only: bool = False,
    ) -> Object:
        """Server-side apply: create the object, or make the given fields so; fields that this manager no longer gives go.

        Args:
            resource: its kind.
            obj: name, and exactly the fields that this manager wants to own.
            field_manager: who owns them.
            force: take fields over from other managers instead of failing.
            subresource: such as `status`.
            metadata_only: answer with metadata only.

        Raises:
            Conflict: another manager owns a field with another value, or the object is not at the given resourceVersion.
        """
        key = key_of(obj)
        path = resource.path(key.namespace or None, key.name, subresource)
        full = {"apiVersion": resource.api_version, "kind": resource.kind, **obj}
        query = {"fieldManager": field_manager, "force": "true" if force else None}
        return await self._send(resource, "PATCH", path, full, _APPLY, query, metadata_only=metadata_only)

    async def merge_patch(
        self,
        resource: Resource,
        name: str,
        namespace: str | None,
        patch: Mapping[str, Any],
        *,
        subresource: str | None = None,
        metadata_only: bool = False,
    ) -> Object:
        """Change fields; None removes one, a list is replaced whole. A `metadata.resourceVersion` in the patch must fit.

        Raises:
            Conflict: the object is not at the given resourceVersion.
            NotFound: there is no such object.
        """
        path = resource.path(namespace, name, subresource)
        return await self._send(resource, "PATCH", path, patch, _MERGE, metadata_only=metadata_only)

    async def json_patch(
        self,
        resource: Resource,
        name: str,
        namespace: str | None,
        operations: Sequence[Mapping[str, Any]],
        *,
        metadata_only: bool = False,
    ) -> Object:
        """RFC 6902 operations, all or none. Never repeated, since doing it twice may not be the same.

        Raises:
            Invalid: a `test` failed, or a path is not there.
        """
        path = resource.path(namespace, name)
        return await self._send(
            resource, "PATCH", path, list(operations), _JSON_PATCH, metadata_only=metadata_only
        )

    async def delete(
        self,
        resource: Resource,
        name: str,
        namespace: str | None = None,
        *,
        uid: str | None = None,
        resource_version: str | None = None,
    ) -> None:
        """Ask for an object to be deleted; with finalizers it stays until they are gone. No value comes back.

        Args:
            resource: its kind.
            name: its name.
            namespace: its namespace.
            uid: delete only this incarnation.
            resource_version: delete only what was read.

        Raises:
            NotFound: there is no such object (any more).
            Conflict: it is another incarnation or version.
        """
        wanted = {"uid": uid, "resourceVersion": resource_version}
        preconditions = {name: value for name, value in wanted.items() if value is not None}
        body = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            **({"preconditions": preconditions} if preconditions else {}),
        }
        await self._send(resource, "DELETE", resource.path(namespace, name), body, metadata_only=True)

    async def watch(
        self,
        resource: Resource,
        namespace: str | None = None,
        selector: Selector = EVERYTHING,
        *,
        resource_version: str,
        seconds: int,
        metadata_only: bool = False,
    ) -> AsyncGenerator[tuple[str, Object], None]:
        """Yield `(ADDED|MODIFIED|DELETED|BOOKMARK, object)` from a resourceVersion on, for at most some seconds.

        Raises:
            Gone: the resourceVersion is too old: list again.
            Unavailable: the connection was lost, or silent for longer than the watch was to last.
        """
        query = {
            **selector.query(),
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": resource_version,
            "timeoutSeconds": seconds,
        }
        request = Request(
            "GET", resource.path(namespace), query, accept=accept(metadata_only=metadata_only),
            sensitive=resource.sensitive, acting_as=self._user,
        )  # fmt: skip
        async with aclosing(self._transport.stream(request, silence=seconds + _WATCH_GRACE)) as events:
            async for event in events:
                if event["type"] == "ERROR":
                    status = event["object"]
                    raise translate(int(status.get("code") or 500), status, sensitive=resource.sensitive)
                yield event["type"], _without_copies(event["object"], resource)

    async def _send(  # noqa: PLR0913 - the parts of a request, for this class only
        self,
        resource: Resource,
        method: str,
        path: str,
        body: Any = None,  # noqa: ANN401 - any JSON
        content_type: str = "application/json",
        query: Mapping[str, str | int | None] | None = None,
        *,
        metadata_only: bool,
    ) -> Object:
        request = Request(
            method, path, query or {}, body, content_type, accept(metadata_only=metadata_only),
            idempotent=method != "POST" and content_type != _JSON_PATCH, sensitive=resource.sensitive,
            acting_as=self._user,
        )  # fmt: skip
        return _without_copies(await self._transport.send(request), resource)


def _complete(item: Object, resource: Resource) -> Object:
    """An item of a list as if it had been read alone: the API server leaves apiVersion and kind out of items."""
    return {"apiVersion": resource.api_version, "kind": resource.kind, **_without_copies(item, resource)}


def _without_copies(obj: Object, resource: Resource) -> Object:
    """Drop the copy of the whole manifest, values included, that client-side `kubectl apply` leaves in an annotation."""
    if resource.sensitive:
        (obj.get("metadata", {}).get("annotations") or {}).pop(_LAST_APPLIED, None)
    return obj
