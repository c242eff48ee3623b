"""The ports of a dry run: they read as usual, and note what they would write.

A handler of this service goes on from what it wrote itself: so what is noted here is also read back, from memory, until the end
of the dry run. That makes the plan whole: the client secret, then the registry, then what is said on the Secret.
Guarantees: a step holds names of Secrets, entries and annotations, client ids and host names; no value, and no digest of one.
Leaves out: what the loop does when it sees the new registry, but for its first step: it puts all that is wished into the next list.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from app_platform.contracts import Registration, names, oidc
from app_platform.contracts.dry_run import Steps
from app_platform.kube.registrations import DryRegistrations
from app_platform.oidc_registrar import registry
from app_platform.oidc_registrar.ports import (
    FINALIZER,
    SERVICE,
    Clients,
    ClientSecret,
    Dashboard,
    Ledger,
    Mark,
    Ports,
    Provider,
    Registrations,
    Rollout,
    Stored,
)
from app_platform.oidc_registrar.registry import Registry
from app_platform.runtime.dry_run import DrySink

_WORDS: Final = frozenset({names.OIDC_STATUS, names.OIDC_MESSAGE, names.OIDC_REDIRECT_URIS})
"""Annotations that are words for people; what else is noted on a Secret may be made from a value."""


def dry(ports: Ports, steps: Steps) -> Ports:
    """Ports that change nothing."""
    return replace(
        ports,
        registrations=DryApps(ports.registrations, steps),
        clients=DryClients(ports.clients, steps),
        ledger=DryLedger(ports.ledger, steps),
        provider=DryProvider(ports.provider, steps),
        dashboard=DryDashboard(ports.dashboard, steps),
        events=DrySink(steps),
        wake=asyncio.Event(),
    )


class DryApps(DryRegistrations):
    """The ``Registrations`` port."""

    def __init__(self, real: Registrations, steps: Steps) -> None:
        super().__init__(real, steps, SERVICE)
        self._real_apps = real
        self._held: set[str] = set()

    async def apps(self) -> Sequence[str]:
        """See the port."""
        return await self._real_apps.apps()

    async def hold(self, registration: Registration) -> None:
        """Note it, once."""
        if registration.name not in self._held:
            self._held.add(registration.name)
            await super().hold(registration)


class DryClients:
    """The ``Clients`` port."""

    def __init__(self, real: Clients, steps: Steps) -> None:
        self._real, self._steps = real, steps
        self._marks: dict[str, list[Mark]] = {}
        self._notes: dict[str, Mapping[str, str]] = {}

    async def read(self, app: str) -> Sequence[ClientSecret]:
        """See the port; with what would have been written to them."""
        found = [_marked(each, self._marks.get(each.uid, ())) for each in await self._real.read(app)]
        self._notes |= {each.uid: each.annotations for each in found}
        return [each for each in found if not _is_gone(each)]

    async def mark(self, app: str, mark: Mark) -> None:
        """Note it."""
        self._marks.setdefault(mark.uid, []).append(mark)
        secret = f"Secret {names.platform_namespace(app)}/{mark.name}"
        for verb, detail in _of_mark(mark, self._notes.get(mark.uid, {})):
            self._steps.would(verb, secret, detail)


def _of_mark(mark: Mark, notes: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    if mark.finalizers is not None:
        held = FINALIZER in mark.finalizers
        yield ("hold" if held else "release"), FINALIZER
    if mark.client_secret is not None:
        made = "a new value" if mark.client_secret else "removed"
        yield "write", f"entry {oidc.CLIENT_SECRET}: {made}"
    for name, value in mark.annotations.items():
        if notes.get(name) != value:
            yield "annotate", _noted(name, value)


def _noted(name: str, value: str | None) -> str:
    if value is None:
        return f"{name} removed"
    return f"{name}: {value}" if name in _WORDS else name


def _marked(secret: ClientSecret, marks: Sequence[Mark]) -> ClientSecret:
    for mark in marks:
        secret = replace(
            secret,
            annotations=_merged(secret.annotations, mark.annotations),
            finalizers=secret.finalizers if mark.finalizers is None else mark.finalizers,
            data=secret.data if mark.client_secret is None else _with_secret(secret, mark.client_secret),
        )
    return secret


def _merged(there: Mapping[str, str], change: Mapping[str, str | None]) -> dict[str, str]:
    return {name: value for name, value in {**there, **change}.items() if value is not None}


def _with_secret(secret: ClientSecret, value: str) -> dict[str, bytes]:
    others = {key: each for key, each in secret.data.items() if key != oidc.CLIENT_SECRET}
    return {**others, oidc.CLIENT_SECRET: value.encode()} if value else others


def _is_gone(secret: ClientSecret) -> bool:
    return secret.deleting and FINALIZER not in secret.finalizers


class DryLedger:
    """The ``Ledger`` port."""

    def __init__(self, real: Ledger, steps: Steps) -> None:
        self._real, self._steps = real, steps
        self._written: Mapping[str, bytes] = {}

    async def load(self) -> Stored | None:
        """See the port; with what would have been written."""
        found = await self._real.load()
        return found and replace(found, files={**found.files, **self._written})

    async def store(self, files: Mapping[str, bytes], version: str) -> None:
        """Note which clients would come into the registry, change there, or go."""
        before = await self.load()
        self._written = files
        old = registry.read(before).registry.records if before else {}
        new = registry.read(Stored(files, version)).registry
        for verb, client_id, detail in _differences(old, new):
            self._steps.would(verb, f"client {client_id} in Authelia's list", detail)


def _differences(
    old: Mapping[str, registry.Record], registry_now: Registry
) -> Iterator[tuple[str, str, str]]:
    new = registry_now.records
    for client_id in sorted(old.keys() | new.keys()):
        before, after = old.get(client_id), new.get(client_id)
        if after is None:
            yield "remove", client_id, ""
        elif after != before:
            verb = "change" if before else "add"
            yield verb, client_id, f"for {after.hostname}, asked for by Secret {after.secret} of {after.app}"


class DryProvider:
    """The ``Provider`` port."""

    def __init__(self, real: Provider, steps: Steps) -> None:
        self._real, self._steps = real, steps

    async def rollout(self) -> Rollout | None:
        """See the port."""
        return await self._real.rollout()

    async def roll(self, digest: str, attempt: str, version: str) -> None:  # noqa: ARG002 - as the port has it
        """Note it."""
        self._steps.would("roll", "Authelia's Deployment", f"attempt {attempt}")

    async def is_healthy(self) -> bool:
        """See the port."""
        return await self._real.is_healthy()


class DryDashboard:
    """The ``Dashboard`` port."""

    def __init__(self, real: Dashboard, steps: Steps) -> None:
        self._real, self._steps = real, steps

    async def load(self) -> ClientSecret | None:
        """See the port."""
        return await self._real.load()

    async def store(self, client_secret: str, version: str) -> None:  # noqa: ARG002 - as the port has it
        """Note it, without the value."""
        self._steps.would(
            "write", f"Secret {names.SYSTEM_NAMESPACE}/{names.DASHBOARD_OIDC_SECRET}", "a new value"
        )
