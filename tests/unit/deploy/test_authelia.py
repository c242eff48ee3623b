"""Authelia's manifests and configuration: of the published format, mounted where they are read, and in agreement with the registrar.

The JSON Schema is that of Authelia 4.39. Where it is not at hand, the rules that its documentation states are checked alone.
"""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from app_platform.local.authelia.controller import CLIENTS_SECRET, DEPLOYMENT, NAMESPACE
from app_platform.local.authelia.pod import CLIENTS_FILE
from app_platform.local.bootstrap import authelia_manifests, read_manifests
from app_platform.local.paths import workspace_root
from support.identity import clients_file

ROOT = workspace_root()
FOLDER = ROOT / "deploy" / "kubernetes" / "authelia"
SCHEMA = ROOT.parent / "shared" / "authelia" / "configuration.schema.json"

Manifest = dict[str, Any]


def merged(*files: str) -> dict[str, Any]:
    """What Authelia makes of several files: maps are merged, anything else is replaced."""
    whole: dict[str, Any] = {}
    for text in files:
        _merge(whole, yaml.safe_load(text))
    return whole


def _merge(into: dict[str, Any], more: dict[str, Any]) -> None:
    for name, value in more.items():
        if isinstance(value, dict) and isinstance(into.get(name), dict):
            _merge(into[name], value)
        else:
            assert name not in into, f"{name} is in two files"
            into[name] = value


@pytest.fixture(scope="module")
def configuration() -> dict[str, Any]:
    """The whole configuration, with a list of clients as the registrar writes it."""
    return whole(FOLDER / "site.yml")


def whole(site: Path) -> dict[str, Any]:
    """The configuration of a site."""
    return merged((FOLDER / "configuration.yml").read_text(), site.read_text(), clients_file())


@pytest.fixture(scope="module")
def manifests() -> dict[str, Manifest]:
    return {each["kind"]: each for each in read_manifests(authelia_manifests(FOLDER.parent))}


@pytest.fixture(scope="module")
def container(manifests: dict[str, Manifest]) -> dict[str, Any]:
    found: dict[str, Any] = pod(manifests)["containers"][0]
    return found


def pod(manifests: dict[str, Manifest]) -> dict[str, Any]:
    found: dict[str, Any] = manifests["Deployment"]["spec"]["template"]["spec"]
    return found


@pytest.mark.skipif(not SCHEMA.exists(), reason="Authelia's JSON Schema is not at hand")
def test_the_configuration_is_of_authelias_schema(configuration: dict[str, Any]) -> None:
    schema = json.loads(SCHEMA.read_text())
    validator = jsonschema.validators.validator_for(schema)(schema)
    assert not [f"{list(each.path)}: {each.message}" for each in validator.iter_errors(configuration)]
    configuration["identity_providers"]["oidc"]["clients"][0]["colour"] = "blue"
    assert list(validator.iter_errors(configuration))
    del configuration["identity_providers"]["oidc"]["clients"][0]["colour"]


@pytest.mark.skipif(not SCHEMA.exists(), reason="Authelia's JSON Schema is not at hand")
def test_the_configuration_for_compose_is_of_the_schema_too() -> None:
    schema = json.loads(SCHEMA.read_text())
    configuration = whole(ROOT / "deploy" / "compose" / "authelia" / "site.yml")
    validator = jsonschema.validators.validator_for(schema)(schema)
    assert not [f"{list(each.path)}: {each.message}" for each in validator.iter_errors(configuration)]


def test_the_configuration_keeps_the_documented_rules(configuration: dict[str, Any]) -> None:
    oidc = configuration["identity_providers"]["oidc"]
    assert oidc.keys() == {"enforce_pkce", "lifespans", "clients", "claims_policies"}
    assert configuration["access_control"] == {"default_policy": "one_factor"}  # "deny" needs rules
    cookie = configuration["session"]["cookies"][0]
    assert cookie["authelia_url"] == "https://my-id.hcl.labrats.work"
    assert cookie["authelia_url"].endswith(f".{cookie['domain']}")
    assert len(configuration["storage"]) == len(configuration["notifier"]) == 1
    assert "password" not in json.dumps(configuration["storage"])


def test_the_registrars_objects_are_where_it_looks(manifests: dict[str, Manifest]) -> None:
    deployment, secret = manifests["Deployment"]["metadata"], manifests["Secret"]["metadata"]
    assert (deployment["namespace"], deployment["name"]) == (NAMESPACE, DEPLOYMENT)
    assert (secret["namespace"], secret["name"]) == (NAMESPACE, CLIENTS_SECRET)
    assert not {"data", "stringData"} & manifests["Secret"].keys()  # applying it again takes no client away


def test_an_update_that_fails_leaves_the_old_pod(manifests: dict[str, Manifest]) -> None:
    spec = manifests["Deployment"]["spec"]
    assert spec["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
    assert 0 < spec["progressDeadlineSeconds"] < 600
    assert spec["selector"]["matchLabels"] == spec["template"]["metadata"]["labels"]
    assert manifests["Service"]["spec"]["selector"] == spec["selector"]["matchLabels"]


def test_every_file_that_is_read_is_mounted(
    manifests: dict[str, Manifest], container: dict[str, Any]
) -> None:
    sources = {
        "/config/configuration.yml": ("configMap", "name", "authelia-configuration"),
        "/config/site.yml": ("configMap", "name", "authelia-configuration"),
        "/secrets/oidc-keys.yml": ("secret", "secretName", "authelia"),
        f"/clients/{CLIENTS_FILE}": ("secret", "secretName", CLIENTS_SECRET),
    }
    assert container["args"] == [f"--config={path}" for path in sources]
    volumes = {each["name"]: each for each in pod(manifests)["volumes"]}
    mounts = {each["mountPath"]: volumes[each["name"]] for each in container["volumeMounts"]}
    for path, (kind, field, name) in sources.items():
        assert mounts[str(Path(path).parent)][kind][field] == name
    generated = yaml.safe_load((FOLDER / "kustomization.yaml").read_text())["configMapGenerator"][0]
    assert (generated["name"], generated["files"]) == (
        "authelia-configuration",
        ["configuration.yml", "site.yml"],
    )
    assert all(each["value"].startswith("/secrets/") for each in container["env"])


def test_no_value_is_interpreted(container: dict[str, Any]) -> None:
    # Authelia's file filters would replace `{{ secret "…" }}` in an app's values too.
    assert "filter" not in json.dumps(container).lower()


def test_the_pod_keeps_the_guides_conventions(
    manifests: dict[str, Manifest], container: dict[str, Any]
) -> None:
    assert pod(manifests)["securityContext"]["runAsUser"] == 1001
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert container["resources"].keys() == {"requests", "limits"}
    tag = container["image"].rpartition(":")[2]
    assert tag.startswith("4.39.")


def test_kustomize_takes_what_the_local_platform_takes() -> None:
    listed = yaml.safe_load((FOLDER / "kustomization.yaml").read_text())["resources"]
    assert sorted(listed) == sorted(path.name for path in authelia_manifests(FOLDER.parent))
