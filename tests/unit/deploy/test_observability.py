"""Alerts and dashboard: each expression is PromQL, each alert tells what to do, and nothing is drawn over something else."""

import re

import pytest
import yaml

from app_platform.local.tools import pinned_tools
from support.documents import ROOT
from support.observability import alert_tests, alerts, board, expressions, selectors

RUNBOOK = (ROOT / "docs" / "runbook.md").read_text()


@pytest.mark.parametrize(("title", "expression"), list(expressions()))
def test_every_expression_is_promql(title: str, expression: str) -> None:
    assert list(selectors(expression)), title


def test_names_are_found_wherever_they_stand() -> None:
    found = list(
        selectors('histogram_quantile(0.9, sum by (le) (rate(a_bucket{x="1"}[5m]))) > 1 or (absent(b))')
    )
    assert found == [("a_bucket", {"x"}), ("b", set())]
    with pytest.raises(ValueError, match="unclosed left parenthesis"):
        list(selectors("sum by ("))


@pytest.mark.parametrize("rule", alerts(), ids=lambda rule: str(rule["alert"]))
def test_every_alert_says_what_it_means_and_what_to_do(rule: dict[str, dict[str, str]]) -> None:
    assert rule["labels"]["severity"] in {"page", "ticket"}
    assert rule["annotations"].keys() == {"summary", "description", "runbook_url"}
    assert rule["annotations"]["runbook_url"].endswith(f"/docs/runbook.md#{str(rule['alert']).lower()}")
    section = re.search(rf"^### {rule['alert']}\n(.*?)(?=^#|\Z)", RUNBOOK, re.MULTILINE | re.DOTALL)
    assert section, f"docs/runbook.md has no section {rule['alert']}"
    assert len(section[1].split()) > 15, "the section says what to do"


def test_every_alert_is_tested_firing_and_silent() -> None:
    tested = alert_tests()
    assert tested.keys() == {rule["alert"] for rule in alerts()}
    assert {alert: set(looks) for alert, looks in tested.items()} == {
        alert: {True, False} for alert in tested
    }


def test_every_section_is_about_an_alert() -> None:
    sections = set(re.findall(r"^### (AppPlatform\w+)$", RUNBOOK, re.MULTILINE))
    assert sections == {rule["alert"] for rule in alerts()}


def test_panels_lie_beside_each_other() -> None:
    panels = board()["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    cells = [
        (x, y)
        for panel in panels
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]
    assert len(set(cells)) == len(cells), "two panels overlap"
    assert max(x for x, _ in cells) < 24


def test_the_collector_that_checks_is_the_one_of_compose() -> None:
    """`make collector` builds it with the parts that the file names."""
    folder = ROOT / "deploy" / "compose" / "observability"
    built = yaml.safe_load((folder / "builder.yaml").read_text())
    image = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]["collector"]["image"]
    version = built["dist"]["version"]
    assert image.endswith(f":{version}")
    assert f"cmd/builder@v{version} " in (ROOT / "Makefile").read_text()
    wanted = yaml.safe_load((folder / "collector.yml").read_text())
    for kind in ("receivers", "processors", "exporters"):
        modules = {each["gomod"] for each in built[kind]}
        for name in wanted[kind]:
            module = f"{name.replace('_', '')}{kind.removesuffix('s')} v{version}"
            assert any(each.endswith(f"/{module}") for each in modules), f"{kind}: {name}"


def test_prometheus_is_the_one_of_compose() -> None:
    image = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]["prometheus"]["image"]
    for name in ("prometheus", "promtool"):
        assert f"version.Version={image.rpartition(':v')[2]}" in pinned_tools()[name].ldflags
