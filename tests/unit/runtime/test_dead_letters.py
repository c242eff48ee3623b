"""Dead letters keep a reference and a reason."""

import json

from hypothesis import given
from hypothesis import strategies as st

from app_platform.runtime.dead_letters import DeadLetter, shortened

LETTERS = st.builds(DeadLetter)


@given(LETTERS)
def test_what_is_written_is_read_back(letter: DeadLetter) -> None:
    assert DeadLetter.from_json(letter.to_json()) == letter


@given(LETTERS)
def test_fields_of_a_later_version_are_ignored(letter: DeadLetter) -> None:
    body = json.dumps({**json.loads(letter.to_json()), "later": 1}).encode()
    assert DeadLetter.from_json(body) == letter


def test_there_is_no_place_for_data() -> None:
    assert set(DeadLetter.__dataclass_fields__) == {
        "service",
        "event_id",
        "event_type",
        "app",
        "name",
        "sequence",
        "attempts",
        "reason",
        "time",
    }


@given(st.text(max_size=3000))
def test_reasons_are_bounded(reason: str) -> None:
    short = shortened(reason)
    assert len(short) <= 2000
    assert short == reason or (short.endswith("…") and reason.startswith(short[:-1]))
