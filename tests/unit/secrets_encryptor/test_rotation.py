"""Replacing an app's key, step by step: where it stands is in the objects, and no key goes that a file still needs."""

import pytest

from app_platform import sops
from app_platform.contracts import (
    CommitPushed,
    EncryptionKeyReady,
    IntentVersion,
    NamespacesReady,
    RegistrationChanged,
    RepositoryReady,
    SecretEncrypted,
    SecretIntentChanged,
    names,
)
from app_platform.runtime import Done, PublishError, Retry
from app_platform.secrets_encryptor import handlers, rotation
from app_platform.secrets_encryptor.ports import KeyFile, OutdatedFiles, Ports
from support.fakes.events import Sink
from support.fakes.registrations import FakeRegistrations
from support.fakes.secrets import FakeFlux, FakeKeys, FakeSecrets
from support.samples import registration_object

OLD, OTHER, GLASS = (sops.Identity.generate() for _ in range(3))
READY = NamespacesReady(app="my-app", name="my-app", uid="u", generation=1, namespaces=(), digest="d")
CHANGED = RegistrationChanged(app="my-app", name="my-app", uid="u", resource_version="1")


class Service:
    """The handlers over fakes, with one app, and what the committer and Flux would do, done by hand."""

    def __init__(self, extra: tuple[str, ...] = ()) -> None:
        self.object = registration_object()
        self.registrations = FakeRegistrations("secrets-encryptor", self.object)
        self.secrets, self.sink, self.flux = FakeSecrets(), Sink(), FakeFlux()
        self.keys = FakeKeys(OLD.secret + "\n")
        self.files: dict[str, str] = {}
        self.use(extra)

    def use(self, extra: tuple[str, ...]) -> None:
        """Another replica, with a setting."""
        self.ports = Ports(self.registrations, self.secrets, self.keys, self.flux, self.sink, extra)

    async def begin(self, *secrets: str) -> None:
        """A key, and committed secrets with two files each."""
        await handlers.namespaces_ready(self.ports, [READY])
        for name in secrets:
            self.secrets.put(name, {"a": b"1"}, "my-app-dev,my-app-prod")
        await self.look("c0")
        await self.commit("c0")

    def ask(self, request: str) -> None:
        """What the command does."""
        self.object["metadata"].setdefault("annotations", {})[names.ROTATE_KEY] = request

    async def changed(self) -> object:
        return await handlers.registration_changed(self.ports, [CHANGED])

    async def look(self, head: str) -> object:
        """What the committer tells of the repository."""
        self.object["status"]["repository"] = {"url": "u", "branch": "main", "headSha": head}
        tree = {path: names.blob_id(text) for path, text in self.files.items()}
        ready = RepositoryReady(
            app="my-app", name="my-app", uid="u", generation=1, url="u", branch="main", head_sha=head, files=tree
        )  # fmt: skip
        return await handlers.repository_ready(self.ports, [ready])

    async def commit(self, head: str) -> None:
        """Commit what was told and is still the latest, and tell so."""
        done: list[IntentVersion] = []
        for event in [e for e in self.sink.events if isinstance(e, SecretEncrypted)]:
            intent = self.secrets.intents[event.name]
            if intent.annotations.get(names.SECRET_FINGERPRINT) == event.fingerprint:
                self.files |= {f.path: f.content for f in event.files}
                done.append(event.intent)
        self.object["status"]["repository"] = {"url": "u", "branch": "main", "headSha": head}
        pushed = CommitPushed(
            app="my-app", name=head, sha=head, paths=(), intents=tuple(done), removed=(), digest="d"
        )
        await handlers.commit_settled(self.ports, [pushed])

    @property
    def rotation(self) -> tuple[str, int, int]:
        """Phase, files left, files in all."""
        status = self.object["status"].get("rotation", {})
        return status.get("phase", ""), status.get("filesLeft", 0), status.get("filesTotal", 0)

    @property
    def condition(self) -> tuple[str, str]:
        """Whether the key is ready, and the reason."""
        found = next(c for c in self.object["status"]["conditions"] if c["type"] == "EncryptionKeyReady")
        return found["status"], found["reason"]

    def told(self) -> list[EncryptionKeyReady]:
        return [e for e in self.sink.events if isinstance(e, EncryptionKeyReady)]

    def identities(self) -> tuple[sops.Identity, ...]:
        return sops.parse_identities(str(self.keys.content))

    def recipients(self) -> set[tuple[str, ...]]:
        return {sops.recipients(text) for text in self.files.values()}


@pytest.fixture
async def service() -> Service:
    made = Service()
    await made.begin("database", "queue")
    return made


async def test_a_key_that_nobody_asks_to_replace_has_no_rotation(service: Service) -> None:
    assert await service.changed() == Done()
    assert await handlers.namespaces_ready(service.ports, [READY]) == Done()
    assert "rotation" not in service.object["status"]
    assert service.condition == ("True", "KeyReady")
    assert service.identities() == (OLD,)


async def test_a_rotation_from_the_request_to_the_end(service: Service) -> None:
    service.ask("monday")
    assert await service.changed() == Done()
    new, old = service.identities()
    assert (old, new != OLD) == (OLD, True)
    assert service.told()[-1].recipient == new.recipient
    assert (service.rotation, service.condition) == (("Encrypting", 4, 4), ("True", "Rotating"))
    assert service.ports.outdated.total == 4

    await service.look("c1")
    assert {e.cause for e in service.sink.events if isinstance(e, SecretEncrypted)} == {"change", "rotation"}
    await service.commit("c2")
    assert service.recipients() == {(new.recipient,)}
    await service.changed()
    assert service.rotation == ("Encrypting", 0, 4)
    assert service.told()[-1].resync == "look-c2", "every file is to be compared before anything goes"

    await service.look("c2")
    assert service.rotation == ("Applying", 0, 4)
    assert service.object["status"]["rotation"]["commit"] == "c2"
    await service.changed()
    assert service.identities() == (new, OLD), "Flux has not applied it yet"

    service.flux.applied("c2")
    await service.changed()
    assert service.identities() == (new,)
    assert (service.rotation, service.condition) == (("Done", 0, 4), ("True", "KeyReady"))
    assert service.ports.outdated.total == 0
    stored = service.keys.stored
    assert stored is not None
    assert (stored.request, stored.retiring) == ("monday", ())
    before = list(service.sink.events)
    await service.changed()
    assert (service.identities(), service.sink.events) == ((new,), before), "the request was served"


async def test_a_key_stays_while_flux_has_applied_another_commit(service: Service) -> None:
    service.ask("monday")
    await service.changed()
    await service.look("c1")
    await service.commit("c2")
    await service.look("c2")
    service.flux.applied("c1")
    await service.changed()
    assert len(service.identities()) == 2
    # Flux has gone past what was compared: what it applied is compared, and then counts.
    service.object["status"]["repository"]["headSha"] = "c3"
    service.flux.applied("c3")
    await service.changed()
    assert len(service.identities()) == 2
    assert service.told()[-1].resync == "look-c3"
    await service.look("c3")
    await service.changed()
    assert len(service.identities()) == 1


async def test_a_file_that_was_put_back_keeps_the_key(service: Service) -> None:
    service.ask("monday")
    before = dict(service.files)
    await service.changed()
    await service.look("c1")
    await service.commit("c2")
    path = next(iter(before))
    service.files[path] = before[path]
    service.flux.applied("c3")
    await service.look("c3")
    await service.changed()
    assert len(service.identities()) == 2, "somebody put the old file back"
    await service.commit("c4")
    await service.look("c4")
    service.flux.applied("c4")
    await service.changed()
    assert len(service.identities()) == 1


async def test_an_intent_that_cannot_be_encrypted_keeps_the_key_and_is_named(service: Service) -> None:
    service.secrets.put("queue", {"a": b"1"}, "nowhere")
    await service.look("c0")
    service.ask("monday")
    await service.changed()
    await service.look("c1")
    await service.commit("c2")
    await service.look("c2")
    await service.changed()
    assert service.rotation == ("Encrypting", 1, 3)
    assert "'queue'" in service.registrations.verdicts[-1].message
    service.flux.applied("c2")
    await service.changed()
    assert len(service.identities()) == 2
    del service.secrets.intents["queue"]
    service.files = {path: text for path, text in service.files.items() if "queue" not in path}
    await service.changed()
    await service.look("c3")
    service.flux.applied("c3")
    await service.changed()
    assert len(service.identities()) == 1


STEPS = ["ask", "changed", "look c1", "commit c2", "changed", "look c2", "applied c2", "changed"]


@pytest.mark.parametrize("lost", range(len(STEPS)))
@pytest.mark.parametrize("status_too", [False, True], ids=["crash", "crash and loss of the status"])
async def test_it_goes_on_after_a_crash_at_any_step(service: Service, lost: int, status_too: bool) -> None:  # noqa: FBT001 - parametrized
    for number, step in enumerate(STEPS):
        await do(service, step)
        if number == lost:
            service.use(())  # another replica, which knows nothing
            if status_too:
                service.object["status"].pop("rotation", None)
    for head in ("c5", "c6", "c7"):
        await handlers.namespaces_ready(service.ports, [READY])
        await service.look(head)
        await service.commit(head)
        service.flux.applied(head)
        await service.changed()
    assert len(service.identities()) == 1
    assert service.recipients() == {(service.identities()[0].recipient,)}
    assert service.rotation == ("Done", 0, 4)


async def do(service: Service, step: str) -> None:
    action, _, head = step.partition(" ")
    if action == "ask":
        service.ask("monday")
    elif action == "applied":
        service.flux.applied(head)
    elif action == "changed":
        await service.changed()
    else:
        await getattr(service, action)(head)


async def test_a_crash_between_the_key_and_telling_it_is_made_good(service: Service) -> None:
    service.ask("monday")
    service.sink.away = True
    with pytest.raises(PublishError):
        await service.changed()
    made = service.identities()[0]
    service.sink.away = False
    assert await service.changed() == Done()
    assert service.identities()[0] == made, "no third key"
    assert service.told()[-1].recipient == made.recipient


async def test_two_replicas_asked_at_once_make_one_key(service: Service) -> None:
    service.ask("monday")
    stored = service.keys.stored
    assert stored is not None
    theirs = rotation.begun(stored, "monday", OTHER)
    load = service.keys.load

    async def overtaken(app: str) -> KeyFile | None:
        read = await load(app)
        if service.keys.stored == stored:
            await service.keys.replace(app, theirs)
        return read

    service.keys.load = overtaken  # type: ignore[method-assign]  # the other replica comes between reading and writing
    assert isinstance(await service.changed(), Retry)
    assert await service.changed() == Done()
    assert service.identities() == (OTHER, OLD)


async def test_a_second_request_on_the_way_ends_with_its_key_alone(service: Service) -> None:
    service.ask("monday")
    await service.changed()
    await service.look("c1")
    service.ask("tuesday")
    await service.changed()
    assert len(service.identities()) == 3
    await service.look("c2")
    await service.commit("c3")
    await service.look("c3")
    service.flux.applied("c3")
    await service.changed()
    assert service.identities() == (service.identities()[0],)
    assert service.object["status"]["rotation"]["request"] == "tuesday"


async def test_a_key_that_was_put_there_by_hand_stays(service: Service) -> None:
    service.keys.content = f"{OLD.secret}\n# to read the archive\n{OTHER.secret}\n"
    service.ask("monday")
    await service.changed()
    await service.look("c1")
    await service.commit("c2")
    await service.look("c2")
    service.flux.applied("c2")
    await service.changed()
    assert service.identities()[1:] == (OTHER,)


async def test_another_recipient_encrypts_anew_without_a_new_key(service: Service) -> None:
    service.use((GLASS.recipient,))
    await handlers.namespaces_ready(service.ports, [READY])
    told = service.told()[-1]
    assert (told.recipient, told.extra_recipients) == (OLD.recipient, (GLASS.recipient,))
    assert service.rotation == ("Encrypting", 4, 4)
    await service.look("c1")
    await service.commit("c2")
    assert service.recipients() == {(OLD.recipient, GLASS.recipient)}
    assert sops.decrypt(next(iter(service.files.values())), [GLASS])["data"] == {"a": "MQ=="}
    await service.look("c2")
    service.flux.applied("c2")
    await service.changed()
    assert (service.rotation, service.identities()) == (("Done", 0, 4), (OLD,))
    assert service.object["status"]["extraRecipients"] == [GLASS.recipient]
    assert GLASS.recipient in service.registrations.verdicts[-1].message


async def test_a_recipient_that_is_taken_away_cannot_read_what_comes() -> None:
    service = Service((GLASS.recipient,))
    await service.begin("database")
    service.use(())
    await handlers.namespaces_ready(service.ports, [READY])
    await service.look("c1")
    await service.commit("c2")
    assert service.recipients() == {(OLD.recipient,)}
    with pytest.raises(sops.NoMatchingKeyError):
        sops.decrypt(next(iter(service.files.values())), [GLASS])


async def test_replicas_of_two_settings_do_not_start_each_other(service: Service) -> None:
    service.use((GLASS.recipient,))
    before = len(service.sink.events)
    for name in ("database", "queue"):
        event = service.secrets.intents[name]
        changed = SecretIntentChanged(app="my-app", name=name, uid=event.uid, resource_version="another")
        assert await handlers.intents_changed(service.ports, [changed]) == Done()
    assert len(service.sink.events) == before


async def test_a_lost_key_stops_a_rotation_and_its_return_heals(service: Service) -> None:
    service.ask("monday")
    await service.changed()
    kept = service.keys.stored
    service.keys.stored = None
    await service.changed()
    assert service.condition == ("False", "KeyMissing")
    assert service.keys.stored is None
    assert service.rotation[0] == "Encrypting"
    service.keys.stored = kept
    await service.changed()
    assert service.condition == ("True", "Rotating")


def test_what_another_replica_may_have_seen_since_counts_no_more() -> None:
    now = 0.0
    outdated = OutdatedFiles(lifetime=60, clock=lambda: now)
    outdated.see("a", 3)
    now = 30.0
    outdated.see("b", 2)
    assert outdated.total == 5
    now = 70.0
    assert outdated.total == 2
    outdated.see("b", 0)
    assert outdated.total == 0


def test_nothing_of_a_key_is_printed(service: Service) -> None:
    stored = KeyFile(OLD.secret)
    shown = f"{rotation.begun(stored, 'monday', OTHER)!r} {service.keys.stored!r}"
    assert OLD.secret not in shown
    assert OTHER.secret not in shown
