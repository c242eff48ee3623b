"""The clients file: `identity_providers.oidc.clients` and `.claims_policies` of Authelia's configuration, and nothing else.

A list without clients is an error, as with Authelia. All mistakes are told at once, each with the client it is of, and none with a
value, which may be a digest.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml
from pydantic import Field, ValidationError

from app_platform.local.identity.clients import ClaimsPolicy, Client, Part
from app_platform.local.identity.errors import ConfigurationError


@dataclass(frozen=True)
class Registry:
    """All clients by id, and the claims that each one's ID tokens carry beyond the minimum."""

    clients: Mapping[str, Client]
    id_token_claims: Mapping[str, frozenset[str]]

    def find(self, client_id: str) -> Client | None:
        """The client, if there is one."""
        return self.clients.get(client_id)


class _OpenIDConnect(Part):
    clients: list[Client] = Field(default_factory=list)
    claims_policies: dict[str, ClaimsPolicy] = Field(default_factory=dict)


class _IdentityProviders(Part):
    oidc: _OpenIDConnect


class _File(Part):
    identity_providers: _IdentityProviders


def load_clients(path: Path) -> Registry:
    """Read and validate a clients file.

    Raises:
        ConfigurationError: it cannot be read, or breaks a rule; every broken rule is named.
    """
    try:
        return parse_clients(path.read_text())
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} cannot be read: {error}") from error


def parse_clients(text: str) -> Registry:
    """Validate the text of a clients file.

    Raises:
        ConfigurationError: as `load_clients`.
    """
    content = _yaml(text)
    try:
        oidc = _File.model_validate(content).identity_providers.oidc
    except ValidationError as error:
        raise ConfigurationError("\n".join(_mistakes(error, content))) from None
    if mistakes := _contradictions(oidc):
        raise ConfigurationError("\n".join(mistakes))
    policies = {"": ClaimsPolicy(), **oidc.claims_policies}
    claims = {each.client_id: frozenset(policies[each.claims_policy].id_token) for each in oidc.clients}
    return Registry({each.client_id: each for each in oidc.clients}, claims)


def _yaml(text: str) -> object:
    try:
        return yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        # The problem and its place only: PyYAML's own message quotes the line.
        line = error.problem_mark.line + 1 if error.problem_mark else "?"
        raise ConfigurationError(f"the file is not YAML: {error.problem} in line {line}") from None
    except yaml.YAMLError:
        raise ConfigurationError(
            "the file is not YAML: it holds characters that YAML does not allow"
        ) from None


def _contradictions(oidc: _OpenIDConnect) -> list[str]:
    """What is wrong with the list as a whole."""
    if not oidc.clients:
        return ["identity_providers: oidc: option 'clients' must have one or more clients configured"]
    ids = [client.client_id for client in oidc.clients]
    twice = sorted({each for each in ids if ids.count(each) > 1})
    return [f"clients: client '{each}': option 'client_id' must be unique" for each in twice] + [
        f"clients: client '{client.client_id}': option 'claims_policy' names '{client.claims_policy}', which is not configured"
        for client in oidc.clients
        if client.claims_policy and client.claims_policy not in oidc.claims_policies
    ]


def _mistakes(error: ValidationError, content: object) -> list[str]:
    """A line per mistake, with the client's id in the place of its number. Never the value: it may be a digest."""
    return [
        f"{_place(each['loc'], content)}: {each['msg'].removeprefix('Value error, ')}"
        for each in error.errors()
    ]


def _place(path: tuple[int | str, ...], content: object) -> str:
    words: list[str] = []
    for step in path:
        content = _descend(content, step)
        client = content.get("client_id") if isinstance(content, Mapping) and isinstance(step, int) else None
        words.append(f"client '{client}'" if client else str(step))
    return ": ".join(words) or "the file"


def _descend(content: object, step: int | str) -> object:
    if isinstance(content, Mapping):
        return content.get(step)
    is_index = isinstance(content, list) and isinstance(step, int) and step < len(content)
    return content[step] if is_index else None  # type: ignore[index]
