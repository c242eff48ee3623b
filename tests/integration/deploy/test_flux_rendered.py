"""Flux as docker-compose.yml installs it. Its releases' files are not to be had everywhere: what they are built from lies in the Go modules."""

import os
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from app_platform.local.paths import workspace_root
from app_platform.local.tools.build import fetch_definition
from app_platform.local.tools.pins import Definition, pinned_definitions
from support.kustomize import Manifest, only, render

FOLDER = workspace_root() / "deploy" / "compose" / "flux"
RELEASE = re.compile(
    r"https://github\.com/(fluxcd/[a-z-]+)/releases/download/(v[0-9.]+)/[a-z-]+\.(crds|deployment)\.yaml"
)
NAMES = ("source-controller", "kustomize-controller")


def resources() -> list[str]:
    found: list[str] = yaml.safe_load((FOLDER / "kustomization.yaml").read_text())["resources"]
    return found


@pytest.fixture(scope="module")
def manifests(tmp_path_factory: pytest.TempPathFactory) -> list[Manifest]:
    """The folder, with each release's deployment from its module; the definitions are left out."""
    folder = tmp_path_factory.mktemp("flux")
    shutil.copytree(FOLDER, folder, dirs_exist_ok=True)
    text = (folder / "kustomization.yaml").read_text()
    for url in resources():
        release = RELEASE.fullmatch(url)
        if release:
            name = f"{Path(release[1]).name}.yaml"
            if release[3] == "deployment":
                source = f"github.com/{release[1]}@{release[2]}"
                fetch_definition(
                    Definition(source, "config/manager/deployment.yaml"), folder / name, os.environ
                )
            text = text.replace(f"  - {url}\n", f"  - {name}\n" if release[3] == "deployment" else "")
    (folder / "kustomization.yaml").write_text(text)
    return render(folder)


def test_versions_are_those_of_the_local_platform() -> None:
    pinned = {each.module.removeprefix("github.com/") for each in pinned_definitions()}
    released = [release for url in resources() if (release := RELEASE.fullmatch(url))]
    assert len(released) == 2 * len(NAMES)
    assert {f"{release[1]}@{release[2]}" for release in released} <= pinned


@pytest.mark.parametrize("name", NAMES)
def test_a_controller_has_an_account_and_no_one_to_tell(manifests: list[Manifest], name: str) -> None:
    pod = pod_of(manifests, name)
    assert (
        only(manifests, "ServiceAccount", pod["serviceAccountName"])["metadata"]["namespace"] == "flux-system"
    )
    assert "--events-addr=" in pod["containers"][0]["args"]


def test_a_kustomization_without_account_may_do_nothing(manifests: list[Manifest]) -> None:
    arguments = pod_of(manifests, "kustomize-controller")["containers"][0]["args"]
    assert {"--no-cross-namespace-refs", "--default-service-account=default"} <= set(arguments)
    (binding,) = [each for each in manifests if each["kind"] == "ClusterRoleBinding"]
    assert {subject["name"] for subject in binding["subjects"]} == set(NAMES)


def pod_of(manifests: list[Manifest], name: str) -> Any:
    return only(manifests, "Deployment", name)["spec"]["template"]["spec"]
