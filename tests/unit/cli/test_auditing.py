"""What is told of a history of commits."""

from datetime import UTC, datetime

import pytest

from app_platform.cli.auditing import COLUMNS, Change, as_row, changes, wanted_contents
from app_platform.contracts import SecretEncrypted
from app_platform.git_committer import messages, trailers
from app_platform.git_committer.ports import Changes
from app_platform.gitread import Changed, Commit
from support.samples import NOW

PATH = "secrets/my-app-dev/database.yaml"
FIRST = "data:\n  password: ENC[a]\n  user: ENC[b]\nsops: {}\n"
SECOND = "data:\n  password: ENC[c]\n  token: ENC[d]\nsops: {}\n"


def commit(sha: str, parent: str, status: str, message: str, author: str = "App Platform <a@b>") -> Commit:
    return Commit(sha, (parent,) if parent else (), NOW, author, message, (Changed(status, PATH),))


def ours(item: str) -> str:
    return f"secrets: x\n\n{item}\n\nEvent: secret.encrypted.v1/my-app/database/uid/1/f\nTrace: {'t' * 32}\nChange-Id: I{'0' * 40}\n"


HISTORY = [
    commit("c1", "c0", "A", ours("- update database in my-app-dev, by oidc:ada")),
    commit("c2", "c1", "M", ours("- update database in my-app-dev, by oidc:ada, the second: x")),
    commit("c3", "c2", "M", "by hand\n", "Mallory <m@x>"),
    commit("c4", "c3", "M", ours("- repair database in my-app-dev: its files were changed by somebody else")),
    commit("c5", "c4", "D", ours("- remove database in my-app-dev, by oidc:bob")),
]
CONTENTS = {
    f"c0:{PATH}": None,
    f"c1:{PATH}": FIRST,
    f"c2:{PATH}": SECOND,
    f"c3:{PATH}": "no: yaml: [",
    f"c4:{PATH}": SECOND,
}


def test_each_commit_tells_what_was_changed_and_by_whom() -> None:
    assert wanted_contents(HISTORY)[:4] == [f"c0:{PATH}", f"c1:{PATH}", f"c1:{PATH}", f"c2:{PATH}"]
    told = changes("my-app", HISTORY, CONTENTS)
    assert [(each.action, each.by) for each in told] == [
        ("create", "oidc:ada"),
        ("update", "oidc:ada, the second: x"),
        ("foreign", "Mallory <m@x>"),
        ("repair", ""),
        ("remove", "oidc:bob"),
    ]
    assert (told[0].added, told[0].changed, told[0].removed) == (("password", "user"), (), ())
    assert (told[1].added, told[1].changed, told[1].removed) == (("token",), ("password",), ("user",))
    assert (told[4].added, told[4].removed) == ((), ("password", "token"))
    assert {each.trace for each in told} == {"t" * 32, ""}
    assert told[0].events == ("secret.encrypted.v1/my-app/database/uid/1/f",)


def test_files_that_are_no_secrets_are_left_out() -> None:
    other = Commit("c1", (), NOW, "a", "m", (Changed("A", "secrets/.gitkeep"),))
    assert changes("my-app", [other], {}) == []


def test_what_the_committer_writes_is_what_is_read() -> None:
    """The message is another service's: both sides are held together here."""
    change = Changes({PATH: FIRST}, [])
    message = trailers.marked(messages.secrets_message(change, [], "t" * 32), "c0", change)
    (told,) = changes("my-app", [commit("c1", "c0", "A", message)], CONTENTS)
    assert (told.action, told.by, told.trace) == ("create", "", "t" * 32)


@pytest.mark.parametrize("text", ["=cmd()", "+1", "-1", "@x"])
def test_no_cell_is_a_formula(text: str) -> None:
    moment = datetime(2026, 1, 1, tzinfo=UTC).isoformat()
    row = as_row(Change(moment, "a", "n", "s", "update", text, ("k1", "k2"), (), (), "c", "", ()))
    assert dict(zip(COLUMNS, row, strict=True))["by"] == f"'{text}"
    assert dict(zip(COLUMNS, row, strict=True))["added"] == "k1 k2"


def test_of_hundreds_in_one_commit_each_has_its_author() -> None:
    paths = [f"secrets/my-app-dev/s{n}.yaml" for n in range(250)]
    told = [
        SecretEncrypted(
            app="my-app",
            name=f"s{n}",
            uid="u",
            resource_version="1",
            fingerprint="f" * 64,
            keys=("k",),
            files=(),
            by=f"oidc:u{n}",
        )
        for n in range(250)
    ]
    made = messages.secrets_message(Changes(dict.fromkeys(paths, "x")), told, "t" * 32)
    one = Commit(
        "c1", (), NOW, "a", f"{made}\nChange-Id: I{'0' * 40}\n", tuple(Changed("A", path) for path in paths)
    )
    found = changes("my-app", [one], {f"c1:{path}": FIRST for path in paths})
    assert {each.secret: each.by for each in found} == {f"s{n}": f"oidc:u{n}" for n in range(250)}


def test_a_target_that_was_taken_off_is_told_as_removed() -> None:
    message = ours("- update database in my-app-prod, by oidc:ada")
    (told,) = changes("my-app", [commit("c2", "c1", "D", message)], {f"c1:{PATH}": FIRST})
    assert (told.action, told.by, told.removed) == ("remove", "oidc:ada", ("password", "user"))
