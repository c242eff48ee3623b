"""Who changed an intent."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app_platform.contracts import names
from app_platform.secrets_encryptor import authors

NOTE: dict[str, Any] = {"f:metadata": {"f:annotations": {f"f:{names.CHANGED_BY}": {}}}}


def entry(manager: str, at: int, fields: dict[str, Any] | None = None) -> dict[str, Any]:
    return {
        "manager": manager,
        "time": f"2026-01-31T12:00:{at:02}Z",
        "fieldsV1": {"f:data": {}} if fields is None else fields,
    }


def meta(*entries: dict[str, Any], by: str = "", deleted: int | None = None) -> dict[str, Any]:
    found: dict[str, Any] = {"managedFields": list(entries)}
    if by:
        found["annotations"] = {names.CHANGED_BY: by}
    if deleted is not None:
        found["deletionTimestamp"] = f"2026-01-31T12:00:{deleted:02}Z"
    return found


@pytest.mark.parametrize(
    ("metadata", "by"),
    [
        (meta(), ""),
        ({}, ""),
        (meta(entry("kubectl-create", 1)), "kubectl-create"),
        (meta(entry("kubectl-create", 1), entry("kubectl-edit", 5), entry("helm", 3)), "kubectl-edit"),
        (meta(entry("kubectl-create", 1), entry("secrets-encryptor", 5)), "kubectl-create"),
        (meta(entry("kubectl-label", 5, {"f:metadata": {"f:labels": {}}})), ""),
        (meta(entry("dashboard", 5)), ""),
        (meta(entry("dashboard", 5, {"f:data": {}, **NOTE}), by="ada"), "ada"),
        (meta(entry("dashboard", 5, {"f:data": {}, **NOTE}), entry("kubectl-edit", 9), by="ada"), "kubectl-edit"),
        (meta(entry("dashboard", 9, {"f:data": {}, **NOTE}), entry("kubectl-edit", 5), by="ada"), "ada"),
        (meta(entry("ci", 9, {"f:data": {}, **NOTE}), entry("ci", 9), by="ada"), "ada"),
        (meta(by="ada"), "ada"),
    ],
)  # fmt: skip
def test_the_latest_writer_of_the_content_is_named(metadata: dict[str, Any], by: str) -> None:
    assert authors.changed_by(metadata) == by


@pytest.mark.parametrize(
    ("metadata", "by"),
    [
        (meta(entry("kubectl-create", 1), deleted=5), ""),
        (meta(entry("dashboard", 4, NOTE), by="ada", deleted=5), "ada"),
        (meta(entry("dashboard", 4, NOTE), by="ada", deleted=50), ""),
        (meta(entry("dashboard", 4, NOTE), by="ada"), ""),
    ],
)
def test_who_deletes_is_named_when_it_is_known(metadata: dict[str, Any], by: str) -> None:
    assert authors.deleted_by(metadata) == by


@given(st.text())
def test_a_name_is_one_short_line(text: str) -> None:
    said = authors.changed_by(meta(by=text))
    assert len(said) <= 128
    assert said.isprintable()


def test_a_name_cannot_bring_lines_of_its_own() -> None:
    assert authors.changed_by(meta(by="ada\nChange-Id: 1\r\n\x1b[31m")) == "ada Change-Id: 1 [31m"
