"""Where a commit can be looked at, by the forge of its repository."""

import pytest

from app_platform.dashboard.commit_links import CommitLinks, parse

SETTING = "git.example.com=gitlab Code.example.com=https://{repository}/c/{commit} tea.example.com:8443=gitea"


@pytest.mark.parametrize(
    ("url", "link"),
    [
        ("ssh://git@github.com/acme/shop.git", "https://github.com/acme/shop/commit/abc"),
        ("git@gitlab.com:acme/team/shop.git", "https://gitlab.com/acme/team/shop/-/commit/abc"),
        ("https://codeberg.org/acme/shop", "https://codeberg.org/acme/shop/commit/abc"),
        ("ssh://git@git.example.com:2222/acme/shop", "https://git.example.com/acme/shop/-/commit/abc"),
        ("ssh://git@code.example.com/acme/shop", "https://code.example.com/acme/shop/c/abc"),
        ("https://tea.example.com:8443/acme/shop", "https://tea.example.com:8443/acme/shop/commit/abc"),
        ("http://127.0.0.1:1/apps/my-app-platform.git", ""),
        ("ssh://git@evil-github.com/x/y", ""),
        ("ssh://git@github.com.evil.example/x/y", ""),
        ("nonsense", ""),
    ],
)
def test_each_forge_has_its_address(url: str, link: str) -> None:
    links = CommitLinks(parse(SETTING))
    assert links(url, "abc") == link
    assert links(url, "") == ""


@pytest.mark.parametrize(
    "wrong",
    [
        "git.example.com",
        "=gitlab",
        "git.example.com=svn",
        "a=http://{repository}/{commit}",
        "a=https://{repository}",
        "a=https://{repository}/{commit}/{more}",
        "a=javascript:{repository}{commit}",
    ],
)
def test_a_wrong_setting_says_what_it_must_be(wrong: str) -> None:
    with pytest.raises(ValueError, match="must be <host>="):
        parse(f"good.example.com=github {wrong}")
