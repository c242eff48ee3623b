"""OIDC clients: what forms ask for, and what a Secret's metadata tells."""

from typing import Any

import pytest

from app_platform.contracts import names
from app_platform.dashboard.oidc_clients import client
from app_platform.dashboard.oidc_forms import KEEP, FormFaultError, changed_client, new_client
from app_platform.dashboard.web.forms import Form

ENOUGH = {"name": "my-app-oidc", "clientId": "my-app", "hostname": "my-app.hcl.labrats.work"}


def form(**fields: str) -> Form:
    return Form({name: [text] for name, text in fields.items()})


def secret(annotations: dict[str, str] | None = None, **meta: Any) -> dict[str, Any]:
    base = {"name": "my-app-oidc", "uid": "1", "labels": {names.OIDC_CLIENT_LABEL: "my-app"}}
    return {"metadata": {**base, "annotations": annotations or {}, **meta}}


def owned(manager: str, time: str, *keys: str) -> dict[str, Any]:
    return {"manager": manager, "time": time, "fieldsV1": {"f:data": {f"f:{key}": {} for key in keys}}}


def test_only_what_differs_from_the_default_is_written() -> None:
    wanted = new_client(form(**ENOUGH, callbackPath="", scopes="", public="", consent="implicit"))
    assert (wanted.name, wanted.client_id) == ("my-app-oidc", "my-app")
    assert dict(wanted.data) == {"hostname": "my-app.hcl.labrats.work", "consent": "implicit"}


def test_paths_of_several_lines_become_one_list() -> None:
    wanted = new_client(form(**ENOUGH, callbackPath="/a", extraCallbackPaths="/b\n\n/c"))
    assert wanted.data["callbackPath"] == "/a"
    assert wanted.data["extraCallbackPaths"] == "/b /c"


@pytest.mark.parametrize(
    ("field", "text", "says"),
    [
        ("name", "My App", "lower-case"),
        ("name", "", "lower-case"),
        ("clientId", "a b", "letters, digits"),
        ("clientId", "a" * 64, "at most 63"),
        ("hostname", "", "Enter the host name"),
        ("hostname", "https://x.hcl.labrats.work", "host name alone"),
        ("hostname", "*.hcl.labrats.work", "host name alone"),
        ("hostname", "x.hcl.labrats.work:8080", "host name alone"),
        ("callbackPath", "api", "begins with a slash"),
        ("extraCallbackPaths", "/a b", "begins with a slash"),
        ("consent", "never", "Choose one"),
        ("scopes", "openid admin", "Choose one"),
    ],
)
def test_what_cannot_be_is_said_at_its_field(field: str, text: str, says: str) -> None:
    with pytest.raises(FormFaultError) as refused:
        new_client(form(**{**ENOUGH, field: text}))
    assert list(refused.value.faults) == [field]
    assert says in refused.value.faults[field]


def test_answers_that_exclude_each_other_are_refused() -> None:
    with pytest.raises(FormFaultError) as refused:
        new_client(form(**ENOUGH, consent="implicit", scopes="openid profile email groups offline_access"))
    assert "consent" in refused.value.faults
    with pytest.raises(FormFaultError) as refused:
        new_client(form(**ENOUGH, public="true", tokenEndpointAuthMethod="client_secret_post"))
    assert "tokenEndpointAuthMethod" in refused.value.faults


def test_what_is_kept_is_not_touched_and_a_default_takes_the_key_away() -> None:
    wanted = changed_client(
        form(hostname="b.hcl.labrats.work", pathsKnown="true", scopes=KEEP, public=KEEP, consent=""),
        "my-app-oidc",
        "my-app",
    )
    assert dict(wanted.data) == {"hostname": "b.hcl.labrats.work"}
    assert wanted.removed == {"callbackPath", "extraCallbackPaths", "consent"}


def test_paths_that_are_not_known_here_stay_as_they_are() -> None:
    wanted = changed_client(form(hostname="", scopes=KEEP), "my-app-oidc", "my-app")
    assert (dict(wanted.data), wanted.removed) == ({}, frozenset())


def test_a_registered_client_tells_where_its_users_are_sent_back_to() -> None:
    notes = {
        names.OIDC_STATUS: "Registered",
        names.OIDC_REDIRECT_URIS: "https://a.hcl.labrats.work/x https://a.hcl.labrats.work/y",
    }
    fields = [
        owned("ada", "2026-01-01T10:00:00Z", "hostname"),
        owned("oidc-registrar", "2026-01-01T10:00:05Z", "clientSecret"),
    ]
    found = client(secret(notes, managedFields=fields))
    assert (found.client_id, found.status, found.hostname) == ("my-app", "Registered", "a.hcl.labrats.work")
    assert found.paths == ("/x", "/y")
    assert (found.changed_by, found.changed) == ("ada", "2026-01-01T10:00:00Z")
    assert not found.is_public


def test_a_refused_client_tells_what_to_change() -> None:
    found = client(secret({names.OIDC_STATUS: "Failed: hostname is empty: give one"}))
    assert (found.status, found.message) == ("Failed", "hostname is empty: give one")


def test_a_client_that_nobody_has_looked_at_is_pending_and_one_that_goes_is_deleting() -> None:
    assert client(secret()).status == "Pending"
    assert client(secret(deletionTimestamp="2026-01-01T10:00:00Z")).status == "Deleting"


def test_a_rotation_that_was_asked_for_and_not_made_shows() -> None:
    assert client(secret({names.OIDC_ROTATE: "2"})).rotating
    assert not client(secret({names.OIDC_ROTATE: "2", names.OIDC_ROTATED: "2"})).rotating


def test_a_change_by_the_dashboard_names_its_person() -> None:
    fields = [
        owned("ada", "2026-01-01T10:00:00Z", "hostname"),
        owned("dashboard", "2026-01-02T10:00:00Z", "hostname"),
    ]
    found = client(secret({names.CHANGED_BY: "eva"}, managedFields=fields))
    assert found.changed_by == "eva"
