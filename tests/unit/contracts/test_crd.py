"""The CustomResourceDefinition is one that Kubernetes takes, and all generated files are up to date."""

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from app_platform.contracts.crd import registration_crd, structural

ROOT = Path(__file__).resolve().parents[3]


def load_generator() -> ModuleType:
    """scripts/generate.py, which is a program and in no package."""
    spec = importlib.util.spec_from_file_location("generate", ROOT / "scripts" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


GENERATED: dict[str, str] = load_generator().generated()


def root_schema() -> dict[str, Any]:
    version: dict[str, Any] = registration_crd()["spec"]["versions"][0]
    return dict(version["schema"]["openAPIV3Schema"])


def schemas(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every schema node with its path."""
    yield path, schema
    for name, child in schema.get("properties", {}).items():
        yield from schemas(child, f"{path}.{name}")
    if "items" in schema:
        yield from schemas(schema["items"], f"{path}[]")


@pytest.mark.parametrize("path", sorted(GENERATED))
def test_generated_files_are_up_to_date(path: str) -> None:
    assert (ROOT / path).read_text() == GENERATED[path], f"{path} is out of date: run `make generate`"


def test_no_snapshot_is_left_of_an_event_that_is_no_more() -> None:
    kept = {f"tests/data/events/{file.name}" for file in (ROOT / "tests/data/events").iterdir()}
    assert kept == {path for path in GENERATED if path.startswith("tests/data/events/")}


def test_the_schema_is_structural() -> None:
    for path, node in schemas(root_schema()):
        assert not node.keys() & {"$ref", "$defs", "anyOf", "oneOf", "allOf", "title", "default"}, path
        assert "type" in node or "x-kubernetes-int-or-string" in node, path
        if node["type"] == "object":
            assert "properties" in node or path == ".metadata", path
        if node["type"] == "array":
            assert "items" in node, path


def test_every_field_a_user_sets_is_described() -> None:
    undescribed = [
        path
        for path, node in schemas(root_schema()["properties"]["spec"])
        if path and "description" not in node
    ]
    assert [path for path in undescribed if not path.endswith("[]")] == []


def test_every_rule_says_what_to_change() -> None:
    rules = [rule for _, node in schemas(root_schema()) for rule in node.get("x-kubernetes-validations", ())]
    assert len(rules) >= 6
    assert all(rule["message"] and rule["rule"] for rule in rules)


def test_lists_are_bounded_so_that_rules_have_a_bounded_cost() -> None:
    for path, node in schemas(root_schema()["properties"]["spec"]):
        if node["type"] == "array":
            assert "maxItems" in node, path
        if node["type"] == "string" and "enum" not in node:
            assert "maxLength" in node, path


def test_what_people_see_of_it() -> None:
    spec = registration_crd()["spec"]
    version = spec["versions"][0]
    assert (spec["scope"], spec["names"]["shortNames"]) == ("Cluster", ["apr"])
    assert version["subresources"] == {"status": {}}
    columns = [column["name"] for column in version["additionalPrinterColumns"]]
    assert columns == ["Ready", "Namespaces", "Repository", "Age"]


def test_references_are_replaced_by_what_they_name() -> None:
    schema = {
        "$defs": {"Inner": {"type": "object", "title": "Inner", "properties": {"a": {"type": "string"}}}},
        "type": "object",
        "properties": {"one": {"$ref": "#/$defs/Inner", "description": "kept"}},
    }
    assert structural(schema)["properties"]["one"] == {
        "type": "object",
        "properties": {"a": {"type": "string"}},
        "description": "kept",
    }
