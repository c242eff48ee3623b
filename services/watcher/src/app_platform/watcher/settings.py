"""Settings of watcher, from the environment."""

from pydantic import Field

from app_platform.contracts import names
from app_platform.runtime import RuntimeSettings


class Settings(RuntimeSettings):
    """What this service needs besides NATS.

    Raises (through ``load``):
        SettingsError: A variable is missing or wrong.
    """

    resync_seconds: float = Field(
        default=600.0,
        gt=0,
        description="Seconds between two full rounds, which heal whatever was missed or went wrong.",
    )
    lease_namespace: str = Field(
        default=names.SYSTEM_NAMESPACE, description="Where the replicas' Leases are."
    )
    lease_seconds: float = Field(
        default=15.0, gt=1, description="Seconds after which a silent replica counts as dead."
    )
