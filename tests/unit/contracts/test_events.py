"""What every event promises, whatever its class."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from app_platform.contracts import (
    EVENT_CLASSES,
    CommitPushed,
    EncryptedFile,
    Event,
    RegistrationChanged,
    SecretEncrypted,
    SecretIntentChanged,
    type_of,
)
from support.samples import EVENTS, OBJECT_NAMES

_VALUE_LIKE = {
    "value",
    "values",
    "data",
    "string_data",
    "stringdata",
    "plaintext",
    "secret",
    "password",
    "token",
}


def parts(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    """The model and every model inside it."""
    yield model
    for field in model.model_fields.values():
        for inner in (field.annotation, *getattr(field.annotation, "__args__", ())):
            if isinstance(inner, type) and issubclass(inner, BaseModel):
                yield from parts(inner)


def test_all_events_are_told_apart_by_type_and_by_subject() -> None:
    assert len(EVENT_CLASSES) == 20
    assert len({type_of(c) for c in EVENT_CLASSES}) == 20
    assert len({(c.kind, c.verb) for c in EVENT_CLASSES}) == 20


@pytest.mark.parametrize("event_class", EVENT_CLASSES)
def test_no_event_has_a_field_for_a_value(event_class: type[Event]) -> None:
    fields = {name.lower() for part in parts(event_class) for name in part.model_fields}
    assert not fields & _VALUE_LIKE
    assert "content" not in fields or event_class is SecretEncrypted


@pytest.mark.parametrize("event_class", EVENT_CLASSES)
def test_types_are_versioned_and_say_what_the_subject_says(event_class: type[Event]) -> None:
    assert type_of(event_class) == f"work.labrats.{event_class.kind}.{event_class.verb}.v1"


@given(EVENTS)
def test_the_same_told_twice_has_the_same_id(event: Event) -> None:
    again = type(event).model_validate_json(event.model_dump_json())
    assert again == event
    assert again.id == event.id


@given(EVENTS)
def test_a_forced_resync_makes_a_new_id(event: Event) -> None:
    assert event.model_copy(update={"resync": "round-8"}).id != event.id


@given(EVENTS, OBJECT_NAMES)
def test_another_object_has_another_id(event: Event, name: str) -> None:
    assert (event.model_copy(update={"name": name}).id == event.id) == (name == event.name)
    assert (event.model_copy(update={"app": name}).id == event.id) == (name == event.app)


@given(EVENTS, st.data())
def test_another_version_has_another_id(event: Event, data: st.DataObject) -> None:
    field = data.draw(st.sampled_from(event.versioned_by))
    changed = 1_000_001 if isinstance(getattr(event, field), int) else f"{getattr(event, field)}x"
    assert event.model_copy(update={field: changed}).id != event.id


@given(EVENTS)
def test_events_are_frozen(event: Event) -> None:
    with pytest.raises(ValidationError, match="frozen"):
        event.app = "other"  # type: ignore[misc]  # that is what is refused


@pytest.mark.parametrize(
    "wrong",
    [
        {"resource_version": 7},
        {"uid": None},
        {"unknown": "x"},
        {"type": "work.labrats.secret.removed.v1"},
    ],
)
def test_an_event_made_here_is_strict(wrong: dict[str, Any]) -> None:
    right: dict[str, Any] = {"app": "a", "name": "n", "uid": "u", "resource_version": "1"}
    assert SecretIntentChanged(**right).id == "secret-intent.changed.v1/a/n/u/1"
    with pytest.raises(ValidationError):
        SecretIntentChanged(**{**right, **wrong})


def test_parts_of_an_event_are_strict_too() -> None:
    with pytest.raises(ValidationError):
        EncryptedFile(path="p", content="c", mode=1)  # type: ignore[call-arg]  # that is what is refused


def test_kinds_of_equal_names_do_not_share_ids() -> None:
    ids = {
        RegistrationChanged(app="a", name="a", uid="u", resource_version="1").id,
        SecretIntentChanged(app="a", name="a", uid="u", resource_version="1").id,
    }
    assert len(ids) == 2


def test_one_commit_told_for_two_batches_is_two_events() -> None:
    told: dict[str, Any] = {
        "app": "a",
        "name": "abc",
        "sha": "abc",
        "paths": (),
        "intents": (),
        "removed": (),
    }
    assert CommitPushed(**told, digest="1").id != CommitPushed(**told, digest="2").id


def test_an_encrypted_secret_names_the_version_it_was_made_from() -> None:
    event = SecretEncrypted(
        app="a", name="n", uid="u", resource_version="7", fingerprint="f", keys=("k",), files=()
    )
    assert event.intent.model_dump() == {
        "name": "n",
        "uid": "u",
        "resource_version": "7",
        "fingerprint": "f",
    }
