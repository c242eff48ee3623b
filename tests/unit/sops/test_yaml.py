"""The YAML that is read has go-yaml's types; the YAML that is written reads back as it was, for any reader."""

import datetime as dt
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from app_platform.sops import MalformedError
from app_platform.sops.yamlread import load
from app_platform.sops.yamlwrite import dump

TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
TRICKY = st.sampled_from(
    [
        "yes",
        "n",
        "1e3",
        "0x1F",
        "a: b",
        "- a",
        "#c",
        "a #b",
        "|",
        "a\nb\n",
        " a\n",
        "=",
        "<<",
        "1:30",
        "~",
        "ENC[x]",
    ]
)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.binary()
    | TEXTS
    | TRICKY,
    lambda inner: st.lists(inner) | st.dictionaries(TEXTS | TRICKY, inner),
    max_leaves=12,
)


@given(st.dictionaries(TEXTS | TRICKY, VALUES))
def test_what_is_written_reads_back(document: dict[str, Any]) -> None:
    assert load(dump(document)) == document


@given(st.dictionaries(TEXTS | TRICKY, TEXTS | TRICKY))
def test_a_yaml_1_1_reader_sees_the_same_texts(document: dict[str, str]) -> None:
    assert yaml.safe_load(dump(document)) == document


@pytest.mark.parametrize(
    ("plain", "value"),
    [
        ("on", "on"), ("yes", "yes"), ("True", True), ("~", None), ("", None), ("Null", None), ("<<", "<<"),
        ("0777", 511), ("0o17", 15), ("0x1F", 31), ("-0b11", -3), ("1_000", 1000), ("+5", 5), ("08", 8.0), ("-0", 0),
        ("1e3", 1000.0), (".5", 0.5), ("5.", 5.0), (".inf", float("inf")), ("1:30", "1:30"), ("._1", "._1"), ("+", "+"),
        ("2001-12-14", dt.datetime(2001, 12, 14, tzinfo=dt.UTC)), ("2001-02-30", "2001-02-30"),
        ("2001-12-14 1:2:3.5", dt.datetime(2001, 12, 14, 1, 2, 3, 500000, dt.UTC)),
        ("2001-1-4t01:02:03+05:30", dt.datetime(2001, 1, 4, 1, 2, 3, tzinfo=dt.timezone(dt.timedelta(hours=5.5)))),
        ("18446744073709551616", 18446744073709551616.0), ("!!str 12", "12"), ("!!binary /w==", b"\xff"),
    ],
)  # fmt: skip
def test_plain_scalars_have_the_types_of_go_yaml(plain: str, value: object) -> None:
    loaded = load(f"k: {plain}\n")["k"]
    assert (type(loaded), loaded) == (type(value), value)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("- a\n", "not a mapping"),
        ("", "not a mapping"),
        ("a: &x 1\nb: *x\n", "line 1, column 4: anchors"),
        ("a: &x {b: *x}\n", "anchors"),
        ("1: a\n", "only text can be a key"),
        ("? [a]\n: b\n", "only text can be a key"),
        ("a: 1\na: 2\n", "line 2, column 1: the key 'a' is there twice"),
        ("a: 1\n---\nb: 2\n", "not one valid YAML document"),
        ("a: \x01\n", "characters that YAML does not allow"),
        ("a: !python/object:os.system x\n", "tag is not supported"),
        ("a: !!binary '*'\n", "not base64"),
        ("a: 9223372036854775808\n", "no room in 64 bits"),
        ("a: 2001-12-14T00:00:00.1234567Z\n", "finer than a microsecond"),
    ],
)
def test_what_sops_files_do_not_have_is_refused(text: str, problem: str) -> None:
    with pytest.raises(MalformedError, match=problem):
        load(text)


def test_the_style_is_that_of_the_program() -> None:
    document = {
        "a": {"b": ["c", {"d": "x\ny\n", "e": {"f": 1}}, [["g"]]], "h": {}},
        "on": "3.13.3",
        "i": "a b",
    }
    assert dump(document) == (
        "a:\n    b:\n        - c\n        - d: |\n            x\n            y\n          e:\n            f: 1\n"
        '        - - - g\n    h: {}\n"on": 3.13.3\ni: a b\n'
    )
