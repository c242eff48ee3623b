"""Settings of git-committer, from the environment. Those of a forge are read only when it is the one that is chosen.

Guarantees: a combination that cannot work ends the service at start, with a message that names the variable to change.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from app_platform.runtime import RuntimeSettings, SettingsError
from app_platform.runtime.settings import PREFIX

_GITHUB: Final = f"{PREFIX}GITHUB_"


class Settings(RuntimeSettings):
    """What this service needs besides NATS, whatever the forge.

    Raises (through ``load``):
        SettingsError: A variable is missing or wrong.
    """

    forge: Literal["local", "github"] = Field(
        default="local", description="Which forge holds the platform repositories."
    )
    author_name: str = Field(
        default="App Platform", min_length=1, pattern=r"^[^<>\n]+$", description="Author of commits."
    )
    author_email: str = Field(
        default="app-platform@labrats.work",
        min_length=3,
        pattern=r"^[^<>\s]+$",
        description="The author's address.",
    )
    signing_key_file: Path | None = Field(
        default=None,
        description="File with an Ed25519 key in OpenSSH's format, without passphrase, by which commits are signed.",
    )
    flux_fetch_seconds: int = Field(
        default=60,
        ge=10,
        le=86_400,
        description="Seconds after which Flux fetches a platform repository by itself. It is told of each commit and of what a webhook says, so "
        "with thousands of apps this may be long: until then stays what neither told of.",
    )
    webhook_secrets: tuple[SecretStr, ...] = Field(
        default=(),
        max_length=2,
        description="Shared secrets of the forge's webhook, as a JSON list: the one in use, and the one before it while it is "
        "being replaced. Without any, no webhook is received.",
    )
    webhook_host: str = Field(default="127.0.0.1", description="Address on which webhooks are received.")
    webhook_port: int = Field(default=8081, ge=0, le=65535, description="Port for the same.")


class LocalForgeSettings(BaseSettings):
    """With ``APP_PLATFORM_FORGE=local``."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="ignore")

    forge_url: str = Field(pattern=r"^https?://[^/]+", description="Base URL of the forge.")
    forge_token: SecretStr = Field(description="Administrator's token of the forge.")
    forge_owner: str = Field(default="apps", description="Owner of the platform repositories.")
    forge_timeout: float = Field(
        default=60.0, gt=0, description="Seconds that one Git command or request may take."
    )
    cache_dir: Path | None = Field(
        default=None, description="Where clones are kept; a temporary folder by default."
    )


class GitHubSettings(BaseSettings):
    """With ``APP_PLATFORM_FORGE=github``: a token, or a GitHub App as it is installed in the organisation."""

    model_config = SettingsConfigDict(env_prefix=_GITHUB, frozen=True, extra="ignore")

    organization: str = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9-]{0,38}$", description="Owner of the platform repositories."
    )
    api_url: str = Field(
        default="https://api.github.com",
        description="Address of the REST API; https://HOST/api/v3 for GitHub Enterprise Server.",
    )
    token: SecretStr | None = Field(default=None, description="A fine-grained token, instead of an App.")
    app_id: int | None = Field(default=None, gt=0, description="Id of the GitHub App.")
    installation_id: int | None = Field(
        default=None, gt=0, description="Id of the App's installation in the organisation."
    )
    private_key_file: Path | None = Field(default=None, description="The App's private key, PEM.")
    timeout: int = Field(default=30, gt=0, description="Seconds that one request may take.")
    writes_per_minute: int = Field(
        default=80, ge=1, description="Writes to GitHub, of all replicas together."
    )
    writes_per_hour: int = Field(default=500, ge=1, description="The same for an hour.")
    points_per_minute: int = Field(
        default=900,
        ge=100,
        description="Points of GitHub's secondary limit, of all replicas together; a read is one, a write five.",
    )
    known_hosts_file: Path | None = Field(
        default=None,
        description="SSH host keys for Flux; those of github.com are built in, any other server needs them.",
    )
    flux_credential: Literal["deploy-key", "app"] = Field(
        default="deploy-key", description="By what Flux reads: a key per repository, or a second App."
    )
    flux_app_id: int | None = Field(default=None, gt=0, description="Id of the App by which Flux reads.")
    flux_installation_id: int | None = Field(
        default=None, gt=0, description="Id of its installation in the organisation."
    )
    flux_private_key_file: Path | None = Field(default=None, description="Its private key, PEM.")

    @field_validator("api_url")
    @classmethod
    def _secure(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme != "https" and parts.hostname not in ("127.0.0.1", "localhost", "::1"):
            raise ValueError("must begin with https://")
        return url.rstrip("/")

    @model_validator(mode="after")
    def _one_way_in(self) -> Self:
        app = {
            "APP_ID": self.app_id,
            "INSTALLATION_ID": self.installation_id,
            "PRIVATE_KEY_FILE": self.private_key_file,
        }
        given = any(value is not None for value in app.values())
        if self.token is not None and given:
            raise _wrong("TOKEN", "give either this or the App's three variables, not both")
        if self.token is None and not given:
            raise _wrong("APP_ID", f"is missing, or {_GITHUB}TOKEN")
        if given:
            _require(app, "goes with the App's other variables")
        return self

    @model_validator(mode="after")
    def _flux_reads_only(self) -> Self:
        app = {
            "FLUX_APP_ID": self.flux_app_id,
            "FLUX_INSTALLATION_ID": self.flux_installation_id,
            "FLUX_PRIVATE_KEY_FILE": self.flux_private_key_file,
        }
        if self.flux_credential == "app":
            _require(app, f"goes with {_GITHUB}FLUX_CREDENTIAL=app")
        elif any(value is not None for value in app.values()):
            raise _wrong("FLUX_CREDENTIAL", "must be app for the other FLUX variables to have an effect")
        if self.flux_app_id is not None and self.flux_app_id == self.app_id:
            raise _wrong(
                "FLUX_APP_ID", "must be another App than APP_ID: its key lies in every app's namespace"
            )
        return self


def _require(variables: Mapping[str, object], why: str) -> None:
    for name, value in variables.items():
        if value is None:
            raise _wrong(name, f"is missing: it {why}")


def _wrong(name: str, what: str) -> SettingsError:
    # Not a ValueError, which pydantic would report on the whole model instead of on the variable.
    return SettingsError(f"set these environment variables right: {_GITHUB}{name}: {what}")
