"""What the components of deploy/components promise, rendered with an overlay."""

import re
from urllib.parse import urlsplit

import pytest
import yaml

from app_platform.git_committer.adapters import webhooks
from app_platform.local import SERVICES, Platform
from app_platform.runtime.exporting import is_asked_for
from app_platform.runtime.permissions import IDENTITIES
from app_platform.scaffold.clients import Client, secret_access
from support.observability import alerts
from support.overlays import by_name, kubectl, pods, selects, shared_settings

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"


def test_spans_of_every_service_reach_the_collector_that_is_named() -> None:
    overlay = "single-node with tracing"
    settings = shared_settings(overlay)
    address = urlsplit(settings[ENDPOINT])
    assert is_asked_for(settings), "and by what the services can send"
    (rule,) = by_name(overlay, "NetworkPolicy")["to-collector"]["spec"]["egress"]
    assert rule["ports"] == [{"port": address.port}]
    namespace = rule["to"][0]["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"]
    assert str(address.hostname).split(".")[1] == namespace
    selector = by_name(overlay, "NetworkPolicy")["to-collector"]["spec"]["podSelector"]
    services = {name: pod["metadata"]["labels"] for name, pod in pods(overlay) if name != "nats"}
    assert all(selects(selector, labels) for labels in services.values())
    assert "to-collector" not in by_name("single-node", "NetworkPolicy")


def test_every_process_is_scraped_by_what_the_operator_reads() -> None:
    overlay = "single-node with monitoring"
    monitor = by_name(overlay, "PodMonitor")["app-platform"]
    (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
    scraped = {
        name
        for name, pod in pods(overlay)
        if selects(monitor["spec"]["selector"], pod["metadata"]["labels"])
        and endpoint["port"] in {port["name"] for port in pod["spec"]["containers"][0]["ports"]}
    }
    assert scraped == {"nats-bootstrap", *(service.name for service in SERVICES)}
    job = f"{monitor['metadata']['namespace']}/{monitor['metadata']['name']}"
    (up,) = (rule["expr"] for rule in alerts() if rule["alert"] == "AppPlatformReplicaDown")
    assert re.fullmatch(re.findall(r'job=~"([^"]+)"', up)[0], job), "the Operator calls the job so"


def test_the_operator_gets_the_alerts_that_are_tested() -> None:
    rule = by_name("single-node with monitoring", "PrometheusRule")["app-platform"]
    assert [each for group in rule["spec"]["groups"] for each in group["rules"]] == alerts()


@pytest.mark.parametrize(
    ("overlay", "kind"),
    [
        ("high-availability with autoscaling", "HorizontalPodAutoscaler"),
        ("high-availability with autoscaling by backlog", "ScaledObject"),
    ],
)
def test_what_is_scaled_by_load_has_no_number_of_its_own(overlay: str, kind: str) -> None:
    deployments, scaled = by_name(overlay, "Deployment"), by_name(overlay, kind)
    assert {name for name, each in deployments.items() if "replicas" not in each["spec"]} == set(scaled)
    for name, each in scaled.items():
        assert each["spec"]["scaleTargetRef"]["name"] == name
        container = deployments[name]["spec"]["template"]["spec"]["containers"][0]
        assert container["resources"]["requests"]["cpu"], "a percentage of nothing"


def test_the_backlog_that_is_asked_for_is_one_that_there_is() -> None:
    scaled = by_name("high-availability with autoscaling by backlog", "ScaledObject")
    asked = {
        trigger["metadata"]["query"]
        for each in scaled.values()
        for trigger in each["spec"]["triggers"]
        if trigger["type"] == "prometheus"
    }
    hearing = scaled.keys() & {identity.name for identity in IDENTITIES if identity.hears}
    assert asked == {f'max(app_platform_consumer_waiting{{consumer="{name}"}})' for name in hearing}


def test_the_ingress_leads_to_our_ports_at_the_address_of_the_settings() -> None:
    overlay = "single-node with ingress"
    spec = by_name(overlay, "Ingress")["app-platform"]["spec"]
    (rule,) = spec["rules"]
    assert rule["host"] == urlsplit(shared_settings(overlay)["APP_PLATFORM_DASHBOARD_URL"]).hostname
    assert spec["tls"][0]["hosts"] == [rule["host"]]
    services = by_name(overlay, "Service")
    for path in rule["http"]["paths"]:
        backend = path["backend"]["service"]
        assert backend["port"]["name"] in {p["name"] for p in services[backend["name"]]["spec"]["ports"]}
    assert webhooks.PATH in {path["path"] for path in rule["http"]["paths"]}


def test_every_secret_that_a_pod_mounts_comes_from_the_store() -> None:
    overlay = "single-node with External Secrets"
    sources = [
        source
        for _, pod in pods(overlay)
        for volume in pod["spec"]["volumes"]
        for source in (volume, *volume.get("projected", {}).get("sources", ()))
    ]
    mounted = {
        source["secret"].get("secretName") or source["secret"]["name"]
        for source in sources
        if "secret" in source and not source["secret"].get("optional")
    }
    assert mounted == by_name(overlay, "ExternalSecret").keys()


@pytest.mark.usefixtures("definitions")
def test_the_operator_takes_what_apps_use_a_client_by(platform: Platform) -> None:
    """What Get started and the guide give an app for its client secret."""
    client = Client("my-app", "web", "my-app", "https://id.example", "https://app.example/callback")
    made = secret_access(client, "default")
    given = yaml.safe_dump_all(made)
    said = kubectl("apply", "--server-side", "--dry-run=server", "-f", "-", env=platform.env, text=given)
    assert len(said.splitlines()) == len(made)
