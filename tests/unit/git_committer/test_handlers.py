"""What git-committer does about each event."""

# ruff: noqa: ARG002 - a fake has the signature of its port

from collections.abc import Callable
from dataclasses import replace

import pytest

from app_platform.contracts import (
    CommitFailed,
    CommitPushed,
    EncryptedFile,
    EncryptionKeyReady,
    Event,
    FluxObjectChanged,
    RegistrationDeleted,
    RepositoryDrifted,
    RepositoryReady,
    SecretEncrypted,
)
from app_platform.git_committer import handlers
from app_platform.git_committer.ports import (
    Changes,
    ForgeError,
    ForgeLimited,
    ForgeUnavailable,
    Head,
    IntentState,
    Ports,
    Repair,
)
from app_platform.runtime import Done, Reject, Retry, Wait
from support.fakes.committer import FakeCluster, FakeDelivered
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
        raise ForgeError("the branch is protected", reason="BranchProtected")


class Service:
    """The handlers over fakes, with one app and its repository."""

    def __init__(self, forge: MemoryForge | None = None) -> None:
        self.registrations = FakeRegistrations("git-committer", registration_object())
        self.cluster, self.sink, self.forge = FakeCluster(), Sink(), forge or MemoryForge()
        self.forge.repositories["my-app"] = MemoryRepository()
        self.cluster.states["database"] = IntentState("u1", "f1", deleting=False)
        self.ports = Ports(
            self.registrations, self.cluster, FakeDelivered(), self.forge, self.cluster, self.sink
        )

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
    stored = service.cluster.stored.entries
    assert service.repository.readers == {stored["username"]: stored["password"]}
    assert service.cluster.source is not None
    (event,) = service.sink.events
    assert isinstance(event, RepositoryReady)
    assert (event.head_sha, event.files) == (service.repository.sha, {})
    assert service.registrations.last() == ("RepositoryReady", "RepositoryReady", True)
    assert stored["password"] not in "".join(service.repository.files.values())


@pytest.mark.parametrize(("seconds", "interval"), [(60, "1m0s"), (3600, "60m0s"), (90, "1m30s")])
async def test_flux_fetches_by_itself_as_often_as_it_is_set(seconds: int, interval: str) -> None:
    service = Service()
    await handlers.key_ready(replace(service.ports, fetch_seconds=seconds), [KEY])
    assert service.cluster.source is not None
    assert service.cluster.source["spec"]["interval"] == interval
    assert f"interval: {interval}" in service.repository.files["flux/sync.yaml"]


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
    refused = Reject("the branch is protected", kind="BranchProtected")
    assert await handlers.secrets_changed(service.ports, [SECRET]) == refused
    assert service.registrations.last() == ("RepositoryReady", "BranchProtected", False)
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


class BusyForge(MemoryForge):
    """Asks to come back later."""

    async def commit(self, app: str, parent: Head, changes: Changes, message: str) -> str:
        raise ForgeUnavailable("the forge is being upgraded", reason="ForgeBusy", after=42.0)


class LimitedForge(MemoryForge):
    """Allows no more for a time."""

    async def commit(self, app: str, parent: Head, changes: Changes, message: str) -> str:
        raise ForgeLimited("the budget is spent", after=1800.0)


async def test_a_forge_that_names_a_time_is_not_asked_before() -> None:
    service = Service(BusyForge())
    for handler, event in ((handlers.secrets_changed, SECRET), (handlers.key_ready, KEY)):
        busy = Retry("the forge is being upgraded", after=42.0, kind="ForgeBusy")
        assert await handler(service.ports, [event]) == busy
    assert service.registrations.last() == ("RepositoryReady", "ForgeBusy", False)


async def test_waiting_for_a_limit_is_not_a_try() -> None:
    service = Service(LimitedForge())
    for handler, event in ((handlers.secrets_changed, SECRET), (handlers.key_ready, KEY)):
        assert await handler(service.ports, [event]) == Wait("the budget is spent", after=1800.0)
    assert service.registrations.last() == ("RepositoryReady", "RateLimited", False)


async def test_a_commit_whose_answer_was_lost_is_told_and_not_made_again() -> None:
    service = Service()
    service.forge.losing = 1
    assert isinstance(await handlers.secrets_changed(service.ports, [SECRET]), Retry)
    assert service.sink.events == []
    assert await handlers.secrets_changed(service.ports, [SECRET]) == Done()
    (event,) = service.sink.events
    assert isinstance(event, CommitPushed)
    assert [commit.sha for commit in service.repository.commits] == [event.sha]


async def test_what_was_repaired_is_shown_once() -> None:
    service = Service()
    service.forge.repairs = (Repair("RepositoryWasPublic", "it was public"),)
    await handlers.key_ready(service.ports, [KEY])
    assert service.registrations.last() == ("RepositoryReady", "RepositoryWasPublic", True)
    service.forge.repairs = ()
    await handlers.key_ready(service.ports, [KEY])
    assert service.registrations.last() == ("RepositoryReady", "RepositoryReady", True)


async def test_a_credential_that_was_taken_away_is_given_back_and_shown() -> None:
    service = Service()
    await handlers.key_ready(service.ports, [KEY])
    service.repository.readers.clear()
    await handlers.key_ready(service.ports, [KEY])
    assert service.repository.readers
    assert service.registrations.last() == ("RepositoryReady", "CredentialRestored", True)


async def test_a_branch_that_was_emptied_is_made_again_and_shown() -> None:
    service = Service()
    await handlers.key_ready(service.ports, [KEY])
    service.forge.repositories["my-app"] = MemoryRepository(readers=service.repository.readers)
    await handlers.key_ready(service.ports, [KEY])
    assert ".sops.yaml" in service.repository.files
    assert service.registrations.last() == ("RepositoryReady", "RepositoryRebuilt", True)
    assert [type(e) for e in service.sink.events] == [RepositoryReady, RepositoryDrifted, RepositoryReady]


async def test_base_files_changed_by_hand_are_put_back_and_told() -> None:
    service = Service()
    await handlers.key_ready(service.ports, [KEY])
    service.repository.add(
        Changes({"README.md": "mine", "secrets/x.yaml": "x", "docs/x.md": "stays"}), "by hand"
    )
    before = service.repository.sha
    assert await handlers.key_ready(service.ports, [KEY]) == Done()
    told = next(e for e in service.sink.events if isinstance(e, RepositoryDrifted))
    assert (told.part, told.paths, told.head_sha) == ("base", ("README.md", "secrets/x.yaml"), before)
    assert "secrets/x.yaml" not in service.repository.files
    assert service.repository.files["docs/x.md"] == "stays"
    assert service.repository.commits[-1].message.startswith("platform: repair")


async def test_a_changed_registration_is_no_drift() -> None:
    service = Service()
    await handlers.key_ready(service.ports, [KEY])
    service.registrations.objects["my-app"]["spec"]["description"] = "changed"
    await handlers.key_ready(service.ports, [KEY])
    assert "changed" in service.repository.files["README.md"]
    assert not [e for e in service.sink.events if isinstance(e, RepositoryDrifted)]


async def test_giving_up_keeps_the_reason_that_is_shown() -> None:
    service = Service(BusyForge())
    await handlers.key_ready(service.ports, [KEY])
    await handlers.gave_up(service.ports, [KEY], "the forge is being upgraded")
    assert service.registrations.last() == ("RepositoryReady", "ForgeBusy", False)


def told_and_registered(service: Service) -> list[tuple[str, str]]:
    """Each commit told from now on, and the head that the registration named then."""
    found: list[tuple[str, str]] = []

    def see(event: Event) -> None:
        if isinstance(event, CommitPushed):
            repository = service.registrations.objects["my-app"]["status"]["repository"]
            found.append((event.sha, repository["headSha"]))

    service.ports = replace(service.ports, events=Sink(see))
    return found


async def test_a_commit_is_told_when_the_registration_names_it() -> None:
    """Who sees an intent committed and reads the registration then must not take the head before for the present one."""
    service = Service()
    await handlers.key_ready(service.ports, [KEY])
    found = told_and_registered(service)
    await handlers.secrets_changed(service.ports, [SECRET])
    assert found == [(service.repository.sha, service.repository.sha)]


async def test_a_commit_of_one_that_was_killed_is_told_when_the_registration_names_it() -> None:
    service = Service()
    await handlers.key_ready(service.ports, [KEY])
    service.repository.add(Changes({PATH: "ENC"}), "ours, and then the end")
    found = told_and_registered(service)
    await handlers.secrets_changed(service.ports, [SECRET])
    assert found == [(service.repository.sha, service.repository.sha)]
