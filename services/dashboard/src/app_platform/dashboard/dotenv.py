r"""Reads what people paste from a ``.env`` file. Pure.

The format is what shells and the usual libraries agree on: ``NAME=value`` a line, ``export`` before it, ``#`` comments, ``'literal'`` and
``"with \n \t \" \\ and \$"``, both over several lines. Leaves out: interpolation (``$NAME`` stays as it is) and commands.
Guarantees: an error names the line and what is wrong there, and repeats nothing of a value.
"""

import re
from dataclasses import dataclass
from typing import Final

_START: Final = re.compile(r"[ \t]*(?:export[ \t]+)?(?P<name>[^\s=#'\"]+)[ \t]*=[ \t]*")
_BLANK: Final = re.compile(r"[ \t]*(?:#[^\n]*)?(?:\n|\Z)")
_SINGLE: Final = re.compile(r"'(?P<text>[^']*)'")
_DOUBLE: Final = re.compile(r'"(?P<text>(?:[^"\\]|\\.)*)"', re.DOTALL)
_PLAIN: Final = re.compile(r"(?P<text>[^\n]*)")
_COMMENT: Final = re.compile(r"(?:^|[ \t]+)#.*")
_ESCAPE: Final = re.compile(r"\\(.)", re.DOTALL)
_ESCAPES: Final = {"n": "\n", "r": "\r", "t": "\t", "\n": ""}


class DotenvError(ValueError):
    """The text is not in this format; says in which line, and nothing of what stands there."""


@dataclass(frozen=True)
class _Value:
    text: str
    end: int


def parse(text: str) -> dict[str, str]:
    """Names to values, in their order; of a name that comes twice, the last.

    Raises:
        DotenvError: A line is neither blank, a comment, nor ``NAME=value``.
    """
    text = text.replace("\r\n", "\n").removeprefix("\ufeff")
    found: dict[str, str] = {}
    position = 0
    while position < len(text):
        if blank := _BLANK.match(text, position):
            position = max(blank.end(), position + 1)
            continue
        start = _START.match(text, position)
        if start is None:
            raise DotenvError(f"Line {_line(text, position)} is not NAME=value.")
        value = _value(text, start.end())
        found[start["name"]] = value.text
        position = value.end
    return found


def _value(text: str, position: int) -> _Value:
    if text[position : position + 1] not in ("'", '"'):
        plain = _PLAIN.match(text, position)
        assert plain is not None  # noqa: S101 - the pattern matches anything
        return _Value(_COMMENT.sub("", plain["text"]).strip(), plain.end())
    quoted = (_SINGLE if text[position] == "'" else _DOUBLE).match(text, position)
    if quoted is None:
        raise DotenvError(f"Line {_line(text, position)}: the quote that begins there has no end.")
    rest = _BLANK.match(text, quoted.end())
    if rest is None:
        raise DotenvError(f"Line {_line(text, quoted.end())}: there is something after the quote.")
    literal = text[position] == "'"
    return _Value(quoted["text"] if literal else _ESCAPE.sub(_unescaped, quoted["text"]), rest.end())


def _unescaped(found: re.Match[str]) -> str:
    return _ESCAPES.get(found[1], found[1])


def _line(text: str, position: int) -> int:
    return text.count("\n", 0, position) + 1
