"""The loop of the stand-in: looks at the Deployment, has its process run, and writes what became of it.

One look at a time: when the Deployment or a process changes, and when a deadline is over. A look decides from what is there then,
so that none of the occasions matters by itself.
"""

import asyncio
import base64
import contextlib
from datetime import UTC, datetime

from app_platform.contracts import names
from app_platform.kube import (
    SECRETS,
    Change,
    Informer,
    KubeClient,
    KubeError,
    Object,
    Resource,
    Scope,
    Selector,
)
from app_platform.local.authelia.pod import CLIENTS_FILE, NothingToMountError, Pod, Setup, say
from app_platform.local.authelia.rollout import Rollout
from app_platform.local.authelia.service import Address
from app_platform.local.authelia.status import (
    deadline_seconds,
    is_written,
    status,
    template_hash,
    wanted_replicas,
)

NAMESPACE = DEPLOYMENT = names.AUTHELIA
CLIENTS_SECRET = names.OIDC_CLIENTS_SECRET
DEPLOYMENTS = Resource("apps", "v1", "deployments", "Deployment")

_RETRY_SECONDS = 2.0


async def read_clients(client: KubeClient) -> str:
    """The clients file as the Secret holds it now.

    Raises:
        NothingToMountError: the Secret or its entry is not there, or cannot be read now.
    """
    try:
        secret = await client.find(SECRETS, CLIENTS_SECRET, NAMESPACE)
    except KubeError as error:
        raise NothingToMountError(f"Secret {CLIENTS_SECRET} cannot be read: {error}") from error
    value = ((secret or {}).get("data") or {}).get(CLIENTS_FILE)
    if value is None:
        raise NothingToMountError(f"Secret {CLIENTS_SECRET} has no entry {CLIENTS_FILE} yet")
    return base64.b64decode(value).decode(errors="replace")


class Controller:
    """Runs the Deployment until cancelled.

    Args:
        client: of the API server.
        address: where users reach the provider.
        setup: how its processes are started.
    """

    def __init__(self, client: KubeClient, address: Address, setup: Setup) -> None:
        self._client = client
        self._address = address
        self._setup = setup
        self._due = asyncio.Event()
        self._tasks = asyncio.TaskGroup()
        self._pods: dict[str, Pod] = {}
        self._rollout = Rollout(self._start, asyncio.get_running_loop().time)

    async def run(self) -> None:
        """Follow the Deployment for ever; when cancelled, end all processes."""
        only = Selector(fields=f"metadata.name={DEPLOYMENT}")
        deployments = Informer(self._client, Scope(DEPLOYMENTS, NAMESPACE, only), template_hash)
        async with self._tasks:
            self._tasks.create_task(deployments.run(self._on_change))
            self._tasks.create_task(self._keep_looking())

    def _start(self, template: str) -> Pod:
        self._pods[template] = Pod(template, self._setup, self._tasks, self._due.set)
        return self._pods[template]

    async def _on_change(self, _change: Change[str]) -> None:
        self._due.set()

    async def _keep_looking(self) -> None:
        while True:
            self._due.clear()
            try:
                pause = await self._look()
            except KubeError as error:
                say(f"Deployment {DEPLOYMENT}: {error}")
                pause = _RETRY_SECONDS
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._due.wait(), pause)

    async def _look(self) -> float | None:
        """Do what is due; returns how many seconds later to look again if nothing changes, None for never."""
        deployment = await self._client.find(DEPLOYMENTS, DEPLOYMENT, NAMESPACE)
        wanted = template_hash(deployment) if deployment and wanted_replicas(deployment) else ""
        superfluous = self._rollout.turn_to(wanted)
        await self._address.lead_to(self._rollout.port)
        for process in superfluous:
            self._tasks.create_task(self._pods.pop(process.template).stop())
        return await self._report(deployment, wanted) if deployment else None

    async def _report(self, deployment: Object, template: str) -> float | None:
        patience = deadline_seconds(deployment)
        situation = self._rollout.situation(template, patience)
        told = status(deployment, situation, datetime.now(UTC))
        if not is_written(deployment, told):
            patch = {"status": told}
            await self._client.merge_patch(DEPLOYMENTS, DEPLOYMENT, NAMESPACE, patch, subresource="status")
            say(f"Deployment {DEPLOYMENT}: {told['conditions'][1]['message']}")
        return None if situation.completed or situation.overdue else self._rollout.remaining(patience)
