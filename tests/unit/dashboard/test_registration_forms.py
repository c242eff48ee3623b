"""What a platform admin wants of a registration, read from a form."""

import pytest

from app_platform.contracts import (
    Condition,
    ConditionType,
    Registration,
    RegistrationSpec,
    RegistrationStatus,
)
from app_platform.dashboard.pages.registrations import in_order
from app_platform.dashboard.registration_forms import Entered, faults
from app_platform.dashboard.web.forms import Form


def entered(**changes: str | list[str]) -> Entered:
    fields = {
        "name": "my-app",
        "namespaces": "dev\nmy-app-prod",
        "group": ["a", "", "b"],
        "role": ["admin", "reader", "reader"],
    }
    texts = {name: [each] if isinstance(each, str) else each for name, each in (fields | changes).items()}
    return Entered.of_form(Form(texts))


def test_a_form_becomes_a_spec() -> None:
    given = entered(**{"display-name": " My App ", "description": "x"})
    assert faults(given) == []
    assert given.spec() == {
        "displayName": "My App",
        "description": "x",
        "namespaces": ["my-app-dev", "my-app-prod"],
        "access": [{"group": "a", "role": "admin"}, {"group": "b", "role": "reader"}],
    }


def test_a_registration_comes_back_as_it_is() -> None:
    spec = RegistrationSpec.model_validate(entered().spec())
    assert RegistrationSpec.model_validate(Entered.of_spec("my-app", spec).spec()) == spec


def test_the_name_of_one_that_exists_is_not_the_forms_to_choose() -> None:
    assert Entered.of_form(Form({"name": ["other"]}), "my-app").name == "my-app"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"name": ""}, "Enter a name"),
        ({"name": "My_App"}, "lower-case letters"),
        ({"name": "a" * 55}, "at most 54"),
        ({"name": "my-platform", "namespaces": ""}, "-platform is kept"),
        ({"namespaces": "x-platform"}, "my-app-x-platform: The ending -platform is kept"),
        ({"namespaces": "Dev"}, "my-app-Dev: Use lower-case"),
        ({"group": ["system:masters"], "role": ["admin"]}, "belongs to Kubernetes itself"),
        ({"group": ["a\x00b"], "role": ["admin"]}, "do not print"),
        ({"group": ["a"], "role": ["owner"]}, "Choose a role"),
        ({"group": ["a"], "role": []}, "Choose a role"),
        ({"group": ["a", "a"], "role": ["admin", "admin"]}, "twice with the same role"),
        ({"group": [f"g{n}" for n in range(65)], "role": ["reader"] * 65}, "at most 64 access"),
        ({"display-name": "x" * 129}, "at most 128"),
        ({"description": "x" * 1025}, "at most 1024"),
        ({"namespaces": " ".join(f"n{n}" for n in range(65))}, "at most 64 namespaces"),
    ],
)
def test_what_is_wrong_is_said(changes: dict[str, str | list[str]], said: str) -> None:
    assert said in " ".join(faults(entered(**changes)))


def test_conditions_stand_as_an_apps_life_goes() -> None:
    names = ["Other", "SyncReady", "RepositoryReady", "Ready"]
    told = tuple(
        Condition(
            type=name, status="True", reason="R", message="", last_transition_time="2026-01-01T00:00:00Z"
        )
        for name in names
    )
    registration = Registration(name="a", uid="u", status=RegistrationStatus(conditions=told))
    assert [each.type for each in in_order(registration)] == [
        ConditionType.READY,
        ConditionType.REPOSITORY,
        ConditionType.SYNC,
        "Other",
    ]
