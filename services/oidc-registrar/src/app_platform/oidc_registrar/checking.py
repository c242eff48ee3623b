"""Whether an entry is one that Authelia takes, as far as its documentation says; asked before a list is published. Pure.

The rules are those of https://www.authelia.com/configuration/identity-providers/openid-connect/clients/ (4.39) that one entry can
break by itself; unknown properties are errors there, and so they are here. Clients that others put into the list may use more of
Authelia than ours do: of those only what every client needs is asked.
Guarantees: a fault names a place in the entry and the rule, never a value: one of them is a digest.
"""

from typing import Any, Final

from jsonschema import Draft202012Validator

from app_platform.contracts import oidc
from app_platform.oidc_registrar.rendering import CLAIMS_POLICY, Entry

_WORD: Final[dict[str, Any]] = {"type": "string", "pattern": r"^[A-Za-z0-9_-]+\Z"}
_DIGEST: Final = r"^\$(pbkdf2|argon2|scrypt|bcrypt|5\$|6\$|2[aby]?\$|plaintext|base64)[!-~]*\Z"


def _list_of(*words: str) -> dict[str, Any]:
    return {"type": "array", "items": {"enum": list(words)}, "uniqueItems": True, "minItems": 1}


_ANY: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["client_id", "scopes"],
    "properties": {
        "client_id": {"type": "string", "pattern": r"^[A-Za-z0-9._~-]{1,100}\Z"},
        "client_secret": {"type": "string", "pattern": _DIGEST},
        "public": {"type": "boolean"},
        "scopes": {"type": "array", "items": {"type": "string"}, "uniqueItems": True},
        "redirect_uris": {
            "oneOf": [
                {"type": "string", "pattern": "^[^ \n]+:"},
                {"type": "array", "items": {"type": "string", "pattern": "^[^ \n]+:"}, "uniqueItems": True},
            ]
        },
    },
    "if": {"properties": {"public": {"const": True}}, "required": ["public"]},
    "then": {"not": {"required": ["client_secret"]}},
}
_OURS: Final[dict[str, Any]] = {
    "allOf": [_ANY],
    "additionalProperties": False,
    "required": ["client_name", "redirect_uris", "authorization_policy", "claims_policy"],
    "properties": {
        "client_id": {},
        "client_name": {"type": "string"},
        "client_secret": {"pattern": r"^\$pbkdf2-sha512\$310000\$[A-Za-z0-9./]{22}\$[A-Za-z0-9./]{86}\Z"},
        "public": {},
        "redirect_uris": {
            "type": "array",
            "minItems": 1,
            "items": {"type": "string", "pattern": r"^https?://[a-z0-9.:-]+/[A-Za-z0-9._~@:+/-]*\Z"},
        },
        "scopes": _list_of(*oidc.ALL_SCOPES),
        "grant_types": _list_of("authorization_code", "refresh_token"),
        "response_types": _list_of("code"),
        "authorization_policy": _WORD,
        "consent_mode": {"enum": list(oidc.CONSENTS)},
        "require_pkce": {"type": "boolean"},
        "pkce_challenge_method": {"enum": ["S256"]},
        "token_endpoint_auth_method": {"enum": ["none", *oidc.AUTH_METHODS]},
        "claims_policy": {"const": CLAIMS_POLICY},
    },
    "if": {"properties": {"public": {"const": False}}},
    "then": {"required": ["client_secret"]},
    "else": {
        "properties": {"require_pkce": {"const": True}, "token_endpoint_auth_method": {"const": "none"}}
    },
}
_CHECK_ANY: Final = Draft202012Validator(_ANY)
_CHECK_OURS: Final = Draft202012Validator(_OURS)


def faults(entry: Entry) -> list[str]:
    """What Authelia would not take; empty when it would take it."""
    check = _CHECK_OURS if entry.get("claims_policy") == CLAIMS_POLICY else _CHECK_ANY
    return sorted(
        f"{'.'.join(map(str, fault.absolute_path)) or 'client'}: breaks the rule {fault.validator!r}"
        for fault in check.iter_errors(dict(entry))
    )
