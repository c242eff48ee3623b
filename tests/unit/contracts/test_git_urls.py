"""What people write as a repository's URL, and when two URLs mean the same one."""

import pytest

from app_platform.contracts import git_urls


@pytest.mark.parametrize(
    ("written", "taken"),
    [
        ("git@github.com:labrats-work/apps.my-app.git", "ssh://git@github.com/labrats-work/apps.my-app.git"),
        ("github.com:labrats-work/apps.my-app", "ssh://git@github.com/labrats-work/apps.my-app"),
        ("  https://github.com/o/r.git ", "https://github.com/o/r.git"),
        ("ssh://git@host:2222/o/r.git", "ssh://git@host:2222/o/r.git"),
        ("not a url", "not a url"),
    ],
)
def test_what_flux_does_not_take_is_rewritten(written: str, taken: str) -> None:
    assert git_urls.for_flux(written) == taken


@pytest.mark.parametrize(
    "url",
    [
        "git@github.com:Owner/Repo.git",
        "ssh://git@github.com/owner/repo",
        "ssh://git@github.com:22/owner/repo.git",
        "https://github.com/owner/repo.git",
        "https://someone:token@GitHub.com/owner/repo/",
    ],
)
def test_one_repository_has_one_identity(url: str) -> None:
    assert git_urls.identity(url) == "github.com/owner/repo"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("https://github.com/owner/repo", "https://github.com/owner/repo2"),
        ("https://github.com/owner/repo", "https://github.example/owner/repo"),
        ("http://127.0.0.1:81/owner/repo.git", "http://127.0.0.1:82/owner/repo.git"),
    ],
)
def test_different_repositories_have_different_identities(one: str, other: str) -> None:
    assert git_urls.identity(one) != git_urls.identity(other)


@pytest.mark.parametrize(
    "text", ["", "https://", "repo", "https://host", "https://[half", "https://host:port/x"]
)
def test_what_is_no_repository_has_no_identity(text: str) -> None:
    assert git_urls.identity(text) == ""
