"""What becomes of a stream that is there already."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nats.js.api import DiscardPolicy, StreamConfig

from app_platform.runtime import RuntimeSettings
from app_platform.runtime.streams import STREAMS, Wanted, stream_config, updated, updated_bucket

DAY = 86_400.0
SETTINGS = RuntimeSettings(nats_url="nats://unused")
WANTED = stream_config(STREAMS[0], SETTINGS)

SUBJECTS = st.lists(st.sampled_from(["a.>", "b.>", "c.*", "d"]), unique=True, min_size=1)
CONFIGS = st.builds(
    StreamConfig,
    name=st.just("S"),
    subjects=SUBJECTS,
    max_age=st.sampled_from([0.0, 1.0, DAY, 7 * DAY, 365 * DAY]),
    num_replicas=st.integers(1, 5),
)


@given(CONFIGS, CONFIGS)
def test_nothing_is_ever_narrowed(existing: StreamConfig, wanted: StreamConfig) -> None:
    result = updated(existing, wanted) or existing
    assert {*(existing.subjects or ()), *(wanted.subjects or ())} <= {*(result.subjects or ())}
    assert (result.num_replicas or 1) >= max(existing.num_replicas or 1, wanted.num_replicas or 1)
    before, after = existing.max_age or 0, result.max_age or 0
    assert after == 0 if before == 0 else after >= before


@given(CONFIGS, CONFIGS)
def test_a_second_update_finds_nothing_to_do(existing: StreamConfig, wanted: StreamConfig) -> None:
    result = updated(existing, wanted) or existing
    assert updated(result, wanted) is None


@given(CONFIGS, CONFIGS)
def test_what_is_none_of_our_business_stays(existing: StreamConfig, wanted: StreamConfig) -> None:
    existing = replace(existing, max_bytes=12_345, description="somebody's own")
    result = updated(existing, wanted) or existing
    assert (result.max_bytes, result.description) == (12_345, "somebody's own")


@pytest.mark.parametrize(
    "existing",
    [
        WANTED,
        replace(WANTED, max_age=0.0),
        replace(WANTED, max_age=365 * DAY),
        replace(WANTED, num_replicas=3),
        replace(WANTED, subjects=[*(WANTED.subjects or ()), "more.>"]),
        replace(WANTED, max_bytes=1),
    ],
)
def test_a_stream_that_will_do_is_left_alone(existing: StreamConfig) -> None:
    assert updated(existing, WANTED) is None


def test_a_stream_that_is_too_narrow_is_widened() -> None:
    narrow = replace(WANTED, max_age=DAY, subjects=["app-platform.events.>"], num_replicas=1)
    wanted = replace(WANTED, num_replicas=3)
    change = updated(narrow, wanted)
    assert change is not None
    assert (change.max_age, change.num_replicas) == (7 * DAY, 3)
    assert set(change.subjects or ()) == {"app-platform.events.>", "app-platform.replay.>"}


def test_the_history_may_have_an_end_in_bytes_and_loses_its_oldest_there() -> None:
    limited = RuntimeSettings(nats_url="nats://unused", event_bytes=10**9)
    config = stream_config(STREAMS[0], limited)
    assert (config.max_bytes, config.discard) == (10**9, DiscardPolicy.OLD)
    assert stream_config(STREAMS[0], SETTINGS).max_bytes == -1, "and has none unless it is set"
    assert {stream_config(each, limited).max_bytes for each in STREAMS[1:]} == {-1}, (
        "dead letters have no end"
    )


@pytest.mark.parametrize(
    ("existing", "wanted", "becomes"),
    [
        (-1, 1000, 1000),
        (None, 1000, 1000),
        (1000, 2000, 2000),
        (2000, 1000, None),
        (1000, -1, None),
        (-1, -1, None),
        (1000, 1000, None),
    ],
)
def test_an_end_in_bytes_is_given_to_a_history_without_one_and_only_ever_raised(
    existing: int | None, wanted: int, becomes: int | None
) -> None:
    change = updated(replace(WANTED, max_bytes=existing), replace(WANTED, max_bytes=wanted))
    assert (change and change.max_bytes) == becomes


def test_a_bucket_gets_as_many_copies_as_the_streams_and_never_fewer() -> None:
    one = StreamConfig(name="KV_X", num_replicas=1, allow_direct=True)
    change = updated_bucket(one, 3)
    assert change is not None
    assert change == replace(one, num_replicas=3)
    assert updated_bucket(replace(one, num_replicas=3), 3) is None
    assert updated_bucket(replace(one, num_replicas=5), 3) is None
    assert updated_bucket(replace(one, num_replicas=3, allow_direct=False), 1) == replace(one, num_replicas=3)


def test_settings_shape_new_streams() -> None:
    settings = RuntimeSettings(nats_url="nats://unused", event_days=30, stream_replicas=3)
    config = stream_config(Wanted("X", ("x.>",), "for tests"), settings)
    assert (config.max_age, config.num_replicas, config.subjects) == (30 * DAY, 3, ["x.>"])
