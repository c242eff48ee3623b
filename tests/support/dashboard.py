"""The dashboard with an identity provider and people to sign in: the guide's app `my-app`, another one, and somebody for each role."""

import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import pytest
import yaml

from app_platform.local import Platform
from app_platform.local.identities import write_private
from support.apps import App
from support.cluster import Cluster
from support.platform import eventually

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


def furnish(platform: Platform, cluster: Cluster) -> Dashboard:
    """Everything that people need to sign in, and two apps."""
    url, issuer = platform.env["DASHBOARD_URL"], platform.env["OIDC_ISSUER_URL"]
    made = Dashboard(url, issuer, platform, cluster)
    for name in ("my-app", "other-app"):
        made.app(name).register(access=access(name))
    for name in ("my-app", "other-app"):
        made.app(name).until_ready()
    eventually(lambda: _answers(f"{issuer}/api/health"), "the identity provider answers", within=120)
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
