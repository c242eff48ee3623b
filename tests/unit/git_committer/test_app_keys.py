"""Deploy keys of app repositories: added where the owner agreed, moved, withdrawn, and taken off before the GitRepository goes."""

from dataclasses import replace
from typing import Any

import pytest

from app_platform.contracts import FluxObjectChanged
from app_platform.git_committer import app_keys, core, handlers
from app_platform.git_committer.ports import AppKeys, AppSource, ForgeError, ForgeUnavailable, Ports
from app_platform.runtime import Done, Retry
from support.fakes.app_keys import FakeKeyForge, FakeSources
from support.fakes.committer import FakeCluster, FakeDelivered
from support.fakes.events import Sink
from support.fakes.forge import MemoryForge
from support.fakes.registrations import FakeRegistrations

SOURCE = AppSource(
    app="my-app", name="web", uid="0123456789", url="ssh://git@github.com/org/web", public="ssh-ed25519 A",
    added_to="", status="", deleting=False, held=False,
)  # fmt: skip
TITLE = "App Platform: my-app/web 01234567, read only"
EVENT = FluxObjectChanged(
    app="my-app", name="web", uid="0123456789", resource_version="1", object_kind="GitRepository"
)


class Service:
    """The service, with one GitRepository whose owner has agreed."""

    def __init__(self) -> None:
        self.sources, self.forge = FakeSources(SOURCE), FakeKeyForge({"org/web", "org/other"})
        self.cluster = FakeCluster()
        self.ports = Ports(
            FakeRegistrations("git-committer"),
            self.cluster,
            FakeDelivered(),
            MemoryForge(),
            self.cluster,
            Sink(),
            AppKeys(self.sources, self.forge),
        )

    @property
    def source(self) -> AppSource:
        assert self.sources.source
        return self.sources.source

    def change(self, **changes: Any) -> None:
        self.sources.source = replace(self.source, **changes)

    async def look(self) -> None:
        await app_keys.look(self.ports, "my-app", "web")


@pytest.fixture
def service() -> Service:
    return Service()


async def test_a_key_is_added_once_and_flux_told(service: Service) -> None:
    for _ in range(3):
        await service.look()
    assert service.forge.keys == {"org/web": {TITLE: "ssh-ed25519 A"}}
    assert (service.source.status, service.source.added_to, service.source.held) == ("Added", "org/web", True)
    assert service.cluster.fetched_sources == [("my-app", "web")]


async def test_without_the_owners_consent_nothing_is_added_or_held(service: Service) -> None:
    service.forge.agreed.clear()
    await service.look()
    assert service.forge.keys == {}
    assert (service.source.status, service.source.held) == ("not agreed", False)


async def test_consent_withdrawn_takes_the_key_off(service: Service) -> None:
    await service.look()
    service.forge.agreed.clear()
    await service.look()
    assert service.forge.keys == {"org/web": {}}
    assert (service.source.status, service.source.added_to, service.source.held) == ("not agreed", "", False)


async def test_another_key_takes_its_place(service: Service) -> None:
    await service.look()
    service.change(public="ssh-ed25519 B")
    await service.look()
    assert service.forge.keys == {"org/web": {TITLE: "ssh-ed25519 B"}}


@pytest.mark.parametrize("url", ["ssh://git@github.com/org/other", "ssh://git@git.example/a/b"])
async def test_a_repository_elsewhere_leaves_no_key_behind(service: Service, url: str) -> None:
    await service.look()
    service.change(url=url)
    await service.look()
    assert service.forge.keys["org/web"] == {}
    assert service.forge.keys.get("org/other", {}) == ({TITLE: "ssh-ed25519 A"} if "other" in url else {})
    assert service.source.held is ("other" in url)


async def test_a_deleted_one_goes_when_its_key_is_off(service: Service) -> None:
    await service.look()
    service.change(deleting=True)
    service.forge.broken = ForgeUnavailable("away")
    with pytest.raises(ForgeUnavailable):
        await service.look()
    assert service.source.held
    service.forge.broken = None
    await service.look()
    assert service.sources.source is None
    assert service.forge.keys == {"org/web": {}}


async def test_a_deleted_one_does_not_wait_for_a_forge_that_refuses(service: Service) -> None:
    await service.look()
    service.change(deleting=True)
    service.forge.broken = ForgeError("refused")
    await service.look()
    assert service.sources.source is None


async def test_a_refusal_is_said_and_where_the_key_was_going_is_not_forgotten(service: Service) -> None:
    service.forge.broken = ForgeError("GitHub answered 403: add the key by hand")
    await service.look()
    assert service.source.status == "GitHub answered 403: add the key by hand"
    assert (service.source.added_to, service.source.held) == ("org/web", True)


async def test_it_is_looked_at_without_a_registration_too(service: Service) -> None:
    await service.look()
    service.change(deleting=True)
    assert await handlers.flux_changed(service.ports, [EVENT]) == Done()
    assert service.sources.source is None


async def test_a_forge_that_is_away_is_asked_again(service: Service) -> None:
    service.forge.broken = ForgeUnavailable("away")
    assert isinstance(await handlers.flux_changed(service.ports, [EVENT]), Retry)


def test_only_the_apps_own_repositories_that_may_be_there_are_looked_at() -> None:
    others = [
        EVENT.model_copy(update={"name": "my-app-platform"}),
        EVENT.model_copy(update={"object_kind": "Kustomization", "name": "k"}),
        EVENT.model_copy(update={"deleted": True, "name": "gone"}),
    ]
    assert core.own_sources([*others, EVENT, EVENT]) == ["web"]
