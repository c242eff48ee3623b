"""Making a commit on GitHub: trees, the commit, the reference. Atomic, as only the last of these is seen, and never forced.

Guarantees: the branch moves only from the parent that was read: GitHub takes an update that is not forced only if the new commit
descends from the branch's head. All writes of a commit are paid for before the first. A commit of which nothing was heard
is looked for by its ``Change-Id`` before anything else is tried.

The first commit: the Git data API answers 409 while a repository is empty; what begins one is the contents API
(https://docs.github.com/rest/guides/using-the-rest-api-to-interact-with-your-git-database). So ``secrets/.gitkeep``, empty, is
made first, and our commit goes on top of that. It is a file that the repository gets anyhow, so a crash in between does no harm.
"""

import base64
import logging
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Final

from app_platform.contracts import names
from app_platform.git_committer import trailers
from app_platform.git_committer.adapters.git import Author
from app_platform.git_committer.adapters.github import upload
from app_platform.git_committer.adapters.github.api import Answer, GitHubApi
from app_platform.git_committer.adapters.github.reading import Reader, Snapshot
from app_platform.git_committer.base_files import KEEP_FILE
from app_platform.git_committer.ports import Changes, ForgeError, ForgeUnavailable, Head, HeadMoved

_LOG: Final = logging.getLogger(__name__)
_BEGINNING: Final = "platform: begin the repository\n"
_LOST_RACES: Final = ("not a fast forward", "reference does not exist", "reference already exists")
"""How GitHub says that somebody else was first."""


class Committer:
    """Makes commits.

    Args:
        api: To GitHub.
        reader: Of the branches.
        path: Of an app's repository in the API.
        author: Who commits.
        clock: Unix time.
    """

    def __init__(
        self,
        api: GitHubApi,
        reader: Reader,
        path: Callable[[str], str],
        author: Author,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._api, self._reader, self._path = api, reader, path
        self._author, self._clock = author, clock

    async def commit(self, app: str, parent: Head, changes: Changes, message: str) -> str:
        """See ``Forge.commit``."""
        cut = upload.cut(changes, parent.tree)
        if not cut.trees:
            return parent.sha
        below = await self._reader.of(app, parent.sha)
        await self._api.pay(cut.writes)
        tree, parents = await self._trees(app, cut, below)
        marked = trailers.marked(message, parent.sha, changes)
        sha = await self._object(app, tree, parents, marked)
        try:
            await self._move(app, parent, sha, created=not parents)
        except ForgeUnavailable:
            # The answer may have been lost, or another replica made the same commit just before.
            made = await self._made_already(app, parent, changes)
            if not made:
                raise
            sha = made
        self._reader.made(app, Snapshot(sha, tree, tuple(parents), marked, _after(parent, changes)))
        return sha

    async def _trees(self, app: str, cut: upload.Upload, below: Snapshot) -> tuple[str, list[str]]:
        """Upload all files; returns the id of the whole tree, and the parents."""
        repository = self._path(app)
        ids: dict[str, str] = {}
        tree, parents = below.tree, [below.sha] if below.sha else []
        for number, batch in enumerate(cut.trees):
            if number == 0:
                ids, parents = await self._first_contact(app, cut, parents)
            body: dict[str, Any] = {"tree": upload.with_blobs(batch, ids)}
            answer = await self._api.send(
                "POST", f"{repository}/git/trees", {**body, "base_tree": tree} if tree else body
            )
            tree = str(answer.value["sha"])
        return tree, parents

    async def _first_contact(
        self, app: str, cut: upload.Upload, parents: list[str]
    ) -> tuple[dict[str, str], list[str]]:
        """Upload the blobs; begin the repository if it is empty."""
        if not parents:
            parents = await self._begin(app)
        ids = {path: await self._blob(app, text) for path, text in cut.blobs.items()}
        return ids, parents

    async def _begin(self, app: str) -> list[str]:
        """Make the first commit of an empty repository; returns no parent when it is not empty and only the branch is missing."""
        repository = self._path(app)
        branches = await self._api.get_now(f"{repository}/branches?per_page=1")
        if branches.value:
            return []
        body = {"message": _BEGINNING, "content": "", "branch": names.BRANCH, **self._who()}
        answer = await self._api.write("PUT", f"{repository}/contents/{KEEP_FILE}", body)
        if answer.status == HTTPStatus.UNPROCESSABLE_ENTITY:
            raise HeadMoved("somebody else has begun the repository")
        commit = answer.value["commit"]
        if commit["parents"]:
            raise HeadMoved("somebody else has begun the repository")
        return [str(commit["sha"])]

    async def _blob(self, app: str, text: str) -> str:
        body = {"content": base64.b64encode(text.encode()).decode(), "encoding": "base64"}
        return str((await self._api.send("POST", f"{self._path(app)}/git/blobs", body)).value["sha"])

    async def _object(self, app: str, tree: str, parents: list[str], message: str) -> str:
        now = int(self._clock())
        body = {"message": message, "tree": tree, "parents": parents, **self._who(now)}
        if self._author.signer is not None:
            text = _commit_object(self._author, tree, parents, message, now)
            body["signature"] = self._author.signer.sign(text)
        return str((await self._api.send("POST", f"{self._path(app)}/git/commits", body)).value["sha"])

    def _who(self, now: int | None = None) -> dict[str, Mapping[str, str]]:
        date = datetime.fromtimestamp(now if now is not None else int(self._clock()), UTC)
        who = {
            "name": self._author.name,
            "email": self._author.email,
            "date": date.strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        return {"author": who, "committer": who}

    async def _move(self, app: str, parent: Head, sha: str, *, created: bool) -> None:
        repository = self._path(app)
        if created:
            body: dict[str, Any] = {"ref": f"refs/heads/{names.BRANCH}", "sha": sha}
            answer = await self._api.send("POST", f"{repository}/git/refs", body)
        else:
            body = {"sha": sha, "force": False}
            answer = await self._api.send("PATCH", f"{repository}/git/refs/heads/{names.BRANCH}", body)
        if answer.error is not None:
            raise _refused(answer, parent)

    async def _made_already(self, app: str, parent: Head, changes: Changes) -> str:
        """The head, if it is the same change on the same parent; otherwise empty."""
        try:
            tip = await self._reader.tip(app)
        except ForgeError:
            return ""
        same = trailers.change_id_in(tip.message) == trailers.change_id(parent.sha, changes)
        return tip.sha if same and (not parent.sha or tip.parents == (parent.sha,)) else ""


def _refused(answer: Answer, parent: Head) -> ForgeError:
    text = str(answer.error)
    moved = answer.status == HTTPStatus.CONFLICT or any(words in text.lower() for words in _LOST_RACES)
    if moved:
        return HeadMoved(f"the branch moved past {parent.sha[:12] or 'nothing'} while committing")
    if answer.status == HTTPStatus.UNPROCESSABLE_ENTITY:
        advice = f"let the platform's credential push to {names.BRANCH}: have it bypass the branch protection or ruleset"
        return ForgeError(f"{text}: {advice}", reason="BranchProtected")
    return answer.error or ForgeError(text)


def _after(parent: Head, changes: Changes) -> dict[str, str]:
    kept = {path: blob for path, blob in parent.tree.items() if path not in set(changes.deletes)}
    return kept | {path: names.blob_id(text) for path, text in changes.writes.items()}


def _commit_object(author: Author, tree: str, parents: list[str], message: str, now: int) -> bytes:
    """The commit as Git writes it, which is what is signed (git ``commit.c``, ``commit_tree_extended``)."""
    who = f"{author.name} <{author.email}> {now} +0000"
    lines = [
        f"tree {tree}",
        *(f"parent {sha}" for sha in parents),
        f"author {who}",
        f"committer {who}",
        "",
        message,
    ]
    return "\n".join(lines).encode()
