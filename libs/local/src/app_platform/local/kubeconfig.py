"""kubeconfig files: written for the local API server, cut out of the user's for an existing cluster.

A kubeconfig of the user is only ever read, and only when a context is named.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from app_platform.local.errors import ClusterError

_FILE_FIELDS = ("certificate-authority", "client-certificate", "client-key", "tokenFile")


def local_kubeconfig(server: str, ca_file: Path, user: str, token: str) -> str:
    """A kubeconfig for a user with a token. The certificate is named, not included: the server writes it itself."""
    return _render(
        {"server": server, "certificate-authority": str(ca_file)}, {"token": token}, "app-platform", user
    )


def cut_out(context: str, environment: Mapping[str, str]) -> str:
    """A kubeconfig with one context of the user's own, complete in itself.

    Args:
        context: the name the user asked for.
        environment: of the user: KUBECONFIG, or else `~/.kube/config`.

    Raises:
        ClusterError: there is no such context; the message lists those there are.
    """
    files = [Path(part) for part in environment.get("KUBECONFIG", "").split(os.pathsep) if part]
    files = files or [Path(environment.get("HOME", "~")).expanduser() / ".kube" / "config"]
    entries = _merge([file for file in files if file.is_file()])
    if context not in entries["contexts"]:
        known = ", ".join(sorted(entries["contexts"])) or "none"
        raise ClusterError(
            f"no context {context!r} in {os.pathsep.join(map(str, files))}; there are: {known}"
        )
    chosen = entries["contexts"][context]
    return _render(
        entries["clusters"][chosen["cluster"]], entries["users"][chosen["user"]], context, chosen["user"]
    )


def _merge(files: list[Path]) -> dict[str, dict[str, Any]]:
    merged: dict[str, dict[str, Any]] = {"contexts": {}, "clusters": {}, "users": {}}
    for file in files:
        content = yaml.safe_load(file.read_text()) or {}
        for plural, entries in merged.items():
            for entry in content.get(plural) or []:
                fields = _absolute(entry[plural[:-1]], file.parent)
                entries.setdefault(entry["name"], fields)  # the first file that names it wins, as in kubectl
    return merged


def _absolute(fields: dict[str, Any], folder: Path) -> dict[str, Any]:
    return {key: str(folder / value) if key in _FILE_FIELDS else value for key, value in fields.items()}


def _render(cluster: Mapping[str, Any], user: Mapping[str, Any], context: str, user_name: str) -> str:
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": context, "cluster": dict(cluster)}],
        "users": [{"name": user_name, "user": dict(user)}],
        "contexts": [{"name": context, "context": {"cluster": context, "user": user_name}}],
        "current-context": context,
    }
    return yaml.safe_dump(content, sort_keys=False)
