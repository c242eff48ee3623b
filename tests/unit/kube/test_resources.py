"""Paths of objects."""

import pytest

from app_platform.kube import LEASES, NAMESPACES, SECRETS, Key, Resource, key_of

WIDGETS = Resource("example.com", "v1alpha1", "widgets", "Widget", namespaced=False)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (SECRETS.path(), "/api/v1/secrets"),
        (SECRETS.path("a"), "/api/v1/namespaces/a/secrets"),
        (SECRETS.path("a", "b"), "/api/v1/namespaces/a/secrets/b"),
        (LEASES.path("a", "b"), "/apis/coordination.k8s.io/v1/namespaces/a/leases/b"),
        (NAMESPACES.path(None, "a"), "/api/v1/namespaces/a"),
        (WIDGETS.path(None, "a", "status"), "/apis/example.com/v1alpha1/widgets/a/status"),
        (SECRETS.path("../x", "a?b"), "/api/v1/namespaces/..%2Fx/secrets/a%3Fb"),
    ],
)
def test_paths(path: str, expected: str) -> None:
    assert path == expected


def test_a_wrong_scope_is_a_mistake_and_not_a_404() -> None:
    with pytest.raises(ValueError, match="cluster-scoped"):
        NAMESPACES.path("a", "b")
    with pytest.raises(ValueError, match="namespaced"):
        SECRETS.path(None, "b")


def test_a_manifest_carries_what_identifies_it() -> None:
    manifest = SECRETS.manifest("b", "a", type="Opaque")
    assert manifest == {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "b", "namespace": "a"},
        "type": "Opaque",
    }
    assert key_of(manifest) == Key("a", "b")
    assert key_of(WIDGETS.manifest("w")) == Key("", "w")
