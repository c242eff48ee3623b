"""What is decided about GitHub without asking it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app_platform.contracts import names
from app_platform.git_committer.adapters.github import errors, states, upload
from app_platform.git_committer.adapters.github.access import ssh_url
from app_platform.git_committer.adapters.github.allowance import Allowance
from app_platform.git_committer.ports import Changes, ForgeUnavailable, RepositoryMissing

NOW = 1_000_000.0
SECONDARY = {"message": "You have exceeded a secondary rate limit. Please wait a few minutes."}
REFUSALS: list[tuple[int, dict[str, str], Any, str, float]] = [
    (401, {}, {"message": "Bad credentials"}, "CredentialRejected", 0),
    (403, {"retry-after": "30"}, SECONDARY, "RateLimited", 30),
    (403, {}, SECONDARY, "RateLimited", 60),
    (403, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(NOW + 77)}, {}, "RateLimited", 77),
    (403, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(NOW - 5)}, {}, "RateLimited", 1),
    (403, {"x-ratelimit-remaining": "5"}, {"message": "nope"}, "ForgeForbidden", 0),
    (403, {}, {"message": "This installation has been suspended"}, "InstallationSuspended", 0),
    (403, {}, {"message": "Repository was archived so is read-only."}, "RepositoryArchived", 0),
    (403, {}, {"message": "Resource not accessible by personal access token"}, "PermissionMissing", 0),
    (404, {}, {"message": "Not Found"}, "RepositoryMissing", 0),
    (307, {}, None, "RepositoryRenamed", 0),
    (409, {}, {"message": "Conflict"}, "RepositoryBusy", 2),
    (422, {}, {"message": "Validation Failed"}, "ForgeRefused", 0),
    (429, {}, None, "RateLimited", 60),
    (429, {"retry-after": "nonsense"}, None, "RateLimited", 60),
    (451, {}, None, "RepositoryDisabled", 0),
    (500, {}, "<html>", "ForgeUnavailable", 0),
    (503, {"retry-after": "9"}, None, "ForgeUnavailable", 9),
]


@pytest.mark.parametrize("refusal", REFUSALS)
def test_every_refusal_has_a_reason_and_a_time(refusal: Any) -> None:
    status, headers, body, reason, after = refusal
    error = errors.of(status, headers, body, NOW)
    assert (error.reason, error.after) == (reason, after)
    later = reason in ("RateLimited", "ForgeUnavailable", "RepositoryBusy")
    assert isinstance(error, ForgeUnavailable) == later
    assert isinstance(error, RepositoryMissing) == (status == 404)
    assert str(status) in str(error)


def test_a_text_is_short_and_has_githubs_details() -> None:
    body = {"message": "Validation Failed", "errors": [{"message": "key is already in use"}, {"code": "x"}]}
    assert (
        str(errors.of(422, {}, body, NOW)) == "GitHub answered 422: Validation Failed key is already in use"
    )
    assert len(str(errors.of(422, {}, {"message": "x" * 10_000}, NOW))) < 400


SIZES = st.integers(0, 60)


@given(
    st.dictionaries(st.text("abc", min_size=1, max_size=3), SIZES),
    st.sets(st.text("xyz", min_size=1, max_size=2)),
)
def test_a_change_is_cut_without_loss(sizes: dict[str, int], gone: set[str]) -> None:
    patch = pytest.MonkeyPatch()
    with patch.context() as small:
        small.setattr(upload, "INLINE_BYTES", 50)
        small.setattr(upload, "TREE_BYTES", 80)
        small.setattr(upload, "TREE_ENTRIES", 4)
        writes = {path: "x" * size for path, size in sizes.items()}
        cut = upload.cut(Changes(writes, sorted(gone)), gone)
    entries = [entry for batch in cut.trees for entry in batch]
    assert sorted(entry["path"] for entry in entries) == sorted([*writes, *gone])
    assert {e["path"] for e in entries if e.get("sha", "") is None} == gone
    inline = {e["path"]: e["content"] for e in entries if "content" in e}
    assert {**inline, **cut.blobs} == writes
    assert all(len(batch) <= 4 for batch in cut.trees)
    assert all(sum(len(e.get("content", "")) for e in batch) <= 80 for batch in cut.trees)
    assert cut.writes == len(cut.blobs) + len(cut.trees) + 2


def test_what_is_not_there_is_not_deleted() -> None:
    assert upload.cut(Changes({}, ("a", "b")), {"b"}).trees == ((upload.entry("b", sha=None),),)


def test_ids_of_blobs_are_put_into_their_entries_only() -> None:
    batch = (upload.entry("big", sha=""), upload.entry("gone", sha=None), upload.entry("a", content=""))
    assert upload.with_blobs(batch, {"big": "id"}) == [{**batch[0], "sha": "id"}, batch[1], batch[2]]


def described(**more: Any) -> states.State:
    data = {
        "owner": {"login": "Example-Org"},
        "name": "My-App-platform",
        "private": True,
        "visibility": "private",
        "archived": False,
        "disabled": False,
        "default_branch": names.BRANCH,
        "topics": [states.TOPIC],
        "ssh_url": "git@github.com:o/r.git",
        "clone_url": "https://github.com/o/r.git",
    }
    return states.State.of({**data, **more})


def test_names_are_compared_as_github_does() -> None:
    assert states.refusal(described(), "example-org", "my-app") is None
    assert states.mends(described()) == []


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"private": False, "visibility": "public"}, "RepositoryWasPublic"),
        ({"visibility": "internal"}, "RepositoryWasPublic"),
        ({"default_branch": "trunk"}, "DefaultBranchRestored"),
    ],
)
def test_what_is_put_right(more: dict[str, Any], reason: str) -> None:
    assert [mend.repair.reason for mend in states.mends(described(**more))] == [reason]


@pytest.mark.parametrize(
    ("url", "wanted"),
    [
        ("git@github.com:o/r.git", "ssh://git@github.com/o/r.git"),
        ("org-1@git.example:o/r.git", "ssh://org-1@git.example/o/r.git"),
        ("ssh://git@git.example:122/o/r.git", "ssh://git@git.example:122/o/r.git"),
    ],
)
def test_flux_gets_urls_with_a_scheme(url: str, wanted: str) -> None:
    assert ssh_url(url) == wanted


def test_what_github_still_allows_is_known_until_the_limit_is_renewed() -> None:
    now = NOW
    allowance = Allowance(lambda: now)
    assert allowance.readings() == []
    allowance.note({"x-ratelimit-remaining": "40", "x-ratelimit-reset": f"{NOW + 600:.0f}"})
    allowance.note({"content-type": "text/html"})
    assert [reading.value for reading in allowance.readings()] == [40]
    now += 600
    assert allowance.readings() == [], "40 of the hour before are not what is left of this one"
