"""Subjects and what they tell turn into each other without loss."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app_platform.contracts import EVENT_CLASSES, Event, subjects
from app_platform.contracts.subjects import Address, SubjectError
from support.samples import APP_NAMES, EVENTS, OBJECT_NAMES


def matches(pattern: str, subject: str) -> bool:
    """NATS wildcards, as the server applies them."""
    wanted, given_ = pattern.split("."), subject.split(".")
    if wanted[-1] == ">":
        return len(given_) >= len(wanted) and matches(
            ".".join(wanted[:-1]), ".".join(given_[: len(wanted) - 1])
        )
    return len(wanted) == len(given_) and all(w in {"*", g} for w, g in zip(wanted, given_, strict=True))


@given(OBJECT_NAMES)
def test_names_round_trip(name: str) -> None:
    token = subjects.escape(name)
    assert subjects.unescape(token) == name
    assert not set(token) & set(". *>")


@given(OBJECT_NAMES, OBJECT_NAMES)
def test_two_names_never_share_a_token(one: str, other: str) -> None:
    assert (subjects.escape(one) == subjects.escape(other)) == (one == other)


@pytest.mark.parametrize(
    "name", ["", "*", ">", "a.*", "a b", "a_b", "A", ".a", "a.", "a\n", "ä", "$SYS", "a/b"]
)
def test_what_could_shape_a_subject_is_refused(name: str) -> None:
    with pytest.raises(SubjectError, match="not a Kubernetes name"):
        subjects.escape(name)


@given(EVENTS)
def test_every_subject_of_an_event_leads_back_to_it(event: Event) -> None:
    address = subjects.address_of(event)
    assert subjects.parse(subjects.event_subject(event)) == address
    assert subjects.parse(subjects.replay_subject("git-committer", event)) == address
    assert subjects.parse(subjects.dead_subject("git-committer", event)) == address


@given(EVENTS)
def test_an_event_is_matched_by_its_own_class_only(event: Event) -> None:
    subject = subjects.event_subject(event)
    assert [c for c in EVENT_CLASSES if matches(subjects.subjects_of(c), subject)] == [type(event)]


@given(EVENTS)
def test_a_replay_reaches_its_service_only(event: Event) -> None:
    subject = subjects.replay_subject("watcher", event)
    assert matches(subjects.replays_to("watcher"), subject)
    assert not matches(subjects.replays_to("git-committer"), subject)
    assert not any(matches(subjects.subjects_of(c), subject) for c in EVENT_CLASSES)


@given(EVENTS, APP_NAMES, OBJECT_NAMES)
def test_filters_select_by_app_kind_and_name(event: Event, app: str, name: str) -> None:
    subject = subjects.event_subject(event)
    assert matches(subjects.event_filter(), subject)
    assert matches(subjects.event_filter(event.app, event.kind, event.name), subject)
    assert matches(subjects.event_filter(app=app), subject) == (app == event.app)
    assert matches(subjects.event_filter(name=name), subject) == (name == event.name)


@given(EVENTS, APP_NAMES)
def test_dead_letters_are_selected_by_service_and_app(event: Event, app: str) -> None:
    subject = subjects.dead_subject("git-committer", event)
    assert matches(subjects.dead_filter(), subject)
    assert matches(subjects.dead_filter("git-committer", event.app), subject)
    assert not matches(subjects.dead_filter("watcher"), subject)
    assert matches(subjects.dead_filter(app=app), subject) == (app == event.app)
    assert matches(subjects.dead_filter("watcher"), subjects.dead_unreadable_subject("watcher"))


@pytest.mark.parametrize("filter_", [{"app": "*"}, {"name": ">"}])
def test_a_filter_takes_names_only(filter_: dict[str, str]) -> None:
    with pytest.raises(SubjectError):
        subjects.event_filter(**filter_)


@given(st.text(max_size=60))
def test_other_texts_are_no_subjects(text: str) -> None:
    with pytest.raises(SubjectError):
        subjects.parse(text)


def test_an_address_writes_its_four_tokens() -> None:
    assert str(Address("my-app", "secret", "tls.example", "removed")) == "my-app.secret.tls_example.removed"
