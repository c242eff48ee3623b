"""Authelia's folders as kustomize renders them: the base, and what docker-compose.yml applies."""

from pathlib import Path
from typing import Any

import pytest

from app_platform.local.paths import workspace_root
from support.kustomize import Manifest, only, render

DEPLOY = workspace_root() / "deploy"
FOLDERS = ("kubernetes/authelia", "compose/authelia")


@pytest.fixture(scope="module", params=FOLDERS)
def manifests(request: pytest.FixtureRequest) -> list[Manifest]:
    return render(DEPLOY / request.param)


def pod(manifests: list[Manifest]) -> Any:
    return only(manifests, "Deployment", "authelia")["spec"]["template"]["spec"]


def test_the_registrar_may_roll_the_deployment_that_there_is(manifests: list[Manifest]) -> None:
    rules = only(manifests, "Role", "app-platform-oidc-registrar")["rules"]
    named = {rule["resources"][0]: rule["resourceNames"] for rule in rules}
    assert named == {"secrets": ["authelia-oidc-clients"], "deployments": ["authelia"]}


def test_the_configuration_is_the_one_that_is_mounted(manifests: list[Manifest]) -> None:
    (configuration,) = [each for each in manifests if each["kind"] == "ConfigMap"]
    mounted = {volume["name"]: volume for volume in pod(manifests)["volumes"]}
    assert mounted["configuration"]["configMap"]["name"] == configuration["metadata"]["name"]
    assert configuration["data"].keys() == {"configuration.yml", "site.yml"}


def test_compose_takes_no_part_of_what_it_has_not() -> None:
    manifests = render(DEPLOY / "compose" / "authelia")
    files = {Path(each["value"]).name for each in pod(manifests)["containers"][0]["env"]}
    assert files == {"session", "storage-encryption-key", "oidc-hmac"}
    assert "ldap" not in str(pod(manifests))
