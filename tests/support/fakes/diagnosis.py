"""A cluster and an event store to be diagnosed, in memory: a healthy app, to be broken by the test."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from app_platform.contracts import ConditionType, names
from app_platform.diagnosis import Reader, UnreadableError
from app_platform.kube import Action, Object, Resource, User
from app_platform.runtime.consumers import ConsumerState
from app_platform.runtime.dead_letters import DeadLetter
from support.samples import NOW, registration_object

APP, HOME = "my-app", "my-app-platform"
REVISION = "main@sha1:" + "a" * 40


def condition(
    kind: str, status: str = "True", reason: str = "Fine", message: str = "as it must be"
) -> Object:
    """A condition."""
    return {
        "type": kind,
        "status": status,
        "reason": reason,
        "message": message,
        "lastTransitionTime": NOW.isoformat(),
        "observedGeneration": 1,
    }


def secret(name: str, labels: dict[str, str] | None = None, **annotations: str) -> Object:
    """Metadata of a Secret in the platform namespace; annotations without their prefix, dashes as underscores."""
    notes = {f"{names.GROUP}/{key.replace('_', '-')}": value for key, value in annotations.items()}
    return {
        "metadata": {
            "name": name,
            "namespace": HOME,
            "labels": labels or {},
            "annotations": notes,
            "creationTimestamp": NOW.isoformat(),
        }
    }


def intent(name: str = "database", **annotations: str) -> Object:
    """A committed intent that is live, unless told otherwise."""
    healthy = {
        "target_namespaces": "my-app-dev",
        "secret_status": "Committed",
        "secret_commit": "c" * 40,
        "secret_keys": "password,user",
        "secret_delivery": '{"my-app-dev":{"stage":"Applied","message":"with commit cccccccccccc"}}',
    }
    return secret(name, {names.SECRET_INTENT_LABEL: "true"}, **{**healthy, **annotations})


def oidc_client(name: str = "login", status: str = "Registered") -> Object:
    """An OIDC client's Secret."""
    labels = {names.OIDC_CLIENT_LABEL: "my-app", names.APP_LABEL: APP}
    return secret(name, labels, oidc_status=status)


def flux_object(name: str, spec: Object | None = None, **status: Any) -> Object:
    """A Flux object that is ready."""
    return {
        "metadata": {"name": name, "namespace": HOME, "generation": 1},
        "spec": spec or {},
        "status": {"observedGeneration": 1, "conditions": [condition("Ready")], **status},
    }


def kustomization(name: str = HOME, *depends_on: str, **status: Any) -> Object:
    """A Kustomization that follows the managed GitRepository."""
    spec = {
        "sourceRef": {"kind": "GitRepository", "name": HOME},
        "dependsOn": [{"name": n} for n in depends_on],
    }
    return flux_object(name, spec, **{"lastAppliedRevision": REVISION, **status})


def namespace(name: str, app: str | None = APP) -> Object:
    """A namespace of an app, or of nobody."""
    return {"metadata": {"name": name, "labels": {names.APP_LABEL: app} if app else {}}}


def consumer(name: str, **changes: Any) -> ConsumerState:
    """A service's consumer that is up to date."""
    numbers = {"waiting": 0, "in_hand": 0, "redelivered": 0, "asking": 1}
    healthy = {**numbers, "last_delivery": NOW, "last_ack": NOW}
    return ConsumerState(name, **{**healthy, **changes})


def letter(name: str = "database", service: str = "git-committer") -> DeadLetter:
    """Something given up."""
    return DeadLetter(
        service,
        "id",
        "work.labrats.secret.encrypted.v1",
        APP,
        name,
        7,
        12,
        "the forge refuses",
        NOW.isoformat(),
    )


def healthy_registration() -> Object:
    """A registration with all conditions true."""
    obj = registration_object(APP)
    obj["status"] = {
        "observedGeneration": 1,
        "conditions": [condition(kind) for kind in ConditionType],
        "recipient": "age1recipient",
        "repository": {"url": "ssh://git@forge/apps/my-app-platform", "branch": "main", "headSha": "c" * 40},
    }
    return obj


@dataclass
class World:
    """What there is. Keys of ``objects`` are plural names.

    Attributes:
        forbidden: Plural names of what the caller may not read.
        rights: What the person in question may do; ``None`` means everything.
    """

    objects: dict[str, list[Object]] = field(default_factory=dict)
    consumers: list[ConsumerState] = field(default_factory=list)
    letters: list[DeadLetter] = field(default_factory=list)
    forbidden: set[str] = field(default_factory=set)
    down: str = ""
    rights: set[str] | None = None
    asked: list[tuple[str, User | None]] = field(default_factory=list)

    @property
    def reader(self) -> Reader:
        """What diagnosis gets."""
        return Reader(FakeCluster(self), FakeBus(self))

    def one(self, plural: str, name: str) -> Object:
        """An object, to be changed."""
        return next(obj for obj in self.objects[plural] if obj["metadata"]["name"] == name)

    def replace(self, plural: str, obj: Object) -> None:
        """Put an object in the place of the one with its name."""
        name = obj["metadata"]["name"]
        self.objects[plural] = [o for o in self.objects[plural] if o["metadata"]["name"] != name] + [obj]

    def remove(self, plural: str, name: str) -> None:
        """Take an object away."""
        self.objects[plural] = [o for o in self.objects[plural] if o["metadata"]["name"] != name]


def healthy() -> World:
    """A platform with one app on which nothing is amiss."""
    return World(
        {
            "appplatformregistrations": [healthy_registration()],
            "namespaces": [namespace(HOME), namespace("my-app-dev"), namespace("my-app-prod")],
            "secrets": [
                secret(names.AGE_KEY_SECRET),
                secret(names.GIT_CREDENTIAL_SECRET),
                intent(),
                oidc_client(),
            ],
            "gitrepositories": [
                flux_object(HOME, artifact={"revision": REVISION, "lastUpdateTime": NOW.isoformat()})
            ],
            "kustomizations": [kustomization()],
            "leases": [lease()],
        },
        [
            consumer(name)
            for name in ("namespace-rbac", "secrets-encryptor", "git-committer", "oidc-registrar")
        ],
    )


def lease(name: str = "watcher-0", renewed: str = NOW.isoformat()) -> Object:
    """A watcher's Lease."""
    return {"metadata": {"name": name}, "spec": {"renewTime": renewed, "leaseDurationSeconds": 15}}


class FakeCluster:
    """The ``Cluster`` port."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def find(self, resource: Resource, name: str, namespace: str | None = None) -> Object | None:
        """See the port."""
        found = await self.list(resource, namespace)
        return next((obj for obj in found if obj["metadata"]["name"] == name), None)

    async def list(self, resource: Resource, namespace: str | None = None, labels: str = "") -> list[Object]:
        """See the port."""
        assert not labels, "nothing asks by labels"
        if self._world.down == "kubernetes":
            raise UnreadableError("the API server does not answer this: Connection", down=True)
        if resource.plural in self._world.forbidden:
            raise UnreadableError(f"this needs the right to list {resource.plural} in {namespace}")
        return self._world.objects.get(resource.plural, [])

    async def allowed(self, action: Action, who: User | None) -> bool:
        """See the port."""
        self._world.asked.append((str(action), who))
        return self._world.rights is None or str(action) in self._world.rights


class FakeBus:
    """The ``Bus`` port."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def consumers(self) -> Sequence[ConsumerState]:
        """See the port."""
        if self._world.down == "nats":
            raise UnreadableError("NATS does not tell its consumers: TimeoutError", down=True)
        return self._world.consumers

    async def dead_letters(self, app: str | None) -> Sequence[DeadLetter]:
        """See the port."""
        return [each for each in self._world.letters if app in {None, each.app}]
