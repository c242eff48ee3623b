"""Alerts and configuration of Prometheus, held against `promtool`: it takes them, and each alert fires when it is meant to, and only then."""

import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from app_platform.local.tools import find_tool
from support.documents import ROOT
from support.observability import FOLDER, TESTS, alerts

COMPOSE = ROOT / "deploy" / "compose" / "observability" / "prometheus.yml"
Promtool = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def promtool() -> Promtool:
    program = find_tool("promtool", os.environ, print)

    def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run([program, *map(str, arguments)], capture_output=True, text=True, check=False)

    return run


def examples() -> dict[str, str]:
    """Every configuration of Prometheus in deploy/, by where it stands; rules are found where they lie here."""
    readme = (FOLDER / "README.md").read_text()
    blocks = [block for block in re.findall(r"```yaml\n(.*?)```", readme, re.DOTALL) if "scrape_" in block]
    rules = COMPOSE.read_text().replace("/etc/prometheus/alerts.yaml", str(FOLDER / "alerts.yaml"))
    return {"README": "\n".join(blocks), "compose": rules}


@pytest.mark.parametrize("where", ["README", "compose"])
def test_prometheus_takes_the_configuration(promtool: Promtool, tmp_path: Path, where: str) -> None:
    text = examples()[where]
    assert "scrape_configs" in text
    (tmp_path / "prometheus.yml").write_text(text)
    done = promtool("check", "config", "--lint-fatal", tmp_path / "prometheus.yml")
    assert done.returncode == 0, done.stdout + done.stderr
    (tmp_path / "prometheus.yml").write_text(text.replace("scrape_configs", "scrape_config"))
    assert promtool("check", "config", tmp_path / "prometheus.yml").returncode != 0


def test_prometheus_takes_the_rules(promtool: Promtool) -> None:
    done = promtool("check", "rules", "--lint-fatal", FOLDER / "alerts.yaml")
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(alerts())} rules found" in done.stdout


def test_each_alert_fires_when_it_is_meant_to(promtool: Promtool) -> None:
    done = promtool("test", "rules", TESTS)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("expression", ["vector(0) > 1", "vector(2) > 1"], ids=["never", "always"])
def test_alerts_that_fire_never_or_always_are_noticed(
    promtool: Promtool, tmp_path: Path, expression: str
) -> None:
    rules = yaml.safe_load((FOLDER / "alerts.yaml").read_text())
    for rule in (rule for group in rules["groups"] for rule in group["rules"]):
        rule["expr"] = expression
    (tmp_path / "alerts.yaml").write_text(yaml.safe_dump(rules))
    tests = yaml.safe_load(TESTS.read_text()) | {"rule_files": ["alerts.yaml"]}
    (tmp_path / "tests.yaml").write_text(yaml.safe_dump(tests))
    said = promtool("test", "rules", tmp_path / "tests.yaml").stderr
    assert set(re.findall(r"alertname: (\w+), time", said)) == {rule["alert"] for rule in alerts()}
