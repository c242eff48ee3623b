"""What Flux delivered and lost sight of goes; what anybody may still want, or Flux will see to, stays."""

from dataclasses import replace
from typing import Any

import pytest

from app_platform.contracts import EncryptionKeyReady, FluxObjectChanged, Registration
from app_platform.git_committer import handlers, leftovers
from app_platform.git_committer.ports import DeliveredSecret, IntentState, Ports
from app_platform.runtime import Done
from support.fakes.committer import FakeCluster, FakeDelivered
from support.fakes.events import Sink
from support.fakes.forge import MemoryForge, MemoryRepository
from support.fakes.registrations import FakeRegistrations
from support.samples import registration_object

DEV, PROD, OLD = "my-app-dev", "my-app-prod", "my-app-old"
HEAD = "c0ffee"
LIVE = DeliveredSecret(DEV, "database", "u", "1")
WANTED = IntentState("u1", "f1", deleting=False, committed=True, targets=frozenset({DEV}))
APPLIED = FluxObjectChanged(
    app="my-app", name="my-app-platform", uid="k", resource_version="9", object_kind="Kustomization"
)


class Service:
    """An app of which Flux has applied the head."""

    def __init__(self, *live: DeliveredSecret) -> None:
        status = {"namespaces": [DEV, PROD], "repository": {"url": "u", "branch": "main", "headSha": HEAD}}
        self.object: dict[str, Any] = registration_object() | {"status": status}
        self.cluster, self.delivered = FakeCluster(), FakeDelivered(*live)
        self.flux(HEAD)
        forge = MemoryForge()
        forge.repositories["my-app"] = MemoryRepository()
        registrations = FakeRegistrations("git-committer", self.object)
        self.ports = Ports(registrations, self.cluster, self.delivered, forge, self.cluster, Sink())

    def flux(self, applied: str, ready: str = "True", behind: int = 0) -> None:
        """What kustomize-controller says, of the Kustomization as it is or so many changes ago."""
        there = self.cluster.kustomization or {"metadata": {"generation": 1}, "spec": {}}
        observed = there["metadata"]["generation"] - behind
        condition = {"type": "Ready", "status": ready, "observedGeneration": observed}
        status = {"conditions": [condition], "lastAppliedRevision": f"main@sha1:{applied}"}
        self.cluster.kustomization = {**there, "status": status}

    @property
    def registration(self) -> Registration:
        """As it is."""
        return Registration.from_object(self.object)

    async def look(self) -> list[DeliveredSecret]:
        """What is live after Flux told that it has applied something."""
        assert await handlers.flux_changed(self.ports, [APPLIED]) == Done()
        return self.delivered.live


async def test_what_no_intent_asks_for_goes_and_flux_is_asked_once_more() -> None:
    service = Service(LIVE, replace(LIVE, namespace=PROD))
    service.cluster.states["database"] = WANTED
    assert await service.look() == [LIVE]
    assert service.delivered.applied_again == ["my-app"]
    assert await service.look() == [LIVE]
    assert service.delivered.applied_again == ["my-app"], "nothing is left, so nothing is asked"


async def test_a_round_looks_too() -> None:
    service = Service(LIVE)
    service.object["status"]["repository"]["headSha"] = (
        ""  # the forge would wait for one that it does not know
    )
    key = EncryptionKeyReady(app="my-app", name="my-app", uid="u", generation=1, recipient="age1x")
    assert await handlers.key_ready(service.ports, [key]) == Done()
    assert service.delivered.live == [LIVE], "Flux has not applied that yet"
    service.flux(service.object["status"]["repository"]["headSha"])
    assert await handlers.key_ready(service.ports, [key]) == Done()
    assert service.delivered.live == []


async def test_one_that_is_deleted_altogether_goes() -> None:
    assert await Service(LIVE).look() == []


@pytest.mark.parametrize(
    "intent",
    [
        WANTED,
        replace(WANTED, committed=False, targets=frozenset({PROD})),
        replace(WANTED, deleting=True, targets=frozenset({PROD})),
    ],
    ids=["asked for", "not committed", "being deleted"],
)
async def test_what_git_may_still_hold_stays(intent: IntentState) -> None:
    service = Service(LIVE)
    service.cluster.states["database"] = intent
    assert await service.look() == [LIVE]


@pytest.mark.parametrize(
    ("applied", "ready", "behind"), [("former", "True", 0), (HEAD, "Unknown", 0), (HEAD, "True", 1)]
)
async def test_flux_has_not_applied_the_head_yet(applied: str, ready: str, behind: int) -> None:
    service = Service(LIVE)
    service.flux(applied, ready, behind)
    assert await service.look() == [LIVE]


async def test_what_is_kept_or_in_a_namespace_given_up_stays() -> None:
    kept, elsewhere = replace(LIVE, kept=True), replace(LIVE, namespace=OLD)
    assert leftovers.left_behind([kept, elsewhere], {}, [DEV, PROD]) == []


class Late(FakeCluster):
    """An intent comes, is committed and delivered while we look."""

    def __init__(self, service: "Service") -> None:
        super().__init__()
        self._service = service

    async def flux(self, app: str) -> Any:
        """It came just before the Kustomization was read."""
        self.states["database"] = WANTED
        self._service.delivered.live = [LIVE]
        return await self._service.cluster.flux(app)


async def test_one_that_flux_is_just_delivering_is_not_taken_for_left_behind() -> None:
    service = Service(LIVE)
    late = Late(service)
    ports = replace(service.ports, cluster=late)
    await leftovers.take_away(ports, service.registration)
    assert service.delivered.live == [LIVE]


async def test_a_registration_that_goes_takes_nothing_along() -> None:
    service = Service(LIVE)
    service.object["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    await leftovers.take_away(service.ports, service.registration)
    assert service.delivered.live == [LIVE]
