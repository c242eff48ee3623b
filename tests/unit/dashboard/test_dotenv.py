r"""What is read from a `.env` file, and what its errors do not repeat."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app_platform.dashboard.dotenv import DotenvError, parse


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("A=b", {"A": "b"}),
        ("A=b\nC=d\n", {"A": "b", "C": "d"}),
        ("\ufeffA=b\r\nC=d\r\n", {"A": "b", "C": "d"}),
        ("# comment\n\n  export A = b  # more\n", {"A": "b"}),
        ("A=", {"A": ""}),
        ("A=\nB=c", {"A": "", "B": "c"}),
        ("A=b#c", {"A": "b#c"}),
        ("A=#c", {"A": ""}),
        ("A=b=c==", {"A": "b=c=="}),
        ("A='b # $c \\n'", {"A": "b # $c \\n"}),
        ('A="b\\n\\"c\\" \\$d \\\\"  # x', {"A": 'b\n"c" $d \\'}),
        ('A="one\ntwo"\nB=c', {"A": "one\ntwo", "B": "c"}),
        ("A='one\ntwo'\n", {"A": "one\ntwo"}),
        ('A=""', {"A": ""}),
        ("A=1\nA=2", {"A": "2"}),
        ("A.b-c=1", {"A.b-c": "1"}),
        ("", {}),
        ("   \n\t\n", {}),
    ],
)
def test_what_is_read(text: str, values: dict[str, str]) -> None:
    assert parse(text) == values


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("A=b\nc4n4ry", 2),
        ("A=b\n=c4n4ry", 2),
        ('A=b\n\nC="c4n4ry', 3),
        ("A='c4n4ry", 1),
        ('A="c4n4ry" x', 1),
        ("A b=c4n4ry", 1),
    ],
)
def test_an_error_names_the_line_and_repeats_nothing(text: str, line: int) -> None:
    with pytest.raises(DotenvError, match=f"Line {line}\\b") as error:
        parse(text)
    assert "c4n4ry" not in str(error.value)


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(DotenvError):
        assert all(name and not name.isspace() for name in parse(text))


@given(
    st.dictionaries(
        st.from_regex(r"[A-Z][A-Z0-9_]{0,9}", fullmatch=True),
        st.text(st.characters(exclude_characters="\r")),
        max_size=5,
    )
)
def test_what_is_quoted_comes_back(values: dict[str, str]) -> None:
    quoted = (
        f'{key}="' + value.replace("\\", "\\\\").replace('"', '\\"') + '"' for key, value in values.items()
    )
    assert parse("\n".join(quoted)) == values
