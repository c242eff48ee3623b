"""Settings of git-committer, from the environment."""

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr

from app_platform.runtime import RuntimeSettings


class Settings(RuntimeSettings):
    """What this service needs besides NATS.

    Raises (through ``load``):
        SettingsError: A variable is missing or wrong.
    """

    forge: Literal["local"] = Field(
        default="local", description="Which forge holds the platform repositories."
    )
    forge_url: str = Field(pattern=r"^https?://[^/]+", description="Base URL of the forge.")
    forge_token: SecretStr = Field(description="Administrator's token of the forge.")
    forge_owner: str = Field(default="apps", description="Owner of the platform repositories.")
    forge_timeout: float = Field(
        default=60.0, gt=0, description="Seconds that one Git command or request may take."
    )
    cache_dir: Path | None = Field(
        default=None, description="Where clones are kept; a temporary folder by default."
    )
    author_name: str = Field(default="App Platform", min_length=1)
    author_email: str = Field(default="app-platform@labrats.work", min_length=3)
