"""What the alerts and the dashboard ask Prometheus, and what services tell it."""

import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import URLError

import promql_parser
import yaml
from prometheus_client.parser import text_string_to_metric_families

from app_platform.local import Platform

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "deploy" / "observability"
TESTS = ROOT / "tests" / "data" / "observability" / "alerts.yaml"
"""Of the alerts, for `promtool test rules`."""
Names = dict[str, set[str]]
"""Name of a series to the names of its labels."""
_PARTS = ("lhs", "rhs", "expr", "param", "args", "vector_selector")


def alerts() -> list[dict[str, Any]]:
    """Every alerting rule."""
    groups = yaml.safe_load((FOLDER / "alerts.yaml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def alert_tests() -> dict[str, list[bool]]:
    """Alert to whether it is expected to fire, at each moment at which a test looks."""
    found: dict[str, list[bool]] = {}
    for test in yaml.safe_load(TESTS.read_text())["tests"]:
        for look in test["alert_rule_test"]:
            found.setdefault(look["alertname"], []).append(bool(look["exp_alerts"]))
    return found


def board() -> dict[str, Any]:
    """The dashboard."""
    found: dict[str, Any] = json.loads((FOLDER / "dashboard.json").read_text())
    return found


def expressions() -> Iterator[tuple[str, str]]:
    """Title and expression of everything that is asked."""
    yield from ((rule["alert"], rule["expr"]) for rule in alerts())
    for panel in board()["panels"]:
        yield from ((panel["title"], target["expr"]) for target in panel.get("targets", ()))


def selectors(expression: str) -> Iterator[tuple[str, set[str]]]:
    """Name and labels of each series that an expression selects.

    Raises:
        ValueError: It is no PromQL.
    """
    yield from _selectors(promql_parser.parse(expression))


def _selectors(node: Any) -> Iterator[tuple[str, set[str]]]:
    if isinstance(node, promql_parser.VectorSelector):
        yield str(node.name), {matcher.name for matcher in node.matchers.matchers}
        return
    for part in _PARTS:
        inner = getattr(node, part, None)
        for each in inner if isinstance(inner, list) else [inner]:
            if each is not None:
                yield from _selectors(each)


def exported(platform: Platform) -> Names:
    """What all services of a platform tell now."""
    found: Names = {}
    for name, labels, _ in _scraped(platform):
        found.setdefault(name, set()).update(labels)
    return found


def samples(platform: Platform, metric: str) -> list[tuple[dict[str, str], float]]:
    """Labels and value of every sample of a metric."""
    return [(labels, value) for name, labels, value in _scraped(platform) if name == metric]


def _scraped(platform: Platform) -> Iterator[tuple[str, dict[str, str], float]]:
    ports = json.loads(platform.state.ports_file.read_text())
    # Replicas are numbered; a service that is stopped tells nothing.
    replicas = (name for name in platform.control.status() if name.rpartition("-")[2].isdigit())
    for child in ("nats-bootstrap", *replicas):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{ports[child]}/metrics", timeout=10) as answer:
                text = answer.read().decode()
        except URLError:
            continue
        for family in text_string_to_metric_families(text):
            yield from ((sample.name, dict(sample.labels), sample.value) for sample in family.samples)
