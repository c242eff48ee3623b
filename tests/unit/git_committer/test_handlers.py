"""What git-committer does about each event."""

# ruff: noqa: ARG002 - a fake has the signature of its port

from collections.abc import Callable

import pytest

from app_platform.contracts import (
    CommitFailed,
    CommitPushed,
    EncryptedFile,
    EncryptionKeyReady,
    FluxObjectChanged,
    RegistrationDeleted,
    RepositoryReady,
    SecretEncrypted,
)
from app_platform.git_committer import handlers
from app_platform.git_committer.ports import Changes, ForgeError, Head, IntentState, Ports
from app_platform.runtime import Done, Reject, Retry
from support.fakes.committer import FakeCluster
from support.fakes.events import Sink
from support.fakes.forge import MemoryForge, MemoryRepository
from support.fakes.registrations import FakeRegistrations
from support.samples import registration_object, secret_path

KEY = EncryptionKeyReady(app="my-app", name="my-app", uid="u", generation=1, recipient="age1x")
PATH = secret_path("my-app-dev")
SECRET = SecretEncrypted(
    app="my-app",
    name="database",
    uid="u1",
    resource_version="7",
    fingerprint="f1",
    keys=("k",),
    files=(EncryptedFile(path=PATH, content="ENC"),),
)


class RacingForge(MemoryForge):
    """Somebody else does something just before each of our commits, as often as told."""

    def __init__(self, times: int, race: Callable[[MemoryRepository], object]) -> None:
        super().__init__()
        self._times, self._race = times, race

    async def commit(self, app: str, parent: Head, changes: Changes, message: str) -> str:
        if self._times:
            self._times -= 1
            self._race(self.repositories[app])
        return await super().commit(app, parent, changes, message)


class RefusingForge(MemoryForge):
    """Does not take commits."""

    async def commit(self, app: str, parent: Head, changes: Changes, message: str) -> str:
        raise ForgeError("the branch is protected")


class Service:
    """The handlers over fakes, with one app and its repository."""

    def __init__(self, forge: MemoryForge | None = None) -> None:
        self.registrations = FakeRegistrations("git-committer", registration_object())
        self.cluster, self.sink, self.forge = FakeCluster(), Sink(), forge or MemoryForge()
        self.forge.repositories["my-app"] = MemoryRepository()
        self.cluster.states["database"] = IntentState("u1", "f1", deleting=False)
        self.ports = Ports(self.registrations, self.cluster, self.forge, self.cluster, self.sink)

    @property
    def repository(self) -> MemoryRepository:
        return self.forge.repositories["my-app"]


def foreign(repository: MemoryRepository) -> None:
    repository.add(Changes({f"foreign-{len(repository.commits)}": "x"}), "by hand")


async def test_a_repository_is_made_filled_and_told() -> None:
    service = Service()
    del service.forge.repositories["my-app"]
    assert await handlers.key_ready(service.ports, [KEY]) == Done()
    assert "age1x" in service.repository.files[".sops.yaml"]
    assert service.cluster.stored is not None
    assert service.repository.readers == {service.cluster.stored.username: service.cluster.stored.password}
    assert service.cluster.source is not None
    (event,) = service.sink.events
    assert isinstance(event, RepositoryReady)
    assert (event.head_sha, event.files) == (service.repository.sha, {})
    assert service.registrations.last() == ("RepositoryReady", "RepositoryReady", True)
    assert service.cluster.stored.password not in "".join(service.repository.files.values())


async def test_doing_it_again_makes_no_commit_and_keeps_the_credential() -> None:
    service = Service()
    await handlers.key_ready(service.ports, [KEY])
    sha, stored = service.repository.sha, service.cluster.stored
    await handlers.key_ready(service.ports, [KEY, KEY])
    assert (service.repository.sha, service.cluster.stored) == (sha, stored)
    assert len(service.sink.events) == 1


async def test_a_forge_that_is_away_is_shown_and_tried_again() -> None:
    service = Service()
    service.forge.away = True
    assert isinstance(await handlers.key_ready(service.ports, [KEY]), Retry)
    assert service.registrations.last() == ("RepositoryReady", "ForgeUnavailable", False)
    service.forge.away = False
    assert await handlers.key_ready(service.ports, [KEY]) == Done()
    assert service.registrations.last() == ("RepositoryReady", "RepositoryReady", True)


async def test_a_batch_is_one_commit_and_is_told_with_it() -> None:
    service = Service()
    assert await handlers.secrets_changed(service.ports, [SECRET, SECRET]) == Done()
    assert service.repository.files == {PATH: "ENC"}
    (event,) = service.sink.events
    assert isinstance(event, CommitPushed)
    assert (event.sha, event.paths, event.intents) == (service.repository.sha, (PATH,), (SECRET.intent,))
    assert service.cluster.fetches == ["my-app"]
    await handlers.secrets_changed(service.ports, [SECRET])
    assert len(service.repository.commits) == 1


async def test_a_commit_is_rebuilt_on_a_moved_head() -> None:
    service = Service(RacingForge(3, foreign))
    assert await handlers.secrets_changed(service.ports, [SECRET]) == Done()
    assert service.repository.files == {PATH: "ENC", "foreign-0": "x", "foreign-1": "x", "foreign-2": "x"}


async def test_a_head_that_never_rests_is_left_for_later() -> None:
    service = Service(RacingForge(100, foreign))
    assert isinstance(await handlers.secrets_changed(service.ports, [SECRET]), Retry)
    assert PATH not in service.repository.files


async def test_what_was_overtaken_while_the_head_moved_is_not_written() -> None:
    def newer(repository: MemoryRepository) -> None:
        repository.add(Changes({PATH: "NEWER"}), "by another replica")
        service.cluster.states["database"] = IntentState("u1", "f2", deleting=False)

    service = Service(RacingForge(1, newer))
    assert await handlers.secrets_changed(service.ports, [SECRET]) == Done()
    assert service.repository.files == {PATH: "NEWER"}
    assert service.sink.events == []


async def test_a_repository_that_is_missing_or_away_is_waited_for() -> None:
    service = Service()
    service.forge.away = True
    assert isinstance(await handlers.secrets_changed(service.ports, [SECRET]), Retry)
    service.forge.away = False
    service.forge.repositories.clear()
    assert isinstance(await handlers.secrets_changed(service.ports, [SECRET]), Retry)


async def test_a_refused_commit_is_rejected_and_shown() -> None:
    service = Service(RefusingForge())
    assert await handlers.secrets_changed(service.ports, [SECRET]) == Reject("the branch is protected")
    await handlers.gave_up(service.ports, [SECRET], "the branch is protected")
    (event,) = service.sink.events
    assert isinstance(event, CommitFailed)
    assert (event.reason, event.intents) == ("the branch is protected", (SECRET.intent,))


async def test_giving_up_for_another_reason_is_told_again() -> None:
    service = Service()
    await handlers.gave_up(service.ports, [SECRET], "one")
    await handlers.gave_up(service.ports, [SECRET], "two")
    assert [e.reason for e in service.sink.events if isinstance(e, CommitFailed)] == ["one", "two"]


async def test_flux_is_reported_for_the_managed_objects_only() -> None:
    service = Service()
    other = FluxObjectChanged(
        app="my-app", name="own", uid="u", resource_version="1", object_kind="Kustomization"
    )
    await handlers.flux_changed(service.ports, [other])
    assert service.registrations.verdicts == []
    await handlers.flux_changed(service.ports, [other.model_copy(update={"name": "my-app-platform"})])
    assert service.registrations.last() == ("SyncReady", "Progressing", False)


async def test_a_deleted_registration_takes_flux_away_and_leaves_the_repository() -> None:
    service = Service()
    await handlers.key_ready(service.ports, [KEY])
    gone = RegistrationDeleted(app="my-app", name="my-app", uid="u", resource_version="1")
    await handlers.registration_deleted(service.ports, [gone])
    assert service.cluster.deleted == [], "an old word of deletion does nothing"
    service.registrations.objects["my-app"]["metadata"]["deletionTimestamp"] = "2026-01-31T12:00:00Z"
    assert await handlers.registration_deleted(service.ports, [gone]) == Done()
    assert (service.cluster.deleted, service.registrations.finalizers("my-app")) == (["my-app"], [])
    assert service.repository.files


@pytest.mark.parametrize("event", [KEY, SECRET])
async def test_an_app_that_is_gone_needs_nothing(event: EncryptionKeyReady | SecretEncrypted) -> None:
    service = Service()
    service.registrations.objects.clear()
    assert await handlers.HANDLERS[type(event)](service.ports, [event]) == Done()
    assert (service.sink.events, service.repository.commits) == ([], [])
