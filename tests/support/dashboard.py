"""The dashboard with an identity provider and people to sign in: the guide's app `my-app`, another one, and somebody for each role."""

import base64
import hashlib
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import pytest
import yaml

from app_platform.contracts import names
from app_platform.dashboard.credential import SECRET as OIDC_SECRET
from app_platform.dashboard.impersonation import ROLE
from app_platform.kube import CLUSTER_ROLE_BINDINGS, CLUSTER_ROLES, SECRETS, KubeClient, Resource
from app_platform.local import Platform
from app_platform.local.identities import write_private
from support.apps import App
from support.cluster import Cluster
from support.identity import SECRET, client, clients_file
from support.platform import eventually

DEPLOYMENTS: Final = Resource("apps", "v1", "deployments", "Deployment")
CLIENT_ID: Final = "app-platform-dashboard"
PEOPLE: Final[Mapping[str, tuple[str, ...]]] = {
    "paula": ("platform-admins",),
    "ada": ("my-app-admins",),
    "dev": ("my-app-developers",),
    "rita": ("my-app-readers",),
    "sam": (),
    "olga": ("other-app-admins",),
}
"""The sample people of the local platform, by their groups."""
PASSWORD: Final = "password"
SPEAKABLE: Final = (
    "platform-admins",
    "my-app-admins",
    "my-app-developers",
    "my-app-readers",
    "other-app-admins",
)


@dataclass(frozen=True)
class Dashboard:
    """A dashboard that people can sign in to.

    Attributes:
        url: Where it is.
        issuer: Of its identity provider.
    """

    url: str
    issuer: str
    platform: Platform
    cluster: Cluster

    def app(self, name: str = "my-app") -> App:
        """One of the apps."""
        return App(self.platform, self.cluster, name)

    def change_user(self, name: str, **changes: object) -> None:
        """Change somebody at the identity provider, which follows the file; a new name is made like `ada`."""
        file = self.platform.state.users_file
        users = yaml.safe_load(file.read_text())["users"]
        users[name] = {**users.get(name, users["ada"]), **changes}
        write_private(file, yaml.safe_dump({"users": users}))


def access(app: str) -> list[dict[str, str]]:
    """The usual access entries of an app."""
    return [{"group": f"{app}-{role}s", "role": role} for role in ("admin", "developer", "reader")]


async def give_client_list(kube: KubeClient, redirect_uri: str) -> None:
    """What oidc-registrar writes for Authelia: the dashboard's client."""
    text = clients_file(client(client_id=CLIENT_ID, client_name="Dashboard", redirect_uris=[redirect_uri]))
    manifest = SECRETS.manifest("authelia-oidc-clients", "authelia")
    manifest["data"] = {"oidc-clients.yml": base64.b64encode(text.encode()).decode()}
    await kube.apply(SECRETS, manifest, field_manager="test", force=True)
    note = {"labrats.work/oidc-clients": hashlib.sha256(text.encode()).hexdigest()}
    patch = {"spec": {"template": {"metadata": {"annotations": note}}}}
    await kube.merge_patch(DEPLOYMENTS, "authelia", "authelia", patch)


async def give_client(kube: KubeClient) -> None:
    """What oidc-registrar makes: the dashboard's client."""
    manifest = SECRETS.manifest(OIDC_SECRET, names.SYSTEM_NAMESPACE)
    manifest["data"] = {
        "clientId": base64.b64encode(CLIENT_ID.encode()).decode(),
        "clientSecret": base64.b64encode(SECRET.encode()).decode(),
    }
    await kube.apply(SECRETS, manifest, field_manager="test", force=True)


async def give_groups(kube: KubeClient, groups: tuple[str, ...] = SPEAKABLE) -> None:
    """What namespace-rbac keeps: for whom the dashboard may speak."""
    role = CLUSTER_ROLES.manifest(ROLE)
    role["rules"] = [
        {"apiGroups": [""], "resources": ["groups"], "resourceNames": list(groups), "verbs": ["impersonate"]}
    ]
    binding = CLUSTER_ROLE_BINDINGS.manifest(ROLE)
    binding["roleRef"] = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": ROLE}
    binding["subjects"] = [
        {"kind": "ServiceAccount", "name": "dashboard", "namespace": names.SYSTEM_NAMESPACE}
    ]
    await kube.apply(CLUSTER_ROLES, role, field_manager="test", force=True)
    await kube.apply(CLUSTER_ROLE_BINDINGS, binding, field_manager="test", force=True)


def furnish(platform: Platform, cluster: Cluster) -> Dashboard:
    """Everything that people need to sign in, and two apps."""
    url, issuer = platform.env["DASHBOARD_URL"], platform.env["OIDC_ISSUER_URL"]
    cluster.do(lambda kube: give_client_list(kube, f"{url}/auth/callback"))
    cluster.do(give_client)
    cluster.do(give_groups)
    made = Dashboard(url, issuer, platform, cluster)
    for name in ("my-app", "other-app"):
        made.app(name).register(access=access(name))
    for name in ("my-app", "other-app"):
        made.app(name).until_ready()
    eventually(lambda: _answers(f"{issuer}/api/health"), "the identity provider answers")
    return made


@pytest.fixture(scope="session")
def dashboard(whole_platform: Platform, cluster: Cluster) -> Dashboard:
    """The dashboard of the shared whole platform."""
    return furnish(whole_platform, cluster)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url) as answer:  # noqa: S310 - loopback
            return bool(answer.status == 200)
    except urllib.error.URLError:
        return False


__all__ = ["PASSWORD", "PEOPLE", "Dashboard"]
