"""Settings from environment variables, with errors that name the variable to change.

Guarantees: settings are frozen, and a secret among them is a ``SecretStr``, which neither prints nor logs its value.
Leaves out: command lines. A service has only its environment (https://12factor.net/config), and files where a secret is mounted as one.
"""

import os
from pathlib import Path
from typing import Final, TypeVar

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

PREFIX: Final = "APP_PLATFORM_"
SECRETS_DIR: Final = f"{PREFIX}SECRETS_DIR"
"""Names a folder; a file there that is called as a variable, in lower case, holds its value."""
_S = TypeVar("_S", bound=BaseSettings)


class SettingsError(Exception):
    """An environment variable is missing or wrong. The text names each, and never repeats a value."""


class RuntimeSettings(BaseSettings):
    """What every service needs to reach NATS, report its health and bound its work."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="ignore")

    nats_url: str = Field(
        description="Where nats-server listens, for instance nats://127.0.0.1:4222; of a cluster all, separated by commas."
    )
    nats_nkey: Path | None = Field(
        default=None, description="File with the NKey seed by which NATS knows this service."
    )
    nats_ca: Path | None = Field(
        default=None, description="File with the certificates that NATS' is checked against; turns TLS on."
    )
    nats_certificate: Path | None = Field(
        default=None, description="File with the certificate that is shown to NATS over TLS."
    )
    nats_certificate_key: Path | None = Field(default=None, description="File with its private key.")
    health_host: str = Field(
        default="127.0.0.1", description="Address on which health and metrics are served."
    )
    health_port: int = Field(
        default=8080, ge=0, le=65535, description="Its port; 0 lets the system choose one."
    )
    replica: str = Field(
        default="0",
        min_length=1,
        description="Name of this replica; must differ between replicas of watcher.",
    )
    log_level: str = Field(
        default="INFO",
        pattern="^(DEBUG|INFO|WARNING|ERROR)$",
        description="`DEBUG`, `INFO`, `WARNING` or `ERROR`.",
    )
    stream_replicas: int = Field(
        default=1,
        ge=1,
        le=5,
        description="Of bootstrap: copies of each stream in a NATS cluster, 1 to 5; only ever raised.",
    )
    event_days: int = Field(
        default=7,
        ge=1,
        description="Of bootstrap: days that events are kept for history and replay; only ever raised on an existing stream.",
    )
    event_bytes: int | None = Field(
        default=None,
        ge=1024 * 1024,
        description="Of bootstrap: bytes that the history of events may take; then its oldest goes, whatever its age. Unlimited by default; less than the disk of a NATS server holds. Only ever raised on an existing stream that has a limit.",
    )
    store_bytes: int | None = Field(
        default=None,
        ge=1,
        description="Of bootstrap: bytes that all NATS servers together may store, for metrics; else the limit of JetStream's account, if any.",
    )
    max_inline_bytes: int = Field(
        default=512 * 1024, ge=1024, description="Larger event data goes to stream EVENT_DATA."
    )
    publish_timeout: float = Field(
        default=10.0, gt=0, description="Seconds to wait for a publish to be stored."
    )
    ack_wait: float = Field(
        default=30.0, gt=0, description="Of bootstrap: seconds without a sign of life until NATS redelivers."
    )
    in_hand: int = Field(default=1000, ge=1, description="Messages that one replica holds at a time.")
    max_batch: int = Field(default=250, ge=1, description="Events of one app handled together at most.")
    concurrency: int = Field(default=16, ge=1, description="Batches handled at the same time at most.")
    max_deliver: int = Field(
        default=12, ge=1, description="Deliveries of an event until it becomes a dead letter."
    )
    grace: float = Field(default=20.0, ge=0, description="Seconds that running handlers get at shutdown.")


def load(settings: type[_S]) -> _S:
    """Read settings from the environment, and what is not there from the folder that ``SECRETS_DIR`` names.

    Raises:
        SettingsError: Names every variable that is missing or wrong and says what is wanted.
    """
    folder = os.environ.get(SECRETS_DIR)
    if folder and not Path(folder).is_dir():
        raise SettingsError(f"set these environment variables right: {SECRETS_DIR}: is no folder")
    try:
        return settings(_secrets_dir=folder or None)
    except ValidationError as error:
        prefix = settings.model_config.get("env_prefix", "")
        faults = [
            f"{prefix}{'_'.join(map(str, e['loc'])).upper()}: {e['msg']}"
            for e in error.errors(include_input=False)
        ]
        raise SettingsError("set these environment variables right: " + "; ".join(faults)) from None
