"""What people enter about Git repositories, and what is said of it."""

import pytest

from app_platform.dashboard.flux.entries import SourceEntry, host_keys, source_entry, source_faults
from app_platform.dashboard.web.forms import Form
from app_platform.gitread import github_known_hosts

KNOWN = github_known_hosts()
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"
GOOD = {"name": "shop", "url": "git@github.com:acme/shop.git", "branch": "main", "interval": "1m"}


def entered(**changed: str) -> SourceEntry:
    return source_entry(Form({name: [value] for name, value in {**GOOD, **changed}.items()}))


def test_the_url_that_a_forge_shows_is_understood() -> None:
    entry = entered()
    assert source_faults(entry, KNOWN) == {}
    assert entry.spec() == {
        "url": "ssh://git@github.com/acme/shop.git",
        "interval": "1m",
        "secretRef": {"name": "deploy-key-shop"},
        "ref": {"branch": "main"},
    }
    assert host_keys(entry, KNOWN).count("\n") == 3


def test_a_public_repository_needs_no_key() -> None:
    entry = entered(url="https://github.com/acme/shop")
    assert source_faults(entry, KNOWN) == {}
    assert entry.spec()["secretRef"] is None


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("name", "", "Give it a name"),
        ("name", "Shop", "lower-case"),
        ("name", "x" * 53, "at most 52 characters; this has 53"),
        ("name", "../secrets", "lower-case"),
        ("url", "", "SSH URL"),
        ("url", "shop", "SSH URL"),
        ("url", "file:///etc/passwd", "SSH URL"),
        ("url", "ssh://git@github.com", "SSH URL"),
        ("url", "ssh://git@host:port/a/b", "not a URL"),
        ("url", "https://[::1/a/b", "not a URL"),
        ("url", "javascript://x/%0aalert(1)", "SSH URL"),
        ("url", "https://host/a\nb", "SSH URL"),
        ("branch", "", "Name the branch"),
        ("branch", "a..b", "does not allow"),
        ("branch", "-x y", "does not allow"),
        ("branch", "feature/", "does not allow"),
        ("branch", "x.lock", "does not allow"),
        ("interval", "", "number and a unit"),
        ("interval", "1", "number and a unit"),
        ("interval", "1m ", ""),
        ("interval", "5 minutes", "number and a unit"),
    ],
)
def test_what_cannot_be_is_said_at_its_field(field: str, value: str, said: str) -> None:
    faults = source_faults(entered(**{field: value}), KNOWN)
    assert faults.keys() == ({field} if said else set())
    assert said in faults.get(field, "")


@pytest.mark.parametrize("branch", ["main", "feature/x-1", "v1.2", "ä", "release-1.0/hotfix_2", "a@b"])
def test_branches_that_git_allows(branch: str) -> None:
    assert source_faults(entered(branch=branch), KNOWN) == {}


def test_a_password_in_a_url_is_refused_and_not_shown_again() -> None:
    entry = entered(url="https://me:hunter2@github.com/acme/shop")
    assert "password" in source_faults(entry, KNOWN)["url"]
    assert entry.shown.url == "https://me@github.com/acme/shop"


@pytest.mark.parametrize(
    ("pasted", "said"),
    [
        ("", "does not know git.example"),
        (f"other.example {KEY}", "None of these lines is for [git.example]:2222"),
        (f"git.example {KEY}", "None of these lines is for [git.example]:2222"),
        (f"|1|c2FsdA==|aGFzaA== {KEY}", "without -H"),
        (f"[git.example]:2222 {KEY}", ""),
    ],
)
def test_a_server_that_nobody_knows_needs_its_keys(pasted: str, said: str) -> None:
    entry = entered(url="ssh://git@git.example:2222/acme/shop.git", known_hosts=pasted)
    faults = source_faults(entry, KNOWN)
    assert said in faults.get("known_hosts", "")
    assert bool(faults) == bool(said)


def test_only_lines_of_that_server_are_taken_and_those_of_the_platform_first() -> None:
    url = "ssh://git@git.example/acme/shop.git"
    pasted = f"git.example {KEY}\nother.example {KEY}\n"
    assert host_keys(entered(url=url, known_hosts=pasted), KNOWN) == f"git.example {KEY}\n"
    forged = "github.com ssh-ed25519 AAAAforged\n"
    assert "forged" not in host_keys(entered(known_hosts=forged), KNOWN)


def test_an_edit_may_leave_what_it_follows_and_its_key() -> None:
    entry = entered(branch="", url="ssh://git@git.example/a/b")
    assert source_faults(entry, KNOWN, branch_needed=False, key_needed=False) == {}
    assert "ref" not in entry.spec()
