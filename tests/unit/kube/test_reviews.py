"""How a right is named."""

import pytest

from app_platform.kube import Action, Resource
from app_platform.kube.resources import KUSTOMIZATIONS, NAMESPACES

PODS = Resource("", "v1", "pods", "Pod")


@pytest.mark.parametrize(
    ("action", "text"),
    [
        (
            Action("list", KUSTOMIZATIONS, "a-platform"),
            "list kustomizations.kustomize.toolkit.fluxcd.io in a-platform",
        ),
        (Action("get", NAMESPACES, name="a-dev"), "get namespaces 'a-dev'"),
        (Action("create", PODS, "a-dev", subresource="exec"), "create pods/exec in a-dev"),
    ],
)
def test_a_right_is_named_as_one_would_grant_it(action: Action, text: str) -> None:
    assert str(action) == text


def test_a_review_holds_what_is_asked_and_nothing_empty() -> None:
    assert Action("list", PODS, "a").attributes == {
        "verb": "list",
        "version": "v1",
        "resource": "pods",
        "namespace": "a",
    }
