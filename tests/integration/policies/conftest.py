"""People of two apps on the real API server, with the roles and policies of deploy/kubernetes and no service running.

What namespace-rbac would make for the apps is made here from its own manifests, so that what is tested is what it binds.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from app_platform.contracts import Access, Registration, RegistrationSpec, Role, names
from app_platform.kube import (
    NAMESPACES,
    SECRETS,
    ClusterConfig,
    Forbidden,
    Invalid,
    KubeClient,
    Object,
    User,
)
from app_platform.kube.registrations import REGISTRATIONS
from app_platform.local.bootstrap import resource_of
from app_platform.namespace_rbac import manifests
from support.people import Anybody

SYSTEM = f"system:serviceaccount:{names.SYSTEM_NAMESPACE}"


@dataclass(frozen=True)
class Team:
    """An app and its people.

    Attributes:
        admin: As are ``developer`` and ``reader``: a client that acts as somebody of that role.
    """

    name: str
    admin: KubeClient = field(repr=False)
    developer: KubeClient = field(repr=False)
    reader: KubeClient = field(repr=False)

    @property
    def home(self) -> str:
        """The platform namespace."""
        return names.platform_namespace(self.name)

    @property
    def dev(self) -> str:
        """An app namespace."""
        return f"{self.name}-dev"

    def person(self, role: str) -> KubeClient:
        """A client by the name of its role."""
        return {"admin": self.admin, "developer": self.developer, "reader": self.reader}[role]


@dataclass(frozen=True)
class World:
    """Everybody.

    Attributes:
        root: The administrator of the cluster.
        stranger: Signed in, in no group of any app.
        platform_admin: In the group of the platform's admins.
    """

    root: KubeClient
    mine: Team
    theirs: Team
    stranger: KubeClient
    platform_admin: KubeClient

    def service(self, name: str) -> KubeClient:
        """A client that acts as one of our services."""
        groups = ("system:serviceaccounts", f"system:serviceaccounts:{names.SYSTEM_NAMESPACE}")
        return self.root.acting_as(Anybody(f"{SYSTEM}:{name}", (*groups, "system:authenticated")))

    def flux(self, team: Team) -> KubeClient:
        """A client that acts as an app's Flux."""
        return self.root.acting_as(
            Anybody(f"system:serviceaccount:{team.home}:flux", ("system:authenticated",))
        )


def person(root: KubeClient, name: str, *groups: str) -> KubeClient:
    """A client that acts as somebody."""
    return root.acting_as(User(f"oidc:{name}", groups))


@pytest.fixture(scope="session")
def config(kubeconfig: Path) -> ClusterConfig:
    return ClusterConfig.load({"KUBECONFIG": str(kubeconfig)})


@pytest.fixture
async def root(config: ClusterConfig) -> AsyncIterator[KubeClient]:
    async with KubeClient(config) as client:
        yield client


@pytest.fixture
async def world(root: KubeClient) -> World:
    """Two apps of this test's own; the name of the first is the beginning of the other's."""
    name = f"pol{uuid4().hex[:8]}"
    mine, theirs = await team(root, name), await team(root, f"{name}-app")
    made = World(root, mine, theirs, person(root, "eve"), person(root, "pat", "platform-admins"))
    await settled(made)
    return made


async def team(root: KubeClient, app: str) -> Team:
    """Register an app and make what namespace-rbac makes."""
    groups = {role: f"{app}-{role}s" for role in Role}
    spec = RegistrationSpec(
        namespaces=(f"{app}-dev",), access=tuple(Access(group=g, role=r) for r, g in groups.items())
    )
    body = REGISTRATIONS.manifest(app, spec=spec.model_dump(mode="json", by_alias=True))
    registration = Registration.from_object(await root.create(REGISTRATIONS, body))
    for manifest in _made_by_us(registration):
        await root.apply(resource_of(manifest), manifest, field_manager="namespace-rbac", force=True)
    key = SECRETS.manifest(names.AGE_KEY_SECRET, names.platform_namespace(app))
    key["metadata"]["labels"] = manifests.labels(app)
    await root.create(SECRETS, key)
    people = {role.value: person(root, f"{role.value}-of-{app}", group) for role, group in groups.items()}
    return Team(app, **people)


def _made_by_us(registration: Registration) -> list[Object]:
    app, spaces = registration.name, registration.spec.namespaces
    return [
        manifests.namespace(app, registration.platform_namespace, names.ROLE_PLATFORM),
        *(manifests.namespace(app, space, names.ROLE_APP) for space in spaces),
        *manifests.for_registration(registration),
        *manifests.in_platform_namespace(registration, spaces, ["my-oidc"]),
        *(obj for space in spaces for obj in manifests.in_app_namespace(registration, space)),
    ]


async def settled(world: World) -> None:
    """Wait until the API server knows the new bindings and policies; the test's own time limit ends this."""
    probe = SECRETS.manifest("probe", world.theirs.home)
    while True:
        try:
            await world.theirs.admin.create(SECRETS, probe)
        except Invalid:  # allowed by RBAC, refused by policy: both are known
            return
        except Forbidden as refused:
            if "secret intents" in str(refused):
                return
        else:
            await world.root.delete(SECRETS, "probe", world.theirs.home)


async def refused(attempt: Awaitable[Any]) -> str:
    """The message with which the API server refuses; fails when it does not."""
    with pytest.raises((Forbidden, Invalid)) as failure:
        await attempt
    return str(failure.value)


Attempt = Callable[[World], Awaitable[Any]]
__all__ = ["NAMESPACES", "Attempt", "Team", "World", "refused"]
