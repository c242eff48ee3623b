"""kubeconfig files: written for the local API server, cut out of the user's for an existing cluster.

A kubeconfig of the user is only ever read, and only when a context is named.
"""

import base64
import os
import ssl
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from app_platform.local.errors import ClusterError

_FILE_FIELDS = ("certificate-authority", "client-certificate", "client-key", "tokenFile")


@dataclass(frozen=True)
class Access:
    """How to reach an API server: enough for a plain HTTP client."""

    server: str
    tls: ssl.SSLContext
    token: str


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


def read_access(path: Path) -> Access:
    """How to reach the API server of the current context.

    Raises:
        ClusterError: the user signs in in a way that is not understood here.
    """
    content = yaml.safe_load(path.read_text())
    cluster, user = content["clusters"][0]["cluster"], content["users"][0]["user"]
    if not {"token", "tokenFile", "client-certificate", "client-certificate-data"} & user.keys():
        raise ClusterError(
            f"{path} signs in with {', '.join(user) or 'nothing'}: a token or a client certificate is needed"
        )
    token = user.get("token") or (Path(user["tokenFile"]).read_text().strip() if "tokenFile" in user else "")
    return Access(cluster["server"].rstrip("/"), _tls(cluster, user), token)


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


def _tls(cluster: Mapping[str, Any], user: Mapping[str, Any]) -> ssl.SSLContext:
    authority = _decoded(cluster, "certificate-authority-data")
    context = ssl.create_default_context(cafile=cluster.get("certificate-authority"), cadata=authority)
    if "client-certificate" in user:
        context.load_cert_chain(user["client-certificate"], user["client-key"])
    elif certificate := _decoded(user, "client-certificate-data"):
        _load_client(context, certificate, _decoded(user, "client-key-data") or "")
    return context


def _load_client(context: ssl.SSLContext, certificate: str, key: str) -> None:
    # Python's ssl reads client certificates from files only.
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
        file.write(f"{certificate}\n{key}")
        file.flush()
        context.load_cert_chain(file.name)


def _decoded(fields: Mapping[str, Any], key: str) -> str | None:
    return base64.b64decode(fields[key]).decode() if key in fields else None
