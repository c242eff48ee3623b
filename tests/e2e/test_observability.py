"""Alerts and the Grafana dashboard, asked of a real Prometheus that scrapes a running platform.

On a platform of its own, on which the main job is done, something fails, and something is tried again.
"""

import json
import re
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from app_platform.local import Options, Platform
from support.apps import PATIENCE, App
from support.cluster import Cluster
from support.observability import alerts, board, samples
from support.platform import PlatformFactory, eventually

WITHOUT_DATA = {
    "AppPlatformForgeBudgetLow": "only GitHub has a budget",
    "AppPlatformGitHubLimitLow": "only GitHub has a limit",
    "Requests to GitHub that are left": "only GitHub has a budget",
    "AppPlatformFluxFails": "Flux applies all there is here, and is only progressing now and then",
    "AppPlatformServiceGone": "it says what is absent, and nothing is",
    "AppPlatformWatcherGone": "it says what is absent, and nothing is",
    "AppPlatformDashboardGone": "it says what is absent, and nothing is",
    "AppPlatformBootstrapGone": "it says what is absent, and nothing is",
}
"""What is asked for and has no data here, and why."""


@pytest.fixture(scope="module")
def watched(new_platform: PlatformFactory) -> Platform:
    limit = {"APP_PLATFORM_STORE_BYTES": "1000000000"}
    running = new_platform("watched", Options(prometheus=True, with_caller=True, bootstrap_env=limit))
    running.up()
    return running


@pytest.fixture(scope="module")
def job_done(watched: Platform) -> Iterator[App]:
    """An app with a secret that was changed while Git was away, one that is refused, a client that is, and another app that wants a namespace of it."""
    cluster = Cluster(Path(watched.env["KUBECONFIG"]))
    app = App(watched, cluster, "watched")
    app.register([app.dev, app.prod, "watched-other-dev"])
    app.until_ready()
    app.create("database")
    app.settle()
    watched.control.stop("git")
    app.update("database")
    retried = partial(samples, watched, "app_platform_handler_errors_total")
    eventually(lambda: bool(retried()), "a retry is told", within=PATIENCE)
    watched.control.start("git")
    watched.control.wait_ready(["git"], PATIENCE)
    app.settle()
    app.create_raw("refused", "elsewhere", {"a": "b"})
    app.ask_for_client("refused-login", {"scopes": "openid"})
    greedy = App(watched, cluster, "watched-other")
    greedy.register(["watched-other-own", "watched-other-dev"])
    eventually(
        lambda: greedy.condition("Ready").get("status") == "False", "the conflict is told", within=PATIENCE
    )
    yield app
    cluster.close()


def asked(platform: Platform, path: str, **query: str) -> Any:
    """What Prometheus answers (prometheus.io/docs/prometheus/latest/querying/api)."""
    url = f"{platform.env['PROMETHEUS_URL']}/api/v1/{path}?{urllib.parse.urlencode(query)}"
    with urllib.request.urlopen(url, timeout=30) as answer:  # noqa: S310 - loopback
        return json.load(answer)["data"]


def questions() -> list[tuple[str, str]]:
    """Title and expression of each panel, and of each alert what it compares: an alert itself is silent while all is well."""
    compared = [(rule["alert"], re.sub(r" [<>] [\d.]+$", "", rule["expr"])) for rule in alerts()]
    drawn = [(p["title"], target["expr"]) for p in board()["panels"] for target in p.get("targets", ())]
    return compared + drawn


def has_data(platform: Platform, expression: str) -> Callable[[], bool]:
    return lambda: bool(asked(platform, "query", query=expression)["result"])


def test_every_service_is_scraped(watched: Platform) -> None:
    def states() -> list[str]:
        return [target["health"] for target in asked(watched, "targets")["activeTargets"]]

    eventually(lambda: states() == ["up"] * 7, "each is up", within=PATIENCE)


@pytest.mark.usefixtures("job_done")
def test_every_rule_is_evaluated(watched: Platform) -> None:
    def rules() -> list[dict[str, Any]]:
        return [rule for group in asked(watched, "rules")["groups"] for rule in group["rules"]]

    eventually(lambda: all(rule["health"] != "unknown" for rule in rules()), "each was looked at")
    assert {rule["name"]: rule["lastError"] for rule in rules() if rule["health"] != "ok"} == {}
    assert {rule["name"] for rule in rules()} == {rule["alert"] for rule in alerts()}


@pytest.mark.usefixtures("job_done")
@pytest.mark.parametrize(
    ("title", "expression"), [each for each in questions() if each[0] not in WITHOUT_DATA]
)
def test_what_is_asked_has_an_answer(watched: Platform, title: str, expression: str) -> None:
    eventually(has_data(watched, expression), f"{title} has no data: {expression}", within=PATIENCE)


def test_the_exceptions_are_asked_for() -> None:
    assert WITHOUT_DATA.keys() <= {title for title, _ in questions()}


@pytest.mark.usefixtures("job_done")
def test_a_panel_without_the_zero_that_it_falls_back_to_has_data(watched: Platform) -> None:
    """``or vector(0)`` would hide a wrong name."""
    expressions = [expression for _, expression in questions() if " or vector(0)" in expression]
    # Nothing waits once all is settled.
    for expression in (each for each in expressions if "Pending" not in each):
        eventually(has_data(watched, expression.replace(" or vector(0)", "")), expression, within=PATIENCE)


@pytest.mark.usefixtures("job_done")
def test_a_service_that_goes_is_noticed(watched: Platform) -> None:
    def pending() -> set[str]:
        return {
            f"{alert['labels']['alertname']} {alert['labels'].get('consumer', '')}".strip()
            for alert in asked(watched, "alerts")["alerts"]
        }

    stopped = ["git-committer-0", "watcher-0", "dashboard-0", "nats-bootstrap"]
    for child in stopped:
        watched.control.stop(child)
    try:
        gone = {
            "AppPlatformServiceGone git-committer",
            "AppPlatformWatcherGone",
            "AppPlatformDashboardGone",
            "AppPlatformBootstrapGone",
            "AppPlatformReplicaDown",
        }
        eventually(lambda: gone <= pending(), "each alert begins to wait", within=PATIENCE)
    finally:
        for child in stopped:
            watched.control.start(child)
        watched.control.wait_ready(stopped, PATIENCE)
    eventually(lambda: not gone & pending(), "and end when the services are back", within=PATIENCE)
