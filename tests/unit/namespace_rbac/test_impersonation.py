"""The dashboard's right to speak for groups, as an object."""

from app_platform.namespace_rbac.impersonation import groups_of
from app_platform.namespace_rbac.manifests import dashboard_impersonation


def test_the_role_names_exactly_the_groups() -> None:
    role, binding = dashboard_impersonation({"b", "a", "system:masters"})
    (rule,) = role["rules"]
    assert rule == {
        "apiGroups": [""],
        "resources": ["groups"],
        "resourceNames": ["a", "b"],
        "verbs": ["impersonate"],
    }
    assert binding["roleRef"]["name"] == role["metadata"]["name"]
    assert [(s["kind"], s["name"]) for s in binding["subjects"]] == [("ServiceAccount", "dashboard")]


def test_without_a_group_there_is_no_rule() -> None:
    """A rule that names none would allow all."""
    for none in ((), ("system:masters",)):
        assert dashboard_impersonation(none)[0]["rules"] == []


def test_a_registration_names_groups_until_it_is_deleted() -> None:
    access = [{"group": "a", "role": "admin"}, {"group": "b", "role": "reader"}, {"role": "reader"}]
    registration = {"metadata": {"name": "x"}, "spec": {"access": access}}
    assert groups_of(registration) == {"a", "b"}
    going = {"metadata": {"name": "x", "deletionTimestamp": "now"}, "spec": {"access": access}}
    assert groups_of(going) == frozenset()
    assert groups_of({"metadata": {"name": "x"}}) == frozenset()
