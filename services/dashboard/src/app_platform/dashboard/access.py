"""What a person may do. Kubernetes decides, here and nowhere else.

Two ways, and no third:

1. What Kubernetes can express is done **as the person**, with ``Access.kube``: a client that impersonates them. What they may not do,
   the API server refuses.
2. What it cannot (the names of a secret's keys without its values, changing an intent without reading it) is asked first, by a
   SubjectAccessReview about the virtual resources ``secretintents`` and ``oidcclients`` of group ``labrats.work``
   (deploy/kubernetes/rbac/tenant-roles.yaml), and then done by the dashboard itself, with ``Access.own_after``. There is no other way to
   the dashboard's own client from a page.

Guarantees: no answer is remembered beyond a request, so a right that was withdrawn is gone at the next one.
Leaves out: what to say when something is refused (``words``).
"""

from collections.abc import Collection
from typing import Final, Literal

from app_platform.contracts import Registration, names
from app_platform.dashboard.people import Person
from app_platform.kube import (
    GIT_REPOSITORIES,
    KUSTOMIZATIONS,
    Action,
    Forbidden,
    KubeClient,
    NotFound,
    Resource,
    User,
    may,
)
from app_platform.kube.registrations import REGISTRATIONS

Verb = Literal["get", "list", "watch", "create", "update", "patch", "delete"]
SECRET_INTENTS: Final = Resource(names.GROUP, "v1alpha1", "secretintents", "SecretIntent")
OIDC_CLIENTS: Final = Resource(names.GROUP, "v1alpha1", "oidcclients", "OidcClient")
"""Stored nowhere, only ever asked about."""
_EVERYBODY: Final = "system:authenticated"
"""The group that the API server adds to everybody it impersonates for us; a review has to name it."""


class RefusedError(Exception):
    """Kubernetes says no.

    Attributes:
        action: What was asked.
    """

    def __init__(self, action: Action) -> None:
        self.action = action
        super().__init__(f"Kubernetes does not allow: {action}")


def intents(verb: Verb, app: str, name: str = "") -> Action:
    """About the secrets of an app."""
    return Action(verb, SECRET_INTENTS, names.platform_namespace(app), name)


def oidc_clients(verb: Verb, app: str, name: str = "") -> Action:
    """About the OIDC clients of an app."""
    return Action(verb, OIDC_CLIENTS, names.platform_namespace(app), name)


def git_repositories(verb: Verb, app: str, name: str = "") -> Action:
    """About the Git repositories that an app is deployed from."""
    return Action(verb, GIT_REPOSITORIES, names.platform_namespace(app), name)


def kustomizations(verb: Verb, app: str, name: str = "") -> Action:
    """About what is deployed from them."""
    return Action(verb, KUSTOMIZATIONS, names.platform_namespace(app), name)


def registrations(verb: Verb, app: str = "") -> Action:
    """About one registration, or all."""
    return Action(verb, REGISTRATIONS, name=app)


class Access:
    """What one person may do, during one request.

    Args:
        own: The dashboard's own client.
        person: Who.
        speakable: Groups that the dashboard may speak for; ``None`` when it is not limited.
    """

    def __init__(self, own: KubeClient, person: Person, speakable: Collection[str] | None = None) -> None:
        self._own = own
        user = person.user(speakable)
        self._asked_about = User(user.name, (*user.groups, _EVERYBODY))
        self.person = person
        self.kube = own.acting_as(user)
        """Everything that Kubernetes itself can judge."""

    async def allows(self, action: Action) -> bool:
        """Whether they may."""
        return await may(self._own, action, self._asked_about)

    async def registration(self, app: str) -> Registration | None:
        """An app's registration, read as the person; ``None`` when there is none, and when they may not know of it."""
        try:
            return Registration.from_object(await self.kube.get(REGISTRATIONS, app))
        except (Forbidden, NotFound):
            return None

    async def own_after(self, action: Action) -> KubeClient:
        """The dashboard's own client, for what this person may do and Kubernetes cannot let them do by themselves.

        Raises:
            RefusedError: They may not.
        """
        if not await self.allows(action):
            raise RefusedError(action)
        return self._own
