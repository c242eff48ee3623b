"""The kustomize overlays as kubectl renders them, alone and with components; and the kinds of others that components use, for an API server to know."""

import os
import subprocess
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import yaml

from app_platform.local import Platform, find_tool
from app_platform.local.paths import workspace_root
from app_platform.local.tools import Definition, find_definition

ROOT = workspace_root()
PLAIN = sorted(folder.name for folder in (ROOT / "deploy" / "overlays").iterdir())
WITH = {
    "": (),
    " with TLS": ("nats-tls",),
    " with autoscaling": ("autoscaling",),
    " with autoscaling by backlog": ("autoscaling-by-backlog",),
    " with External Secrets": ("external-secrets",),
    " with ingress": ("ingress",),
    " with tracing": ("tracing",),
    " with monitoring": ("monitoring",),
}
OVERLAYS = [
    *(name + extra for name in PLAIN for extra in ("", " with TLS")),
    "high-availability with autoscaling",
    "high-availability with autoscaling by backlog",
    "single-node with External Secrets",
    "single-node with ingress",
    "single-node with tracing",
    "single-node with monitoring",
]
_EXTERNAL_SECRETS = "github.com/external-secrets/external-secrets@v1.3.2"
_PROMETHEUS = "github.com/prometheus-operator/prometheus-operator@v0.85.0"
FOREIGN = (
    Definition("github.com/kedacore/keda/v2@v2.21.0", "config/crd/bases/keda.sh_scaledobjects.yaml"),
    *(
        Definition(_EXTERNAL_SECRETS, f"config/crds/bases/external-secrets.io_{kind}.yaml")
        for kind in ("externalsecrets", "secretstores")
    ),
    *(
        Definition(_PROMETHEUS, f"example/prometheus-operator-crd/monitoring.coreos.com_{kind}.yaml")
        for kind in ("podmonitors", "prometheusrules")
    ),
)
"""What components make of kinds that others define."""
NAMESPACE = "app-platform-system"
Object = dict[str, Any]


def kubectl(*arguments: str, env: Mapping[str, str] | None = None, text: str | None = None) -> str:
    """Run kubectl; returns what it printed."""
    program = find_tool("kubectl", os.environ, print)
    environment = {"PATH": os.environ["PATH"], "HOME": os.environ["HOME"], **(env or {})}
    done = subprocess.run(
        [str(program), *arguments], env=environment, input=text, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@cache
def rendered(overlay: str) -> str:
    name, mark, extra = overlay.partition(" with ")
    folder = ROOT / "deploy" / "overlays" / name
    components = [ROOT / "deploy" / "components" / each for each in WITH[mark + extra]]
    with TemporaryDirectory() as made:
        parts = {"resources": [folder], "components": components}
        body = {
            kind: [os.path.relpath(path, Path(made).resolve()) for path in paths]
            for kind, paths in parts.items()
        }
        (Path(made) / "kustomization.yaml").write_text(yaml.safe_dump(body))
        return kubectl("kustomize", made)


def objects(overlay: str, *kinds: str) -> list[Object]:
    """What an overlay makes, of some kinds or of all."""
    found = list(yaml.load_all(rendered(overlay), Loader=yaml.CSafeLoader))
    return [each for each in found if not kinds or each["kind"] in kinds]


def by_name(overlay: str, kind: str) -> dict[str, Object]:
    return {each["metadata"]["name"]: each for each in objects(overlay, kind)}


def pods(overlay: str) -> Iterator[tuple[str, Object]]:
    """The name of each workload, and the pod that it makes."""
    for each in objects(overlay, "Deployment", "StatefulSet"):
        template = each["spec"]["template"]
        name = each["metadata"]["name"]
        meta = {**template["metadata"], "name": f"try-{name}", "namespace": NAMESPACE}
        claimed = [claim["metadata"]["name"] for claim in each["spec"].get("volumeClaimTemplates", ())]
        claims = [{"name": claim, "persistentVolumeClaim": {"claimName": claim}} for claim in claimed]
        spec = {**template["spec"], "volumes": [*template["spec"].get("volumes", ()), *claims]}
        yield name, {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec}


def shared_settings(overlay: str) -> dict[str, str]:
    """What every service is told."""
    maps = by_name(overlay, "ConfigMap").items()
    return next(dict(each["data"]) for name, each in maps if name.startswith("app-platform-settings"))


def selects(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    wanted = selector.get("matchLabels", {}).items() <= labels.items()
    return wanted and all(labels.get(e["key"]) in e["values"] for e in selector.get("matchExpressions", ()))


@pytest.fixture(scope="module")
def definitions(platform: Platform) -> None:
    """The API server knows the kinds of others, by their own definitions."""
    for each in FOREIGN:
        file = find_definition(each, os.environ, print)
        kubectl("apply", "--server-side", "-f", str(file), env=platform.env)
    kubectl("wait", "--for=condition=Established", "crd", "--all", env=platform.env)
