"""Tables, sentences, addresses, rates and times."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app_platform.dashboard.access import RefusedError, intents
from app_platform.dashboard.commit_links import CommitLinks
from app_platform.dashboard.pages.signin import safe_path
from app_platform.dashboard.registering import namespace_fault
from app_platform.dashboard.tables import PAGE_SIZE, table
from app_platform.dashboard.web.rendering import (
    LANDING,
    Templates,
    exactly,
    same_page_of,
    static_url,
    tone,
    when,
)
from app_platform.dashboard.words import sentence
from app_platform.kube import Cause, Conflict, Forbidden, Invalid, KubeError, Unavailable


@given(st.integers(0, 200), st.integers(-5, 20))
def test_every_row_is_on_one_page(total: int, page: int) -> None:
    rows = [str(number) for number in range(total)]
    first = table(rows, lambda row: (row,))
    pages = [table(rows, lambda row: (row,), page=number).rows for number in range(1, first.pages + 1)]
    assert [row for part in pages for row in part] == rows
    shown = table(rows, lambda row: (row,), page=page)
    assert 1 <= shown.page <= shown.pages
    assert len(shown.rows) <= PAGE_SIZE
    assert shown.last - shown.first + (1 if rows else 0) == len(shown.rows)


def test_a_search_wants_every_word_somewhere() -> None:
    rows = [("database", "Committed"), ("Database-old", "Failed"), ("mail", "Failed")]
    assert table(rows, lambda row: row, "data FAIL").rows == [("Database-old", "Failed")]
    assert table(rows, lambda row: row, "").found == 3
    assert table(rows, lambda row: row, "nothing").pages == 1


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            Forbidden(
                'secrets is forbidden: User "oidc:dev" cannot create resource "secrets" in API group ""',
                status=403,
            ),
            "You may not create secrets here.",
        ),
        (
            Forbidden(
                "admission webhook: ValidatingAdmissionPolicy 'app-platform-registrations' with binding 'x' denied request: "
                "only spec.namespaces may be changed by the app's admins"
            ),
            "Only spec.namespaces may be changed by the app's admins.",
        ),
        (Conflict("x"), "Somebody else changed it at the same moment."),
        (Unavailable("GET /api/v1/namespaces/x: no answer in time"), "The cluster does not answer."),
        (RefusedError(intents("update", "my-app")), "You may not change secrets here."),
        (
            Invalid(
                "is invalid",
                causes=(
                    Cause(
                        "spec.namespaces[0]",
                        "FieldValueInvalid",
                        'Invalid value: "string": choose another ending',
                    ),
                ),
            ),
            "spec.namespaces[0]: choose another ending.",
        ),
        (
            Invalid("Invalid (422): data[a] Invalid", causes=(Cause("data[a]", "Invalid"),)),
            "Kubernetes does not take data[a]",
        ),
    ],
)
def test_a_refusal_becomes_a_sentence(error: KubeError | RefusedError, said: str) -> None:
    text = sentence(error)
    assert said.lower() in text.lower()
    assert "/api" not in text


@pytest.mark.parametrize(
    "path", ["/", "/apps/my-app/secrets", "/apps/my-app/secrets?q=a&page=2", "/me?app=x"]
)
def test_one_returns_to_where_one_was(path: str) -> None:
    assert safe_path(path) == path


@pytest.mark.parametrize(
    "path",
    ["//evil.example", "/\\evil.example", "https://evil.example/", "javascript:alert(1)", "", "apps", "/a\r\nSet-Cookie: x=y",
     "/auth/sign-out", "/\t/evil.example", "/" + "a" * 2000, "\\\\evil.example", "/%0d%0a\x00"],
)  # fmt: skip
def test_one_returns_nowhere_else(path: str) -> None:
    assert safe_path(path) == "/"


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("my-app-prod", ""),
        ("my-app-", "must start with my-app-"),
        ("other-prod", "must start with my-app-"),
        ("my-app-Prod", "lower-case"),
        ("my-app-prod-", "lower-case"),
        ("my-app-x-platform", "-platform is kept"),
        ("my-app-dev", "already"),
        ("my-app-" + "x" * 57, "at most 63"),
    ],
)
def test_a_namespace_is_checked_before_it_is_asked_for(name: str, fault: str) -> None:
    said = namespace_fault("my-app", name, ["my-app-dev"])
    assert fault in said
    assert bool(said) == bool(fault)


def test_an_app_has_a_bounded_number_of_namespaces() -> None:
    assert "at most 64" in namespace_fault("a", "a-b", [f"a-{number}" for number in range(64)])


def test_times_are_relative_with_the_exact_one_beside() -> None:
    now = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    told = {
        5: "just now",
        30: "30 seconds ago",
        60: "1 minute ago",
        7200: "2 hours ago",
        86400 * 3: "3 days ago",
        -5: "just now",
    }
    assert {seconds: when(now - timedelta(seconds=seconds), now) for seconds in told} == told
    assert when("", now) == when("never", now) == when(None, now) == ""
    assert exactly("2026-01-02T03:04:05Z") == "2026-01-02 03:04:05 UTC"


def test_the_other_app_opens_on_the_same_page() -> None:
    assert same_page_of("/apps/a/secrets/database/edit", "b") == "/apps/b/secrets"
    assert same_page_of("/apps/a/namespaces", "b") == "/apps/b/namespaces"
    assert same_page_of("/me", "b") == f"/apps/b/{LANDING}"


def test_states_have_one_tone() -> None:
    assert [tone(state) for state in ("Committed", "Failed", "Pending", "Whatever")] == [
        "good",
        "bad",
        "busy",
        "plain",
    ]


def test_files_have_their_digest_in_their_address() -> None:
    assert static_url("app.css").startswith("/static/app.css?v=")


def test_what_is_shown_cannot_become_markup() -> None:
    script = "<script>alert(1)</script>"
    page = Templates(CommitLinks()).page(
        "error.html", {"title": script, "text": script, "status": 404, "app": script}
    )
    assert b"<script>alert" not in page.body
