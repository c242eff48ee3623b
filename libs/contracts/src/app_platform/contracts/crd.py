"""The CustomResourceDefinition of AppPlatformRegistration, made from the pydantic models.

Guarantees: structural (Kubernetes ``apiextensions.k8s.io/v1``): no ``$ref``, ``anyOf`` or ``title`` is left, every object
has its properties listed. Leaves out: writing it to a file; ``scripts/generate.py`` does that.
"""

from typing import Any, Final

from app_platform.contracts import names
from app_platform.contracts.registration import (
    KIND,
    PLURAL,
    VERSION,
    Registration,
    RegistrationSpec,
    RegistrationStatus,
)

_DROPPED: Final = frozenset({"title", "$defs", "default"})

_PRINTER_COLUMNS: Final = [
    {
        "name": "Ready",
        "type": "string",
        "jsonPath": '.status.conditions[?(@.type=="Ready")].status',
    },
    {"name": "Namespaces", "type": "string", "jsonPath": ".spec.namespaces"},
    {"name": "Repository", "type": "string", "jsonPath": ".status.repository.url"},
    {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
]


def structural(schema: dict[str, Any], definitions: dict[str, Any] | None = None) -> dict[str, Any]:
    """Rewrite a JSON Schema made by pydantic as a Kubernetes structural schema.

    Args:
        schema: A JSON Schema (draft 2020-12) of an object, array or scalar.
        definitions: What its ``$ref`` point to; taken from its own ``$defs`` when not given.

    Returns:
        The same constraints without references, titles and defaults.
    """
    definitions = schema.get("$defs", {}) if definitions is None else definitions
    if "$ref" in schema:
        target = definitions[schema["$ref"].rsplit("/", 1)[-1]]
        rest = {key: value for key, value in schema.items() if key != "$ref"}
        return structural({**target, **rest}, definitions)
    out = {key: value for key, value in schema.items() if key not in _DROPPED}
    if "items" in out:
        out["items"] = structural(out["items"], definitions)
    if "properties" in out:
        out["properties"] = {
            name: structural(value, definitions) for name, value in out["properties"].items()
        }
    return out


def _root_schema() -> dict[str, Any]:
    rules = Registration.model_config["json_schema_extra"]
    return {
        "type": "object",
        "required": ["spec"],
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"type": "object"},
            "spec": structural(RegistrationSpec.model_json_schema(by_alias=True)),
            "status": structural(RegistrationStatus.model_json_schema(by_alias=True)),
        },
        **(rules if isinstance(rules, dict) else {}),
    }


def registration_crd() -> dict[str, Any]:
    """The CustomResourceDefinition, as an object ready to be written as YAML or applied."""
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": f"{PLURAL}.{names.GROUP}",
            "labels": {names.MANAGED_BY_LABEL: names.MANAGED_BY},
        },
        "spec": {
            "group": names.GROUP,
            "scope": "Cluster",
            "names": {
                "kind": KIND,
                "listKind": f"{KIND}List",
                "plural": PLURAL,
                "singular": PLURAL.removesuffix("s"),
                "shortNames": ["apr"],
            },
            "versions": [
                {
                    "name": VERSION,
                    "served": True,
                    "storage": True,
                    "subresources": {"status": {}},
                    "additionalPrinterColumns": _PRINTER_COLUMNS,
                    "schema": {"openAPIV3Schema": _root_schema()},
                }
            ],
        },
    }
