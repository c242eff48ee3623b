"""Reads the YAML of SOPS files as SOPS itself does.

Types follow go-yaml v3, the parser of SOPS, Flux and Kubernetes, not YAML 1.1: `on` and `yes` are strings, `0777` and `0o777` are
octal. A plain scalar that this library reads in another way than SOPS would break the MAC. One document, string
keys, no duplicates, no anchors; comments are skipped.
"""

import base64
import binascii
import datetime as dt
import re
from typing import Any, Final

import yaml

from app_platform.sops.errors import MalformedError

_TAG: Final = "tag:yaml.org,2002:"
_PLAIN: Final = _TAG + "plain"  # ours: an untagged plain scalar, still to be resolved

_INT: Final = re.compile(r"[-+]?(0[bB][01]+|0[oO]?[0-7]+|0[xX][0-9a-fA-F]+|[1-9][0-9]*|0)")
_FLOAT: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_TIMESTAMP: Final = re.compile(
    r"(\d{4})-(\d{1,2})-(\d{1,2})"
    r"(?:([Tt])(\d{1,2}):(\d{1,2}):(\d{1,2})(?:\.(\d+))?(Z|[-+]\d\d:\d\d)|"
    r" (\d{1,2}):(\d{1,2}):(\d{1,2})(?:\.(\d+))?)?",
)
_WORDS: Final[dict[str, object]] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), float("inf")),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), float("-inf")),
}


class _Composer(yaml.CSafeLoader):
    """libyaml's parser, with type resolution left to this module."""

    def resolve(self, kind: type[yaml.Node], value: str | None, implicit: Any) -> str:  # noqa: ANN401 - PyYAML's signature
        del value
        if kind is yaml.ScalarNode:
            return _PLAIN if implicit[0] else _TAG + "str"
        return _TAG + ("seq" if kind is yaml.SequenceNode else "map")


def load(text: str) -> dict[str, Any]:
    """Read one YAML document whose root is a mapping.

    Returns:
        Nested dict, list, str, int, float, bool, None, bytes (`!!binary`) and aware datetime.

    Raises:
        MalformedError: not YAML, or YAML that SOPS files do not have; names the line, never its content.
    """
    try:
        node = _compose(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}" if mark else "the document"
        raise MalformedError(f"{where}: this is not one valid YAML document") from None
    except yaml.YAMLError:
        raise MalformedError("the document holds characters that YAML does not allow") from None
    if not isinstance(node, yaml.MappingNode):
        raise MalformedError("the document is not a mapping")
    document: dict[str, Any] = _Reader().value(node)
    return document


def _compose(text: str) -> yaml.Node | None:
    loader = _Composer(text)
    try:
        node: yaml.Node | None = loader.get_single_node()
    finally:
        loader.dispose()
    return node


class _Reader:
    """Turns YAML nodes into Python values; remembers which it has met, since a node met twice is an alias."""

    def __init__(self) -> None:
        self._met: set[int] = set()

    def value(self, node: yaml.Node) -> Any:  # noqa: ANN401 - YAML is untyped
        if id(node) in self._met:
            raise _malformed(node, "anchors and aliases are not supported: write the value out")
        self._met.add(id(node))
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(item) for item in node.value]
        return _scalar(node)

    def _mapping(self, node: yaml.MappingNode) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = self.value(key_node)
            if not isinstance(key, str):
                raise _malformed(key_node, "only text can be a key: put it in quotes")
            if key in result:
                raise _malformed(key_node, f"the key {key!r} is there twice")
            result[key] = self.value(value_node)
        return result


def _scalar(node: yaml.Node) -> object:
    text, tag = str(node.value), node.tag
    if tag in (_PLAIN, _TAG + "int", _TAG + "float", _TAG + "bool", _TAG + "null", _TAG + "timestamp"):
        return _resolve(text, node)
    if tag == _TAG + "binary":
        try:
            return base64.b64decode("".join(text.split()), validate=True)
        except binascii.Error:
            raise _malformed(node, "this !!binary is not base64") from None
    if tag == _TAG + "str":
        return text
    raise _malformed(node, "this YAML tag is not supported")


def _resolve(text: str, node: yaml.Node) -> object:
    """The type of a plain scalar by go-yaml's rules, in its order."""
    if text in _WORDS:
        return _WORDS[text]
    if (moment := _timestamp(text, node)) is not None:
        return moment
    digits = text.replace("_", "") if text[0] in "+-0123456789" else text
    if _INT.fullmatch(digits):
        return _integer(digits, node)
    return float(digits) if _FLOAT.fullmatch(digits) else text


def _integer(digits: str, node: yaml.Node) -> int | float:
    sign, body = (-1 if digits[0] == "-" else 1), digits.lstrip("+-").lower()
    base = {"0x": 16, "0b": 2, "0o": 8}.get(body[:2]) or (8 if body[0] == "0" and len(body) > 1 else 10)
    number = sign * int(body, base)
    if -(2**63) <= number < 2**63:
        return number
    if number >= 2**64 and base == 10:  # noqa: PLR2004 - beyond uint64 go-yaml falls back to a float
        return float(number)
    raise _malformed(node, "this whole number has no room in 64 bits: put it in quotes")


def _timestamp(text: str, node: yaml.Node) -> dt.datetime | None:
    match = _TIMESTAMP.fullmatch(text)
    if match is None:
        return None
    hour, minute, second, fraction = match.group(5, 6, 7, 8) if match[4] else match.group(10, 11, 12, 13)
    if fraction and len(fraction.rstrip("0")) > 6:  # noqa: PLR2004 - digits of a microsecond
        raise _malformed(node, "times finer than a microsecond are not supported: put it in quotes")
    clock = f"{int(hour or 0):02}:{int(minute or 0):02}:{int(second or 0):02}.{(fraction or '0')[:6]:0<6}"
    try:
        date = f"{match[1]}-{int(match[2]):02}-{int(match[3]):02}"
        return dt.datetime.fromisoformat(f"{date}T{clock}{match[9] or 'Z'}")
    except ValueError:  # February 30th is text to go-yaml too
        return None


def _malformed(node: yaml.Node, problem: str) -> MalformedError:
    return MalformedError(f"line {node.start_mark.line + 1}, column {node.start_mark.column + 1}: {problem}")
