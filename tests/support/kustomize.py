"""Folders of deploy/ as kustomize renders them, by the one that is in kubectl."""

import os
import subprocess
from pathlib import Path
from typing import Any

import yaml

from app_platform.local.tools import find_tool

Manifest = dict[str, Any]


def render(folder: Path) -> list[Manifest]:
    """The objects that `kubectl apply -k` would apply."""
    kubectl = find_tool("kubectl", os.environ, print)
    done = subprocess.run(
        [str(kubectl), "kustomize", str(folder)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return [each for each in yaml.safe_load_all(done.stdout) if each]


def only(manifests: list[Manifest], kind: str, name: str) -> Manifest:
    """The one object of that kind and name."""
    (found,) = [each for each in manifests if (each["kind"], each["metadata"]["name"]) == (kind, name)]
    return found
