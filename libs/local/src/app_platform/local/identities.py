"""Who may call the local API server and Git server, and by what that one is known: tokens and keys, made once per state directory.

Each service is known to the API server as its ServiceAccount in `app-platform-system`, so that the RBAC it has in a
real cluster is the RBAC it is tested with.
"""

import csv
import io
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from app_platform.gitread import github_known_hosts, new_key_pair
from app_platform.local.paths import StateDir

SYSTEM_NAMESPACE = "app-platform-system"


@dataclass(frozen=True)
class Identity:
    """A user of the API server."""

    name: str
    user: str
    groups: tuple[str, ...]


def administrator(name: str) -> Identity:
    """A user who may do everything."""
    return Identity(name, name, ("system:masters",))


def service_account(name: str) -> Identity:
    """A service as its ServiceAccount."""
    groups = ("system:serviceaccounts", f"system:serviceaccounts:{SYSTEM_NAMESPACE}")
    return Identity(name, f"system:serviceaccount:{SYSTEM_NAMESPACE}:{name}", groups)


def token_file(identities: list[Identity], tokens: Mapping[str, str]) -> str:
    """kube-apiserver's static token file: `token,user,uid,"group,group"` per line."""
    text = io.StringIO()
    rows = ([tokens[each.name], each.user, each.name, ",".join(each.groups)] for each in identities)
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def keep_tokens(path: Path, names: list[str]) -> dict[str, str]:
    """A random token per name, kept in `path` (only its owner may read it); known names keep theirs."""
    kept: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
    tokens = {**{name: secrets.token_urlsafe(32) for name in names}, **kept}
    if tokens != kept:
        write_private(path, json.dumps(tokens, indent=2))
    return tokens


def keep_signing_key(path: Path) -> None:
    """The key that signs ServiceAccount tokens, made unless `path` is there already."""
    if path.exists():
        return
    key = ec.generate_private_key(ec.SECP256R1())
    form, encoding = serialization.PrivateFormat.TraditionalOpenSSL, serialization.Encoding.PEM
    write_private(path, key.private_bytes(encoding, form, serialization.NoEncryption()).decode())


def keep_host_key(state: StateDir, port: int) -> None:
    """The Git server's SSH host key, made unless it is there already, and the file by which clients know it."""
    public = state.ssh_host_key.with_suffix(".pub")
    if not (state.ssh_host_key.exists() and public.exists()):
        pair = new_key_pair()
        write_private(state.ssh_host_key, pair.private)
        public.write_text(pair.public + "\n")
    state.known_hosts.write_text(f"[127.0.0.1]:{port} {public.read_text()}{github_known_hosts()}")


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner may read, whole or not at all."""
    partial = path.with_name(f".{path.name}.partial")
    partial.unlink(missing_ok=True)
    partial.touch(mode=0o600)
    partial.write_text(text)
    partial.replace(path)
