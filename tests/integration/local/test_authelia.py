"""The stand-in for Authelia's Deployment on a real API server: what registrar and users see of a new list of clients."""

import base64
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from app_platform.kube import SECRETS, KubeClient
from app_platform.local import Platform
from app_platform.local.authelia.controller import CLIENTS_SECRET, DEPLOYMENT, DEPLOYMENTS, NAMESPACE
from app_platform.local.authelia.pod import CLIENTS_FILE
from support.cluster import Cluster
from support.identity import Browser, Relying, client, clients_file, location
from support.platform import PlatformFactory, eventually


class Authelia:
    """The Deployment, the Secret and the address, as others see them."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        self.issuer = platform.env["OIDC_ISSUER_URL"]
        self.cluster = Cluster(platform.state.kubeconfig("admin"))

    def publish(self, text: str, mark: str) -> int:
        """Write a list and roll the Deployment; its generation then."""
        entry = {CLIENTS_FILE: base64.b64encode(text.encode()).decode()}
        template = {"metadata": {"annotations": {"labrats.work/oidc-clients": mark}}}

        async def write(api: KubeClient) -> Any:
            await api.merge_patch(SECRETS, CLIENTS_SECRET, NAMESPACE, {"data": entry})
            patch = {"spec": {"template": template}}
            return await api.merge_patch(DEPLOYMENTS, DEPLOYMENT, NAMESPACE, patch)

        return int(self.cluster.do(write)["metadata"]["generation"])

    def status(self) -> dict[str, Any]:
        """The Deployment's status."""
        found = self.cluster.do(lambda api: api.get(DEPLOYMENTS, DEPLOYMENT, NAMESPACE))
        return dict(found.get("status") or {})

    def says(self, reason: str, generation: int = 0) -> bool:
        """Whether condition Progressing has this reason, for this generation."""
        status = self.status()
        reasons = [each["reason"] for each in status.get("conditions", []) if each["type"] == "Progressing"]
        return reasons == [reason] and status["observedGeneration"] >= generation

    def expect(self, reason: str, generation: int = 0) -> None:
        """Wait for a reason."""
        eventually(lambda: self.says(reason, generation), f"{reason}: {self.status()}", within=60)

    def healthy(self) -> bool:
        """Whether the provider answers."""
        try:
            return httpx2.get(f"{self.issuer}/api/health").status_code == 200
        except httpx2.TransportError:
            return False

    def knows(self, client_id: str) -> bool:
        """Whether the provider knows a client."""
        page = Browser(self.issuer).open(Relying(self.issuer, client_id=client_id).authorization_url())
        return "The client does not exist" not in page.text


@pytest.fixture(scope="module")
def authelia(new_platform: PlatformFactory) -> Iterator[Authelia]:
    running = new_platform("authelia")
    running.up()
    found = Authelia(running)
    yield found
    found.cluster.close()


def test_the_life_of_a_list(authelia: Authelia) -> None:
    # Before anybody wrote a list: honestly unavailable, and nobody listens.
    eventually(lambda: "observedGeneration" in authelia.status(), "the Deployment is looked at")
    assert authelia.status().get("availableReplicas") is None
    assert not authelia.healthy()
    authelia.expect("ProgressDeadlineExceeded")

    first = authelia.publish(clients_file(client()), "1")
    authelia.expect("NewReplicaSetAvailable", first)
    assert authelia.status()["availableReplicas"] == 1
    assert authelia.healthy()
    app = Relying(authelia.issuer)
    page = Browser(authelia.issuer).sign_in(app.authorization_url(), "ada", "password")
    assert app.claims(app.tokens(location(page))["id_token"])["groups"] == ["my-app-admins"]

    # A broken list: the new process never gets ready, the old one serves on, with the old list.
    broken = authelia.publish(clients_file(client(client_id="new", colour="blue")), "2")
    authelia.expect("ProgressDeadlineExceeded", broken)
    status = authelia.status()
    assert (status["replicas"], status["updatedReplicas"], status["unavailableReplicas"]) == (2, 1, 1)
    assert authelia.knows("my-app")
    assert not authelia.knows("new")

    # Back to the last good list: the old process is the wanted one again.
    back = authelia.publish(clients_file(client()), "1")
    authelia.expect("NewReplicaSetAvailable", back)
    assert authelia.status()["replicas"] == 1

    third = authelia.publish(clients_file(client(), client(client_id="new")), "3")
    authelia.expect("NewReplicaSetAvailable", third)
    assert authelia.knows("new")


def test_a_changed_secret_alone_changes_nothing_until_the_process_restarts(authelia: Authelia) -> None:
    generation = authelia.publish(clients_file(client()), "4")
    authelia.expect("NewReplicaSetAvailable", generation)
    generation = authelia.publish(clients_file(client(client_id="later")), "4")
    assert authelia.knows("my-app")
    authelia.platform.control.restart("authelia")
    eventually(lambda: authelia.healthy() and authelia.knows("later"), "the new list after a restart")


def test_requests_are_served_all_through_a_change(authelia: Authelia) -> None:
    generation = authelia.publish(clients_file(client()), "5")
    authelia.expect("NewReplicaSetAvailable", generation)
    generation = authelia.publish(clients_file(client(), client(client_id="other")), "6")
    refused = 0
    while not authelia.says("NewReplicaSetAvailable", generation):
        refused += not authelia.healthy()
    assert refused == 0
    assert authelia.knows("other")


def test_the_stand_in_takes_up_its_work_after_being_killed(authelia: Authelia) -> None:
    generation = authelia.publish(clients_file(client()), "7")
    authelia.expect("NewReplicaSetAvailable", generation)
    authelia.platform.control.kill("authelia")
    eventually(authelia.healthy, "the provider is back", within=60)
    authelia.expect("NewReplicaSetAvailable", generation)


def test_applying_the_manifests_again_keeps_the_list(authelia: Authelia) -> None:
    generation = authelia.publish(clients_file(client()), "8")
    authelia.expect("NewReplicaSetAvailable", generation)
    before = authelia.status()["observedGeneration"]
    authelia.platform.up()
    secret = authelia.cluster.do(lambda api: api.get(SECRETS, CLIENTS_SECRET, NAMESPACE))
    assert CLIENTS_FILE in secret["data"]
    assert authelia.status()["observedGeneration"] == before
    assert authelia.healthy()
