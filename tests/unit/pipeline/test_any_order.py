"""Encryptor and committer together: whatever users do and in whatever order events come, Git ends as the intents are.

Events are delivered late, twice, out of order and in batches, handlers of both services run at the same time, and
foreign commits come in between. Afterwards everything that is left is delivered, and then the state is looked at.
"""

import asyncio
import base64
from dataclasses import dataclass, field
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from app_platform import sops
from app_platform.contracts import CommitPushed, Event, SecretIntentChanged, SecretIntentDeleted, names
from app_platform.git_committer import handlers as committer
from app_platform.git_committer.ports import Changes
from app_platform.git_committer.ports import Ports as CommitterPorts
from app_platform.runtime import Batch, Done, Handler
from app_platform.secrets_encryptor import handlers as encryptor
from app_platform.secrets_encryptor.ports import Intent
from app_platform.secrets_encryptor.ports import Ports as EncryptorPorts
from support.fakes.committer import FakeCluster, FakeDelivered
from support.fakes.events import Sink
from support.fakes.forge import MemoryForge, MemoryRepository
from support.fakes.registrations import FakeRegistrations
from support.fakes.secrets import FakeFlux, FakeKeys, FakeSecrets
from support.samples import registration_object

APP = "my-app"
IDENTITY = sops.Identity.generate()
TARGETS = ["my-app-dev", "my-app-prod", "my-app-dev,my-app-prod"]


@dataclass
class Replica:
    """One service with the events that wait for it."""

    handlers: Any
    ports: Any
    waiting: list[Event] = field(default_factory=list)

    def tell(self, event: Event) -> None:
        if type(event) in self.handlers:
            self.waiting.append(event)

    def batch(self, at: int, most: int) -> list[Event]:
        """Some waiting events for one handler, beginning anywhere."""
        if not self.waiting:
            return []
        first = self.waiting[at % len(self.waiting)]
        return [e for e in self.waiting if self.handlers[type(e)] is self.handlers[type(first)]][:most]

    async def deliver(self, batch: Batch, *, twice: bool) -> None:
        """Handle a batch; what is done waits no more, unless it is to come again."""
        if not batch:
            return
        handler: Handler[Any] = self.handlers[type(batch[0])]
        outcome = await handler(self.ports, batch)
        if isinstance(outcome, Done) and not twice:
            self.waiting = [e for e in self.waiting if e not in batch]


class World:
    """The app, its repository and the services."""

    def __init__(self) -> None:
        self.secrets = FakeSecrets(self._changed)
        self.forge = MemoryForge()
        self.forge.repositories[APP] = MemoryRepository()
        self.sink = Sink(self._tell)
        obj = registration_object(APP)
        self.encryptor = Replica(
            encryptor.HANDLERS,
            EncryptorPorts(
                FakeRegistrations("secrets-encryptor", obj),
                self.secrets,
                FakeKeys(IDENTITY.secret + "\n"),
                FakeFlux(),
                self.sink,
            ),
        )
        cluster = FakeCluster(self.secrets)
        self.committer = Replica(
            committer.HANDLERS,
            CommitterPorts(
                FakeRegistrations("git-committer", obj),
                cluster,
                FakeDelivered(),
                self.forge,
                cluster,
                self.sink,
            ),
        )

    @property
    def repository(self) -> MemoryRepository:
        return self.forge.repositories[APP]

    def _changed(self, intent: Intent, deleted: bool) -> None:  # noqa: FBT001 - a callback
        kind = SecretIntentDeleted if deleted else SecretIntentChanged
        event = kind(app=APP, name=intent.name, uid=intent.uid, resource_version=intent.resource_version)
        self._tell(event)

    def _tell(self, event: Event) -> None:
        self.encryptor.tell(event)
        self.committer.tell(event)

    async def settle(self) -> None:
        """Deliver until nothing waits."""
        for _ in range(200):
            if not self.encryptor.waiting and not self.committer.waiting:
                return
            for replica in (self.encryptor, self.committer):
                await replica.deliver(replica.batch(0, 1000), twice=False)
        raise AssertionError("events wait for ever")

    def statuses(self) -> dict[str, tuple[str, str]]:
        """Status and message of every intent."""
        return {
            name: (self.secrets.status(name), self.secrets.message(name)) for name in self.secrets.intents
        }

    def live(self) -> dict[str, dict[str, bytes]]:
        """What is in Git, as Flux would apply it: path to values."""
        return {
            path: _values(text)
            for path, text in self.repository.files.items()
            if names.parse_secret_path(path)
        }

    def wanted(self) -> dict[str, dict[str, bytes]]:
        """What should be there."""
        return {
            names.secret_path(namespace, intent.name): dict(intent.data)
            for intent in self.secrets.intents.values()
            for namespace in intent.annotations[names.TARGET_NAMESPACES].split(",")
        }


def _values(text: str) -> dict[str, bytes]:
    data = sops.decrypt(text, [IDENTITY])["data"]
    return {key: base64.b64decode(value) for key, value in data.items()}


NAMES = st.sampled_from(["database", "tls.example"])
VALUES = st.sampled_from([b"one", b"two", b"\x00\xff"])
PUT = st.tuples(
    st.just("put"),
    NAMES,
    st.dictionaries(st.sampled_from(["user", "password"]), VALUES, min_size=1),
    st.sampled_from(TARGETS),
)
DELETE = st.tuples(st.just("delete"), NAMES)
FOREIGN = st.tuples(st.just("foreign"), st.integers(0, 9))
DELIVERY = st.tuples(st.integers(0, 30), st.integers(1, 6), st.booleans())
DELIVER = st.tuples(st.just("deliver"), DELIVERY, DELIVERY, DELIVERY)
ACTIONS = st.lists(st.one_of(PUT, DELETE, FOREIGN, DELIVER, DELIVER, DELIVER), max_size=25)


async def act(world: World, action: Any) -> None:
    match action:
        case ("put", name, data, targets):
            there = world.secrets.intents.get(name)
            if there is None or not there.deleting:
                world.secrets.put(name, data, targets)
        case ("delete", name):
            world.secrets.delete(name)
        case ("foreign", number):
            world.repository.add(Changes({f"foreign-{number}": "x"}), "by hand")
        case ("deliver", one, two, three):
            deliveries = [(world.encryptor, one), (world.committer, two), (world.committer, three)]
            await asyncio.gather(
                *(r.deliver(r.batch(at, most), twice=twice) for r, (at, most, twice) in deliveries)
            )


def empty_commits(repository: MemoryRepository) -> list[str]:
    """Messages of our commits that changed nothing."""
    before: dict[str, str] = {}
    found = []
    for commit in repository.commits:
        if commit.message != "by hand" and dict(commit.files) == before:
            found.append(commit.message)
        before = dict(commit.files)
    return found


@settings(max_examples=60)
@given(ACTIONS)
async def test_git_ends_as_the_intents_are(actions: list[Any]) -> None:
    world = World()
    for action in actions:
        await act(world, action)
    await world.settle()
    assert world.live() == world.wanted()
    assert [i.name for i in world.secrets.intents.values() if i.deleting] == []
    for name in world.secrets.intents:
        assert (world.secrets.status(name), world.secrets.message(name)) == ("Committed", "")
    assert empty_commits(world.repository) == []
    foreign = {f"foreign-{a[1]}" for a in actions if a[0] == "foreign"}
    assert foreign <= world.repository.files.keys()


@settings(max_examples=25)
@given(ACTIONS, st.lists(st.integers(0, 1000), max_size=10))
async def test_replaying_history_changes_nothing(actions: list[Any], chosen: list[int]) -> None:
    world = World()
    for action in actions:
        await act(world, action)
    await world.settle()
    head, statuses = world.repository.sha, world.statuses()
    for at in chosen:
        for event in world.sink.events[at % len(world.sink.events) :][:3] if world.sink.events else []:
            world.encryptor.tell(event)
            world.committer.tell(event)
    await world.settle()
    assert world.repository.sha == head
    assert world.statuses() == statuses


async def content_and_back(world: World) -> list[Event]:
    """Commit one content, another, and the first again; returns what was told of the first."""
    world.secrets.put("database", {"password": b"one"}, TARGETS[0])
    await world.settle()
    first = list(world.sink.events)
    world.secrets.put("database", {"password": b"two"}, TARGETS[0])
    await world.settle()
    world.secrets.put("database", {"password": b"one"}, TARGETS[0])
    return first


async def test_an_old_commit_of_equal_content_does_not_make_a_pending_intent_committed() -> None:
    world = World()
    first = await content_and_back(world)
    while world.secrets.status("database") != "Pending":
        await world.encryptor.deliver(world.encryptor.batch(0, 1), twice=False)
    await world.encryptor.deliver([e for e in first if isinstance(e, CommitPushed)], twice=False)
    assert world.live() != world.wanted()
    assert world.secrets.status("database") == "Pending"


async def test_replaying_an_old_commit_of_equal_content_changes_no_annotation() -> None:
    world = World()
    first = await content_and_back(world)
    await world.settle()
    before = dict(world.secrets.intents["database"].annotations)
    for event in first:
        world.encryptor.tell(event)
    await world.settle()
    assert dict(world.secrets.intents["database"].annotations) == before


@settings(max_examples=25)
@given(ACTIONS)
async def test_no_event_and_no_commit_message_holds_a_value(actions: list[Any]) -> None:
    world = World()
    world.secrets.put("database", {"password": b"canary-9d1"}, TARGETS[0])
    for action in actions:
        await act(world, action)
    await world.settle()
    told = "".join(event.model_dump_json() for event in world.sink.events)
    written = "".join(c.message + "".join(c.files.values()) for c in world.repository.commits)
    marked = "".join(f"{mark.annotations}" for mark in world.secrets.marks)
    for form in ("canary-9d1", "Y2FuYXJ5LTlkMQ"):
        assert form not in told + written + marked
