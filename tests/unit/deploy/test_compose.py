"""docker-compose.yml against the rest of the repository: what it mounts is there, what it sets is known, and nothing is left open.

That it is of the Compose specification at all, its own loader says (tests/integration/deploy). What the loader leaves out is here too:
that services which others wait for are there and can be waited for.
"""

import inspect
import json
import re
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import pytest
import yaml
from settings_page import settings_classes, variables

from app_platform.cli import connect
from app_platform.git_committer.settings import GitHubSettings
from app_platform.kube import ClusterConfig
from app_platform.local import compose
from app_platform.local.git.settings import GitSettings
from app_platform.local.options import SERVICES
from app_platform.local.paths import workspace_root
from app_platform.runtime import RuntimeSettings, load
from app_platform.runtime.settings import SECRETS_DIR

ROOT = workspace_root()
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
PARTS: dict[str, Any] = COMPOSE["services"]
OURS = [service.name for service in SERVICES]
OTLP = "OTEL_EXPORTER_OTLP_ENDPOINT"
OBSERVERS = {name for name, part in PARTS.items() if part.get("profiles") == ["observability"]}
ONE_SHOT = {"setup", "cluster"}
ONLY_FOR_ROOT = {"setup", "k3s", "cluster", "nats", "proxy"}
"""`setup` gives files away, k3s runs containers, the others are not our images."""


@pytest.fixture(scope="module")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("secrets")
    compose.furnish(folder)
    return folder


def mounts(part: str) -> list[dict[str, Any]]:
    """The mounts of a service in their long form."""
    return [_long(each) if isinstance(each, str) else each for each in PARTS[part].get("volumes", [])]


def _long(text: str) -> dict[str, Any]:
    source, target, *flags = text.split(":")
    return {"type": "bind", "source": source, "target": target, "read_only": "ro" in flags}


def known(part: str) -> set[str]:
    """The variables that a service's program reads."""
    if part == "grafana":
        return {
            name for name in PARTS[part]["environment"] if name.startswith("GF_")
        }  # a section and a key, each
    if part == "git":
        return {*variables(GitSettings), SECRETS_DIR}
    if part == "cli":
        return {*re.findall(r'"(NATS_[A-Z_]+)"', inspect.getsource(connect)), "KUBECONFIG"}
    if part == "nats-bootstrap":
        return {*variables(RuntimeSettings), OTLP}
    own = {name for each in settings_classes(part) for name in variables(each)}
    return own | variables(RuntimeSettings).keys() | {SECRETS_DIR, OTLP, "KUBECONFIG"}


@pytest.mark.parametrize("part", PARTS)
def test_every_image_has_a_version(part: str) -> None:
    assert re.fullmatch(r"[a-z0-9./-]+:v?\d+\.\d+\.\d+[a-z0-9.-]*", PARTS[part]["image"])


@pytest.mark.parametrize("part", PARTS)
def test_what_is_mounted_from_the_repository_is_there_and_not_written(part: str) -> None:
    for mount in mounts(part):
        if mount["type"] == "bind":
            assert (ROOT / mount["source"]).exists(), mount
            assert mount["read_only"], mount
        else:
            assert mount["source"] in COMPOSE["volumes"], mount


@pytest.mark.parametrize("part", [part for part in PARTS if "environment" in PARTS[part]])
def test_variables_are_known_to_the_program(part: str) -> None:
    assert PARTS[part]["environment"].keys() <= known(part)


@pytest.mark.parametrize("part", PARTS)
def test_a_service_sees_no_secrets_but_its_own(part: str, furnished: Path) -> None:
    for mount in mounts(part):
        if mount["source"] != "secrets":
            continue
        if part in ("setup", "cluster"):
            continue  # who makes them, and who puts the cluster's certificate beside each
        assert mount["target"] == "/etc/app-platform"
        assert mount["read_only"]
        assert (furnished / mount["volume"]["subpath"]).is_dir()


@pytest.mark.parametrize(
    "part", [part for part in PARTS if "environment" in PARTS[part] and part not in OBSERVERS]
)
def test_files_that_variables_name_are_made(part: str, furnished: Path) -> None:
    (subpath,) = [m["volume"]["subpath"] for m in mounts(part) if m["source"] == "secrets"]
    for name, value in PARTS[part]["environment"].items():
        if str(value).startswith("/etc/app-platform/"):
            assert (furnished / subpath / Path(value).name).is_file(), name


@pytest.mark.parametrize("part", OURS)
def test_a_service_starts_with_what_it_is_given(
    part: str, furnished: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in PARTS[part]["environment"].items():
        monkeypatch.setenv(name, str(value).replace("/etc/app-platform", str(furnished / part)))
    for settings in settings_classes(part) or [RuntimeSettings]:
        if settings is not GitHubSettings:  # the forge is the local one
            load(settings)
    (furnished / part / "k3s-ca.crt").write_text((furnished / "proxy" / "ca.crt").read_text())
    assert ClusterConfig.load().server == "https://k3s:6443"


def test_files_of_settings_are_named_as_settings(furnished: Path) -> None:
    for file in furnished.glob("*/app_platform_*"):
        assert file.name.upper() in known(file.parent.name)


@pytest.mark.parametrize("part", PARTS)
def test_what_a_service_waits_for_can_come_about(part: str) -> None:
    for name, wait in PARTS[part].get("depends_on", {}).items():
        if wait["condition"] == "service_completed_successfully":
            assert name in ONE_SHOT
            assert "restart" not in PARTS[name]
        else:
            assert wait["condition"] == "service_healthy"
            assert "healthcheck" in PARTS[name] or "app-platform-" in PARTS[name]["image"], name


def test_nothing_waits_for_itself() -> None:
    graph = TopologicalSorter({name: part.get("depends_on", {}).keys() for name, part in PARTS.items()})
    assert set(graph.static_order()) == PARTS.keys()


def test_every_service_is_there_with_its_own_image() -> None:
    assert set(OURS) <= PARTS.keys()
    for name in OURS:
        assert PARTS[name]["build"]["args"]["SERVICE"] == name
        assert PARTS[name]["image"].startswith(f"ghcr.io/labrats-work/app-platform-{name}:")


@pytest.mark.parametrize("part", sorted(PARTS.keys() - ONLY_FOR_ROOT - OBSERVERS))
def test_what_runs_our_code_has_no_rights(part: str) -> None:
    assert PARTS[part]["read_only"]
    assert PARTS[part]["tmpfs"] == ["/tmp"]  # noqa: S108 - in a container, its own
    assert PARTS[part]["cap_drop"] == ["ALL"]
    assert PARTS[part]["security_opt"] == ["no-new-privileges:true"]
    assert not PARTS[part].get("privileged")


def test_only_this_machine_can_reach_it() -> None:
    published = [port for part in PARTS.values() for port in part.get("ports", [])]
    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_prometheus_asks_every_service_on_its_health_port() -> None:
    (job,) = yaml.safe_load((ROOT / "deploy/compose/observability/prometheus.yml").read_text())[
        "scrape_configs"
    ]
    (found,) = job["dns_sd_configs"]
    assert set(found["names"]) == {"nats-bootstrap", *OURS}
    assert found["port"] == RuntimeSettings.model_fields["health_port"].default


def test_spans_come_where_the_collector_listens() -> None:
    collector = yaml.safe_load((ROOT / "deploy/compose/observability/collector.yml").read_text())
    listens = collector["receivers"]["otlp"]["protocols"]["http"]["endpoint"]
    assert "http://collector:4318" in (ROOT / "deploy/compose/README.md").read_text()
    assert listens.endswith(":4318")
    for pipeline in collector["service"]["pipelines"].values():
        for kind, names in pipeline.items():
            assert set(names) <= collector[kind].keys()


def test_no_secret_is_written_down() -> None:
    text = (ROOT / "docker-compose.yml").read_text() + "".join(
        path.read_text() for path in (ROOT / "deploy" / "compose").rglob("*") if path.is_file()
    )
    assert not re.search(r"(?i)(password|token|secret)\s*[:=]\s*[\"']?[A-Za-z0-9+/_-]{12,}", text)
    assert "PRIVATE KEY" not in text


def test_what_is_furnished_is_kept_and_private(furnished: Path) -> None:
    before = {path: path.read_bytes() for path in furnished.rglob("*") if path.is_file()}
    compose.furnish(furnished)
    assert before == {path: path.read_bytes() for path in furnished.rglob("*") if path.is_file()}
    for path in before:
        if path.suffix not in (".crt", ".conf"):
            assert path.stat().st_mode & 0o077 == 0, path


def test_the_webhook_secret_is_the_same_on_both_ends(furnished: Path) -> None:
    sent = (furnished / "git" / "app_platform_git_webhook_secret").read_text()
    assert json.loads((furnished / "git-committer" / "app_platform_webhook_secrets").read_text()) == [sent]


def test_addresses_agree() -> None:
    fixed = {
        name: part["networks"]["default"]["ipv4_address"] for name, part in PARTS.items() if _is_fixed(part)
    }
    git = f"http://{fixed['git']}:{PARTS['git']['environment']['APP_PLATFORM_GIT_PORT']}"
    assert PARTS["git"]["environment"]["APP_PLATFORM_GIT_URL"] == git
    assert PARTS["git-committer"]["environment"]["APP_PLATFORM_FORGE_URL"] == git
    assert PARTS["dashboard"]["environment"]["APP_PLATFORM_TRUSTED_PROXIES"] == fixed["proxy"]
    sites = re.findall(
        r"^https://([a-z.-]+):8443 ", (ROOT / "deploy/compose/Caddyfile").read_text(), re.MULTILINE
    )
    assert set(sites) == set(compose.HOSTS) == set(PARTS["proxy"]["networks"]["default"]["aliases"])


def _is_fixed(part: dict[str, Any]) -> bool:
    return "ipv4_address" in part.get("networks", {}).get("default", {})


def test_authelia_is_called_as_the_dashboard_calls_it() -> None:
    site = yaml.safe_load((ROOT / "deploy" / "compose" / "authelia" / "site.yml").read_text())
    (cookie,) = site["session"]["cookies"]
    environment = PARTS["dashboard"]["environment"]
    assert cookie["authelia_url"] == environment["APP_PLATFORM_OIDC_ISSUER_URL"]
    assert (
        environment["APP_PLATFORM_DASHBOARD_URL"]
        == PARTS["oidc-registrar"]["environment"]["APP_PLATFORM_DASHBOARD_URL"]
    )


def test_only_the_folders_of_our_images_are_given_away(
    furnished: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[tuple[Path, int, int]] = []
    monkeypatch.setattr("shutil.chown", lambda path, user, group: given.append((path, user, group)))
    compose.give_away(furnished)
    assert {path.relative_to(furnished).parts[0] for path, _, _ in given} == {
        "bootstrap",
        "git",
        "cli",
        *OURS,
    }
    assert {(user, group) for _, user, group in given} == {(1001, 1001)}
