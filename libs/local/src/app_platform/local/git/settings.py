"""Settings of the Git server, from the environment."""

from pathlib import Path
from typing import Final

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from app_platform.runtime.settings import PREFIX

_GIT: Final = f"{PREFIX}GIT_"


class GitSettings(BaseSettings):
    """Where the Git server is, what it keeps, and whom it tells of pushes."""

    model_config = SettingsConfigDict(env_prefix=_GIT, frozen=True, extra="ignore")

    host: str = Field(default="127.0.0.1", description="Address on which it listens.")
    port: int = Field(ge=1, le=65535, description="Its port.")
    url: str = Field(default="", description="Under which clients reach it; http://<host>:<port> if empty.")
    ssh_port: int = Field(
        default=0, ge=0, le=65535, description="Port on which deploy keys read over SSH; 0 for none."
    )
    ssh_host_key: Path | None = Field(
        default=None, description="File with the private host key for that, in OpenSSH's format."
    )
    data: Path = Field(description="Folder of the repositories.")
    token: SecretStr = Field(description="Administrator's token.")
    webhook_urls: str = Field(default="", description="Who is told of pushes, separated by blanks.")
    webhook_secret: SecretStr = Field(
        default=SecretStr(""), description="Secret that deliveries are signed with."
    )

    @property
    def base_url(self) -> str:
        """Under which clients reach the server."""
        return self.url or f"http://{self.host}:{self.port}"
