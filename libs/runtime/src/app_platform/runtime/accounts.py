"""Keys of the identities, and what nats-server must be told of them: ``python -m app_platform.runtime.accounts FOLDER``.

The streams lie in account ``PLATFORM``, in which only ``bootstrap`` is. Every other identity has an account of its own and imports
from ``PLATFORM`` exactly the requests of ``permissions``. Permissions of users in one account would not do: a server answers to
whatever reply subject a request names, so who may ask for a message could have it sent to ``$JS.API.STREAM.DELETE.EVENTS``. An
answer never leaves the account that asked, and no inbox of another can be named from there
(https://docs.nats.io/running-a-nats-service/configuration/securing_nats/accounts, ADR 18).

Guarantees: a key that is there is kept. The server's configuration holds public keys only (NKeys: Ed25519, a challenge is signed at
each connection, so the secret part is never sent). Leaves out: revoking; take the key's file away, run this again, reload the server.
"""

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import nkeys

from app_platform.contracts import subjects
from app_platform.runtime.connection import API, inbox_prefix
from app_platform.runtime.permissions import (
    BOOTSTRAP,
    IDENTITIES,
    Identity,
    Request,
    questions,
    requests,
)

PLATFORM: Final = "PLATFORM"
CONFIGURATION: Final = "accounts.conf"
NAMES: Final = (BOOTSTRAP, *(each.name for each in IDENTITIES))


def key_file(folder: Path, name: str) -> Path:
    """Where the seed of an identity is kept."""
    return folder / f"{name}.nk"


def write(folder: Path) -> str:
    """Make the keys that are missing, and ``accounts.conf`` beside them; returns its text."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    text = render({name: _kept_key(key_file(folder, name)) for name in NAMES})
    (folder / CONFIGURATION).write_text(text)
    return text


def render(public_keys: Mapping[str, str]) -> str:
    """The accounts for nats-server, to be included at the top of its configuration.

    Args:
        public_keys: By identity, ``BOOTSTRAP`` among them.
    """
    accounts = {
        PLATFORM: {
            "jetstream": "enabled",
            "users": [{"nkey": public_keys[BOOTSTRAP]}],
            "mappings": {f"{API}.>": "$JS.API.>"},
            "exports": _exports(),
        },
        **{each.name: _account(each, public_keys[each.name]) for each in IDENTITIES},
    }
    return f"# made by {__spec__.name}: public keys only\naccounts: {json.dumps(accounts, indent=1)}\n"


def _exports() -> list[dict[str, Any]]:
    importers: dict[Request, list[str]] = {}
    for identity in IDENTITIES:
        for request in requests(identity):
            importers.setdefault(request, []).append(identity.name)
    return [
        {
            "service": request.subject,
            "response_type": "Stream" if request.many else "Singleton",
            "accounts": names,
        }
        for request, names in sorted(importers.items())
    ]


def _account(identity: Identity, public_key: str) -> dict[str, Any]:
    allowed = [each.subject for each in requests(identity)]
    asked = questions(identity)
    permissions: dict[str, Any] = {
        "publish": {"allow": [*(_seen(subject) for subject in allowed), *(each.subject for each in asked)]},
        "subscribe": {"allow": [f"{inbox_prefix(identity.name)}.>"]},
    }
    imports = [
        {"service": {"account": PLATFORM, "subject": subject}, "to": _seen(subject)} for subject in allowed
    ] + [{"service": {"account": each.answered_by, "subject": each.subject}} for each in asked]
    account: dict[str, Any] = {
        "users": [{"nkey": public_key, "permissions": permissions}],
        "imports": imports,
    }
    if identity.answers:
        answered = subjects.dry_run_subject(identity.name)
        permissions["subscribe"]["allow"].append(answered)
        # Where to, the question says; once, and only while it is fresh.
        permissions["allow_responses"] = {"max": 1, "expires": "2m"}
        account["exports"] = [
            {"service": answered, "accounts": [each.name for each in IDENTITIES if each.steers]}
        ]
    # The permissions add nothing to what the account holds back; with them a refusal is said, not met with silence.
    return account


def _seen(subject: str) -> str:
    """How a subject of PLATFORM is called in another account, where ``$JS.API`` is that account's own."""
    return f"{API}{subject.removeprefix('$JS.API')}" if subject.startswith("$JS.API.") else subject


def _kept_key(file: Path) -> str:
    if not file.exists():
        seed = nkeys.encode_seed(os.urandom(32), nkeys.PREFIX_BYTE_USER)
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as out:
            out.write(seed)
    public: bytes = nkeys.from_seed(bytearray(file.read_bytes().strip())).public_key
    return public.decode()


def main() -> None:
    """Write keys and configuration into the folder that the command names."""
    if len(sys.argv) != len(("program", "folder")):
        sys.exit(f"usage: python -m {__spec__.name} FOLDER")
    folder = Path(sys.argv[1])
    write(folder)
    sys.stdout.write(f"{folder / CONFIGURATION} for nats-server, and a key for each of: {', '.join(NAMES)}\n")


if __name__ == "__main__":
    main()
