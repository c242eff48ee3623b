"""Names are valid in Kubernetes whenever what they are made of is."""

import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app_platform.contracts import names
from support.samples import APP_NAMES, OBJECT_NAMES


@pytest.mark.parametrize("name", ["a", "a1", "0a", "my-app", "a" * 63])
def test_dns_labels(name: str) -> None:
    assert names.is_dns_label(name)


@pytest.mark.parametrize("name", ["", "-a", "a-", "A", "a.b", "a_b", "ä", "a" * 64, "a\n", "a b"])
def test_what_is_no_dns_label(name: str) -> None:
    assert not names.is_dns_label(name)


@given(APP_NAMES)
def test_a_platform_namespace_leads_back_to_its_app(app: str) -> None:
    namespace = names.platform_namespace(app)
    assert names.is_dns_label(namespace)
    assert names.app_of_platform_namespace(namespace) == app


@pytest.mark.parametrize("name", ["my-app", "platform", "-platform", "my-app-platformx", ""])
def test_other_namespaces_are_no_platform_namespaces(name: str) -> None:
    assert names.app_of_platform_namespace(name) is None


def test_the_longest_app_name_still_gives_a_platform_namespace() -> None:
    assert names.is_dns_label(names.platform_namespace("a" * names.MAX_APP_NAME))
    assert not names.is_dns_label(names.platform_namespace("a" * (names.MAX_APP_NAME + 1)))


@given(APP_NAMES, OBJECT_NAMES)
def test_secret_paths_round_trip(namespace: str, name: str) -> None:
    assert names.parse_secret_path(names.secret_path(namespace, name)) == (namespace, name)


@pytest.mark.parametrize(
    "path",
    [
        "README.md",
        ".sops.yaml",
        "secrets/.gitkeep",
        "secrets/a.yaml",
        "secrets/ns/deeper/a.yaml",
        "secrets/ns/a.yml",
        "other/ns/a.yaml",
        "/secrets/ns/a.yaml",
        "",
    ],
)
def test_other_paths_are_no_secrets(path: str) -> None:
    assert names.parse_secret_path(path) is None


@pytest.mark.parametrize("content", ["", "hello\n", "äöü €\n", "x" * 70_000])
def test_blob_ids_are_gits(content: str, tmp_path: Path) -> None:
    done = subprocess.run(
        ["git", "hash-object", "--stdin"],
        input=content.encode(),
        capture_output=True,
        check=True,
        cwd=tmp_path,
    )
    assert names.blob_id(content) == done.stdout.decode().strip()


@given(st.text(max_size=50), st.text(max_size=50))
def test_blob_ids_tell_contents_apart(one: str, other: str) -> None:
    assert (names.blob_id(one) == names.blob_id(other)) == (one == other)


def test_a_finalizer_is_qualified_by_our_group() -> None:
    assert names.finalizer("git-committer") == "labrats.work/git-committer"
