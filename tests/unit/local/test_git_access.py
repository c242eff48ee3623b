"""Who may do what on the Git server, and how passwords and names are kept."""

import base64
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app_platform.local.git.access import Verdict, basic_credentials, is_administrator, is_write, may_access
from app_platform.local.git.store import BadNameError, Credential, Store, valid_name

TOKEN = "the-administrators"
CREDENTIALS = {
    "flux": Credential.of("flux", "read-it", "read"),
    "bot": Credential.of("bot", "write-it", "write"),
}


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


@pytest.mark.parametrize(
    ("header", "read", "write"),
    [
        (basic("admin", TOKEN), Verdict.ALLOWED, Verdict.ALLOWED),
        (f"Bearer {TOKEN}", Verdict.ALLOWED, Verdict.ALLOWED),
        (basic("flux", "read-it"), Verdict.ALLOWED, Verdict.FORBIDDEN),
        (basic("bot", "write-it"), Verdict.ALLOWED, Verdict.ALLOWED),
        (basic("flux", "write-it"), Verdict.UNKNOWN, Verdict.UNKNOWN),
        (basic("admin", "read-it"), Verdict.UNKNOWN, Verdict.UNKNOWN),
        (basic("other", TOKEN), Verdict.UNKNOWN, Verdict.UNKNOWN),
        ("", Verdict.UNKNOWN, Verdict.UNKNOWN),
        ("Basic %%%", Verdict.UNKNOWN, Verdict.UNKNOWN),
    ],
)
def test_verdicts(header: str, read: Verdict, write: Verdict) -> None:
    assert may_access(header, TOKEN, CREDENTIALS, write=False) is read
    assert may_access(header, TOKEN, CREDENTIALS, write=True) is write


@given(st.text(max_size=30))
def test_no_other_header_is_the_administrators(header: str) -> None:
    assert not is_administrator(header, TOKEN)


@given(
    st.text(st.characters(exclude_characters=":", exclude_categories=["Cs"])),
    st.text(st.characters(exclude_categories=["Cs"])),
)
def test_basic_credentials_are_read_back(user: str, password: str) -> None:
    assert basic_credentials(basic(user, password)) == (user, password)


def test_a_push_is_known_by_both_of_its_requests() -> None:
    assert is_write("info/refs", "git-receive-pack")
    assert is_write("git-receive-pack", "")
    assert not is_write("info/refs", "git-upload-pack")
    assert not is_write("git-upload-pack", "")


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "-a", ".a", "a.git", "a.lock", "a\n", "ä", "a" * 101])
def test_names_that_could_lead_elsewhere_are_refused(name: str) -> None:
    with pytest.raises(BadNameError):
        valid_name(name)


def test_a_password_is_not_on_disk_and_an_equal_one_writes_nothing(tmp_path: Path) -> None:
    repository = Store(tmp_path).repository("apps", "one")
    repository.path.parent.mkdir()
    repository.set_credential("flux", "hunter2", "read")
    file = tmp_path / "apps" / "one.credentials.json"
    content = file.read_text()
    assert "hunter2" not in content
    repository.set_credential("flux", "hunter2", "read")
    assert file.read_text() == content
    repository.set_credential("flux", "other", "read")
    assert repository.credentials()["flux"].accepts("other")
    assert not repository.credentials()["flux"].accepts("hunter2")
