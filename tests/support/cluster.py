"""The API server for tests that are not asynchronous: a client whose event loop runs in a thread of its own."""

import asyncio
import json
import ssl
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Awaitable, Callable, Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any, TypeVar

import yaml

from app_platform.kube import ClusterConfig, KubeClient, Unavailable

T = TypeVar("T")

_PATIENCE = 60.0


class Cluster:
    """One API server, as its administrator.

    Args:
        kubeconfig: how to reach it.
    """

    def __init__(self, kubeconfig: Path) -> None:
        self._kubeconfig = kubeconfig
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        config = ClusterConfig.load({"KUBECONFIG": str(kubeconfig)})
        self._client = KubeClient(config, user_agent="tests")

    def do(self, action: Callable[[KubeClient], Awaitable[T]]) -> T:
        """Do something, again while the API server is away."""
        deadline = time.monotonic() + _PATIENCE
        while True:
            try:
                return self._once(action)
            except Unavailable:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)

    def close(self) -> None:
        """Close connections and end the thread."""
        self._once(lambda client: client.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def everything(self) -> Iterator[tuple[str, Any]]:
        """Every object of every kind that can be listed, read without our client: its path, and itself."""
        for group in ["/api/v1", *self._groups()]:
            for resource in self._read(group)["resources"]:
                if "list" in resource["verbs"] and "/" not in resource["name"]:
                    path = f"{group}/{resource['name']}"
                    yield from ((path, item) for item in self._read(path)["items"])

    def _groups(self) -> list[str]:
        groups = self._read("/apis")["groups"]
        return [f"/apis/{group['preferredVersion']['groupVersion']}" for group in groups]

    def _read(self, path: str) -> Any:
        content = yaml.safe_load(self._kubeconfig.read_text())
        server = content["clusters"][0]["cluster"]["server"]
        token = content["users"][0]["user"]["token"]
        request = urllib.request.Request(server + path, headers={"Authorization": f"Bearer {token}"})  # noqa: S310 - our own API server
        deadline = time.monotonic() + _PATIENCE
        while True:
            try:
                # S323: nothing is trusted of this answer but that it must not hold a canary.
                with urllib.request.urlopen(request, context=ssl._create_unverified_context()) as answer:  # noqa: S310, S323, SLF001
                    return json.load(answer)
            except urllib.error.HTTPError as error:
                # The API server asks to wait while its cache of a kind is being filled.
                if error.code != HTTPStatus.TOO_MANY_REQUESTS or time.monotonic() > deadline:
                    raise
                time.sleep(0.5)

    def _once(self, action: Callable[[KubeClient], Awaitable[T]]) -> T:
        async def run() -> T:
            return await action(self._client)

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result(_PATIENCE)
