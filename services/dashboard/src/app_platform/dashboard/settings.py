"""Settings of the dashboard, from the environment.

Guarantees: a URL that would send a credential in the open ends the service at start, with a message that names the variable.
"""

import ssl
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from pydantic import Field, FilePath, field_validator

from app_platform.dashboard import commit_links
from app_platform.runtime import RuntimeSettings

_LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")
_DAY: Final = 24.0


class Settings(RuntimeSettings):
    """What this service needs besides NATS.

    Raises (through ``load``):
        SettingsError: A variable is missing or wrong.
    """

    dashboard_url: str = Field(
        description="Where people reach the dashboard: https, or http on loopback; no path."
    )
    dashboard_host: str = Field(default="127.0.0.1", description="Address on which pages are served.")
    dashboard_port: int = Field(default=8000, ge=0, le=65535, description="Port for the same.")
    oidc_issuer_url: str = Field(
        description="Issuer of the identity provider: https, or http on loopback; as it names itself."
    )
    oidc_ca_file: FilePath | None = Field(
        default=None,
        description="File with the certificates that the identity provider's is checked against, in the place of the system's.",
    )
    session_hours: float = Field(
        default=12.0, gt=0, lt=_DAY, description="Hours after which somebody has to sign in again."
    )
    idle_minutes: float = Field(
        default=120.0, gt=0, description="Minutes without a request after which a session ends."
    )
    recheck_seconds: float = Field(
        default=300.0, gt=0, description="Seconds after which a person's groups are asked for again."
    )
    sign_ins_per_minute: int = Field(
        default=30,
        ge=1,
        description="Attempts to sign in that one address may begin a minute, at all replicas together.",
    )
    api_audiences: str = Field(
        default="app-platform-dashboard",
        description="Client ids, separated by commas, whose users' tokens the HTTP API takes: the token's audience must be one of them.",
    )
    apps_domain: str = Field(
        default="hcl.labrats.work",
        description="Domain under which apps are reached: <app>.<domain>; for what Get started fills in.",
    )
    commit_links: str = Field(
        default="",
        description="Forges besides github.com, gitlab.com, codeberg.org and gitea.com whose commits are linked, as pairs separated by spaces: <host>=github, gitlab, gitea or forgejo, or <host>=https://… with {repository} (host and path) and {commit}.",
    )
    trusted_proxies: str = Field(
        default="127.0.0.1",
        description="Addresses or networks (10.42.0.0/16), separated by commas, whose X-Forwarded-For is believed: those of the ingress.",
    )

    git_known_hosts_file: Path | None = Field(
        default=None,
        description="File with the host keys of Git servers that apps may be deployed from without naming them (known_hosts format); by default those of github.com.",
    )

    @field_validator("dashboard_url", "oidc_issuer_url")
    @classmethod
    def _secure(cls, url: str) -> str:
        parts = urlsplit(url)
        local = parts.scheme == "http" and parts.hostname in _LOOPBACK
        if not parts.hostname or not (parts.scheme == "https" or local):
            raise ValueError("must begin with https:// (http:// on loopback only)")
        return url.rstrip("/")

    @field_validator("commit_links")
    @classmethod
    def _links(cls, text: str) -> str:
        commit_links.parse(text)
        return text

    @field_validator("dashboard_url")
    @classmethod
    def _whole_host(cls, url: str) -> str:
        if urlsplit(url).path not in ("", "/"):
            raise ValueError("must have no path: the cookies' prefix __Host- is for whole hosts")
        return url

    @property
    def oidc_trust(self) -> ssl.SSLContext | None:
        """What the identity provider's certificate is checked against; none: the system's authorities."""
        return ssl.create_default_context(cafile=self.oidc_ca_file) if self.oidc_ca_file else None

    @property
    def secure(self) -> bool:
        """Whether cookies are sent over TLS only, which is everywhere but on loopback."""
        return self.dashboard_url.startswith("https://")

    @property
    def audiences(self) -> tuple[str, ...]:
        """Client ids whose users' tokens the HTTP API takes."""
        return tuple(filter(None, map(str.strip, self.api_audiences.split(","))))
