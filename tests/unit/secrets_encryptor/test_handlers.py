"""What secrets-encryptor does about each event."""

import asyncio
from dataclasses import replace

import pytest

from app_platform import sops
from app_platform.contracts import (
    CommitFailed,
    CommitPushed,
    EncryptionKeyReady,
    Event,
    IntentVersion,
    NamespacesReady,
    RegistrationDeleted,
    RepositoryReady,
    SecretEncrypted,
    SecretIntentChanged,
    SecretRemoved,
    names,
)
from app_platform.runtime import Done, PublishError, Retry
from app_platform.secrets_encryptor import core, handlers
from app_platform.secrets_encryptor.ports import Ports
from support.fakes.events import Sink
from support.fakes.registrations import FakeRegistrations
from support.fakes.secrets import FakeFlux, FakeKeys, FakeSecrets
from support.samples import CANARY, registration_object

IDENTITY = sops.Identity.generate()
READY = NamespacesReady(app="my-app", name="my-app", uid="u", generation=1, namespaces=(), digest="d")
GONE = RegistrationDeleted(app="my-app", name="my-app", uid="u", resource_version="1")


class Service:
    """The handlers over fakes, with one app."""

    def __init__(self) -> None:
        self.registrations = FakeRegistrations("secrets-encryptor", registration_object())
        self.secrets, self.sink = FakeSecrets(), Sink()
        self.keys = FakeKeys(IDENTITY.secret + "\n")
        self.flux = FakeFlux()
        self.ports = Ports(self.registrations, self.secrets, self.keys, self.flux, self.sink)

    async def changed(self, *told: str) -> object:
        events = [
            SecretIntentChanged(
                app="my-app",
                name=name,
                uid=self.secrets.intents[name].uid if name in self.secrets.intents else "gone",
                resource_version=self.secrets.intents[name].resource_version
                if name in self.secrets.intents
                else "0",
            )
            for name in told
        ]
        return await handlers.intents_changed(self.ports, events)

    def encrypted(self) -> list[SecretEncrypted]:
        return [e for e in self.sink.events if isinstance(e, SecretEncrypted)]

    async def pushed(self, *versions: IntentVersion, sha: str = "abc") -> object:
        event = CommitPushed(
            app="my-app", name=sha, sha=sha, paths=(), intents=versions, removed=(), digest=f"{versions}"
        )
        return await handlers.commit_settled(self.ports, [event])


@pytest.fixture
def service() -> Service:
    return Service()


async def test_a_first_key_is_made_and_told(service: Service) -> None:
    service.keys.content = None
    assert await handlers.namespaces_ready(service.ports, [READY]) == Done()
    recipient = sops.parse_identities(str(service.keys.content))[0].recipient
    (event,) = service.sink.events
    assert isinstance(event, EncryptionKeyReady)
    assert event.recipient == recipient
    assert service.registrations.last() == ("EncryptionKeyReady", "KeyReady", True)
    assert service.registrations.objects["my-app"]["status"]["recipient"] == recipient
    assert service.registrations.finalizers("my-app") == ["labrats.work/secrets-encryptor"]


async def test_an_existing_key_is_kept(service: Service) -> None:
    for _ in range(2):
        assert await handlers.namespaces_ready(service.ports, [READY]) == Done()
    assert service.keys.content == IDENTITY.secret + "\n"
    assert len(service.sink.events) == 1


async def test_a_lost_key_is_not_replaced(service: Service) -> None:
    await handlers.namespaces_ready(service.ports, [READY])
    service.keys.content = None
    assert await handlers.namespaces_ready(service.ports, [READY]) == Done()
    assert service.keys.content is None
    assert service.registrations.last() == ("EncryptionKeyReady", "KeyMissing", False)


async def test_a_broken_key_is_told_and_not_shown(service: Service) -> None:
    service.keys.content = CANARY
    assert await handlers.namespaces_ready(service.ports, [READY]) == Done()
    assert service.registrations.last() == ("EncryptionKeyReady", "KeyInvalid", False)
    assert CANARY not in f"{service.registrations.verdicts}"


async def test_two_replicas_that_make_a_key_agree_on_one(service: Service) -> None:
    service.keys.content, service.keys.taken = None, True
    assert isinstance(await handlers.namespaces_ready(service.ports, [READY]), Retry)


async def test_an_intent_goes_pending_then_committed(service: Service) -> None:
    service.secrets.put("database", {"password": CANARY.encode()}, "my-app-dev,my-app-prod")
    assert await service.changed("database") == Done()
    assert service.secrets.status("database") == "Pending"
    (event,) = service.encrypted()
    assert event.resource_version == service.secrets.intents["database"].resource_version
    assert (event.keys, len(event.files)) == (("password",), 2)
    assert await service.pushed(event.intent) == Done()
    assert service.secrets.status("database") == "Committed"
    assert service.secrets.intents["database"].annotations[names.SECRET_COMMIT] == "abc"
    assert CANARY not in "".join(e.model_dump_json() for e in service.sink.events)


async def test_our_own_marks_are_no_news(service: Service) -> None:
    service.secrets.put("database", {"a": b"1"}, "my-app-dev")
    await service.changed("database")
    told, marks = len(service.sink.events), len(service.secrets.marks)
    await service.changed("database")
    assert (len(service.sink.events), len(service.secrets.marks)) == (told, marks)


async def test_another_replica_that_looks_again_changes_nothing(service: Service) -> None:
    service.secrets.put("database", {"a": b"1"}, "my-app-dev")
    await service.changed("database")
    await service.pushed(service.encrypted()[0].intent)
    version = service.secrets.intents["database"].resource_version
    other = Ports(service.registrations, service.secrets, service.keys, service.flux, service.sink)
    event = SecretIntentChanged(app="my-app", name="database", uid="any", resource_version="1")
    assert await handlers.intents_changed(other, [event, event]) == Done()
    assert service.secrets.intents["database"].resource_version == version
    assert len(service.encrypted()) == 1


async def test_one_bad_intent_does_not_stop_the_others(service: Service) -> None:
    service.secrets.put("bad", {"a": b"1"}, "nowhere")
    service.secrets.put("good", {"a": b"1"}, "my-app-dev")
    assert await service.changed("bad", "good") == Done()
    assert (service.secrets.status("bad"), service.secrets.status("good")) == ("Failed", "Pending")
    assert "'nowhere'" in service.secrets.message("bad")
    service.secrets.put("bad", {"a": b"1"}, "my-app-dev")
    await service.changed("bad")
    assert (service.secrets.status("bad"), service.secrets.message("bad")) == ("Pending", "")


async def test_a_version_that_was_overtaken_is_not_told_as_committed(service: Service) -> None:
    service.secrets.put("database", {"a": b"1"}, "my-app-dev")
    await service.changed("database")
    old = service.encrypted()[0].intent
    service.secrets.put("database", {"a": b"2"}, "my-app-dev")
    await service.changed("database")
    assert await service.pushed(old) == Done()
    assert service.secrets.status("database") == "Pending"
    await service.pushed(service.encrypted()[-1].intent, sha="def")
    assert service.secrets.status("database") == "Committed"


async def test_an_unrelated_change_does_not_hide_the_commit(service: Service) -> None:
    service.secrets.put("database", {"a": b"1"}, "my-app-dev")
    await service.changed("database")
    service.secrets.annotate("database", ADOPT="x")
    assert await service.pushed(service.encrypted()[0].intent) == Done()
    assert service.secrets.status("database") == "Committed"


async def test_a_failed_commit_is_shown_and_heals(service: Service) -> None:
    service.secrets.put("database", {"a": b"1"}, "my-app-dev")
    await service.changed("database")
    version = service.encrypted()[0].intent
    failed = CommitFailed(app="my-app", name="my-app", reason="no room", intents=(version,), digest="d")
    assert await handlers.commit_settled(service.ports, [failed]) == Done()
    assert (service.secrets.status("database"), service.secrets.message("database")) == ("Failed", "no room")
    ready = RepositoryReady(
        app="my-app",
        name="my-app",
        uid="u",
        generation=1,
        url="u",
        branch="main",
        head_sha="f" * 40,
        files={},
    )
    assert await handlers.repository_ready(service.ports, [ready]) == Done()
    assert (service.secrets.status("database"), len(service.encrypted())) == ("Pending", 2)


async def test_a_rebuilt_repository_is_filled_again(service: Service) -> None:
    service.secrets.put("database", {"a": b"1"}, "my-app-dev")
    await service.changed("database")
    first = service.encrypted()[0]
    await service.pushed(first.intent)
    ready = RepositoryReady(
        app="my-app",
        name="my-app",
        uid="u",
        generation=1,
        url="u",
        branch="main",
        head_sha="e" * 40,
        files={"secrets/my-app-dev/orphan.yaml": "1"},
    )
    assert await handlers.repository_ready(service.ports, [ready]) == Done()
    assert service.encrypted()[-1].files == first.files
    assert [e.name for e in service.sink.events if isinstance(e, SecretRemoved)] == ["orphan"]


async def test_a_repository_that_is_right_leaves_all_as_it_is(service: Service) -> None:
    service.secrets.put("database", {"a": b"1"}, "my-app-dev")
    await service.changed("database")
    first = service.encrypted()[0]
    await service.pushed(first.intent)
    told = len(service.sink.events)
    files = {f.path: names.blob_id(f.content) for f in first.files}
    ready = RepositoryReady(
        app="my-app",
        name="my-app",
        uid="u",
        generation=1,
        url="u",
        branch="main",
        head_sha="e" * 40,
        files=files,
    )
    await handlers.repository_ready(service.ports, [ready])
    assert len(service.sink.events) == told
    assert service.secrets.status("database") == "Committed"


async def test_a_deletion_waits_for_the_files_to_go(service: Service) -> None:
    service.secrets.put("database", {"a": b"1"}, "my-app-dev")
    await service.changed("database")
    service.secrets.delete("database")
    await service.changed("database")
    removed = [e for e in service.sink.events if isinstance(e, SecretRemoved)]
    assert [e.name for e in removed] == ["database"]
    assert "database" in service.secrets.intents
    event = CommitPushed(
        app="my-app",
        name="x",
        sha="x",
        paths=(),
        intents=(),
        removed=({"name": "database", "uid": removed[0].uid},),  # type: ignore[arg-type]  # as pydantic reads it
        digest="d",
    )
    assert await handlers.commit_settled(service.ports, [event]) == Done()
    assert "database" not in service.secrets.intents


async def test_without_nats_the_event_fails_and_can_come_again(service: Service) -> None:
    service.secrets.put("database", {"a": b"1"}, "my-app-dev")
    event = SecretIntentChanged(app="my-app", name="database", uid="u", resource_version="1")
    service.sink.away = True
    with pytest.raises(PublishError):
        await handlers.intents_changed(service.ports, [event])
    service.sink.away = False
    assert await handlers.intents_changed(service.ports, [event]) == Done()
    assert len(service.encrypted()) == 1


async def test_a_deleted_registration_lets_go_of_its_intents(service: Service) -> None:
    await handlers.namespaces_ready(service.ports, [READY])
    service.secrets.put("database", {"a": b"1"}, "my-app-dev")
    await service.changed("database")
    service.registrations.objects["my-app"]["metadata"]["deletionTimestamp"] = "2026-01-31T12:00:00Z"
    assert await handlers.registration_deleted(service.ports, [GONE]) == Done()
    assert core.FINALIZER not in service.secrets.intents["database"].finalizers
    assert service.registrations.finalizers("my-app") == []


async def test_an_old_word_of_deletion_does_nothing(service: Service) -> None:
    await handlers.namespaces_ready(service.ports, [READY])
    assert await handlers.registration_deleted(service.ports, [GONE]) == Done()
    assert service.registrations.finalizers("my-app") == ["labrats.work/secrets-encryptor"]


async def test_an_app_that_is_gone_needs_nothing(service: Service) -> None:
    service.registrations.objects.clear()
    service.secrets.put("database", {"a": b"1"}, "my-app-dev")
    assert await handlers.namespaces_ready(service.ports, [READY]) == Done()
    assert await service.changed("database") == Done()
    assert service.sink.events == []


async def test_what_is_given_up_is_shown_on_the_intent(service: Service) -> None:
    service.secrets.put("database", {"a": b"1"}, "my-app-dev")
    event = SecretIntentChanged(app="my-app", name="database", uid="u", resource_version="1")
    await handlers.gave_up(service.ports, [event], "the cluster is away")
    assert (service.secrets.status("database"), service.secrets.message("database")) == (
        "Failed",
        "the cluster is away",
    )
    await handlers.gave_up(service.ports, [READY], "no")
    assert service.registrations.last() == ("EncryptionKeyReady", "ReconcileError", False)


async def test_who_changed_and_who_deleted_an_intent_is_passed_on(service: Service) -> None:
    made = service.secrets.put("database", {"a": b"1"}, "my-app-dev")
    service.secrets.intents["database"] = replace(made, changed_by="ada", deleted_by="bob")
    await service.changed("database")
    service.secrets.delete("database")
    await service.changed("database")
    told = {type(e): e.by for e in service.sink.events if isinstance(e, SecretEncrypted | SecretRemoved)}
    assert told == {SecretEncrypted: "ada", SecretRemoved: "bob"}


class SlowSink(Sink):
    """Counts how many publish at once."""

    def __init__(self) -> None:
        super().__init__()
        self.now = self.most = 0

    async def publish(self, *events: Event) -> None:
        self.now += 1
        self.most = max(self.most, self.now)
        await asyncio.sleep(0.001)
        await super().publish(*events)
        self.now -= 1


@pytest.mark.parametrize(("size", "most"), [(600_000, 1), (10, 8)])
async def test_large_files_are_made_one_intent_after_the_other(
    service: Service, size: int, most: int
) -> None:
    sink = SlowSink()
    service.ports = replace(service.ports, events=sink)
    for number in range(8):
        service.secrets.put(f"secret-{number}", {"a": b"x" * size}, "my-app-dev,my-app-prod")
    assert await service.changed(*service.secrets.intents) == Done()
    assert len(sink.events) == 8
    assert sink.most == most
