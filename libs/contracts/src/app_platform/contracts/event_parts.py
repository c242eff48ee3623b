"""What events are put together from: their base, and the parts that several of them hold.

Guarantees: as ``events`` has them; no part has a field for a secret value.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class EventPart(BaseModel):
    """Base of everything inside an event: frozen, strict, and refusing fields it does not know when made here."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


Cause = Literal["change", "repair", "rotation"]
"""Why files are committed: the intent changed, the repository was changed by somebody else, or the app's AGE key was replaced."""


class EncryptedFile(EventPart):
    """One file for the platform repository."""

    path: str
    content: str = Field(description="SOPS-encrypted YAML.")


class IntentVersion(EventPart):
    """Which state of which intent something was made from."""

    name: str
    uid: str
    resource_version: str = Field(description="Of the intent when the encryptor marked it Pending.")
    fingerprint: str = Field(description="Keyed HMAC of the content, and the version at which it was marked.")


class RemovedIntent(EventPart):
    """An intent whose files are gone from the repository."""

    name: str
    uid: str
