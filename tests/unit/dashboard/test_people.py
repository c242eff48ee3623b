"""As whom Kubernetes is told that somebody is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app_platform.contracts import Role
from app_platform.dashboard.apps import App, keep, seat, seats
from app_platform.dashboard.impersonation import groups_of
from app_platform.dashboard.people import Person, UnusableNameError, is_usable, person


def test_groups_are_passed_on_as_they_are_and_the_name_with_its_prefix() -> None:
    user = person("ada", ["Team A", "my-app-admins"], "Ada").user()
    assert user.name == "oidc:ada"
    assert user.groups == ("Team A", "my-app-admins")


@pytest.mark.parametrize(
    "group",
    [
        "system:masters",
        "system:authenticated",
        "",
        " x",
        "x\n",
        "a\r\nImpersonate-Group: system:masters",
        "x" * 254,
        "\x00",
    ],
)
def test_groups_of_kubernetes_and_unprintable_ones_are_left_out(group: str) -> None:
    assert person("ada", [group, "good"]).groups == ("good",)


@pytest.mark.parametrize("group", [None, 1, ["a"], {"a": 1}])
def test_what_is_no_name_is_left_out(group: object) -> None:
    assert person("ada", [group, "good"]).groups == ("good",)


@pytest.mark.parametrize("groups", [None, "system:masters", {"a": "b"}, 1])
def test_groups_that_are_no_list_are_none(groups: object) -> None:
    assert person("ada", groups).groups == ()


@pytest.mark.parametrize("name", ["", " ", "a b", "a\nb", "a\r\nX: y", None, 1, "x" * 254, "\u202eada"])
def test_a_name_that_cannot_stand_in_a_header_is_refused(name: object) -> None:
    with pytest.raises(UnusableNameError) as refused:
        person(name, [])
    assert str(name) not in str(refused.value) or name in (1, "", " ")


def test_a_name_of_kubernetes_is_only_a_name() -> None:
    assert person("system:admin", []).user().name == "oidc:system:admin"


def test_only_groups_that_the_dashboard_may_speak_for_are_spoken_for() -> None:
    who = Person("ada", ("everybody", "my-app-admins"))
    assert who.user({"my-app-admins"}).groups == ("my-app-admins",)
    assert who.user(frozenset()).groups == ()
    assert who.user(None).groups == who.groups


@given(st.text())
def test_what_is_usable_can_stand_in_a_header(text: str) -> None:
    if is_usable(text):
        assert not set(text) & {"\r", "\n", "\0"}
        assert text.strip() == text != ""


def test_the_role_says_for_which_groups() -> None:
    rule = {"apiGroups": [""], "resources": ["groups"], "verbs": ["impersonate"]}
    assert groups_of({"rules": [{**rule, "resourceNames": ["a", "b"]}]}) == frozenset({"a", "b"})
    assert groups_of({"rules": [rule]}) is None
    assert groups_of({"rules": [{**rule, "resources": ["users"]}]}) == frozenset()
    assert groups_of({}) == frozenset()


APP = App("my-app", "", (("a", Role.READER), ("b", Role.ADMIN), ("c", Role.ADMIN)))


def test_a_seat_names_each_role_with_its_groups_the_strongest_first() -> None:
    place = seat(Person("x", ("a", "b", "c", "d")), APP)
    assert place is not None
    assert list(place.roles.items()) == [(Role.ADMIN, ("b", "c")), (Role.READER, ("a",))]
    assert place.role == Role.ADMIN
    assert seat(Person("x", ("d",)), APP) is None


def test_seats_are_in_the_order_of_names() -> None:
    apps = [App(name, "", (("a", Role.READER),)) for name in ("z", "a", "m")]
    assert [each.app.name for each in seats(Person("x", ("a",)), apps)] == ["a", "m", "z"]


def test_what_is_remembered_of_a_registration() -> None:
    spec = {
        "access": [{"group": "a", "role": "admin"}, {"group": "b", "role": "owner"}],
        "displayName": "My App",
    }
    ready = {"conditions": [{"type": "Ready", "status": "True"}]}
    assert keep({"metadata": {"name": "my-app"}, "spec": spec, "status": ready}) == App(
        "my-app", "My App", (("a", Role.ADMIN),), ready=True
    )
    assert keep({"metadata": {"name": "bare"}}) == App("bare")
