"""What the demo prints: a heading per step, a line per thing that was seen to be so, and how long it took.

Guarantees: plain text unless it goes to a terminal. Leaves out: values of secrets; callers pass names only.
"""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, TextIO

from app_platform.local.errors import LocalError

_BOLD: Final = "\033[1m"
_DIM: Final = "\033[2m"
_PLAIN: Final = "\033[0m"


class DemoError(LocalError):
    """Something was not as it should be; once it has left its step, the message names the step."""


class Report:
    """Prints steps and what was seen in them.

    Args:
        out: where to.
        clock: seconds, from any beginning.
    """

    def __init__(self, out: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._out = out
        self._clock = clock
        self._styled = out.isatty() and "NO_COLOR" not in os.environ
        self._started = clock()

    @contextmanager
    def step(self, number: int, title: str) -> Iterator[None]:
        """Print the heading, and the time when the block has ended.

        Raises:
            DemoError: raised in the block, now naming the step.
        """
        self._started = self._clock()
        self._line(f"\n{self._style(_BOLD, f'{number}  {title}')}")
        try:
            yield
        except DemoError as error:
            raise DemoError(f"step {number} ({title}): {error}") from error
        self._line(self._style(_DIM, f"   {self._elapsed()}  done"))

    def seen(self, what: str) -> None:
        """Print one thing that is now so."""
        self._line(f"   {self._style(_DIM, self._elapsed())}  {what}")

    def note(self, text: str) -> None:
        """Print lines that belong to no step."""
        self._line(text)

    def block(self, title: str, text: str) -> None:
        """Print the output of a program under a heading."""
        self._line(f"\n{self._style(_BOLD, title)}")
        for line in text.rstrip().splitlines():
            self._line(f"   {line}".rstrip())

    def _elapsed(self) -> str:
        return f"{self._clock() - self._started:5.1f} s"

    def _style(self, style: str, text: str) -> str:
        return f"{style}{text}{_PLAIN}" if self._styled else text

    def _line(self, text: str) -> None:
        self._out.write(text + "\n")
        self._out.flush()
