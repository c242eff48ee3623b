"""Reading a branch: its head, and every file of it; what is known is not read again, and what is stale is not believed.

GitHub may answer with a head from before a write for some thirty seconds. So each replica remembers the latest head of a
repository that it made or saw, is told the one that any replica reported, and takes an answer that lies before these for
stale for a minute. After that it believes it: somebody has put the branch back.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final

from app_platform.contracts import names
from app_platform.git_committer.adapters.github.api import GitHubApi
from app_platform.git_committer.ports import ForgeUnavailable, Head

_STALE_SECONDS: Final = 60.0
_AGAIN: Final = 10.0
_PAST: Final = 100
_FILES_KEPT: Final = 300_000
"""Of all repositories together; some 60 MB."""


@dataclass(frozen=True)
class Snapshot:
    """A commit with its whole tree.

    Attributes:
        tree: Id of the tree.
        files: Path to blob id.
    """

    sha: str
    tree: str
    parents: tuple[str, ...]
    message: str
    files: Mapping[str, str]

    @property
    def head(self) -> Head:
        """As the port has it."""
        return Head(self.sha, self.files)


EMPTY: Final = Snapshot("", "", (), "", {})


@dataclass
class _Memory:
    """What is known of one branch.

    Attributes:
        latest: The head that was made or seen last, and when.
        told: The head that was reported, and when it was first heard of.
        past: Heads from before.
    """

    latest: tuple[str, float] = ("", 0.0)
    told: tuple[str, float] = ("", 0.0)
    past: list[str] = field(default_factory=list)


class Reader:
    """Reads branches.

    Args:
        api: To GitHub.
        path: Of an app's repository in the API.
        clock: Seconds that only grow.
    """

    def __init__(
        self, api: GitHubApi, path: Callable[[str], str], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._api, self._path, self._clock = api, path, clock
        self._memories: dict[str, _Memory] = {}
        self._snapshots: OrderedDict[str, Snapshot] = OrderedDict()

    async def read(self, app: str, newest: str) -> Snapshot:
        """The branch now.

        Raises:
            RepositoryMissing: There is no such repository.
            ForgeUnavailable: The answer lies before a head that is known.
        """
        sha = await self._sha(app)
        found = await self._snapshot(app, sha) if sha else EMPTY
        await self._check(app, found, newest)
        self.saw(app, sha)
        return found

    async def tip(self, app: str) -> Snapshot:
        """The head alone, without its files and unchecked; for finding one's own commit again."""
        sha = await self._sha(app)
        return await self._commit(app, sha) if sha else EMPTY

    async def of(self, app: str, sha: str) -> Snapshot:
        """A commit that was read before."""
        return await self._snapshot(app, sha) if sha else EMPTY

    def saw(self, app: str, sha: str) -> None:
        """The branch has this head now, by our own doing or by GitHub's word."""
        memory = self._memories.setdefault(app, _Memory())
        before = memory.latest[0]
        if before != sha:
            memory.past = [*memory.past, before][-_PAST:] if before else memory.past
            memory.latest = (sha, self._clock())

    def made(self, app: str, snapshot: Snapshot) -> None:
        """The branch has this head now, by our own doing; its files need not be read."""
        self._keep(app, snapshot)
        self.saw(app, snapshot.sha)

    def forget(self, app: str) -> None:
        """The repository is another one now; what is reported of the one before says nothing."""
        memory = self._memories.pop(app, _Memory())
        self._snapshots.pop(app, None)
        self._memories[app] = _Memory(past=[sha for sha in (memory.latest[0], memory.told[0]) if sha])

    async def _sha(self, app: str) -> str:
        answer = await self._api.get(f"{self._path(app)}/git/ref/heads/{names.BRANCH}", _ref)
        if answer.status == HTTPStatus.CONFLICT:
            return ""  # the repository is empty
        if answer.status == HTTPStatus.NOT_FOUND:
            _ = (
                await self._api.get(self._path(app), _nothing_of)
            ).value  # raises when there is no repository
            return ""
        return str(answer.value)

    async def _snapshot(self, app: str, sha: str) -> Snapshot:
        known = self._snapshots.get(app)
        if known is not None and known.sha == sha:
            self._snapshots.move_to_end(app)
            return known
        commit = await self._commit(app, sha)
        files = known.files if known is not None and known.tree == commit.tree else None
        whole = Snapshot(
            sha, commit.tree, commit.parents, commit.message, files or await self._files(app, commit.tree)
        )
        self._keep(app, whole)
        return whole

    async def _commit(self, app: str, sha: str) -> Snapshot:
        data = (await self._api.get_now(f"{self._path(app)}/git/commits/{sha}")).value
        parents = tuple(str(parent["sha"]) for parent in data["parents"])
        return Snapshot(sha, str(data["tree"]["sha"]), parents, str(data["message"]), {})

    async def _files(self, app: str, tree: str) -> dict[str, str]:
        """All files below a tree; a listing that GitHub cuts short (over 100,000 entries or 7 MB) is read folder by folder."""
        url = f"{self._path(app)}/git/trees/{tree}"
        data = (await self._api.get_now(f"{url}?recursive=1")).value
        if not data.get("truncated"):
            return _blobs(data["tree"])
        data = (await self._api.get_now(url)).value
        found = _blobs(data["tree"])
        for entry in data["tree"]:
            if entry["type"] == "tree":
                below = await self._files(app, str(entry["sha"]))
                found |= {f"{entry['path']}/{path}": blob for path, blob in below.items()}
        return found

    async def _check(self, app: str, found: Snapshot, newest: str) -> None:
        memory = self._memories.setdefault(app, _Memory())
        if newest and memory.told[0] != newest:
            memory.told = (newest, self._clock())
        passed = {"", found.sha, *found.parents, *memory.past}
        for sha, since in (memory.latest, memory.told):
            young = self._clock() - since < _STALE_SECONDS
            if sha not in passed and young and not await self._contains(app, found.sha, sha):
                raise ForgeUnavailable(
                    f"GitHub shows a head of {names.repository_name(app)} from before {sha[:12]}",
                    reason="StaleRead",
                    after=_AGAIN,
                )

    async def _contains(self, app: str, head: str, commit: str) -> bool:
        """Whether the branch has grown from a commit, or has been written anew (https://docs.github.com/rest/commits/commits#compare-two-commits)."""
        if not head:
            return False
        # The second page has no files, of which the first would bring hundreds.
        url = f"{self._path(app)}/compare/{commit}...{head}?per_page=1&page=2"
        answer = await self._api.get_now(url)
        if answer.status == HTTPStatus.NOT_FOUND:
            return False
        return str(answer.value["status"]) in ("ahead", "diverged")

    def _keep(self, app: str, snapshot: Snapshot) -> None:
        self._snapshots[app] = snapshot
        self._snapshots.move_to_end(app)
        total = sum(len(each.files) for each in self._snapshots.values())
        while total > _FILES_KEPT and len(self._snapshots) > 1:
            _, dropped = self._snapshots.popitem(last=False)
            total -= len(dropped.files)


def _ref(data: Mapping[str, Any]) -> str:
    return str(data["object"]["sha"])


def _nothing_of(_: object) -> None:
    return None


def _blobs(entries: list[Mapping[str, Any]]) -> dict[str, str]:
    return {str(e["path"]): str(e["sha"]) for e in entries if e["type"] == "blob"}
