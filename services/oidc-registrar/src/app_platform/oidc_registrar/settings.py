"""Settings of oidc-registrar, from the environment."""

import re
from typing import Annotated, Final
from urllib.parse import urlsplit

from pydantic import Field, field_validator
from pydantic_settings import NoDecode

from app_platform.contracts import names
from app_platform.oidc_registrar.ports import Rules
from app_platform.oidc_registrar.requests import host_of
from app_platform.runtime import RuntimeSettings

_DOMAIN: Final = re.compile(r"(\*\.)?([a-z0-9]([-a-z0-9]*[a-z0-9])?\.)*[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_List = Annotated[tuple[str, ...], NoDecode]


class Settings(RuntimeSettings):
    """What this service needs besides NATS.

    Raises (through ``load``):
        SettingsError: A variable is missing or wrong.
    """

    authelia_url: str = Field(
        default="http://authelia.authelia.svc.cluster.local",
        description="Where Authelia answers, as seen from this service; asked for /api/health.",
    )
    authelia_namespace: str = Field(
        default=names.AUTHELIA, description="Namespace of Authelia and of the Secret with its list."
    )
    authelia_deployment: str = Field(default=names.AUTHELIA, description="Name of Authelia's Deployment.")
    dashboard_url: str = Field(
        default="https://app-platform.hcl.labrats.work",
        description="Where browsers find the dashboard; its client's redirect URI is <this>/auth/callback.",
    )
    oidc_domains: _List = Field(
        default=("*.hcl.labrats.work",),
        min_length=1,
        description="Host names that apps may have clients for, separated by commas; '*.' and a domain for all in it.",
    )
    oidc_reserved_hosts: _List = Field(
        default=("my-id.hcl.labrats.work",),
        description="Host names among them that no app may have, separated by commas: that of Authelia. "
        "The dashboard's is kept as well.",
    )
    oidc_authorization_policy: str = Field(
        default="two_factor",
        pattern="^[A-Za-z0-9_-]+$",
        description="Authelia's authorization_policy of every client: one_factor, two_factor, or one of its own.",
    )
    oidc_max_clients: int = Field(
        default=500, ge=1, le=800, description="Clients in the list at most; a Secret holds 1 MiB."
    )
    oidc_healthy_seconds: float = Field(
        default=60.0, gt=0, description="In which Authelia must be healthy once it is rolled out."
    )

    @field_validator("oidc_domains", "oidc_reserved_hosts", mode="before")
    @classmethod
    def _listed(cls, text: object) -> object:
        return tuple(filter(None, map(str.strip, text.split(",")))) if isinstance(text, str) else text

    @field_validator("oidc_domains", "oidc_reserved_hosts")
    @classmethod
    def _are_domains(cls, domains: tuple[str, ...]) -> tuple[str, ...]:
        wrong = [at for at, domain in enumerate(domains, start=1) if not _DOMAIN.fullmatch(domain)]
        if wrong:
            raise ValueError(f"entry {wrong[0]} is no host name in lower case, nor '*.' and a domain")
        return domains

    @field_validator("authelia_url", "dashboard_url")
    @classmethod
    def _is_base_url(cls, url: str) -> str:
        parts = urlsplit(url)
        if (
            parts.scheme not in ("http", "https")
            or not parts.hostname
            or parts.username
            or parts.query
            or parts.fragment
        ):
            raise ValueError("a URL such as https://host, without user, query and fragment")
        return url.rstrip("/")

    @property
    def rules(self) -> Rules:
        """What apps may ask for."""
        return Rules(
            domains=self.oidc_domains,
            reserved_hosts=frozenset({*self.oidc_reserved_hosts, host_of(self.dashboard_url)}),
            max_clients=self.oidc_max_clients,
            authorization_policy=self.oidc_authorization_policy,
        )
