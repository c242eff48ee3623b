"""How services report on a registration, against the real API server."""

from collections.abc import AsyncIterator

import pytest

from app_platform.contracts import ConditionType, Registration, Verdict
from app_platform.contracts.crd import registration_crd
from app_platform.kube import CUSTOM_RESOURCE_DEFINITIONS, KubeClient, KubeError
from app_platform.kube.registrations import REGISTRATIONS, Registrations


@pytest.fixture
async def registration(client: KubeClient) -> AsyncIterator[str]:
    """The name of a registration that exists."""
    await client.apply(CUSTOM_RESOURCE_DEFINITIONS, registration_crd(), field_manager="test", force=True)
    spec = {"namespaces": ["reported-dev"]}

    async def create() -> bool:
        try:
            await client.apply(
                REGISTRATIONS, {"metadata": {"name": "reported"}, "spec": spec}, field_manager="test"
            )
        except KubeError:
            return False
        return True

    for _ in range(100):
        if await create():
            break
    yield "reported"
    found = Registration.from_object(await client.get(REGISTRATIONS, "reported"))
    for service in ("one", "two"):
        await Registrations(client, service).release(found)
    await client.delete(REGISTRATIONS, "reported")


def verdict(kind: ConditionType, *, ok: bool, message: str = "m") -> Verdict:
    return Verdict(kind, "Reason", message, ok=ok)


async def read(registrations: Registrations) -> Registration:
    found = await registrations.get("reported")
    assert found is not None
    return found


async def test_services_leave_each_others_conditions_alone(client: KubeClient, registration: str) -> None:
    one, two = Registrations(client, "one"), Registrations(client, "two")
    await one.report(
        await read(one), verdict(ConditionType.NAMESPACES, ok=True), {"namespaces": ["reported-dev"]}
    )
    await two.report(await read(two), verdict(ConditionType.ENCRYPTION_KEY, ok=False), {"recipient": "age1"})
    await one.report(await read(one), verdict(ConditionType.READY, ok=False), {"observedGeneration": 1})
    status = (await read(one)).status
    assert {c.type: c.status for c in status.conditions} == {
        "NamespacesReady": "True",
        "EncryptionKeyReady": "False",
        "Ready": "False",
    }
    assert (status.namespaces, status.recipient, status.observed_generation) == (("reported-dev",), "age1", 1)


async def test_saying_the_same_again_writes_nothing(client: KubeClient, registration: str) -> None:
    one = Registrations(client, "one")
    await one.report(await read(one), verdict(ConditionType.READY, ok=True), {"observedGeneration": 1})
    before = await read(one)
    await one.report(before, verdict(ConditionType.READY, ok=True), {"observedGeneration": 1})
    assert (await read(one)).resource_version == before.resource_version


async def test_transition_time_moves_only_with_the_status(client: KubeClient, registration: str) -> None:
    one = Registrations(client, "one")
    await one.report(
        await read(one), verdict(ConditionType.READY, ok=False, message="first"), {"observedGeneration": 1}
    )
    first = (await read(one)).status.condition(ConditionType.READY)
    await one.report(
        await read(one), verdict(ConditionType.READY, ok=False, message="second"), {"observedGeneration": 1}
    )
    second = (await read(one)).status.condition(ConditionType.READY)
    assert first is not None
    assert second is not None
    assert (second.message, second.last_transition_time) == ("second", first.last_transition_time)


async def test_finalizers_are_each_services_own(client: KubeClient, registration: str) -> None:
    one, two = Registrations(client, "one"), Registrations(client, "two")
    await one.hold(await read(one))
    await two.hold(await read(two))
    assert set((await read(one)).finalizers) == {"labrats.work/one", "labrats.work/two"}
    await one.release(await read(one))
    assert (await read(one)).finalizers == ("labrats.work/two",)


async def test_a_registration_that_is_gone_is_not_made_again(client: KubeClient, registration: str) -> None:
    one = Registrations(client, "one")
    stale = (await read(one)).model_copy(update={"name": "never-there"})
    await one.hold(stale)
    await one.report(stale, verdict(ConditionType.READY, ok=True), {"observedGeneration": 1})
    assert await one.get("never-there") is None
