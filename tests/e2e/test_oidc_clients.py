"""OIDC clients on the whole platform, two replicas of everything: conflicts, faults, loss of the list, and where their secrets are not."""

import base64
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from app_platform.contracts import names
from app_platform.kube import ROLES, SECRETS, KubeClient, Object
from app_platform.kube.registrations import REGISTRATIONS
from app_platform.oidc_registrar import credentials
from support.apps import PATIENCE, App
from support.cluster import Cluster
from support.leaks import leaks
from support.platform import eventually

REPLICAS = ("oidc-registrar-0", "oidc-registrar-1")
HOST = "hcl.labrats.work"


class Clients:
    """The OIDC clients of an app, written as its admins do.

    Args:
        app: Whose they are.
    """

    def __init__(self, app: App) -> None:
        self.app = app

    def ask(self, name: str, client_id: str = "", **data: str) -> None:
        """Create a Secret as the guide has it."""
        values = {"hostname": f"{name}.{self.app.name}.{HOST}", **data}
        manifest = SECRETS.manifest(name, self.app.home, stringData=values)
        manifest["metadata"]["labels"] = {
            names.OIDC_CLIENT_LABEL: client_id or f"{self.app.name}-{name}",
            names.APP_LABEL: self.app.name,
        }
        self.app.cluster.do(lambda client: client.create(SECRETS, manifest, metadata_only=True))

    def change(self, name: str, **data: str) -> None:
        """Change values."""
        self.app.patch(name, {"stringData": data})

    def delete(self, name: str) -> None:
        """Ask for deletion."""
        self.app.cluster.do(lambda client: client.delete(SECRETS, name, self.app.home))

    def secret(self, name: str) -> str:
        """The client secret."""
        found = self.app.find(SECRETS, name, self.app.home)
        return base64.b64decode(found["data"]["clientSecret"]).decode()

    def status(self, name: str) -> str:
        """What its author reads; empty when there is no such Secret."""
        found = self.app.find(SECRETS, name, self.app.home)
        return str((found or {"metadata": {}})["metadata"].get("annotations", {}).get(names.OIDC_STATUS, ""))

    def until(self, name: str, status: str) -> None:
        """Wait for a status that begins so."""
        eventually(
            lambda: self.status(name).startswith(status),
            f"{name} {status}: {self.status(name)}",
            within=PATIENCE,
        )

    def readable(self) -> list[str]:
        """What ``secret-reader`` may read."""
        role = self.app.find(ROLES, names.SECRET_READER, self.app.home)
        return [each for rule in role.get("rules") or [] for each in rule["resourceNames"]]


def listed(cluster: Cluster) -> dict[str, Any]:
    """The published clients by id."""
    found: Object = cluster.do(lambda client: client.get(SECRETS, names.OIDC_CLIENTS_SECRET, names.AUTHELIA))
    file = base64.b64decode(found.get("data", {}).get(names.OIDC_CLIENTS_ENTRY, ""))
    clients = (yaml.safe_load(file) or {"identity_providers": {"oidc": {"clients": []}}})[
        "identity_providers"
    ]
    return {each["client_id"]: each for each in clients["oidc"]["clients"]}


@pytest.fixture
def mine(app: App) -> Iterator[Clients]:
    """The clients of an app; the registrar runs afterwards, whatever the test did to it."""
    yield Clients(app)
    for replica in REPLICAS:
        app.platform.control.start(replica)
    app.platform.control.wait_ready(REPLICAS, PATIENCE)


def test_a_client_lives_as_its_secret_says(mine: Clients, cluster: Cluster) -> None:
    mine.ask("web")
    mine.until("web", "Registered")
    secret, client_id = mine.secret("web"), f"{mine.app.name}-web"
    assert credentials.is_well_formed(secret)
    assert listed(cluster)[client_id]["redirect_uris"] == [
        f"https://web.{mine.app.name}.{HOST}/api/auth/oidc/callback"
    ]
    eventually(lambda: mine.readable() == ["web"], "secret-reader follows")
    mine.change("web", hostname=f"new.{mine.app.name}.{HOST}", callbackPath="/cb")
    eventually(
        lambda: listed(cluster)[client_id]["redirect_uris"] == [f"https://new.{mine.app.name}.{HOST}/cb"],
        "registered anew",
        within=PATIENCE,
    )
    mine.until("web", "Registered")
    assert mine.secret("web") == secret
    mine.app.patch("web", {"metadata": {"annotations": {names.OIDC_ROTATE: "1"}}})
    eventually(lambda: mine.secret("web") != secret, "a new secret")
    mine.until("web", "Registered")
    mine.delete("web")
    eventually(lambda: not mine.app.find(SECRETS, "web", mine.app.home), "the Secret goes", within=PATIENCE)
    assert client_id not in listed(cluster)
    eventually(lambda: mine.readable() == [], "secret-reader follows")


def test_what_one_app_has_another_does_not_get(mine: Clients, other: App, cluster: Cluster) -> None:
    theirs = Clients(other)
    mine.ask("web")
    mine.until("web", "Registered")
    theirs.ask("thief", client_id=f"{mine.app.name}-web")
    theirs.ask("squatter", hostname=f"web.{mine.app.name}.{HOST}")
    theirs.ask("lost", hostname="web.example.org")
    theirs.until("thief", "Failed: client id")
    theirs.until("squatter", "Failed: hostname belongs to another app")
    theirs.until("lost", f"Failed: hostname lies outside the domains that this platform serves: *.{HOST}")
    assert theirs.readable() == []
    assert mine.status("web") == "Registered"
    theirs.change("squatter", hostname=f"own.{other.name}.{HOST}")
    theirs.until("squatter", "Registered")
    assert f"https://web.{mine.app.name}" in listed(cluster)[f"{mine.app.name}-web"]["redirect_uris"][0]


def test_a_registrar_killed_at_any_moment_registers_everything(mine: Clients, cluster: Cluster) -> None:
    wanted = {f"c{number}" for number in range(12)}
    for number, name in enumerate(sorted(wanted)):
        mine.ask(name)
        if number % 3 == 2:
            replica = REPLICAS[number % 2]
            mine.app.platform.control.wait_ready([replica], PATIENCE)
            mine.app.platform.control.kill(replica)
    for name in wanted:
        mine.until(name, "Registered")
    ids = {f"{mine.app.name}-{name}" for name in wanted}
    assert ids <= listed(cluster).keys()
    assert len({mine.secret(name) for name in wanted}) == len(wanted)


def test_what_happens_while_the_registrar_is_down_is_done_when_it_is_up(
    mine: Clients, cluster: Cluster
) -> None:
    for name in ("stays", "goes", "changes"):
        mine.ask(name)
    for name in ("stays", "goes", "changes"):
        mine.until(name, "Registered")
    kept = mine.secret("stays")
    for replica in REPLICAS:
        mine.app.platform.control.stop(replica)
    mine.delete("goes")
    mine.change("changes", callbackPath="/later")
    mine.ask("new")
    assert mine.app.find(SECRETS, "goes", mine.app.home), "held by its finalizer"
    for replica in REPLICAS:
        mine.app.platform.control.start(replica)
    mine.until("new", "Registered")
    eventually(lambda: not mine.app.find(SECRETS, "goes", mine.app.home), "the Secret goes", within=PATIENCE)
    ids = {client_id for client_id in listed(cluster) if client_id.startswith(f"{mine.app.name}-")}
    assert ids == {f"{mine.app.name}-{name}" for name in ("stays", "changes", "new")}
    assert listed(cluster)[f"{mine.app.name}-changes"]["redirect_uris"][0].endswith("/later")
    assert mine.secret("stays") == kept


def test_the_loss_of_the_list_loses_no_client_and_no_secret(mine: Clients, cluster: Cluster) -> None:
    mine.ask("web")
    mine.until("web", "Registered")
    before, secret = listed(cluster).keys(), mine.secret("web")

    async def lose(client: KubeClient) -> None:
        patch = [{"op": "remove", "path": "/data"}]
        await client.json_patch(SECRETS, names.OIDC_CLIENTS_SECRET, names.AUTHELIA, patch, metadata_only=True)

    cluster.do(lose)
    eventually(lambda: listed(cluster).keys() == before, "the list is made again", within=PATIENCE)
    mine.until("web", "Registered")
    assert mine.secret("web") == secret


def test_deleting_the_app_removes_its_clients(mine: Clients, cluster: Cluster) -> None:
    mine.ask("web")
    mine.until("web", "Registered")
    cluster.do(lambda client: client.delete(REGISTRATIONS, mine.app.name))
    eventually(lambda: mine.app.registration() is None, "the registration goes", within=PATIENCE)
    assert f"{mine.app.name}-web" not in listed(cluster)
    assert mine.status("web") == (
        f"Failed: app '{mine.app.name}' is not registered any more: register it again"
    )


def test_a_client_secret_is_nowhere_but_in_its_secret(mine: Clients, cluster: Cluster) -> None:
    mine.ask("web")
    mine.until("web", "Registered")
    mine.change("web", callbackPath="/../x")
    mine.until("web", "Failed: callbackPath")
    assert leaks(mine.app.platform, cluster, f"{mine.app.name}-web"), "what is no secret is found"
    assert leaks(mine.app.platform, cluster, mine.secret("web")) == []
