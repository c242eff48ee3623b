"""Reads what the checks of a target need: everything at once, each thing once.

Guarantees: a thing that cannot be read leaves the others readable; it becomes the ``UnreadableError`` in its place.
"""

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from datetime import datetime
from typing import TypeVar

from app_platform.contracts import Registration, names
from app_platform.diagnosis.checks.access import telling_actions
from app_platform.diagnosis.facts import NOT_ASKED, AppFacts, Fact, PlatformFacts
from app_platform.diagnosis.ports import BrokenError, Reader, UnreadableError
from app_platform.diagnosis.targets import AccessTarget, OfApp
from app_platform.kube import (
    GIT_REPOSITORIES,
    KUSTOMIZATIONS,
    LEASES,
    NAMESPACES,
    SECRETS,
    Action,
    Object,
    Resource,
    User,
)
from app_platform.kube.registrations import REGISTRATIONS, UnparsedError, all_parsed, parsed
from app_platform.runtime.consumers import ConsumerState
from app_platform.runtime.dead_letters import DeadLetter

T = TypeVar("T")
_NO_BUS = UnreadableError("nothing is known of the event store here: set NATS_URL")


async def platform_facts(reader: Reader, now: datetime) -> PlatformFacts:
    """What is known of the platform."""
    registrations, consumers, letters, leases = await asyncio.gather(
        fact(_registrations(reader)),
        fact(_consumers(reader)),
        fact(_letters(reader, None)),
        fact(reader.cluster.list(LEASES, names.SYSTEM_NAMESPACE)),
    )
    good, bad = (registrations, []) if isinstance(registrations, UnreadableError) else registrations
    return PlatformFacts(
        now,
        all_registrations=good,
        unparsed=bad,
        all_consumers=consumers,
        all_letters=letters,
        all_leases=leases,
    )


async def app_facts(target: OfApp, reader: Reader, now: datetime) -> AppFacts:
    """What is known of an app; for a question about access, of the rights in question too."""
    app, home = target.app, names.platform_namespace(target.app)
    registration = await fact(_registration(reader, app))
    async with asyncio.TaskGroup() as group:
        namespaces = group.create_task(_namespaces(reader, app, registration))
        secrets = group.create_task(fact(_by_name(reader, SECRETS, home)))
        sources = group.create_task(fact(_by_name(reader, GIT_REPOSITORIES, home)))
        kustomizations = group.create_task(fact(_by_name(reader, KUSTOMIZATIONS, home)))
        consumers = group.create_task(fact(_consumers(reader)))
        letters = group.create_task(fact(_letters(reader, app)))
        rights = group.create_task(fact(_rights(reader, target, registration)))
    return AppFacts(
        now,
        name=app,
        maybe_registration=registration,
        all_namespaces=namespaces.result(),
        all_secrets=secrets.result(),
        all_sources=sources.result(),
        all_kustomizations=kustomizations.result(),
        all_consumers=consumers.result(),
        all_letters=letters.result(),
        rights=rights.result(),
    )


async def fact(reading: Awaitable[T]) -> Fact[T]:
    """What is read, or why it cannot be."""
    try:
        return await reading
    except UnreadableError as error:
        return error


async def _registration(reader: Reader, app: str) -> Registration | None:
    found = await reader.cluster.find(REGISTRATIONS, app)
    try:
        return None if found is None else parsed(found)
    except UnparsedError as error:
        raise BrokenError(str(error)) from None


async def _registrations(reader: Reader) -> tuple[Sequence[Registration], Sequence[UnparsedError]]:
    return all_parsed(await reader.cluster.list(REGISTRATIONS))


async def _namespaces(
    reader: Reader, app: str, registration: Fact[Registration | None]
) -> Mapping[str, Fact[Object | None]]:
    spaces = registration.spec.namespaces if isinstance(registration, Registration) else ()
    wanted = (names.platform_namespace(app), *spaces)
    found = await asyncio.gather(*(fact(reader.cluster.find(NAMESPACES, name)) for name in wanted))
    return dict(zip(wanted, found, strict=True))


async def _by_name(reader: Reader, resource: Resource, namespace: str) -> Mapping[str, Object]:
    found = await reader.cluster.list(resource, namespace)
    return {obj["metadata"]["name"]: obj for obj in found}


async def _consumers(reader: Reader) -> Sequence[ConsumerState]:
    if reader.bus is None:
        raise _NO_BUS
    return await reader.bus.consumers()


async def _letters(reader: Reader, app: str | None) -> Sequence[DeadLetter]:
    if reader.bus is None:
        raise _NO_BUS
    return await reader.bus.dead_letters(app)


async def _rights(
    reader: Reader, target: OfApp, registration: Fact[Registration | None]
) -> Mapping[Action, bool]:
    if not isinstance(target, AccessTarget) or not isinstance(registration, Registration):
        raise NOT_ASKED
    who = None if target.myself else User(target.user, target.groups)
    actions = telling_actions(registration)
    answers = await asyncio.gather(*(reader.cluster.allowed(action, who) for action in actions))
    return dict(zip(actions, answers, strict=True))
