"""Which replicas of a program are alive: each renews a Lease of its own, all read all.

Whether another replica lives is judged by whether its Lease changes while we look, not by the time written in it: clocks
may differ. So membership settles within one lease duration after a change. It shares work out; it is **not** a lock: for a
moment two replicas may both hold a key, or none, and work must stand that.
"""

import asyncio
import datetime as dt
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, NoReturn

from app_platform.kube.client import KubeClient, Selector
from app_platform.kube.errors import Conflict, KubeError, NotFound
from app_platform.kube.resources import LEASES, Object

_log: Final = logging.getLogger(__name__)
_FORGET_AFTER: Final = 4  # lease durations after which a dead replica's Lease is removed


@dataclass(frozen=True)
class Group:
    """Whose replicas: the Leases of one namespace that carry certain labels.

    Attributes:
        namespace: where the Leases are.
        name: prefix of their names.
        labels: on each Lease; select the group's.
        duration: seconds without renewal after which a replica counts as dead.
        renew: seconds between renewals.
    """

    namespace: str
    name: str
    labels: Mapping[str, str]
    duration: float = 15.0
    renew: float = 5.0

    def selector(self) -> Selector:
        """Of the group's Leases."""
        return Selector(labels=",".join(f"{key}={value}" for key, value in sorted(self.labels.items())))


@dataclass(frozen=True)
class Sighting:
    """When a Lease was last seen to change: its resourceVersion then, and the local monotonic time."""

    resource_version: str
    at: float


def observe(before: Mapping[str, Sighting], leases: Mapping[str, str], now: float) -> dict[str, Sighting]:
    """Bring sightings up to date.

    Args:
        before: by replica.
        leases: the resourceVersion of each replica's Lease now.
        now: local monotonic time.
    """
    return {
        replica: before[replica]
        if replica in before and before[replica].resource_version == version
        else Sighting(version, now)
        for replica, version in leases.items()
    }


def alive(sightings: Mapping[str, Sighting], now: float, duration: float) -> tuple[str, ...]:
    """The replicas whose Leases changed within the last `duration` seconds, sorted."""
    return tuple(sorted(replica for replica, seen in sightings.items() if now - seen.at <= duration))


class Membership:
    """This replica's Lease, and the view of the others."""

    def __init__(
        self, client: KubeClient, group: Group, replica: str, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Prepare; `run` does the work.

        Args:
            client: not closed by this class.
            group: whose replicas.
            replica: our name within it; unique, and a DNS label.
            clock: monotonic seconds.
        """
        self._client, self._group, self._replica, self._clock = client, group, replica, clock
        self._sightings: dict[str, Sighting] = {}
        self.replicas: tuple[str, ...] = ()
        self.settled = asyncio.Event()

    async def run(self, on_change: Callable[[tuple[str, ...]], None]) -> NoReturn:
        """Stay a member until cancelled, then leave at once.

        Args:
            on_change: receives the living replicas, sorted, whenever they change.
        """
        try:
            while True:
                await self._beat(on_change)
                await asyncio.sleep(self._group.renew)
        finally:
            await self._leave()

    async def _beat(self, on_change: Callable[[tuple[str, ...]], None]) -> None:
        try:
            await self._renew()
            await self._look()
        except KubeError as error:  # the next beat is near; until then the last view stands
            _log.warning("membership of %s: %s", self._group.name, error.reason)
            return
        living = alive(self._sightings, self._clock(), self._group.duration)
        if living != self.replicas:
            self.replicas = living
            on_change(living)
        self.settled.set()

    async def _renew(self) -> None:
        now = dt.datetime.now(dt.UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        lease = LEASES.manifest(
            self._lease_name(self._replica),
            self._group.namespace,
            spec={
                "holderIdentity": self._replica,
                "leaseDurationSeconds": max(1, round(self._group.duration)),
                "renewTime": now,
            },
        )
        lease["metadata"]["labels"] = dict(self._group.labels)
        await self._client.apply(
            LEASES, lease, field_manager=self._group.name, force=True, metadata_only=True
        )

    async def _look(self) -> None:
        leases = await self._client.list(LEASES, self._group.namespace, self._group.selector())
        by_replica = {lease["spec"]["holderIdentity"]: lease for lease in leases}
        versions = {replica: lease["metadata"]["resourceVersion"] for replica, lease in by_replica.items()}
        self._sightings = observe(self._sightings, versions, self._clock())
        for replica in set(by_replica) - set(
            alive(self._sightings, self._clock(), _FORGET_AFTER * self._group.duration)
        ):
            await self._forget(by_replica[replica])

    async def _forget(self, lease: Object) -> None:
        metadata = lease["metadata"]
        try:
            await self._client.delete(
                LEASES, metadata["name"], metadata["namespace"], resource_version=metadata["resourceVersion"]
            )
        except (NotFound, Conflict):  # another replica was first, or its owner came back
            return

    async def _leave(self) -> None:
        """Tell the others at once; if that fails they find out after the lease duration."""
        try:
            await self._client.delete(LEASES, self._lease_name(self._replica), self._group.namespace)
        except KubeError as error:
            _log.info("membership of %s: could not leave (%s)", self._group.name, error.reason)

    def _lease_name(self, replica: str) -> str:
        return f"{self._group.name}-{replica}"
