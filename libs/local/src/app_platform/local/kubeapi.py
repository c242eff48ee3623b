"""The few calls to the Kubernetes API that the local platform itself makes: server-side apply, list, watch, status.

Raw JSON in and out. Not a general client: the services use `app_platform.kube`.
"""

import json
from collections.abc import AsyncIterator, Mapping
from http import HTTPStatus
from types import TracebackType
from typing import Any, Self

import aiohttp

from app_platform.local.errors import ClusterError
from app_platform.local.kubeconfig import Access

Object = dict[str, Any]

_TIMEOUT = aiohttp.ClientTimeout(total=30)
_LONGEST_EVENT = 8 << 20


class KubeApi:
    """A connection to one API server; an async context manager.

    Every method raises `ClusterError` when the server refuses or cannot be reached.
    """

    def __init__(self, access: Access) -> None:
        self._access = access
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        headers = {"Authorization": f"Bearer {self._access.token}"} if self._access.token else {}
        connector = aiohttp.TCPConnector(ssl=self._access.tls)
        self._session = aiohttp.ClientSession(
            self._access.server, headers=headers, connector=connector, read_bufsize=_LONGEST_EVENT
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session:
            await self._session.close()

    async def get(self, path: str, **query: str) -> Object | None:
        """An object or list; none when it does not exist."""
        return await self._call("GET", path, query)

    async def apply(self, path: str, content: Mapping[str, Any], manager: str) -> Object:
        """Server-side apply, taking over fields of other managers."""
        query = {"fieldManager": manager, "force": "true"}
        return await self._call("PATCH", path, query, content, "application/apply-patch+yaml") or {}

    async def merge(self, path: str, content: Mapping[str, Any]) -> Object | None:
        """JSON merge patch; none when the object does not exist (any more)."""
        return await self._call("PATCH", path, {}, content, "application/merge-patch+json")

    async def watch(self, path: str, resource_version: str, seconds: int) -> AsyncIterator[Object]:
        """Watch events from `resource_version` on, for at most `seconds`."""
        query = {"watch": "1", "resourceVersion": resource_version, "timeoutSeconds": str(seconds)}
        timeout = aiohttp.ClientTimeout(total=None, sock_read=seconds + 10)
        try:
            async with self._open.get(path, params=query, timeout=timeout) as answer:
                if not answer.ok:
                    raise ClusterError(f"watch {path}: {await _reason(answer)}")
                async for line in answer.content:
                    yield json.loads(line)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise ClusterError(f"watch {path}: {str(error) or type(error).__name__}") from error

    @property
    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            raise ClusterError("use the client inside `async with`")
        return self._session

    async def _call(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        content: Mapping[str, Any] | None = None,
        content_type: str = "application/json",
    ) -> Object | None:
        data = None if content is None else json.dumps(content)
        headers = {"Content-Type": content_type}
        request = self._open.request(method, path, params=query, data=data, headers=headers, timeout=_TIMEOUT)
        try:
            async with request as answer:
                if answer.status == HTTPStatus.NOT_FOUND:
                    return None
                if not answer.ok:
                    raise ClusterError(f"{method} {path}: {await _reason(answer)}")
                return dict(await answer.json())
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise ClusterError(f"{method} {path}: {str(error) or type(error).__name__}") from error


async def _reason(answer: aiohttp.ClientResponse) -> str:
    try:
        return f"{answer.status} {(await answer.json())['message']}"
    except (aiohttp.ClientError, ValueError, KeyError, TypeError):
        return f"{answer.status} {answer.reason}"
