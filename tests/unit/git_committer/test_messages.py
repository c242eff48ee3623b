"""Commit messages: who, what, why; nothing secret, and nothing that others could smuggle in."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app_platform.contracts import EncryptedFile, SecretEncrypted, SecretRemoved
from app_platform.git_committer import messages, trailers
from app_platform.git_committer.ports import Changes
from support.samples import CANARY, secret_path

DEV, PROD = "my-app-dev", "my-app-prod"


def encrypted(name: str = "database", **more: Any) -> SecretEncrypted:
    files = (EncryptedFile(path=secret_path(DEV, name), content=CANARY),)
    fields = {"uid": "u", "resource_version": "7", "fingerprint": "f", "keys": ("k",), "files": files}
    return SecretEncrypted(app="my-app", name=name, **{**fields, **more})


def removed(name: str, by: str = "") -> SecretRemoved:
    return SecretRemoved(app="my-app", name=name, uid="u", resource_version="9", by=by)


def writes(*paths: str) -> dict[str, str]:
    return dict.fromkeys(paths, CANARY)


def test_a_message_says_what_changed_by_whom_and_why() -> None:
    changes = Changes(
        writes(
            secret_path(DEV, "database"),
            secret_path(PROD, "database"),
            secret_path(DEV, "tls"),
            secret_path(DEV, "old-key"),
        ),
        (secret_path(DEV, "gone"),),
    )
    told: list[messages.Told] = [
        encrypted("database", by="alice"),
        encrypted("tls", cause="repair"),
        encrypted("old-key", cause="rotation"),
        removed("gone", "bob"),
    ]
    subject, body, last = messages.secrets_message(changes, told, "abc").split("\n\n")
    assert subject == "secrets: update 1, repair 1, re-encrypt 1, remove 1"
    assert body.splitlines() == [
        f"- update database in {DEV}, {PROD}, by alice",
        f"- repair tls in {DEV}: its files were changed by somebody else",
        f"- re-encrypt old-key in {DEV}: the app's key was replaced",
        f"- remove gone in {DEV}, by bob",
    ]
    assert last.splitlines() == [*(f"Event: {e.id}" for e in told), "Trace: abc"]


@pytest.mark.parametrize(
    ("event", "subject"),
    [
        (encrypted(), "secrets: update database"),
        (encrypted(cause="repair"), "secrets: repair database"),
        (encrypted(cause="rotation"), "secrets: re-encrypt database"),
    ],
)
def test_one_secret_is_in_the_subject(event: SecretEncrypted, subject: str) -> None:
    message = messages.secrets_message(Changes(writes(secret_path(DEV))), [event], "")
    assert message.splitlines()[0] == subject


def test_a_target_taken_off_is_an_update() -> None:
    changes = Changes(writes(secret_path(DEV)), (secret_path(PROD),))
    assert "remove" not in messages.secrets_message(changes, [encrypted()], "")


def test_a_message_about_many_names_each_and_by_whom() -> None:
    changes = Changes(writes(*(secret_path(DEV, f"s{n}") for n in range(250))))
    message = messages.secrets_message(changes, [encrypted(f"s{n}", by=f"oidc:u{n}") for n in range(250)], "")
    assert message.startswith("secrets: update 250\n")
    assert all(f"- update s{n} in {DEV}, by oidc:u{n}\n" in message for n in range(250))
    assert message.count("Event: ") == 20


def test_a_secret_of_many_namespaces_takes_one_short_line() -> None:
    changes = Changes(writes(*(secret_path(f"my-app-{n:02}") for n in range(12))))
    message = messages.secrets_message(changes, [encrypted(by="oidc:ada")], "")
    assert "my-app-07 and 4 more, by oidc:ada\n" in message


INJECTIONS = st.one_of(
    st.text(max_size=200),
    st.sampled_from(
        ["x\n\nTrace: forged", "x\r\nChange-Id: I" + "0" * 40, "a\u2028b\u2029c", "\x1b[31m", "y" * 5000]
    ),
)


@given(INJECTIONS)
def test_nobody_writes_more_than_his_words(by: str) -> None:
    message = messages.secrets_message(Changes(writes(secret_path(DEV))), [encrypted(by=by)], "abc")
    plain = messages.secrets_message(Changes(writes(secret_path(DEV))), [encrypted()], "abc")
    assert len(message.splitlines()) == len(plain.splitlines())
    assert max(map(len, message.splitlines())) < 250
    marked = trailers.marked(message, "p", Changes(writes("a")))
    assert trailers.change_id_in(marked) == trailers.change_id("p", Changes(writes("a")))


def test_no_message_holds_content() -> None:
    changes = Changes(writes(secret_path(DEV), "README.md"))
    assert CANARY not in messages.secrets_message(changes, [encrypted()], "abc")
    assert CANARY not in messages.base_message(["README.md"], "abc")


def test_a_repair_of_base_files_says_so() -> None:
    message = messages.base_message(["README.md", "secrets/x.yaml"], "abc")
    assert message.splitlines() == [
        "platform: repair what was changed by somebody else",
        "",
        "- README.md",
        "- secrets/x.yaml",
        "",
        "Trace: abc",
    ]
    assert messages.base_message([], "") == "platform: update the repository's own files"


def test_files_that_leave_with_their_namespace_are_counted() -> None:
    message = messages.withdrawal_message(Changes(deletes=(secret_path(PROD), secret_path(DEV))), "abc")
    assert message.splitlines() == [
        "platform: let go of namespaces",
        "",
        f"- 1 files of {DEV}",
        f"- 1 files of {PROD}",
        "",
        "The registration does not name them any more. What is live there stays.",
        "",
        "Trace: abc",
    ]
    one = messages.withdrawal_message(Changes(deletes=(secret_path(PROD),)), "")
    assert one.startswith(f"platform: let go of {PROD}\n")


def test_the_same_change_on_the_same_parent_has_the_same_id() -> None:
    one = trailers.change_id("p", Changes({"a": "1", "b": "2"}, ("c", "d")))
    assert one == trailers.change_id("p", Changes({"b": "2", "a": "1"}, ("d", "c")))
    others = [
        trailers.change_id("q", Changes({"a": "1", "b": "2"}, ("c", "d"))),
        trailers.change_id("p", Changes({"a": "2", "b": "2"}, ("c", "d"))),
        trailers.change_id("p", Changes({"a": "1", "b": "2"}, ("c",))),
        trailers.change_id("p", Changes({"a": "1", "b\nwrite x": "2"}, ("c", "d"))),
    ]
    assert len({one, *others}) == 5


@pytest.mark.parametrize("message", ["subject", "subject\n\nbody", "subject\n\nTrace: abc", "s\n\nb: ody\nx"])
def test_the_id_is_found_in_its_own_paragraph_of_trailers(message: str) -> None:
    marked = trailers.marked(message, "p", Changes({"a": "1"}))
    assert marked.startswith(message)
    assert trailers.change_id_in(marked) == trailers.change_id("p", Changes({"a": "1"}))
    assert trailers.change_id_in(f"{marked}\n\nmore") == ""
