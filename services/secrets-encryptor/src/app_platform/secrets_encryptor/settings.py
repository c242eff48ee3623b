"""Settings of secrets-encryptor, from the environment."""

from typing import Annotated

from pydantic import Field, field_validator
from pydantic_settings import NoDecode

from app_platform import sops
from app_platform.runtime import RuntimeSettings


class Settings(RuntimeSettings):
    """What this service needs besides NATS.

    Raises (through ``load``):
        SettingsError: A variable is missing or wrong.
    """

    extra_recipients: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="age recipients, separated by commas, that every file is encrypted for besides the app's own: "
        "a break-glass key, of which the private half is kept offline.",
    )

    @field_validator("extra_recipients", mode="before")
    @classmethod
    def _listed(cls, text: object) -> object:
        return tuple(filter(None, map(str.strip, text.split(",")))) if isinstance(text, str) else text

    @field_validator("extra_recipients")
    @classmethod
    def _are_recipients(cls, recipients: tuple[str, ...]) -> tuple[str, ...]:
        if any(text.upper().startswith("AGE-SECRET-KEY-") for text in recipients):
            raise ValueError("a private key is in it: give its recipient (age1…) and keep the key offline")
        wrong = [at for at, text in enumerate(recipients, start=1) if not sops.is_recipient(text)]
        if wrong:
            raise ValueError(f"entry {wrong[0]} is no age X25519 recipient (age1…, as age-keygen prints it)")
        if len(set(recipients)) != len(recipients):
            raise ValueError("a recipient is named twice")
        return recipients
