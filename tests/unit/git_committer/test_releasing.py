"""Letting go of namespaces: the files leave only when what is live there is sure to stay."""

from typing import Any

from app_platform.contracts import FluxObjectChanged, names
from app_platform.git_committer import flux, handlers, releasing
from app_platform.git_committer.ports import Changes, Head, Ports
from support.fakes.committer import FakeCluster, FakeDelivered
from support.fakes.events import Sink
from support.fakes.forge import MemoryForge, MemoryRepository
from support.fakes.registrations import FakeRegistrations
from support.samples import registration, registration_object, secret_path

DEV, PROD, OLD = "my-app-dev", "my-app-prod", "my-app-old"
FILES = {secret_path(DEV, "database"): "dev", secret_path(OLD, "database"): "old"}


class Service:
    """An app that has files in a namespace which its registration does not name."""

    def __init__(self, forge: MemoryForge | None = None) -> None:
        self.registrations = FakeRegistrations("git-committer", registration_object())
        self.cluster, self.forge = FakeCluster(), forge or MemoryForge()
        self.repository = self.forge.repositories["my-app"] = MemoryRepository()
        self.repository.add(Changes(dict(FILES)), "before")
        self.ports = Ports(
            self.registrations, self.cluster, FakeDelivered(), self.forge, self.cluster, Sink()
        )

    async def step(self) -> Head:
        return await releasing.let_go(self.ports, registration(), await self.forge.head("my-app"))

    def applied(self, *namespaces: str, ok: bool = True) -> None:
        """Flux has looked at the Kustomization as it is now, and holds something in these namespaces."""
        assert self.cluster.kustomization is not None
        generation = self.cluster.kustomization["metadata"]["generation"]
        ready = {"type": "Ready", "status": str(ok), "observedGeneration": generation}
        entries = [{"id": f"{name}_database__Secret", "v": "v1"} for name in namespaces]
        self.cluster.kustomization["status"] = {"conditions": [ready], "inventory": {"entries": entries}}

    def kept(self) -> tuple[str, ...]:
        return flux.kept(self.cluster.kustomization)

    @property
    def has_old(self) -> bool:
        return secret_path(OLD, "database") in self.repository.files


async def test_files_leave_when_flux_has_marked_what_is_live() -> None:
    service = Service()
    await service.step()
    assert (service.kept(), service.has_old) == ((OLD,), True)
    service.applied(DEV, OLD, ok=False)
    await service.step()
    assert service.has_old, "Flux has failed: nothing is marked for sure"
    service.applied(DEV, OLD)
    after = await service.step()
    assert (service.kept(), service.has_old, after.sha) == ((OLD,), False, service.repository.sha)
    assert secret_path(DEV, "database") in service.repository.files
    assert service.cluster.fetches == ["my-app"]
    await service.step()
    assert service.kept() == (OLD,), "Flux still holds it"
    service.applied(DEV)
    await service.step()
    assert not service.kept()
    commits = len(service.repository.commits)
    await service.step()
    assert len(service.repository.commits) == commits


async def test_a_mark_that_flux_has_not_seen_yet_does_not_count() -> None:
    service = Service()
    await service.step()
    service.applied(DEV, OLD)
    spec: dict[str, Any] = (service.cluster.kustomization or {})["spec"]
    (service.cluster.kustomization or {})["spec"] = {key: spec[key] for key in spec if key != "patches"}
    await service.step()
    assert service.has_old
    assert service.kept() == (OLD,)
    await service.step()
    assert service.has_old, "the Kustomization was changed since Flux applied it"


async def test_a_namespace_that_is_gone_is_not_waited_for() -> None:
    service = Service()
    service.cluster.gone = frozenset({OLD})
    await service.step()
    assert not service.has_old


async def test_one_that_is_taken_back_is_let_alone() -> None:
    service = Service()
    await service.step()
    service.applied(DEV, OLD)
    spec = registration().spec.model_copy(update={"namespaces": (DEV, PROD, OLD)})
    back = registration().model_copy(update={"spec": spec})
    await releasing.let_go(service.ports, back, await service.forge.head("my-app"))
    assert (service.kept(), service.has_old) == ((), True)


async def test_whoever_moved_the_head_is_waited_for() -> None:
    service = Service()
    service.cluster.gone = frozenset({OLD})
    stale = await service.forge.head("my-app")
    service.repository.add(Changes({"foreign": "x"}), "by hand")
    assert await releasing.let_go(service.ports, registration(), stale) == stale
    assert service.has_old
    await service.step()
    assert not service.has_old


async def test_flux_brings_it_on() -> None:
    service = Service()
    await service.step()
    service.applied(DEV, OLD)
    home = names.platform_namespace("my-app")
    event = FluxObjectChanged(
        app="my-app", name=home, uid="u", resource_version="1", object_kind="Kustomization"
    )
    await handlers.flux_changed(service.ports, [event])
    assert not service.has_old


def test_the_patch_marks_secrets_of_that_namespace_only() -> None:
    (patch,) = flux.kustomization(registration(), [OLD])["spec"]["patches"]
    assert patch["target"] == {"kind": "Secret", "namespace": OLD}
    assert "kustomize.toolkit.fluxcd.io/prune: disabled" in patch["patch"]
    assert "patches" not in flux.kustomization(registration())["spec"]
