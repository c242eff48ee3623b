"""What the API takes and gives, as JSON with names in camelCase. Pure.

Guarantees: values of secrets are taken in and never given out; they show in no ``repr``. Fields that are not known are refused, so that a
misspelt one is not silently ignored.
"""

import base64
import binascii
from collections.abc import Iterable
from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretBytes, SecretStr, field_validator
from pydantic.alias_generators import to_camel

from app_platform.contracts import Condition, Role


class Given(BaseModel):
    """Base of what is given out."""

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, frozen=True, from_attributes=True
    )


class Taken(BaseModel):
    """Base of what is taken in."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, frozen=True, extra="forbid")


class AppOut(Given):
    """An app that the caller has a role in."""

    name: str
    display_name: str = ""
    role: Role
    ready: bool


class MeOut(Given):
    """Who the caller is."""

    name: str
    kubernetes_name: str = Field(description="As Kubernetes calls them.")
    groups: tuple[str, ...]
    apps: list[AppOut]


class ConditionOut(Given):
    """A Kubernetes condition."""

    type: str
    status: str
    reason: str
    message: str
    last_transition_time: str


class RegistrationOut(Given):
    """An app's registration."""

    name: str
    display_name: str
    description: str
    namespaces: list[str]
    platform_namespace: str
    conditions: list[ConditionOut]
    repository_url: str


class SecretOut(Given):
    """A secret, without its values."""

    name: str
    status: str = Field(description="Pending, Committed, Failed or Deleting.")
    message: str
    keys: tuple[str, ...]
    targets: tuple[str, ...]
    deliveries: dict[str, str] = Field(description="Target namespace to how far it is there.")
    commit: str
    changed: str
    changed_by: str


class Values(Taken):
    """Values by key, as in a Kubernetes Secret."""

    string_data: dict[str, SecretStr] = Field(default_factory=dict, description="Texts.")
    data: dict[str, SecretBytes] = Field(default_factory=dict, description="Anything, in base64.")

    @field_validator("data", mode="before")
    @classmethod
    def _decoded(cls, given: object) -> object:
        if not isinstance(given, dict):
            return given
        try:
            return {key: base64.b64decode(str(text), validate=True) for key, text in given.items()}
        except (binascii.Error, ValueError):
            raise ValueError("must be base64") from None

    @property
    def pairs(self) -> Iterable[tuple[str, bytes]]:
        """Keys and values; one that is in both comes twice."""
        yield from ((key, text.get_secret_value().encode()) for key, text in self.string_data.items())
        yield from ((key, value.get_secret_value()) for key, value in self.data.items())


class SecretIn(Values):
    """A secret to be created."""

    name: str
    targets: list[str] = Field(description="Namespaces of the app.")
    type: str = "Opaque"


class SecretChange(Values):
    """What to change of a secret: keys that are not named stay as they are."""

    targets: list[str] | None = Field(default=None, description="Stay as they are when left out.")
    remove: list[str] = Field(default_factory=list, description="Keys to take away.")


class ClientOut(Given):
    """An OIDC client, without its client secret."""

    name: str = Field(description="Of its Secret.")
    client_id: str
    status: str = Field(description="Pending, Registered, Failed or Deleting.")
    message: str
    redirect_uris: tuple[str, ...]
    changed: str
    changed_by: str


class ClientChange(Taken):
    """What to change of a client; what is left out stays as it is, an empty text means the default."""

    hostname: str | None = None
    callback_path: str | None = None
    extra_callback_paths: list[str] | None = None
    scopes: str | None = Field(default=None, description="Separated by spaces.")
    public: Literal["", "true", "false"] | None = None
    consent: str | None = None
    require_pkce: Literal["", "true", "false"] | None = None
    token_endpoint_auth_method: str | None = None


class ClientIn(ClientChange):
    """A client to be created."""

    name: str = Field(description="Of its Secret.")
    client_id: str


class NamespaceOut(Given):
    """A namespace of an app."""

    name: str
    state: str
    managed: bool


class RevisionOut(Given):
    """A commit, as Flux names it."""

    text: str
    commit: str


class FluxOut(Given):
    """What GitRepositories and Kustomizations have in common."""

    name: str
    managed: bool
    suspended: bool
    state: str
    message: str
    conditions: list[ConditionOut]


class SourceOut(FluxOut):
    """A GitRepository."""

    url: str
    follows: str
    revision: RevisionOut | None


class SyncOut(FluxOut):
    """A Kustomization."""

    source: str
    path: str
    target: str
    depends_on: list[str]
    applied: RevisionOut | None
    attempted: RevisionOut | None


class StageOut(Given):
    """One stage of a story."""

    title: str
    state: str
    at: datetime | None
    text: str
    advice: str
    commit: str


class StoryOut(Given):
    """One change of an object, and what came of it."""

    title: str
    by: str
    state: str
    began: datetime | None
    stages: list[StageOut]


class LineOut(Given):
    """One thing that happened in an app."""

    at: datetime
    title: str
    text: str
    state: str
    by: str
    commit: str


class ReferenceOut(Given):
    """A Kubernetes object."""

    kind: str
    name: str
    namespace: str


class FindingOut(Given):
    """What a check says."""

    check: str
    title: str
    state: str
    detail: str
    advice: str
    about: ReferenceOut | None


def conditions(listed: Iterable[Condition]) -> list[ConditionOut]:
    """Of a registration."""
    return [
        ConditionOut(
            type=each.type,
            status=each.status,
            reason=each.reason,
            message=each.message,
            last_transition_time=each.last_transition_time.isoformat(),
        )
        for each in listed
    ]
