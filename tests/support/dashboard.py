"""The dashboard with an identity provider and people to sign in: the guide's app `my-app`, another one, and somebody for each role."""

import base64
import json
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest
import yaml

from app_platform.contracts import names
from app_platform.dashboard.credential import SECRET as OIDC_SECRET
from app_platform.dashboard.impersonation import ROLE
from app_platform.kube import CLUSTER_ROLE_BINDINGS, CLUSTER_ROLES, SECRETS, KubeClient
from app_platform.local import Platform
from support.apps import App
from support.cluster import Cluster
from support.identity import PASSWORD, PASSWORD_DIGEST, SECRET, client, clients_file
from support.platform import eventually

CLIENT_ID: Final = "app-platform-dashboard"
PEOPLE: Final[Mapping[str, tuple[str, ...]]] = {
    "paula": ("platform-admins",),
    "ada": ("my-app-admins", "everybody"),
    "dev": ("my-app-developers",),
    "rita": ("my-app-readers",),
    "sam": (),
    "olga": ("other-app-admins",),
}
"""The sample people, by their groups; everybody's password is `support.identity.PASSWORD`."""
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


def access(app: str) -> list[dict[str, str]]:
    """The usual access entries of an app."""
    return [{"group": f"{app}-{role}s", "role": role} for role in ("admin", "developer", "reader")]


def users_text() -> str:
    """The provider's users file."""
    users = {
        name: {
            "displayname": name.capitalize(),
            "email": f"{name}@example.com",
            "groups": list(groups),
            "password": PASSWORD_DIGEST,
        }
        for name, groups in PEOPLE.items()
    }
    return yaml.safe_dump({"users": users})


def start_provider(folder: Path, issuer: str, port: int, dashboard_url: str) -> subprocess.Popen[bytes]:
    """Start the identity provider with the dashboard's client; returns when it answers."""
    config, users = folder / "clients.yml", folder / "users.yml"
    redirect = f"{dashboard_url}/auth/callback"
    config.write_text(
        clients_file(client(client_id=CLIENT_ID, client_name="Dashboard", redirect_uris=[redirect]))
    )
    users.write_text(users_text())
    arguments = [
        "--config",
        config,
        "--users",
        users,
        "--issuer",
        issuer,
        "--port",
        str(port),
        "--state",
        folder,
    ]
    process = subprocess.Popen([sys.executable, "-m", "app_platform.local.identity", *map(str, arguments)])
    eventually(lambda: _answers(f"{issuer}/api/health"), "the identity provider answers")
    return process


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


def furnish(platform: Platform, cluster: Cluster, folder: Path) -> tuple[Dashboard, subprocess.Popen[bytes]]:
    """Everything that people need to sign in, and two apps."""
    url = platform.env["DASHBOARD_URL"]
    port = json.loads(platform.state.ports_file.read_text())["identity"]
    issuer = f"http://127.0.0.1:{port}"
    process = start_provider(folder, issuer, port, url)
    cluster.do(give_client)
    cluster.do(give_groups)
    made = Dashboard(url, issuer, platform, cluster)
    for name in ("my-app", "other-app"):
        made.app(name).register(access=access(name))
    for name in ("my-app", "other-app"):
        made.app(name).until_ready()
    return made, process


@pytest.fixture(scope="session")
def dashboard(
    whole_platform: Platform, cluster: Cluster, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Dashboard]:
    """The dashboard of the shared whole platform."""
    made, process = furnish(whole_platform, cluster, tmp_path_factory.mktemp("identity"))
    yield made
    process.terminate()
    process.wait()


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url) as answer:  # noqa: S310 - loopback
            return bool(answer.status == 200)
    except urllib.error.URLError:
        return False


__all__ = ["PASSWORD", "PEOPLE", "Dashboard"]
