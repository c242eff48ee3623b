"""A dry run of each service changes nothing, and tells what the handler then really does."""

import copy
from typing import Any

import pytest

from app_platform import sops
from app_platform.contracts import (
    EncryptionKeyReady,
    Event,
    NamespacesReady,
    RegistrationChanged,
    RegistrationDeleted,
    RepositoryReady,
    SecretEncrypted,
    SecretIntentChanged,
    SourceChanged,
    names,
)
from app_platform.contracts.dry_run import MAX_STEPS, DryRun, Step, Steps
from app_platform.git_committer import dry_run as committer_dry
from app_platform.git_committer import handlers as committer
from app_platform.git_committer.ports import Ports as CommitterPorts
from app_platform.namespace_rbac import dry_run as rbac_dry
from app_platform.namespace_rbac import handlers as rbac
from app_platform.namespace_rbac.ports import Ports as RbacPorts
from app_platform.runtime import Handler
from app_platform.secrets_encryptor import dry_run as encryptor_dry
from app_platform.secrets_encryptor import handlers as encryptor
from app_platform.secrets_encryptor.ports import Ports as EncryptorPorts
from support.fakes.committer import FakeCluster, FakeDelivered
from support.fakes.events import Sink
from support.fakes.forge import MemoryForge, MemoryRepository
from support.fakes.rbac import FakeCluster as RbacCluster
from support.fakes.registrations import FakeRegistrations
from support.fakes.secrets import FakeFlux, FakeKeys, FakeSecrets
from support.samples import CANARY, registration_object

APP = "my-app"
IDENTITY = sops.Identity.generate()
DRY: dict[str, Any] = {"encryptor": encryptor_dry.dry, "committer": committer_dry.dry, "rbac": rbac_dry.dry}
HANDLERS: dict[str, Any] = {
    "encryptor": encryptor.HANDLERS,
    "committer": committer.HANDLERS,
    "rbac": rbac.HANDLERS,
}


class World:
    """One app and the three services, each with its first work before it."""

    def __init__(self, *, key: bool = True) -> None:
        self.object = registration_object(APP)
        self.secrets, self.forge, self.sink = FakeSecrets(), MemoryForge(), Sink()
        self.forge.repositories[APP] = MemoryRepository()
        self.keys = FakeKeys(IDENTITY.secret + "\n" if key else None)
        self.cluster, self.namespaces = FakeCluster(self.secrets), RbacCluster()
        self.delivered = FakeDelivered()
        self.registrations = {
            name: FakeRegistrations(service, self.object)
            for name, service in (
                ("encryptor", "secrets-encryptor"),
                ("committer", "git-committer"),
                ("rbac", "namespace-rbac"),
            )
        }
        self.ports: dict[str, Any] = {
            "encryptor": EncryptorPorts(
                self.registrations["encryptor"], self.secrets, self.keys, FakeFlux(), self.sink
            ),
            "committer": CommitterPorts(
                self.registrations["committer"],
                self.cluster,
                self.delivered,
                self.forge,
                self.cluster,
                self.sink,
            ),
            "rbac": RbacPorts(self.registrations["rbac"], self.namespaces, self.sink),
        }
        self.secrets.put("database", {"password": CANARY.encode()}, "my-app-dev")

    def seen(self) -> str:
        """Everything that is stored anywhere, and everything that was told."""
        return repr(
            (
                self.object,
                self.secrets.intents,
                self.secrets.marks,
                [(name, vars(repo)) for name, repo in self.forge.repositories.items()],
                self.keys.content,
                {key: value for key, value in vars(self.cluster).items() if key != "_secrets"},
                vars(self.namespaces),
                self.sink.events,
            )
        )

    async def dry(self, service: str, event: Event) -> DryRun:
        steps = Steps()
        handler: Handler[Any] = HANDLERS[service][type(event)]
        outcome = await handler(DRY[service](self.ports[service], steps), [event])
        return DryRun.of(type(outcome).__name__, steps)

    async def really(self, service: str, event: Event) -> None:
        handler: Handler[Any] = HANDLERS[service][type(event)]
        await handler(self.ports[service], [event])

    def encrypted(self) -> SecretEncrypted:
        return next(event for event in self.sink.events if isinstance(event, SecretEncrypted))

    def changed(self) -> SecretIntentChanged:
        intent = self.secrets.intents["database"]
        return SecretIntentChanged(
            app=APP, name="database", uid=intent.uid, resource_version=intent.resource_version
        )


REGISTERED = RegistrationChanged(app=APP, name=APP, uid="u", resource_version="1")
SPACES = NamespacesReady(app=APP, name=APP, uid="u", generation=1, namespaces=("my-app-dev",), digest="d")
KEY = EncryptionKeyReady(app=APP, name=APP, uid="u", generation=1, recipient=IDENTITY.recipient)
REPOSITORY = RepositoryReady(
    app=APP, name=APP, uid="u", generation=1, url="u", branch="main", head_sha="h", files={}
)
SOURCE = SourceChanged(app=APP, name="web", action="push", repository="h/o/web", sha="s")


@pytest.mark.parametrize(
    ("service", "event"),
    [
        ("rbac", REGISTERED),
        ("encryptor", SPACES),
        ("encryptor", REPOSITORY),
        ("encryptor", None),
        ("committer", KEY),
        ("committer", SOURCE),
    ],
)
async def test_nothing_changes_and_it_tells_what_is_then_done(service: str, event: Event | None) -> None:
    world = World()
    event = event or world.changed()
    before = copy.copy(world.seen())
    told = await world.dry(service, event)
    assert world.seen() == before
    assert told.steps
    assert CANARY not in repr(told)
    assert IDENTITY.secret.strip() not in repr(told)
    assert "ENC[" not in repr(told)
    await world.really(service, event)
    assert world.seen() != before
    done = [f"{each.kind} {each.verb} {each.app}/{each.name}" for each in world.sink.events]
    # A commit's name is its id, which nobody knows before.
    assert [step.what for step in told.steps if step.verb == "tell"] == done


async def test_a_commit_is_told_with_its_files_and_not_made() -> None:
    world = World()
    await world.really("encryptor", world.changed())
    before = world.seen()
    told = await world.dry("committer", world.encrypted())
    assert world.seen() == before
    commit = next(step for step in told.steps if step.verb == "commit")
    assert commit.what == "repository my-app-platform"
    assert commit.detail.startswith("'secrets: update database' on ")
    assert commit.detail.endswith(f"write {names.secret_path('my-app-dev', 'database')}")


async def test_what_is_done_already_would_change_nothing() -> None:
    world = World()
    await world.really("rbac", REGISTERED)
    told = await world.dry("rbac", REGISTERED)
    assert [step.verb for step in told.steps] == ["tell"]


async def test_a_first_key_is_not_made() -> None:
    world = World(key=False)
    told = await world.dry("encryptor", SPACES)
    assert Step("create", "Secret my-app-platform/sops-age") in told.steps
    assert world.keys.content is None


async def test_a_removal_is_told_and_not_done() -> None:
    world = World()
    await world.really("rbac", REGISTERED)
    await world.really("committer", KEY)
    world.object["metadata"]["deletionTimestamp"] = "2026-01-31T12:00:00Z"
    before = world.seen()
    event = RegistrationDeleted(app=APP, name=APP, uid="u", resource_version="2")
    told = await world.dry("committer", event)
    assert [step.verb for step in told.steps] == ["delete", "delete", "release"]
    told = await world.dry("rbac", event)
    assert "delete" in {step.verb for step in told.steps}
    assert world.seen() == before


async def test_where_there_is_no_repository_it_would_be_made() -> None:
    world = World()
    world.forge.repositories.clear()
    told = await world.dry("committer", KEY)
    assert Step("create", "repository my-app-platform") in told.steps
    assert world.forge.repositories == {}


def test_an_answer_is_bounded_and_can_be_sent() -> None:
    steps = Steps()
    for number in range(MAX_STEPS + 3):
        steps.would("apply", f"x {number}", "d")
    told = DryRun.of("Done", steps)
    assert (len(told.steps), told.more) == (MAX_STEPS, 3)
    assert DryRun.from_json(told.to_json()) == told
