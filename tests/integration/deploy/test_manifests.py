"""The kustomize overlays: rendered by kubectl, checked by a real API server (server-side dry run), and what they promise of pods.

Nothing of it is started: there is no kubelet here. NATS' configuration is read by the real nats-server.
"""

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic_settings import BaseSettings
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from app_platform.dashboard.settings import Settings as DashboardSettings
from app_platform.git_committer.settings import GitHubSettings
from app_platform.git_committer.settings import Settings as CommitterSettings
from app_platform.local import SERVICES, Platform, certificates, find_tool
from app_platform.oidc_registrar.settings import Settings as RegistrarSettings
from app_platform.runtime import RuntimeSettings, accounts, load
from app_platform.runtime.permissions import BOOTSTRAP
from app_platform.secrets_encryptor.settings import Settings as EncryptorSettings
from app_platform.watcher.settings import Settings as WatcherSettings
from support.overlays import (
    OVERLAYS,
    PLAIN,
    ROOT,
    by_name,
    kubectl,
    objects,
    pods,
    rendered,
    selects,
    shared_settings,
)

SETTINGS: tuple[type[BaseSettings], ...] = (
    RuntimeSettings,
    DashboardSettings,
    CommitterSettings,
    GitHubSettings,
    RegistrarSettings,
    EncryptorSettings,
    WatcherSettings,
)


@pytest.mark.usefixtures("definitions")
@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_api_server_takes_every_object(overlay: str, platform: Platform) -> None:
    told = kubectl(
        "apply", "--server-side", "--force-conflicts", "--dry-run=server", "--warnings-as-errors", "-f", "-",
        env=platform.env,
        text=rendered(overlay),
    )  # fmt: skip
    assert len(told.splitlines()) == len(objects(overlay))


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_namespace_admits_every_pod(overlay: str, platform: Platform) -> None:
    """The API server itself judges: PodSecurity looks at pods that are made, not at Deployments."""
    space = objects(overlay, "Namespace")
    assert space[0]["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    kubectl(
        "apply", "--server-side", "--force-conflicts", "-f", "-", env=platform.env, text=yaml.dump_all(space)
    )
    made = ["create", "--dry-run=server", "--warnings-as-errors", "-f", "-"]
    for _, pod in pods(overlay):
        kubectl(*made, env=platform.env, text=json.dumps(pod))
    (_, pod), *_ = pods(overlay)
    pod["spec"]["containers"][0]["securityContext"]["allowPrivilegeEscalation"] = True
    with pytest.raises(AssertionError, match="violates PodSecurity"):
        kubectl(*made, env=platform.env, text=json.dumps(pod))


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_service_is_there_with_its_own_identities(overlay: str) -> None:
    accounts_ = by_name(overlay, "ServiceAccount")
    found = dict(pods(overlay))
    assert found.keys() == {"nats", "nats-bootstrap", *(service.name for service in SERVICES)}
    for service in (each.name for each in SERVICES):
        spec = found[service]["spec"]
        assert spec["serviceAccountName"] == service
        assert service in accounts_
        volumes = {volume["name"]: volume for volume in spec["volumes"]}
        assert volumes["nats-key"]["secret"]["secretName"] == f"nats-key-{service}"
        (container,) = spec["containers"]
        assert re.fullmatch(
            rf"ghcr\.io/labrats-work/app-platform-{service}:\d+\.\d+\.\d+", container["image"]
        )
        token = volumes["api-access"]["projected"]["sources"][0]["serviceAccountToken"]
        assert token["expirationSeconds"] <= 600
    keys = found["nats-bootstrap"]["spec"]["volumes"][0]["secret"]["secretName"]
    assert keys == f"nats-key-{BOOTSTRAP}"


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_pods_hold_what_the_guide_asks_of_containers(overlay: str) -> None:
    for name, pod in pods(overlay):
        spec = pod["spec"]
        assert spec["automountServiceAccountToken"] is False, name
        assert spec["securityContext"]["runAsUser"] == 1001, name
        for container in spec["containers"]:
            assert container["securityContext"]["readOnlyRootFilesystem"] is True, name
            assert {"cpu", "memory"} <= container["resources"]["requests"].keys(), name
            assert "memory" in container["resources"]["limits"], name
            assert not container["image"].endswith(":latest"), name
            assert ":" in container["image"], name
            assert {"readinessProbe", "livenessProbe"} <= container.keys(), name


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_variable_is_a_setting(overlay: str) -> None:
    known = {
        f"{each.model_config.get('env_prefix')}{field.upper()}"
        for each in SETTINGS
        for field in each.model_fields
    }
    configured = {
        key
        for name, each in by_name(overlay, "ConfigMap").items()
        if name.startswith("app-platform-settings")
        for key in each["data"]
    }
    named = {
        variable["name"]
        for _, pod in pods(overlay)
        for container in pod["spec"]["containers"]
        for variable in container.get("env", ())
    }
    of_the_sdk = {"OTEL_EXPORTER_OTLP_ENDPOINT"} if overlay.endswith("tracing") else set()
    assert (configured | named) - known == {"POD_NAME", *of_the_sdk}


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_settings_of_each_service_can_be_read(overlay: str, monkeypatch: pytest.MonkeyPatch) -> None:
    maps = by_name(overlay, "ConfigMap")
    of: dict[str, tuple[type[BaseSettings], ...]] = {
        "watcher": (WatcherSettings,),
        "namespace-rbac": (RuntimeSettings,),
        "git-committer": (CommitterSettings, GitHubSettings),
        "secrets-encryptor": (EncryptorSettings,),
        "oidc-registrar": (RegistrarSettings,),
        "dashboard": (DashboardSettings,),
    }
    assert of.keys() == {service.name for service in SERVICES}
    for service, classes in of.items():
        (container,) = dict(pods(overlay))[service]["spec"]["containers"]
        shared = maps[container["envFrom"][0]["configMapRef"]["name"]]["data"]
        own = {each["name"]: each["value"] for each in container["env"] if "value" in each}
        with monkeypatch.context() as patched:
            for name, value in {**shared, **own}.items():
                patched.setenv(name, value)
            read, *_ = [load(each) for each in classes]
        assert isinstance(read, RuntimeSettings)
        assert read.health_port == container["ports"][0]["containerPort"], service


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_services_lead_to_ports_of_pods(overlay: str) -> None:
    found = dict(pods(overlay))
    for name, service in by_name(overlay, "Service").items():
        labels = found[name]["metadata"]["labels"]
        assert service["spec"]["selector"].items() <= labels.items()
        ports = {port["name"] for each in found[name]["spec"]["containers"] for port in each["ports"]}
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= ports


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_nothing_is_reached_that_no_policy_names(overlay: str) -> None:
    policies = by_name(overlay, "NetworkPolicy")
    denied = policies.pop("default-deny")["spec"]
    assert (denied["podSelector"], denied["policyTypes"]) == ({}, ["Ingress", "Egress"])
    workloads = {name: pod["metadata"]["labels"] for name, pod in pods(overlay)}
    for name, policy in policies.items():
        assert any(selects(policy["spec"]["podSelector"], labels) for labels in workloads.values()), name
        for rule in (*policy["spec"].get("ingress", ()), *policy["spec"].get("egress", ())):
            assert rule.get("ports"), f"{name} opens every port"
            assert rule.get("from") or rule.get("to"), f"{name} opens to everybody"
    entered = {
        (name, port["port"])
        for policy in policies.values()
        for rule in policy["spec"].get("ingress", ())
        for port in rule["ports"]
        for name, labels in workloads.items()
        if selects(policy["spec"]["podSelector"], labels)
    }
    ours = {(name, 8080) for name in workloads if name != "nats"}
    others = {("nats", 4222), ("git-committer", 8081), ("dashboard", 8000)}
    routes = {("nats", 6222)} if overlay.startswith("high-availability") else set()
    assert entered == ours | others | routes


@pytest.mark.parametrize("overlay", PLAIN)
async def test_people_behind_the_ingress_are_told_apart(overlay: str) -> None:
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["client"][0])

    trusted = shared_settings(overlay)["APP_PLATFORM_TRUSTED_PROXIES"]
    for proxy in ("10.42.0.7", "192.0.2.7"):
        headers = [(b"x-forwarded-for", b"203.0.113.9")]
        scope: Any = {"type": "http", "scheme": "http", "client": (proxy, 1), "headers": headers}
        await ProxyHeadersMiddleware(app, trusted)(scope, None, None)  # type: ignore[arg-type]  # not called
    assert seen == ["203.0.113.9", "192.0.2.7"]


def test_the_api_server_takes_the_platforms_own_gitops(platform: Platform) -> None:
    file = ROOT / "deploy" / "gitops" / "platform.yaml"
    env = {"KUBECONFIG": platform.env["KUBECONFIG"]}
    said = kubectl("apply", "--server-side", "--dry-run=server", "-f", str(file), env=env)
    assert len(said.splitlines()) == 2


def test_with_high_availability_no_node_is_alone() -> None:
    overlay = "high-availability"
    budgets = {name: each["spec"] for name, each in by_name(overlay, "PodDisruptionBudget").items()}
    for each in objects(overlay, "Deployment", "StatefulSet"):
        name, spec = each["metadata"]["name"], each["spec"]
        if name == "nats-bootstrap":
            continue  # what it made stays while it is away
        assert spec["replicas"] >= (3 if name == "nats" else 2), name
        assert spec["template"]["spec"]["topologySpreadConstraints"], name
        assert (
            budgets[name]["selector"]["matchLabels"].items() <= spec["template"]["metadata"]["labels"].items()
        )
    settings = shared_settings(overlay)
    assert settings["APP_PLATFORM_STREAM_REPLICAS"] == "3"
    assert len(settings["APP_PLATFORM_NATS_URL"].split(",")) == 3


@pytest.mark.parametrize("overlay", PLAIN)
def test_the_history_of_events_fits_into_the_store_and_that_onto_the_disk(overlay: str) -> None:
    maps = by_name(overlay, "ConfigMap")
    settings = next(v["data"] for k, v in maps.items() if k.startswith("app-platform-settings"))
    configured = next(v["data"] for k, v in maps.items() if k.startswith("nats-configuration"))["nats.conf"]
    nats = by_name(overlay, "StatefulSet")["nats"]["spec"]
    claim = nats["volumeClaimTemplates"][0]["spec"]["resources"]["requests"]["storage"]
    store = re.search(r"max_file_store: (\d+)GB", configured)
    assert store
    # nats-server reads GB as 2^30 bytes, as Kubernetes does Gi.
    assert int(store[1]) < int(claim.removesuffix("Gi"))
    store_bytes = int(store[1]) * 2**30
    assert int(settings["APP_PLATFORM_STORE_BYTES"]) == store_bytes * nats["replicas"]
    assert int(settings["APP_PLATFORM_EVENT_BYTES"]) < 0.8 * store_bytes, (
        "the alert is about what has no limit"
    )


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_nats_server_reads_its_configuration(overlay: str, tmp_path: Path) -> None:
    (files,) = (
        each["data"]
        for name, each in by_name(overlay, "ConfigMap").items()
        if name.startswith("nats-configuration")
    )
    accounts.write(tmp_path)
    certificates.keep(tmp_path / "tls")
    for suffix in ("crt", "key"):
        (tmp_path / "tls" / f"server.{suffix}").rename(tmp_path / "tls" / f"tls.{suffix}")
    for name, text in files.items():
        here = text.replace("/data", str(tmp_path / "data")).replace("/etc/nats-tls", str(tmp_path / "tls"))
        (tmp_path / name).write_text(here)
    assert ("verify: true" in files["tls.conf"]) is overlay.endswith("TLS")
    program = find_tool("nats-server", os.environ, print)
    done = subprocess.run(
        [str(program), "-t", "-c", str(tmp_path / "nats.conf")],
        env={"POD_NAME": "nats-0"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
