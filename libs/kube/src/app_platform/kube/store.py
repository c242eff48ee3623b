"""What an informer remembers of a collection, and what changed. Pure.

Of each object only uid, resourceVersion and the caller's small value are kept: a thousand Secrets cost a few hundred
kilobytes here, not their size.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

from app_platform.kube.resources import Key, Object, key_of

T = TypeVar("T")
ChangeType = Literal["added", "modified", "deleted"]


@dataclass(frozen=True)
class Change(Generic[T]):
    """That an object changed: a hint to look, not the object.

    Attributes:
        type: what happened, as far as was seen; changes between two looks are one.
        key: namespace and name.
        uid: of this incarnation of the object.
        resource_version: the latest seen.
        value: what `keep` made of the object; for a deletion, of its last known state.
    """

    type: ChangeType
    key: Key
    uid: str
    resource_version: str
    value: T


class Store(Generic[T]):
    """The collection as last seen."""

    def __init__(self, keep: Callable[[Object], T]) -> None:
        """Start empty.

        Args:
            keep: what to remember of an object; called once for each version seen.
        """
        self._keep = keep
        self._items: dict[Key, Change[T]] = {}

    @property
    def items(self) -> Mapping[Key, Change[T]]:
        """The last change of every object that exists, by key. Do not change it."""
        return self._items

    def see(self, obj: Object) -> list[Change[T]]:
        """Take in an object that exists; an object replaced by a namesake gives a deletion and an addition."""
        metadata, key = obj["metadata"], key_of(obj)
        uid, version = metadata["uid"], metadata["resourceVersion"]
        known = self._items.get(key)
        if known is not None and (known.uid, known.resource_version) == (uid, version):
            return []
        changes = self.lose(key) if known is not None and known.uid != uid else []
        kind: ChangeType = "modified" if known is not None and not changes else "added"
        change = Change(kind, key, uid, version, self._keep(obj))
        self._items[key] = change
        return [*changes, change]

    def drop(self, obj: Object) -> list[Change[T]]:
        """Take in an object that was deleted, in its last state; the deletion of an older namesake is old news."""
        metadata, key = obj["metadata"], key_of(obj)
        known = self._items.get(key)
        if known is None or known.uid != metadata["uid"]:
            return []
        del self._items[key]
        return [Change("deleted", key, known.uid, metadata["resourceVersion"], self._keep(obj))]

    def lose(self, key: Key) -> list[Change[T]]:
        """An object is found to be gone, without its last state being known."""
        known = self._items.pop(key, None)
        return [Change("deleted", key, known.uid, known.resource_version, known.value)] if known else []

    def missing(self, listed: Iterable[Key]) -> list[Key]:
        """The keys known here that a complete new list does not have."""
        return list(self._items.keys() - set(listed))
