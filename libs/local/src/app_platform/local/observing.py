"""Prometheus beside the local platform, if it is asked for: scrapes all our processes, evaluates the alerts of deploy/observability. Pure.

Guarantees: the rules are those that are installed elsewhere, read where they lie; it looks at one platform only, over loopback.
Leaves out: telling anybody of an alert; Grafana; the pages of Prometheus' own web interface, without which the program is built.
"""

from collections.abc import Sequence
from typing import Any, Final

import yaml

from app_platform.local.listeners import replica_names
from app_platform.local.options import Options
from app_platform.local.paths import workspace_root
from app_platform.local.programs import CONTROLLERS, Site
from app_platform.local.supervise import Child

PROMETHEUS: Final = "prometheus"
"""The program, its child and its listener."""
JOB: Final = "app-platform"
"""Of the scrape job, as in Compose and in the README of deploy/observability."""
_SECONDS: Final = 2
"""Between two scrapes, and two looks at the rules: short, as somebody waits to see something."""


def names(options: Options) -> list[str]:
    """The programs, which are also the listeners, that these options need besides."""
    return [PROMETHEUS] if options.prometheus else []


def children(site: Site) -> list[Child]:
    """Prometheus, if it is asked for."""
    if not site.options.prometheus:
        return []
    url = site.url(PROMETHEUS)
    arguments = [
        f"--config.file={site.state.prometheus_config}",
        f"--storage.tsdb.path={site.state.data / PROMETHEUS}",
        "--storage.tsdb.retention.time=1d",
        f"--web.listen-address={url.removeprefix('http://')}",
    ]
    command = (str(site.tools[PROMETHEUS]), *arguments)
    # The configuration lets a change of it take effect: what differs is restarted.
    env = site.env(CONFIGURATION=configuration(site))
    return [Child(PROMETHEUS, command, env, f"{url}/-/ready", tier=CONTROLLERS)]


def configuration(site: Site) -> str:
    """Prometheus' configuration file (prometheus.io/docs/prometheus/latest/configuration/configuration)."""
    interval = f"{_SECONDS}s"
    content: dict[str, Any] = {
        "global": {"scrape_interval": interval, "scrape_timeout": interval, "evaluation_interval": interval},
        "rule_files": [str(workspace_root() / "deploy" / "observability" / "alerts.yaml")],
        "scrape_configs": [{"job_name": JOB, "static_configs": [{"targets": _targets(site)}]}],
    }
    return yaml.safe_dump(content, sort_keys=False)


def _targets(site: Site) -> Sequence[str]:
    replicas = [name for service in site.options.services for name in replica_names(service, site.options)]
    return [f"127.0.0.1:{site.ports[name]}" for name in ("nats-bootstrap", *replicas)]
