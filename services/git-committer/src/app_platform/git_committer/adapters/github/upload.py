"""How a change is cut into requests. Pure.

One commit is a few tree requests, each on the tree of the one before, then a commit and a reference; files too large to lie in
a tree request go before as blobs (https://docs.github.com/rest/git/trees#create-a-tree). The sizes below are ours: GitHub names
none for a tree request but ends one that takes longer than ten seconds. It refuses files over 100 MB.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from app_platform.git_committer.ports import Changes, ForgeError

INLINE_BYTES: Final = 1 << 20
TREE_BYTES: Final = 8 << 20
TREE_ENTRIES: Final = 2000
FILE_BYTES: Final = 100_000_000

Entry = dict[str, Any]


@dataclass(frozen=True)
class Upload:
    """What to send.

    Attributes:
        blobs: Path to content of files that go by themselves.
        trees: Entries of each tree request; those of blobs are added when their ids are known.
    """

    blobs: Mapping[str, str]
    trees: tuple[tuple[Entry, ...], ...]

    @property
    def writes(self) -> int:
        """Requests it takes, with the commit and the reference."""
        return len(self.blobs) + len(self.trees) + 2


def cut(changes: Changes, there: Collection[str]) -> Upload:
    """Cut a change.

    Args:
        changes: What to commit.
        there: Paths of the parent; GitHub refuses to delete what is not there.

    Raises:
        ForgeError: A file is larger than GitHub takes.
    """
    sizes = {path: len(text.encode()) for path, text in changes.writes.items()}
    for path, size in sizes.items():
        if size > FILE_BYTES:
            raise ForgeError(
                f"{path} has {size} bytes; GitHub takes {FILE_BYTES} at most", reason="FileTooLarge"
            )
    blobs = {path: text for path, text in changes.writes.items() if sizes[path] > INLINE_BYTES}
    entries = [entry(path, sha=None) for path in changes.deletes if path in there]
    entries += [entry(path, sha="") for path in blobs]
    inline = [path for path in changes.writes if path not in blobs]
    entries += [entry(path, content=changes.writes[path]) for path in inline]
    return Upload(blobs, tuple(_batches(entries, sizes)))


def entry(path: str, **what: str | None) -> Entry:
    """One entry of a tree request; ``sha`` none deletes."""
    return {"path": path, "mode": "100644", "type": "blob", **what}


def with_blobs(batch: tuple[Entry, ...], ids: Mapping[str, str]) -> list[Entry]:
    """A batch with the ids of its blobs."""
    return [{**e, "sha": ids[e["path"]]} if e.get("sha") == "" else e for e in batch]


def _batches(entries: list[Entry], sizes: Mapping[str, int]) -> Iterator[tuple[Entry, ...]]:
    batch: list[Entry] = []
    size = 0
    for each in entries:
        more = sizes[each["path"]] if "content" in each else 0
        if batch and (len(batch) == TREE_ENTRIES or size + more > TREE_BYTES):
            yield tuple(batch)
            batch, size = [], 0
        batch.append(each)
        size += more
    if batch:
        yield tuple(batch)
