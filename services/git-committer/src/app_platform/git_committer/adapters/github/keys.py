"""Deploy keys of a repository on GitHub (https://docs.github.com/rest/deploy-keys/deploy-keys).

A deploy key opens one repository, and GitHub takes the same key for no second one. Guarantees: keys are told apart by kind and key, never by
the comment; only those of the title that is asked for are taken off. Leaves out: more than 100 keys of one repository.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from app_platform.git_committer.adapters.github.api import GitHubApi
from app_platform.git_committer.ports import ForgeError

IN_USE = "DeployKeyInUse"
REFUSED = "DeployKeyRefused"


@dataclass(frozen=True)
class Key:
    """A deploy key as GitHub lists it."""

    number: int
    public: str
    read_only: bool
    title: str


async def have(api: GitHubApi, repository: str, title: str, public: str) -> bool:
    """Have a key there, for reading only, and no other of its title; returns whether it was not there.

    Args:
        api: To GitHub.
        repository: Its path in the API.
        title: Of the key.
        public: The key as OpenSSH writes it.

    Raises:
        ForgeError: GitHub refuses the key (reasons ``IN_USE`` and ``REFUSED``), or anything else.
    """
    public = material(public)
    there = await _listed(api, repository)
    for key in there:
        stale = key.title == title and key.public != public
        if stale or (key.public == public and not key.read_only):
            await _delete(api, repository, key)
    if any(key.public == public and key.read_only for key in there):
        return False
    body = {"title": title, "key": public, "read_only": True}
    answer = await api.write("POST", f"{repository}/keys", body)
    if answer.status == HTTPStatus.UNPROCESSABLE_ENTITY:
        text = str(answer.error)
        raise ForgeError(text, reason=IN_USE if "in use" in text else REFUSED)
    _ = answer.value
    return True


async def take_off(api: GitHubApi, repository: str, title: str) -> None:
    """Take the keys of a title off.

    Raises:
        RepositoryMissing: There is no such repository, or none that may be seen.
        ForgeError: GitHub refuses.
    """
    for key in await _listed(api, repository):
        if key.title == title:
            await _delete(api, repository, key)


def material(public: str) -> str:
    """Kind and key, without the comment."""
    return " ".join(public.split()[:2])


async def _listed(api: GitHubApi, repository: str) -> Sequence[Key]:
    found: Sequence[Key] = (await api.get(f"{repository}/keys?per_page=100", _keys)).value
    return found


async def _delete(api: GitHubApi, repository: str, key: Key) -> None:
    answer = await api.write("DELETE", f"{repository}/keys/{key.number}")
    if answer.status != HTTPStatus.NOT_FOUND:  # another replica was first
        _ = answer.value


def _keys(data: Sequence[dict[str, Any]]) -> tuple[Key, ...]:
    return tuple(
        Key(int(k["id"]), material(str(k["key"])), bool(k["read_only"]), str(k.get("title") or ""))
        for k in data
    )
