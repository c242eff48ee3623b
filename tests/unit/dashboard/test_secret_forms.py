"""What somebody wants of a secret, read from a form."""

from collections.abc import Mapping

import pytest

from app_platform.dashboard.secret_forms import FormFaultError, changed_secret, new_secret
from app_platform.dashboard.web.forms import Form, Upload

SPACES = ("my-app-dev", "my-app-prod")


Fields = Mapping[str, str | list[str]]


def form(fields: Fields, *files: Upload) -> Form:
    """A form with a name and a target, and other fields."""
    texts = {"name": ["database"], "target": ["my-app-dev"]}
    texts |= {name: [each] if isinstance(each, str) else each for name, each in fields.items()}
    return Form(texts, {"secret.file": files})


def faults(given: Form) -> str:
    with pytest.raises(FormFaultError) as refused:
        new_secret(given, SPACES)
    text = str(refused.value)
    assert "c4n4ry" not in text
    return text


def test_values_come_from_rows_files_and_an_env_file() -> None:
    files = (Upload("C:\\certs\\tls.crt", b"\xff\x00"), Upload("folder/tls.key", b""))
    rows: Fields = {"key": ["a", "", " b "], "secret.value": ["1", "", "2\n"], "secret.env": "C=3\nD="}
    wanted = new_secret(form(rows, *files), SPACES)
    assert wanted.values == {
        "a": b"1",
        "b": b"2\n",
        "tls.crt": b"\xff\x00",
        "tls.key": b"",
        "C": b"3",
        "D": b"",
    }
    assert (wanted.name, wanted.targets, wanted.kind) == ("database", ("my-app-dev",), "Opaque")
    assert "2\\n" not in repr(wanted)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"name": ""}, "Enter a name"),
        ({"name": "Data_Base"}, "The name cannot be"),
        ({"name": "a/../b"}, "The name cannot be"),
        ({"name": "x" * 254}, "The name cannot be"),
        ({"name": "kustomization"}, "another name"),
        ({"target": []}, "at least one target"),
        ({"target": ["other-dev"]}, "“other-dev” is not one of the app's namespaces"),
        ({"key": []}, "at least one key"),
        ({"key": ["a"], "secret.value": [""]}, "The key “a” has no value"),
        ({"key": [""], "secret.value": ["c4n4ry"]}, "Row 1 has a value and no key"),
        ({"key": ["a b"]}, "The key “a b” cannot be"),
        ({"key": [".."]}, "The key “..” cannot be"),
        ({"key": ["a", "a"], "secret.value": ["c4n4ry", "c4n4ry"]}, "The key a comes twice"),
        ({"secret.env": "a=c4n4ry"}, "The key a comes twice"),
        ({"secret.env": "c4n4ry"}, ".env: Line 1 is not NAME=value"),
        ({"type": "kubernetes.io/service-account-token"}, "Choose one of the types"),
        ({"secret.value": ["c4n4ry" * 200_000]}, "at most 1 MiB"),
    ],
)
def test_what_is_wrong_is_said(fields: Fields, said: str) -> None:
    assert said in faults(form({"key": ["a"], "secret.value": ["c4n4ry"], **fields}))


def test_all_that_is_wrong_is_said_at_once() -> None:
    text = faults(form({"name": "", "target": [], "key": ["a b"], "secret.value": ["c4n4ry"]}))
    assert all(part in text for part in ("Enter a name", "at least one target", "cannot be"))


def test_an_empty_value_means_unchanged() -> None:
    wanted = changed_secret(
        form({"key": ["a", "b"], "secret.value": ["", "2"]}), "database", ["a", "b"], SPACES
    )
    assert wanted.values == {"b": b"2"}
    assert wanted.removed == frozenset()


def test_keys_are_added_and_taken_away() -> None:
    given = form({"key": ["a", "b", "c"], "secret.value": ["", "", "3"], "remove": ["a", "unknown"]})
    wanted = changed_secret(given, "database", ["a", "b"], SPACES)
    assert wanted.values == {"c": b"3"}
    assert wanted.removed == frozenset({"a"})


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"key": ["a"], "secret.value": [""], "remove": ["a"]}, "Keep at least one key"),
        ({"key": ["a"], "secret.value": ["c4n4ry"], "remove": ["a"]}, "choose one of both"),
        ({"target": []}, "at least one target"),
    ],
)
def test_a_change_that_cannot_be_is_refused(fields: Fields, said: str) -> None:
    with pytest.raises(FormFaultError, match=said):
        changed_secret(form(fields), "database", ["a"], SPACES)
