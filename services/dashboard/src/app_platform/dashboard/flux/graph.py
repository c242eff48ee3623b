"""What waits for what, laid out from left to right: who waits stands right of whom it waits for. Pure.

Guarantees: every Kustomization that waits or is waited for has a place, also in a circle, and also one that does not exist.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from app_platform.dashboard.flux.objects import State
from app_platform.dashboard.flux.syncs import Sync

WIDTH: Final = 208
HEIGHT: Final = 48
MOST: Final = 100
"""Boxes that are drawn at most."""
_GAP_X: Final = 72
_GAP_Y: Final = 20
_MARGIN: Final = 4
_HEAD: Final = 8
_LETTERS: Final = 22
MISSING: Final = "Missing"


@dataclass(frozen=True)
class Box:
    """A Kustomization.

    Attributes:
        state: As its badge says; ``Missing`` when there is none of that name.
        x: Of the left edge, in pixels.
        y: Of the upper edge.
    """

    name: str
    state: str
    x: int
    y: int

    @property
    def label(self) -> str:
        """The name, with its middle left out when it is long."""
        half = (_LETTERS - 1) // 2
        return self.name if len(self.name) <= _LETTERS else f"{self.name[:half]}…{self.name[-half:]}"


@dataclass(frozen=True)
class Arrow:
    """From one that is waited for to one that waits.

    Attributes:
        path: Of an SVG ``path``: the line.
        head: The same of its head.
        open: Whether what is waited for is ready.
    """

    path: str
    head: str
    open: bool


@dataclass(frozen=True)
class Graph:
    """Everything that is drawn."""

    boxes: Sequence[Box]
    arrows: Sequence[Arrow]
    width: int
    height: int


def graph(syncs: Sequence[Sync]) -> Graph:
    """The graph of these Kustomizations; empty when it would be too large to be looked at."""
    waits = {each.name: each.depends_on for each in syncs if each.depends_on}
    shown = sorted(waits.keys() | {name for names in waits.values() for name in names})
    if len(shown) > MOST:
        return Graph((), (), 0, 0)
    columns = _columns(shown, waits)
    states = {each.name: str(each.state) for each in syncs}
    boxes = {
        name: Box(
            name,
            states.get(name, MISSING),
            _MARGIN + column * (WIDTH + _GAP_X),
            _MARGIN + row * (HEIGHT + _GAP_Y),
        )
        for column, names in enumerate(columns)
        for row, name in enumerate(names)
    }
    arrows = [_arrow(boxes[before], boxes[after]) for after, names in waits.items() for before in names]
    tallest = max(map(len, columns), default=0)
    return Graph(
        list(boxes.values()),
        arrows,
        2 * _MARGIN + len(columns) * (WIDTH + _GAP_X) - _GAP_X if columns else 0,
        2 * _MARGIN + tallest * (HEIGHT + _GAP_Y) - _GAP_Y if columns else 0,
    )


def _columns(names: Sequence[str], waits: Mapping[str, Sequence[str]]) -> list[list[str]]:
    """Names by the length of the longest way to one that waits for nothing; within a column, near to what they wait for."""
    depths = _depths(names, waits)
    columns: list[list[str]] = [[] for _ in range(max(depths.values(), default=-1) + 1)]
    for name in names:
        columns[depths[name]].append(name)
    places: dict[str, int] = {}
    for column in columns:
        column.sort(key=lambda name: (_middle(waits.get(name, ()), places), name))
        places |= {name: row for row, name in enumerate(column)}
    return columns


def _depths(names: Sequence[str], waits: Mapping[str, Sequence[str]]) -> dict[str, int]:
    depths: dict[str, int] = {}
    waiting = {name: set(waits.get(name, ())) for name in names}
    while waiting:
        free = [name for name, before in waiting.items() if before <= depths.keys()]
        # In a circle nothing is ever free: one of it is taken as if it were.
        for name in free or [min(waiting)]:
            known = [depths[other] for other in waiting.pop(name) if other in depths]
            depths[name] = max(known, default=-1) + 1
    return depths


def _middle(before: Sequence[str], places: Mapping[str, int]) -> float:
    known = [places[name] for name in before if name in places]
    return sum(known) / len(known) if known else 0.0


def _arrow(before: Box, after: Box) -> Arrow:
    start_x, start_y = before.x + WIDTH, before.y + HEIGHT // 2
    end_x, end_y = after.x, after.y + HEIGHT // 2
    bend, tip = _GAP_X // 2, end_x - _HEAD
    path = f"M{start_x} {start_y}C{start_x + bend} {start_y} {tip - bend} {end_y} {tip} {end_y}"
    head = f"M{end_x} {end_y}l-{_HEAD} -{_HEAD // 2}v{_HEAD}z"
    return Arrow(path, head, before.state == State.READY)
