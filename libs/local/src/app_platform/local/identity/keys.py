"""The keys of the provider, made once and kept in its state directory: one signs tokens, the other the session cookie."""

import json
import secrets
from pathlib import Path
from typing import Any

from joserfc.jwk import RSAKey

from app_platform.local.identities import write_private

ALGORITHM = "RS256"
_BITS = 2048


def signing_key(folder: Path) -> RSAKey:
    """The RSA key for ID tokens; its `kid` is its thumbprint (RFC 7638)."""
    path = folder / "signing-key.json"
    if not path.exists():
        key = RSAKey.generate_key(_BITS, {"use": "sig", "alg": ALGORITHM}, private=True, auto_kid=True)
        write_private(path, json.dumps(key.as_dict(private=True)))
    return RSAKey.import_key(json.loads(path.read_text()))


def public_keys(key: RSAKey) -> dict[str, Any]:
    """The JSON Web Key Set (RFC 7517) that clients check signatures with."""
    return {"keys": [key.as_dict(private=False)]}


def cookie_key(folder: Path) -> str:
    """The key of the session cookie."""
    path = folder / "cookie-key"
    if not path.exists():
        write_private(path, secrets.token_hex(32))
    return path.read_text()
