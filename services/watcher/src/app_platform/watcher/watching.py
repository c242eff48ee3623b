"""The watches of one replica, and what is put into the outbox because of them.

Guarantees: every registration is watched by every replica, but told only by the one that looks after it; Secrets are
watched in the platform namespaces of our own apps only, as metadata. When an app becomes ours, everything of it is told.
Once a round, each app at its own moment, and for all apps at once when the history was lost, a registration is told with a new
mark, from which each stage makes the next one look again.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NoReturn

from app_platform.contracts import names
from app_platform.kube import (
    CLUSTER_ROLE_BINDINGS,
    CLUSTER_ROLES,
    GIT_REPOSITORIES,
    KUSTOMIZATIONS,
    NAMESPACES,
    ROLE_BINDINGS,
    ROLES,
    SECRETS,
    SERVICE_ACCOUNTS,
    Change,
    Informer,
    KubeClient,
    Scope,
    Selector,
)
from app_platform.kube.objects import annotations_of
from app_platform.kube.registrations import REGISTRATIONS
from app_platform.watcher import core
from app_platform.watcher.apps import Apps
from app_platform.watcher.census import ConditionSeen, StatusSeen, client_seen, conditions_seen, intent_seen
from app_platform.watcher.outbox import Outbox
from app_platform.watcher.ports import Asks, FluxSeen, History, Seen
from app_platform.watcher.settings import Settings

_LOG: Final = logging.getLogger(__name__)
_FLUX: Final = (GIT_REPOSITORIES, KUSTOMIZATIONS)
_OURS: Final = Selector(labels=f"{names.MANAGED_BY_LABEL}={names.MANAGED_BY},{names.APP_LABEL}")
_MANAGED: Final = (
    NAMESPACES,
    SERVICE_ACCOUNTS,
    ROLES,
    ROLE_BINDINGS,
    CLUSTER_ROLES,
    CLUSTER_ROLE_BINDINGS,
)
_LOOK_SECONDS: Final = 3.0


@dataclass(frozen=True)
class _SecretState:
    deleting: bool
    asks: frozenset[Asks]
    seen: Mapping[Asks, StatusSeen]
    is_new: bool
    traceparent: str = ""


@dataclass(frozen=True)
class _RegistrationState:
    deleting: bool
    conditions: tuple[ConditionSeen, ...]


@dataclass(frozen=True)
class _SecretWatch:
    informer: Informer[_SecretState]
    task: asyncio.Task[NoReturn]


class Watching:
    """All watches of this replica.

    Args:
        client: To the cluster.
        apps: Which apps are ours.
        history: To learn that it was lost.
        settings: Intervals.
    """

    def __init__(self, client: KubeClient, apps: Apps, history: History, settings: Settings) -> None:
        self._client = client
        self._apps = apps
        self._history = history
        self._settings = settings
        self._secrets: dict[str, _SecretWatch] = {}
        self._registrations = Informer(client, Scope(REGISTRATIONS), _registration_state)
        self._flux = {each.kind: Informer(client, Scope(each), _flux_status) for each in _FLUX}
        self.outbox = Outbox(history.events)

    @property
    def synced(self) -> bool:
        """Whether everything that existed at the start has been seen."""
        return self._registrations.synced.is_set()

    @property
    def intents(self) -> list[StatusSeen]:
        """Every intent of the apps that this replica looks after."""
        return self._asking(Asks.INTENT)

    @property
    def clients(self) -> list[StatusSeen]:
        """Every OIDC client of these apps."""
        return self._asking(Asks.CLIENT)

    @property
    def conditions(self) -> list[tuple[ConditionSeen, ...]]:
        """The conditions of each app that this replica looks after."""
        return [
            change.value.conditions
            for change in self._registrations.items.values()
            if self._apps.is_ours(change.key.name)
        ]

    async def watch_registrations(self) -> None:
        """Follow the registrations until cancelled."""
        await self._registrations.run(self._on_registration)

    async def watch_flux(self) -> None:
        """Follow the Flux objects of all namespaces until cancelled."""
        async with asyncio.TaskGroup() as group:
            for kind, informer in self._flux.items():
                group.create_task(informer.run(self._on_flux(kind)))

    async def watch_managed(self) -> None:
        """Follow what namespace-rbac makes, so that what others change of it is put back; until cancelled."""
        async with asyncio.TaskGroup() as group:
            for resource in _MANAGED:
                informer = Informer(self._client, Scope(resource, None, _OURS, metadata_only=True), _app_of)
                group.create_task(informer.run(self._on_managed(resource.kind)))

    def on_members(self, replicas: tuple[str, ...]) -> None:
        """Take over and give up apps as replicas come and go."""
        before = set(self._apps.ours)
        self._apps.set_replicas(replicas)
        _LOG.info("replicas: %s", ", ".join(replicas))
        taken = {app: seen for app, seen in self._apps.ours.items() if app not in before}
        for seen in taken.values():
            self.outbox.put(core.registration_event(seen))
        self._tell_flux_of(taken.keys())
        self._follow_ours()

    async def resync(self) -> None:
        """Tell every registration anew, each once a round, and all when the history was lost; until cancelled."""
        incarnation: datetime | None = None
        looked = time.time()
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            present = await self._incarnation(incarnation)
            now = time.time()
            if incarnation is not None and present != incarnation:
                _LOG.warning("the event history was lost: telling everything anew")
                mark = f"history-{present.timestamp() if present else 0:.0f}"
                self._tell(dict.fromkeys(self._apps.ours, mark))
            else:
                self._tell(core.due_rounds(self._apps.ours, looked, now, self._settings.resync_seconds))
            incarnation, looked = present, now
            self._restart_ended()

    async def close(self) -> None:
        """End the watches on Secrets."""
        tasks = [watch.task for watch in self._secrets.values()]
        self._secrets.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _incarnation(self, before: datetime | None) -> datetime | None:
        """When the history was created; the answer before, while NATS does not answer."""
        try:
            return await self._history.incarnation() or before
        except ConnectionError:
            return before

    def _tell(self, marks: Mapping[str, str]) -> None:
        """Tell registrations of ours with these marks, by app."""
        ours = self._apps.ours
        for app, mark in marks.items():
            self.outbox.put(core.registration_event(ours[app], mark))

    async def _on_registration(self, change: Change[_RegistrationState]) -> None:
        gone = change.type == "deleted"
        seen = _seen(change, deleted=gone or change.value.deleting)
        told = self._apps.is_ours(seen.name)
        self._apps.see(seen, gone=gone)
        ours = self._apps.is_ours(seen.name)
        if told or ours:
            self.outbox.put(core.registration_event(seen))
        if ours and not told:
            # Its Flux objects may have been seen first, when nobody knew yet whose they are.
            self._tell_flux_of({seen.name})
        self._follow_ours()
        self._look_again(seen.name)

    def _on_managed(self, kind: str) -> Callable[[Change[str]], Awaitable[None]]:
        async def on_change(change: Change[str]) -> None:
            # What is new is as its maker wanted it; and at our start, everything is.
            if change.type != "added" and self._apps.is_ours(change.value):
                seen = _seen(change, deleted=change.type == "deleted")
                self.outbox.put(core.managed_event(change.value, kind, seen))

        return on_change

    def _asking(self, asks: Asks) -> list[StatusSeen]:
        return [
            change.value.seen[asks]
            for watch in self._secrets.values()
            for change in watch.informer.items.values()
            if asks in change.value.asks
        ]

    def _follow_ours(self) -> None:
        ours = set(self._apps.ours)
        for app in self._secrets.keys() - ours:
            self._end(app)
        for app in ours - self._secrets.keys():
            self._secrets[app] = self._begin(app)

    def _look_again(self, app: str) -> None:
        """Start a watch anew that has seen nothing yet: it may have been refused, and now have the right to watch."""
        watch = self._secrets.get(app)
        if watch is not None and not watch.informer.synced.is_set():
            self._end(app)
            self._secrets[app] = self._begin(app)

    def _restart_ended(self) -> None:
        for app, watch in list(self._secrets.items()):
            if watch.task.done():
                _LOG.error(
                    "the watch on the secrets of %s ended: it starts anew",
                    app,
                    exc_info=watch.task.exception(),
                )
                self._secrets[app] = self._begin(app)

    def _end(self, app: str) -> None:
        self._secrets.pop(app).task.cancel()

    def _begin(self, app: str) -> "_SecretWatch":
        before: dict[str, frozenset[Asks]] = {}
        traces: dict[str, str] = {}

        async def tell(change: Change[_SecretState]) -> None:
            seen = _seen(change, deleted=change.type == "deleted" or change.value.deleting)
            told, known = before.pop(seen.name, frozenset()), traces.pop(seen.name, None)
            trace = core.trace_of(change.value.traceparent, known, is_new=change.value.is_new)
            for event in core.secret_events(app, seen, told, change.value.asks):
                self.outbox.put(event, trace)
            if change.type != "deleted" and change.value.asks:
                before[seen.name], traces[seen.name] = change.value.asks, change.value.traceparent

        # One watch, so one connection, for all that a Secret can ask for; of the few others only metadata comes.
        scope = Scope(SECRETS, names.platform_namespace(app), metadata_only=True)
        informer = Informer(self._client, scope, _secret_state)
        return _SecretWatch(informer, asyncio.create_task(informer.run(tell), name=f"secrets of {app}"))

    def _on_flux(self, kind: str) -> Callable[[Change[dict[str, str]]], Awaitable[None]]:
        async def tell(change: Change[dict[str, str]]) -> None:
            app = names.app_of_platform_namespace(change.key.namespace)
            if app is not None and self._apps.is_ours(app):
                self._tell_flux(app, kind, change)

        return tell

    def _tell_flux_of(self, apps: Collection[str]) -> None:
        """Tell how the Flux objects of these apps stand."""
        for kind, informer in self._flux.items():
            for change in informer.items.values():
                app = names.app_of_platform_namespace(change.key.namespace)
                if app in apps and app is not None:
                    self._tell_flux(app, kind, change)

    def _tell_flux(self, app: str, kind: str, change: Change[dict[str, str]]) -> None:
        seen = _seen(change, deleted=change.type == "deleted")
        self.outbox.put(core.flux_event(app, FluxSeen(seen, kind, **change.value)))


def _seen(change: Change[Any], *, deleted: bool) -> Seen:
    return Seen(change.key.namespace, change.key.name, change.uid, change.resource_version, deleted)


def _deletion_asked(obj: dict[str, Any]) -> bool:
    return "deletionTimestamp" in obj["metadata"]


def _secret_state(obj: dict[str, Any]) -> _SecretState:
    asks = core.asks_of(obj["metadata"].get("labels") or {})
    trace = annotations_of(obj).get(names.TRACEPARENT, "")
    is_new = not {names.SECRET_STATUS, names.OIDC_STATUS} & annotations_of(obj).keys()
    seen = {Asks.INTENT: intent_seen(obj), Asks.CLIENT: client_seen(obj)}
    return _SecretState(_deletion_asked(obj), asks, seen, is_new, trace)


def _registration_state(obj: dict[str, Any]) -> _RegistrationState:
    return _RegistrationState(_deletion_asked(obj), conditions_seen(obj))


def _flux_status(obj: dict[str, Any]) -> dict[str, str]:
    status = obj.get("status", {})
    ready: dict[str, str] = next((c for c in status.get("conditions", ()) if c.get("type") == "Ready"), {})
    return {
        "revision": status.get("lastAppliedRevision") or status.get("artifact", {}).get("revision", ""),
        "ready": ready.get("status", "Unknown"),
        "reason": ready.get("reason", ""),
        "message": ready.get("message", ""),
    }


def _app_of(obj: Mapping[str, Any]) -> str:
    return str(obj["metadata"].get("labels", {}).get(names.APP_LABEL, ""))
