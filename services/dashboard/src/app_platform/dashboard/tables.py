"""Filtering, ordering and paging of lists on the server, so that a thousand rows are found without JavaScript. Pure."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

PAGE_SIZE: Final = 50
_MAX_QUERY: Final = 100
_T = TypeVar("_T")
_U = TypeVar("_U")


@dataclass(frozen=True)
class Table(Generic[_T]):
    """One page of a list.

    Attributes:
        rows: On this page.
        query: What was searched for.
        page: From 1.
        pages: At least 1.
        found: Rows that fit the query.
        total: Rows in all.
    """

    rows: Sequence[_T]
    query: str
    page: int
    pages: int
    found: int
    total: int

    def mapped(self, make: Callable[[_T], _U]) -> "Table[_U]":
        """The same page, its rows made into something else: what a row takes to be shown is done for those that are."""
        return Table(
            [make(row) for row in self.rows], self.query, self.page, self.pages, self.found, self.total
        )

    @property
    def first(self) -> int:
        """Number of the first row shown, from 1; 0 when there is none."""
        return (self.page - 1) * PAGE_SIZE + 1 if self.found else 0

    @property
    def last(self) -> int:
        """Number of the last row shown."""
        return (self.page - 1) * PAGE_SIZE + len(self.rows)


def table(
    items: Iterable[_T], words: Callable[[_T], Iterable[str]], query: str = "", page: int = 1
) -> Table[_T]:
    """The rows in which every word of the query occurs, one page of them.

    Args:
        items: In the order to be shown.
        words: The texts of a row that are searched.
        query: Words, in any case.
        page: Which page; out of range means the nearest there is.
    """
    everything = list(items)
    wanted = query[:_MAX_QUERY].casefold().split()
    found = [item for item in everything if _fits(" ".join(words(item)).casefold(), wanted)]
    pages = max(1, -(-len(found) // PAGE_SIZE))
    page = min(max(page, 1), pages)
    rows = found[(page - 1) * PAGE_SIZE : page * PAGE_SIZE]
    return Table(rows, query[:_MAX_QUERY], page, pages, len(found), len(everything))


def _fits(text: str, wanted: Sequence[str]) -> bool:
    return all(word in text for word in wanted)
