"""What a platform admin wants of a registration, read from a form. Pure.

Guarantees: what passes here passes the CustomResourceDefinition, whose rules these are; every fault is said at once, each with what to change.
Leaves out: what only the cluster knows, such as a namespace that another app owns; that becomes a condition.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from app_platform.contracts import Access, RegistrationSpec, Role, names
from app_platform.contracts.registration import MAX_ACCESS
from app_platform.dashboard.registering import namespace_fault
from app_platform.dashboard.web.forms import Form

_MAX_DISPLAY_NAME: Final = 128
_MAX_DESCRIPTION: Final = 1024
_MAX_GROUP: Final = 253


@dataclass(frozen=True)
class Entered:
    """The form as it was filled in, to be shown again.

    Attributes:
        namespaces: One a line.
        access: Pairs of group and role.
    """

    name: str = ""
    display_name: str = ""
    description: str = ""
    namespaces: str = ""
    access: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of_form(cls, form: Form, name: str = "") -> "Entered":
        """What somebody entered; `name` when it is not theirs to choose."""
        roles = form.all("role")
        pairs = [
            (group.strip(), roles[i] if i < len(roles) else "") for i, group in enumerate(form.all("group"))
        ]
        return cls(
            name or form.text("name"),
            form.text("display-name"),
            form.text("description"),
            form.text("namespaces"),
            tuple((group, role) for group, role in pairs if group),
        )

    @classmethod
    def of_spec(cls, name: str, spec: RegistrationSpec) -> "Entered":
        """A registration as it is."""
        access = tuple((entry.group, entry.role.value) for entry in spec.access)
        return cls(name, spec.display_name, spec.description, "\n".join(spec.namespaces), access)

    @property
    def namespace_names(self) -> tuple[str, ...]:
        """The namespaces, whole: the prefix may be left out."""
        parts = self.namespaces.replace(",", " ").split()
        return tuple(
            dict.fromkeys(
                part if part.startswith(f"{self.name}-") else f"{self.name}-{part}" for part in parts
            )
        )

    def spec(self) -> Mapping[str, Any]:
        """As the resource has it; of a form without faults."""
        access = tuple(Access(group=group, role=Role(role)) for group, role in self.access)
        spec = RegistrationSpec(
            display_name=self.display_name,
            description=self.description,
            namespaces=self.namespace_names,
            access=access,
        )
        return spec.model_dump(mode="json", by_alias=True)


def faults(entered: Entered) -> list[str]:
    """What is to be changed of a form; nothing when it is right."""
    return [
        *_name_faults(entered.name),
        *_text_faults(entered),
        *_namespace_faults(entered),
        *_access_faults(entered),
    ]


def _name_faults(name: str) -> list[str]:
    rules = (
        (bool(name), "Enter a name."),
        (len(name) <= names.MAX_APP_NAME, f"The name may have at most {names.MAX_APP_NAME} characters."),
        (
            not name or names.is_dns_label(name),
            "The name takes lower-case letters, digits and dashes, and ends with a letter or digit.",
        ),
        (
            not name.endswith(names.PLATFORM_SUFFIX),
            "The ending -platform is kept for platform namespaces. Choose another name.",
        ),
    )
    return [fault for holds, fault in rules if not holds]


def _text_faults(entered: Entered) -> list[str]:
    rules = (
        (
            len(entered.display_name) <= _MAX_DISPLAY_NAME,
            f"The display name may have at most {_MAX_DISPLAY_NAME} characters.",
        ),
        (
            len(entered.description) <= _MAX_DESCRIPTION,
            f"The description may have at most {_MAX_DESCRIPTION} characters.",
        ),
    )
    return [fault for holds, fault in rules if not holds]


def _namespace_faults(entered: Entered) -> list[str]:
    found: list[str] = []
    seen: list[str] = []
    for name in entered.namespace_names:
        if fault := namespace_fault(entered.name, name, seen):
            found.append(f"{name[: names.MAX_DNS_LABEL]}: {fault}")
        seen.append(name)
    return found if entered.name else []


def _access_faults(entered: Entered) -> list[str]:
    found = [fault for group, role in entered.access if (fault := _entry_fault(group, role))]
    if len(set(entered.access)) < len(entered.access):
        found.append("A group is named twice with the same role: keep one.")
    if len(entered.access) > MAX_ACCESS:
        found.append(f"An app has at most {MAX_ACCESS} access entries.")
    return found


def _entry_fault(group: str, role: str) -> str:
    shown = f"“{group[:60]}”"
    rules: Sequence[tuple[bool, str]] = (
        (
            not group.startswith("system:"),
            f"The group {shown} belongs to Kubernetes itself. Name a group of the identity provider.",
        ),
        (
            len(group) <= _MAX_GROUP and group.isprintable(),
            f"The group {shown} is too long, or holds characters that do not print.",
        ),
        (role in set(Role), f"Choose a role for the group {shown}."),
    )
    return next((fault for holds, fault in rules if not holds), "")
