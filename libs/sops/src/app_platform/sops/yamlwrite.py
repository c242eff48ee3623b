"""Writes the YAML of SOPS files in the style of the `sops` program.

4 spaces, literal blocks for what has whole lines, quotes for all that a YAML reader, old or new, could take for anything
but text. A pure function of the document; a person who runs `sops` on a file sees small diffs.
"""

import base64
import datetime as dt
import re
from collections.abc import Iterator, Mapping
from math import isinf, isnan
from typing import Any, Final

from app_platform.sops.errors import UnsupportedValueError
from app_platform.sops.values import Path, rfc3339

# Plain only what no YAML reader, old or new, takes for anything but text; the rest goes in quotes.
_SAFE: Final = re.compile(
    r"ENC\[AES256_GCM,[A-Za-z0-9+/=,:]+\]"
    r"|\d+\.\d+\.\d+"
    r"|[A-Za-z_/^(][A-Za-z0-9_./@+^()|$=,;-]*(?: [A-Za-z0-9_./@+^()|$=,;-]+)*",
)
_LETTER_FIRST: Final = re.compile(r"[A-Za-z{\[].*[^ ]")  # cannot be taken for a number or a time
_YAML_1_1_WORDS: Final = frozenset(("y", "yes", "n", "no", "on", "off", "true", "false", "null"))
_INDENT: Final = 4
_BLOCK: Final = re.compile(r"(?:[!-~][ -~]*\n)+")
_ESCAPES: Final = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}


def dump(document: Mapping[str, Any]) -> str:
    """Write a document as YAML in block style; the same document always gives the same text.

    Args:
        document: nested mappings and sequences of what `load` returns.

    Raises:
        UnsupportedValueError: a value of another type.
    """
    return "".join(_mapping_lines(document, "", ())) or "{}\n"


def _mapping_lines(mapping: Mapping[str, Any], indent: str, path: Path) -> Iterator[str]:
    for key, value in mapping.items():
        yield f"{indent}{_text(key, path)}:"
        yield from _value_lines(value, _deeper(indent), (*path, key))


def _value_lines(value: object, indent: str, path: Path) -> Iterator[str]:
    """What follows `key:`, the rest of that line included; `indent` is that of the lines below."""
    if isinstance(value, Mapping) and value:
        yield "\n"
        yield from _mapping_lines(value, indent, path)
    elif isinstance(value, list | tuple) and value:
        yield "\n"
        for item in value:
            yield from _item_lines(item, indent, path)
    elif isinstance(value, str) and _BLOCK.fullmatch(value):
        yield " |\n"
        yield from (f"{indent}{line}\n" for line in value.splitlines())
    else:
        yield f" {_scalar_text(value, path)}\n"


def _item_lines(item: object, indent: str, path: Path) -> Iterator[str]:
    inner = indent + "  "
    if isinstance(item, Mapping) and item:
        lines = "".join(_mapping_lines(item, inner, path))
    elif isinstance(item, list | tuple) and item:
        lines = "".join(line for nested in item for line in _item_lines(nested, inner, path))
    else:
        lines = f"{inner}{_scalar_text(item, path)}\n"
    yield f"{indent}- {lines[len(inner) :]}"  # the first key stands behind the dash, the others align with it


def _deeper(indent: str) -> str:
    return (
        " " * (len(indent) // _INDENT + 1) * _INDENT
    )  # the next multiple, as go-yaml indents below a list item


def _scalar_text(value: object, path: Path) -> str:
    match value:
        case str():
            return _text(value, path)
        case None:
            return "null"
        case Mapping():
            return "{}"
        case list() | tuple():
            return "[]"
    return _plain_text(value, path)


def _plain_text(value: object, path: Path) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case float():
            return _float_text(value)
        case bytes():
            return f'!!binary "{base64.b64encode(value).decode()}"'
        case dt.datetime() if value.tzinfo is not None:
            return rfc3339(value)
    raise UnsupportedValueError(path, f"YAML has no place for this {type(value).__name__}")


def _float_text(value: float) -> str:
    if isnan(value):
        return ".nan"
    if isinf(value):
        return ".inf" if value > 0 else "-.inf"
    return repr(value)


def _text(value: str, path: Path) -> str:
    if value.lower() not in _YAML_1_1_WORDS:
        if _SAFE.fullmatch(value):
            return value
        if _LETTER_FIRST.fullmatch(value) and value.isprintable():
            return "'" + value.replace("'", "''") + "'"
    return f'"{"".join(_character(one, path) for one in value)}"'


def _character(one: str, path: Path) -> str:
    if one in _ESCAPES:
        return _ESCAPES[one]
    code = ord(one)
    if 0xD800 <= code <= 0xDFFF:  # noqa: PLR2004 - the surrogates of Unicode
        raise UnsupportedValueError(path, "holds a lone surrogate, which is not text")
    if one.isprintable():
        return one
    return f"\\x{code:02x}" if code <= 0xFF else f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"  # noqa: PLR2004
