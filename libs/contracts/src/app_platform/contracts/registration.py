"""The AppPlatformRegistration resource: what a team asks for, and what the platform reports back.

Guarantees: a registration that passes the CustomResourceDefinition made from these models (see ``crd``) parses here.
The CEL rules below are the ones the API server enforces; the models check the same so that nothing depends on it.
Leaves out: what only a service can know, such as a namespace that another app owns; that becomes a condition.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Final, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue, model_validator
from pydantic.alias_generators import to_camel

from app_platform.contracts import names

KIND: Final = "AppPlatformRegistration"
PLURAL: Final = "appplatformregistrations"
VERSION: Final = "v1alpha1"
API_VERSION: Final = f"{names.GROUP}/{VERSION}"
MAX_NAMESPACES: Final = 64
MAX_ACCESS: Final = 64
_MAX_MESSAGE: Final = 32768


class Role(StrEnum):
    """What a group may do in the app's namespaces; bound to ClusterRole ``app-platform-<role>``."""

    ADMIN = "admin"
    DEVELOPER = "developer"
    READER = "reader"


class ConditionType(StrEnum):
    """The conditions of a registration; each is written by exactly one service."""

    READY = "Ready"
    NAMESPACES = "NamespacesReady"
    ENCRYPTION_KEY = "EncryptionKeyReady"
    REPOSITORY = "RepositoryReady"
    SYNC = "SyncReady"


class _Model(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, frozen=True)


def _rule(rule: str, message: str) -> JsonValue:
    return {"rule": rule, "message": message}


_NAMESPACE_RULES: Final[list[JsonValue]] = [
    _rule(
        f"self.matches('{names.DNS_LABEL_PATTERN}')",
        "each namespace must be a DNS label: lower-case letters, digits and dashes, starting and ending with a letter or digit",
    ),
    _rule(
        f"!self.endsWith('{names.PLATFORM_SUFFIX}')",
        "a namespace may not end in '-platform': platform namespaces are made by the operator; choose another ending",
    ),
]

_REGISTRATION_RULES: Final[list[JsonValue]] = [
    _rule(
        f"self.metadata.name.size() <= {names.MAX_APP_NAME} && self.metadata.name.matches('{names.DNS_LABEL_PATTERN}')",
        f"metadata.name must be a DNS label of at most {names.MAX_APP_NAME} characters (lower-case letters, digits, dashes)",
    ),
    _rule(
        f"!self.metadata.name.endsWith('{names.PLATFORM_SUFFIX}')",
        "metadata.name may not end in '-platform': that ending is kept for platform namespaces; choose another name",
    ),
    _rule(
        # The prefix is made once, in a list of one: inside the loop its cost would exceed Kubernetes' budget.
        "!has(self.spec.namespaces) || [self.metadata.name + '-'].all(p, self.spec.namespaces.all(n, n.startsWith(p)))",
        "every entry of spec.namespaces must start with the app's name and a dash, for instance '<app>-prod'",
    ),
]


def _dns_label(name: str) -> str:
    if not names.is_dns_label(name):
        raise ValueError(f"{name!r} is not a DNS label")
    return name


def _not_of_kubernetes(group: str) -> str:
    if group.startswith("system:"):
        raise ValueError("spec.access[].group may not start with 'system:'")
    return group


Namespace = Annotated[
    str,
    AfterValidator(_dns_label),
    Field(
        min_length=1,
        max_length=names.MAX_DNS_LABEL,
        json_schema_extra={"x-kubernetes-validations": _NAMESPACE_RULES},
    ),
]


class Access(_Model):
    """One SSO group and the role it gets in every namespace of the app."""

    group: Annotated[str, AfterValidator(_not_of_kubernetes)] = Field(
        min_length=1,
        max_length=253,
        description="Name of the SSO group, as the identity provider sends it.",
        json_schema_extra={
            "x-kubernetes-validations": [
                _rule(
                    "!self.startsWith('system:')",
                    "spec.access[].group may not start with 'system:': those groups belong to Kubernetes itself",
                )
            ]
        },
    )
    role: Role = Field(description="What the group may do: admin, developer or reader.")


class RegistrationSpec(_Model):
    """What the team asks for."""

    display_name: str = Field(default="", max_length=128, description="Name shown to people.")
    description: str = Field(default="", max_length=1024, description="What the app is, for people.")
    namespaces: tuple[Namespace, ...] = Field(
        default=(),
        max_length=MAX_NAMESPACES,
        description="The app's namespaces; each starts with '<app>-'.",
        json_schema_extra={"x-kubernetes-list-type": "set"},
    )
    access: tuple[Access, ...] = Field(
        default=(),
        max_length=MAX_ACCESS,
        description="Which SSO groups may do what in the app's namespaces.",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["group", "role"]},
    )


class Condition(_Model):
    """A condition as ``metav1.Condition`` defines it."""

    type: str = Field(max_length=316)
    status: str = Field(json_schema_extra={"enum": ["True", "False", "Unknown"]})
    reason: str = Field(max_length=1024)
    message: str = Field(max_length=_MAX_MESSAGE)
    last_transition_time: datetime
    observed_generation: int = Field(default=0, ge=0)


class RepositoryStatus(_Model):
    """The app's platform repository, once it exists."""

    url: str = ""
    branch: str = ""
    head_sha: str = ""


class RotationStatus(_Model):
    """The latest replacement of the app's AGE key, or of the recipients that its files are encrypted for."""

    request: str = Field(
        default="", description="The annotation's value that asked for it; empty when a setting did."
    )
    phase: str = Field(
        default="",
        description="Encrypting: files are encrypted anew. Applying: until Flux has applied them. Done.",
        json_schema_extra={"enum": ["Encrypting", "Applying", "Done"]},
    )
    files_total: int = Field(default=0, ge=0, description="Files of the app's secrets.")
    files_left: int = Field(
        default=0, ge=0, description="Those not yet encrypted for the present recipients."
    )
    started_at: str = Field(default="", description="When it began (RFC 3339).")
    commit: str = Field(
        default="", description="In which no file needs another key; empty while there is none."
    )


class RegistrationStatus(_Model):
    """What the platform reports; each field has one owning service."""

    observed_generation: int = 0
    conditions: tuple[Condition, ...] = Field(
        default=(),
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]},
    )
    namespaces: tuple[str, ...] = Field(default=(), json_schema_extra={"x-kubernetes-list-type": "set"})
    recipient: str = Field(default="", description="The app's age recipient (public key).")
    extra_recipients: tuple[str, ...] = Field(
        default=(), description="Further age recipients that every file is encrypted for."
    )
    rotation: RotationStatus = RotationStatus()
    repository: RepositoryStatus = RepositoryStatus()

    def condition(self, kind: ConditionType) -> Condition | None:
        """The condition of that type, or ``None`` when no service has written it yet."""
        return next((c for c in self.conditions if c.type == kind), None)


class Registration(_Model):
    """One registration, reduced to what services decide by."""

    model_config = ConfigDict(json_schema_extra={"x-kubernetes-validations": _REGISTRATION_RULES})

    name: str
    uid: str
    generation: int = 0
    resource_version: str = ""
    finalizers: tuple[str, ...] = ()
    deleting: bool = False
    rotate_key: str = ""
    spec: RegistrationSpec = RegistrationSpec()
    status: RegistrationStatus = RegistrationStatus()

    @model_validator(mode="after")
    def _name_is_free(self) -> Self:
        if not names.is_app_name(self.name):
            raise ValueError(
                f"metadata.name: {self.name!r} must be a DNS label of at most {names.MAX_APP_NAME} characters, not ending in '-platform'"
            )
        return self

    @model_validator(mode="after")
    def _namespaces_belong_to_app(self) -> Self:
        if len(set(self.spec.namespaces)) != len(self.spec.namespaces):
            raise ValueError("spec.namespaces: each namespace may be named once")
        for namespace in self.spec.namespaces:
            if not namespace.startswith(f"{self.name}-") or namespace.endswith(names.PLATFORM_SUFFIX):
                raise ValueError(
                    f"spec.namespaces: {namespace!r} must start with '{self.name}-' and not end in '-platform'"
                )
        return self

    @classmethod
    def from_object(cls, obj: Mapping[str, Any]) -> Self:
        """Read a registration from the object the API server returned.

        Args:
            obj: The whole object, as decoded JSON.

        Raises:
            pydantic.ValidationError: It breaks a rule that the CustomResourceDefinition should have refused.
        """
        meta = obj["metadata"]
        return cls(
            name=meta["name"],
            uid=meta.get("uid", ""),
            generation=meta.get("generation", 0),
            resource_version=meta.get("resourceVersion", ""),
            finalizers=tuple(meta.get("finalizers", ())),
            deleting="deletionTimestamp" in meta,
            rotate_key=meta.get("annotations", {}).get(names.ROTATE_KEY, ""),
            spec=RegistrationSpec.model_validate(obj.get("spec", {})),
            status=RegistrationStatus.model_validate(obj.get("status", {})),
        )

    @property
    def platform_namespace(self) -> str:
        """The app's platform namespace."""
        return names.platform_namespace(self.name)


@dataclass(frozen=True)
class Verdict:
    """What a service says of its part of a registration; ``stamped`` makes a condition of it."""

    type: ConditionType
    reason: str
    message: str
    ok: bool = field(kw_only=True)


def stamped(registration: Registration, verdict: Verdict, now: datetime) -> Condition:
    """The condition for a verdict: its transition time moves only when its status does (``metav1.Condition``).

    Args:
        registration: As it was when the verdict was reached.
        verdict: What to say.
        now: The present time, in UTC.
    """
    before = registration.status.condition(verdict.type)
    status = str(verdict.ok)
    moved = before is None or before.status != status
    return Condition(
        type=verdict.type,
        status=status,
        reason=verdict.reason,
        message=verdict.message[:_MAX_MESSAGE],
        last_transition_time=now.replace(microsecond=0)
        if moved or before is None
        else before.last_transition_time,
        observed_generation=registration.generation,
    )
