"""Keys, tokens and certificates for docker-compose.yml: `python -m app_platform.local.compose FOLDER`, run by its service `setup`.

Each container mounts its own folder below FOLDER, at /etc/app-platform, and sees nothing of the others'.

Guarantees: what is there is kept, so that it may run at every start; nothing of it is in the repository or in an image.
Leaves out: renewing before a month is left of a certificate's year; what is in no file here, such as Authelia's list of clients.
"""

import json
import os
import secrets
import shutil
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from app_platform.local import certificates
from app_platform.local.identities import (
    administrator,
    keep_tokens,
    service_account,
    token_file,
    write_private,
)
from app_platform.local.kubeconfig import local_kubeconfig
from app_platform.local.options import SERVICES
from app_platform.runtime import accounts
from app_platform.runtime.permissions import BOOTSTRAP, OPERATOR, READER

API_SERVER: Final = "https://k3s:6443"
HOSTS: Final = ("app-platform.localhost", "auth.app-platform.localhost")
_ADMIN: Final = "admin"
_WITH_ADMIN: Final = ("cluster", "cli")
_USER: Final = 1001
"""As whom our images run (deploy/Dockerfile)."""
_OURS: Final = (BOOTSTRAP, "git", "cli", *(service.name for service in SERVICES))
_KEY_BITS: Final = 4096


def furnish(folder: Path) -> None:
    """Make all that is missing below a folder."""
    made = folder / "setup"
    made.mkdir(mode=0o700, parents=True, exist_ok=True)
    names = [_ADMIN, *(service.name for service in SERVICES)]
    tokens = keep_tokens(made / "tokens.json", [*names, "git", "webhook"])
    _nats(folder, made / "nats")
    _cluster(folder, tokens)
    _forge(folder, tokens)
    _authelia(folder / "cluster" / "authelia")
    _tls(folder, made / "tls")


def _nats(folder: Path, made: Path) -> None:
    _put(folder / "nats" / accounts.CONFIGURATION, accounts.write(made))
    for name in (BOOTSTRAP, *(service.name for service in SERVICES)):
        _put(folder / name / "nats.nk", accounts.key_file(made, name).read_text())
    for name in (READER, OPERATOR):
        _put(folder / "cli" / f"{name}.nk", accounts.key_file(made, name).read_text())


def _cluster(folder: Path, tokens: Mapping[str, str]) -> None:
    users = [administrator(_ADMIN), *(service_account(service.name) for service in SERVICES)]
    _put(folder / "k3s" / "tokens.csv", token_file(users, tokens))
    for owner in (*_WITH_ADMIN, *(service.name for service in SERVICES)):
        user = _ADMIN if owner in _WITH_ADMIN else owner
        # Beside it: the service `cluster` copies the certificate there, which k3s makes at its first start.
        _put(
            folder / owner / "kubeconfig",
            local_kubeconfig(API_SERVER, Path("k3s-ca.crt"), user, tokens[user]),
        )


def _forge(folder: Path, tokens: Mapping[str, str]) -> None:
    # Named as the variables that they are the values of (APP_PLATFORM_SECRETS_DIR).
    _put(folder / "git" / "app_platform_git_token", tokens["git"])
    _put(folder / "git" / "app_platform_git_webhook_secret", tokens["webhook"])
    _put(folder / "git-committer" / "app_platform_forge_token", tokens["git"])
    _put(folder / "git-committer" / "app_platform_webhook_secrets", json.dumps([tokens["webhook"]]))


def _authelia(folder: Path) -> None:
    for name in ("session", "storage-encryption-key", "oidc-hmac"):
        _keep(folder / name, lambda: secrets.token_hex(32))
    _keep(folder / "oidc-keys.yml", _signing_keys)


def _signing_keys() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=_KEY_BITS)
    pem, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    text = key.private_bytes(pem, form, serialization.NoEncryption()).decode()
    return yaml.safe_dump({"identity_providers": {"oidc": {"jwks": [{"key": text}]}}})


def _tls(folder: Path, made: Path) -> None:
    certificates.keep(made, HOSTS)
    for name in ("server.crt", "server.key"):
        _put(folder / "proxy" / name, (made / name).read_text())
    _put(folder / "dashboard" / "ca.crt", (made / "ca.crt").read_text())
    _put(folder / "proxy" / "ca.crt", (made / "ca.crt").read_text())


def _keep(file: Path, make: Callable[[], str]) -> None:
    if not file.exists():
        _put(file, make())


def _put(file: Path, text: str) -> None:
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_private(file, text)


def give_away(folder: Path) -> None:
    """Let the users of our images have their folders; needs root."""
    for name in _OURS:
        for path in (folder / name, *(folder / name).rglob("*")):
            shutil.chown(path, _USER, _USER)


def main() -> None:
    """Furnish the folder that the command names."""
    if len(sys.argv) != len(("program", "folder")):
        sys.exit(f"usage: python -m {__spec__.name} FOLDER")
    furnish(Path(sys.argv[1]))
    if os.geteuid() == 0:
        give_away(Path(sys.argv[1]))


if __name__ == "__main__":
    main()
