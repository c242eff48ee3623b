"""The list of clients as Authelia reads it: entries made of requests, and the file made of entries. Pure.

Format: https://www.authelia.com/configuration/identity-providers/openid-connect/clients/ (4.39). The file holds exactly
``identity_providers.oidc.clients`` and ``identity_providers.oidc.claims_policies``; Authelia merges maps of several files and replaces
lists, so its main configuration must have no clients of its own.
Guarantees: equal entries give equal bytes, whatever the order they come in: clients are sorted by id. Values are written by a YAML
library, as data.
Leaves out: checking what others wrote (``checking``).
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import yaml

from app_platform.oidc_registrar.requests import Request

CLAIMS_POLICY: Final = "app-platform"
_CLAIMS: Final[Mapping[str, Any]] = {
    # From 4.39 on, an ID token holds no more than OpenID Connect asks for, unless a policy adds it.
    "id_token": ["groups", "email", "email_verified", "alt_emails", "name", "preferred_username"]
}
_HEADER: Final = (
    "# The OIDC clients of this cluster, written by the App Platform (oidc-registrar). Clients that are added here by hand are kept;\n"
    "# what is changed of the others is put back.\n"
)

Entry = Mapping[str, Any]
"""One client, as Authelia's configuration has it."""


class UnreadableListError(ValueError):
    """A list of clients is not in Authelia's format. The text says where, and repeats nothing of it."""


@dataclass(frozen=True)
class ClientList:
    """What the file holds.

    Attributes:
        clients: By client id.
        policies: Claims policies by name.
    """

    clients: Mapping[str, Entry] = field(default_factory=dict)
    policies: Mapping[str, Any] = field(default_factory=dict)


def entry(request: Request, digest: str, authorization_policy: str) -> Entry:
    """A client for Authelia.

    Args:
        request: What is asked for.
        digest: Of its secret; empty for a public client.
        authorization_policy: Which users must meet.
    """
    refreshing = "offline_access" in request.scopes
    return {
        "client_id": request.client_id,
        "client_name": request.client_id,
        **({} if request.public else {"client_secret": digest}),
        "public": request.public,
        "redirect_uris": list(request.redirect_uris),
        "scopes": list(request.scopes),
        "grant_types": ["authorization_code", *(["refresh_token"] if refreshing else [])],
        "response_types": ["code"],
        "authorization_policy": authorization_policy,
        "consent_mode": request.consent,
        "require_pkce": request.pkce,
        # Naming a method would require PKCE as well.
        **({"pkce_challenge_method": "S256"} if request.pkce else {}),
        "token_endpoint_auth_method": request.auth_method,
        "claims_policy": CLAIMS_POLICY,
    }


def render(listed: ClientList) -> bytes:
    """The file."""
    oidc = {
        "claims_policies": {**dict(sorted(listed.policies.items())), CLAIMS_POLICY: dict(_CLAIMS)},
        "clients": [dict(listed.clients[client_id]) for client_id in sorted(listed.clients)],
    }
    body = yaml.dump(
        {"identity_providers": {"oidc": oidc}},
        Dumper=_Dumper,
        sort_keys=False,
        allow_unicode=False,
        width=120,
    )
    return (_HEADER + body).encode()


class _Dumper(yaml.SafeDumper):
    """Writes equal lists twice instead of naming one and referring to it."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ANN401, ARG002 - as the base class has it
        return True


def parse(content: bytes) -> ClientList:
    """Read a file; an empty one holds nothing.

    Raises:
        UnreadableListError: It is not YAML, or not in this format.
    """
    try:
        document = yaml.load(content, Loader=yaml.CSafeLoader)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        raise UnreadableListError(f"it is not YAML{f' (line {mark.line + 1})' if mark else ''}") from None
    oidc = _map(_map(_plain(document), "identity_providers"), "oidc")
    clients, policies = oidc.get("clients") or [], _map(oidc, "claims_policies")
    if not isinstance(clients, list) or not all(isinstance(_id_of(each), str) for each in clients):
        raise UnreadableListError("identity_providers.oidc.clients is not a list of clients with a client_id")
    by_id = {_id_of(each): each for each in clients}
    if len(by_id) != len(clients):
        raise UnreadableListError("identity_providers.oidc.clients names a client_id twice")
    return ClientList(by_id, {name: each for name, each in policies.items() if name != CLAIMS_POLICY})


def _plain(document: Any) -> Any:  # noqa: ANN401 - any YAML
    """The document as JSON has it, so that it can be kept: YAML knows dates, bytes, sets and loops besides."""
    try:
        return json.loads(json.dumps(document))
    except (TypeError, ValueError, RecursionError):
        raise UnreadableListError("it holds what is no text, number, list or map: put it in quotes") from None


def _map(parent: Any, key: str) -> dict[str, Any]:  # noqa: ANN401 - any YAML
    found = (parent or {}).get(key) if isinstance(parent, dict | None) else ()
    if not isinstance(found, dict | None):
        raise UnreadableListError(f"{key} is not where it belongs, or is no map")
    return found or {}


def _id_of(client: Any) -> Any:  # noqa: ANN401 - any YAML
    return client.get("client_id") if isinstance(client, dict) else None


def sha256(content: bytes) -> str:
    """The digest by which a list is named, in hex."""
    return hashlib.sha256(content).hexdigest()
