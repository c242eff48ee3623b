"""Every way in which a file in Git can be wrong is told, and no value with it."""

import base64
from dataclasses import replace
from typing import Any

import pytest

from app_platform import sops
from app_platform.cli.verifying import Held, Intent, verify
from app_platform.contracts import Registration, names
from app_platform.diagnosis import State
from support.samples import CANARY, NOW, registration_object

IDENTITY = sops.Identity.generate()
OTHER = sops.Identity.generate()
PATH = names.secret_path("my-app-dev", "database")
INTENT = Intent("database", "Opaque", ("my-app-dev",), {"password": CANARY.encode(), "user": b"ada"})


def registration() -> Registration:
    obj = registration_object()
    obj["status"] = {"recipient": IDENTITY.recipient}
    return Registration.from_object(obj)


def encrypted(recipient: str = IDENTITY.recipient, namespace: str = "my-app-dev", **changes: Any) -> str:
    data = {key: base64.b64encode(value).decode() for key, value in INTENT.data.items()}
    document = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "database", "namespace": namespace},
        "type": "Opaque",
        "data": data,
        **changes,
    }
    return sops.encrypt(document, sops.new_envelope([recipient]), lastmodified=NOW, encrypted_regex="^data$")


def held(**changes: Any) -> Held:
    whole = Held(registration(), {PATH: encrypted(), "secrets/.gitkeep": ""}, [INTENT], (IDENTITY,))
    return replace(whole, **changes)


def test_what_is_right_is_said_to_be_so() -> None:
    (found,) = verify(held())
    assert (found.state, found.title) == (State.OK, PATH)


def tampered() -> str:
    """Two values of different files, put together: each decrypts, the MAC does not fit."""
    lines = encrypted().splitlines()
    moved = [line.replace("type: Opaque", "type: kubernetes.io/tls") for line in lines]
    return "\n".join(moved) + "\n"


@pytest.mark.parametrize(
    ("changes", "state", "says"),
    [
        (
            {"files": {PATH: encrypted(), "secrets/a.txt": ""}},
            State.PROBLEM,
            "no secret of the app lies there",
        ),
        (
            {"files": {PATH: encrypted(), names.secret_path("other-dev", "database"): encrypted()}},
            State.PROBLEM,
            "no secret of the app lies there",
        ),
        (
            {"files": {PATH: encrypted(), names.secret_path("my-app-prod", "database"): encrypted()}},
            State.PROBLEM,
            "no intent asks for database in my-app-prod",
        ),
        ({"intents": []}, State.PROBLEM, "no intent asks for database in my-app-dev"),
        ({"files": {PATH: encrypted(OTHER.recipient)}}, State.PROBLEM, "NoMatchingKeyError"),
        ({"files": {PATH: "kind: Secret\ndata: {password: cGxhaW4=}\n"}}, State.PROBLEM, "NotSopsError"),
        ({"files": {PATH: tampered()}}, State.PROBLEM, "MacMismatchError"),
        (
            {"files": {PATH: encrypted(namespace="my-app-prod")}},
            State.PROBLEM,
            "the file of Secret my-app-prod/database",
        ),
        (
            {"files": {PATH: encrypted(type="kubernetes.io/tls")}},
            State.PROBLEM,
            "its type is kubernetes.io/tls",
        ),
        (
            {"files": {PATH: encrypted(data={"password": "eA==", "more": "eA=="})}},
            State.PROBLEM,
            "something else than the intent under more, password, user",
        ),
        (
            {
                "intents": [
                    replace(INTENT, data={"password": b"new", "user": b"ada"}, settled=False, deleting=True)
                ]
            },
            State.WARNING,
            "under password; the intent is not committed yet",
        ),
        ({"files": {}}, State.PROBLEM, "this file of it is missing"),
        (
            {"files": {PATH: encrypted(OTHER.recipient)}, "identities": (IDENTITY, OTHER)},
            State.WARNING,
            "other recipients",
        ),
    ],
)
def test_what_is_wrong_is_told(changes: dict[str, Any], state: State, says: str) -> None:
    found = [each for each in verify(held(**changes)) if each.state is not State.OK]
    assert [each.state for each in found] == [state]
    assert says in found[0].detail
    assert found[0].advice
    assert CANARY not in repr(found)


NOT_COMMITTED = [
    ({"status": "Failed", "message": "rename the key 'a b'"}, State.PROBLEM, "Failed: rename the key 'a b'"),
    ({"status": "Failed"}, State.PROBLEM, "Failed: no reason is given"),
    ({"status": "Pending"}, State.WARNING, "Pending: what it holds is not committed yet"),
    ({"status": ""}, State.WARNING, "no service has looked at it: what it holds is not committed yet"),
]


@pytest.mark.parametrize(("changes", "state", "says"), NOT_COMMITTED)
def test_an_intent_that_is_not_committed_may_have_no_file_and_is_told(
    changes: dict[str, Any], state: State, says: str
) -> None:
    (found,) = verify(held(files={}, intents=[replace(INTENT, settled=False, **changes)]))
    assert (found.check, found.state, found.detail) == ("intent", state, says)
    assert str(found.about) == "Secret my-app-platform/database"


def test_an_intent_that_goes_is_not_waited_for() -> None:
    going = replace(INTENT, settled=False, status="Pending", deleting=True)
    assert verify(held(files={}, intents=[going])) == []


def test_an_intent_is_read_as_its_annotations_say() -> None:
    notes = {names.SECRET_STATUS: "Failed", names.SECRET_MESSAGE: "too large"}
    intent = Intent.from_object({"metadata": {"name": "database", "annotations": notes}})
    assert (intent.settled, intent.status, intent.message, intent.deleting) == (
        False,
        "Failed",
        "too large",
        False,
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"data": {"password": "a"}},
        {"data": {"password": "ü"}},
        {"data": {"password": 7}},
        {"data": [CANARY]},
        {"data": CANARY},
    ],
)
def test_what_decrypts_and_is_no_secret_is_told_of_its_file(changes: dict[str, Any]) -> None:
    (found,) = verify(held(files={PATH: encrypted(**changes)}))
    assert (found.state, found.title) == (State.PROBLEM, PATH)
    assert found.detail == "it is no Secret: its data is not keys with values in base64"
    assert CANARY not in repr(found)


def test_a_file_whose_metadata_is_none_is_told_of() -> None:
    (found,) = verify(held(files={PATH: encrypted(metadata=["database"])}))
    assert (found.state, found.detail) == (State.PROBLEM, "it is the file of Secret None/None")


def test_contents_are_in_no_repr() -> None:
    assert CANARY not in repr(INTENT)
    assert CANARY not in repr(held(intents=[INTENT]))
    assert IDENTITY.secret not in repr(held())
