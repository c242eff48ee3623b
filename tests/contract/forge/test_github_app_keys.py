"""Deploy keys of app repositories on GitHub: whose consent is needed, what becomes of keys, and what is said."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from app_platform.git_committer.adapters.github.app_keys import GitHubAppKeys
from app_platform.git_committer.ports import ForgeError
from app_platform.gitread import new_key_pair
from support.github.faults import Limits
from support.github.forge import opened, with_token
from support.github.server import ORGANIZATION, GitHubServer, Repo, github_server

REPOSITORY = f"{ORGANIZATION}/web"
TITLE = "App Platform: my-app/web 01234567, read only"
PUBLIC = new_key_pair().public


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[GitHubServer]:
    async with github_server(tmp_path / "github", Limits(per_minute=1000, per_hour=10_000)) as made:
        yield made


@pytest.fixture
async def keys(server: GitHubServer) -> AsyncIterator[GitHubAppKeys]:
    async with opened(with_token(server, writes_per_minute=1000, writes_per_hour=10_000)) as forge:
        yield forge.app_keys


@pytest.fixture
def web(server: GitHubServer) -> Repo:
    return server.add("web", topics=["python", "app-platform-my-app"])


def url(repo: Repo) -> str:
    return str(repo.shown()["ssh_url"])


async def test_the_topic_of_the_app_is_the_owners_consent(keys: GitHubAppKeys, web: Repo) -> None:
    assert await keys.refusal("my-app", REPOSITORY, url(web)) == ""
    assert "the topic app-platform-other on GitHub" in await keys.refusal("other", REPOSITORY, url(web))
    web.topics.clear()
    assert "the topic app-platform-my-app on GitHub" in await keys.refusal("my-app", REPOSITORY, url(web))


async def test_what_it_will_not_touch_says_why(keys: GitHubAppKeys, server: GitHubServer, web: Repo) -> None:
    mine = server.add("mine-platform", topics=["app-platform", "app-platform-my-app"])
    old = server.add("old", topics=["app-platform-my-app"], archived=True)
    said = {
        "is a platform repository": await keys.refusal("my-app", f"{ORGANIZATION}/mine-platform", url(mine)),
        "is archived": await keys.refusal("my-app", f"{ORGANIZATION}/old", url(old)),
        "sees no repository": await keys.refusal("my-app", f"{ORGANIZATION}/none", url(web)),
        "its own GitHub only": await keys.refusal("my-app", REPOSITORY, f"git@git.example:{REPOSITORY}.git"),
        "too long a name": await keys.refusal("a" * 38, REPOSITORY, url(web)),
    }
    for words, text in said.items():
        assert words in text
    assert await keys.refusal("a" * 37, REPOSITORY, url(web)) != said["too long a name"]


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        (f"git@github.com:{ORGANIZATION}/Web.git", f"{ORGANIZATION}/web"),
        (f"ssh://git@github.com/{ORGANIZATION.upper()}/web", f"{ORGANIZATION}/web"),
        (f"https://github.com/{ORGANIZATION}/web", ""),
        ("git@github.com:others/web.git", ""),
        (f"git@github.com:{ORGANIZATION}/../web/x.git", ""),
        ("nonsense", ""),
    ],
)
async def test_only_repositories_of_the_organisation_by_ssh(
    keys: GitHubAppKeys, asked: str, found: str
) -> None:
    assert keys.repository(asked).lower() == found.lower()


async def test_a_key_is_added_for_reading_once_and_replaced(keys: GitHubAppKeys, web: Repo) -> None:
    web.keys.append({"id": 900, "key": "ssh-ed25519 THEIRS", "title": "theirs", "read_only": False})
    assert await keys.add(REPOSITORY, TITLE, PUBLIC)
    assert not await keys.add(REPOSITORY, TITLE, PUBLIC)
    assert [(key["title"], key["read_only"]) for key in web.keys] == [("theirs", False), (TITLE, True)]
    other = new_key_pair().public
    assert await keys.add(REPOSITORY, TITLE, other)
    assert [key["key"] for key in web.keys] == ["ssh-ed25519 THEIRS", " ".join(other.split()[:2])]


async def test_one_that_its_owner_added_by_hand_is_enough_and_stays(keys: GitHubAppKeys, web: Repo) -> None:
    web.keys.append({"id": 900, "key": " ".join(PUBLIC.split()[:2]), "title": "by hand", "read_only": True})
    assert not await keys.add(REPOSITORY, TITLE, PUBLIC)
    await keys.remove(REPOSITORY, TITLE)
    assert [key["title"] for key in web.keys] == ["by hand"]


async def test_keys_are_taken_off_by_title_and_a_repository_that_is_gone_needs_none(
    keys: GitHubAppKeys, server: GitHubServer, web: Repo
) -> None:
    await keys.add(REPOSITORY, TITLE, PUBLIC)
    await keys.remove(REPOSITORY, TITLE)
    await keys.remove(REPOSITORY, TITLE)
    assert web.keys == []
    server.repos.remove(web)
    await keys.remove(REPOSITORY, TITLE)


async def test_what_github_refuses_comes_with_advice(
    keys: GitHubAppKeys, server: GitHubServer, web: Repo
) -> None:
    server.add("second").keys.append(
        {"id": 901, "key": " ".join(PUBLIC.split()[:2]), "title": "x", "read_only": True}
    )
    with pytest.raises(ForgeError, match="make another key"):
        await keys.add(REPOSITORY, TITLE, PUBLIC)
    server.faults.no_deploy_keys = True
    with pytest.raises(ForgeError, match="allow deploy keys in the organisation"):
        await keys.add(REPOSITORY, TITLE, new_key_pair().public)
