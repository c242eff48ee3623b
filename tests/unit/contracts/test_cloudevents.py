"""Events as CloudEvents: strict when written, tolerant when read, and silent about content when unreadable."""

import json
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app_platform.contracts import Envelope, Event, SecretEncrypted, UnreadableEventError, decode, encode
from app_platform.contracts.cloudevents import dataref_of, encode_data
from support.samples import CANARY, ENVELOPE, EVENTS, NOW

INTENT = {"app": "my-app", "name": "database", "uid": "u", "resource_version": "7"}


def message(**changes: Any) -> bytes:
    """A CloudEvent as another program might write it."""
    body = {
        "specversion": "1.0",
        "id": "x",
        "source": "/app-platform/watcher",
        "type": "work.labrats.secret-intent.changed.v1",
        "time": "2026-01-31T12:00:00Z",
        "data": INTENT,
    }
    return json.dumps({**body, **changes}).encode()


@given(EVENTS)
def test_what_is_written_is_read_back(event: Event) -> None:
    assert decode(encode(event, ENVELOPE)) == (event, ENVELOPE)


@given(EVENTS)
def test_data_kept_elsewhere_is_read_back(event: Event) -> None:
    envelope = Envelope("/app-platform/test", NOW, dataref=event.id)
    written = encode(event, envelope)
    assert "data" not in json.loads(written)
    assert dataref_of(written) == event.id
    assert decode(written, encode_data(event)) == (event, envelope)


@given(EVENTS)
def test_the_attributes_that_cloudevents_requires_are_there(event: Event) -> None:
    body = json.loads(encode(event, ENVELOPE))
    assert (body["specversion"], body["id"], body["type"]) == ("1.0", event.id, event.type)
    assert body["source"]
    assert body["time"].endswith("Z")
    assert "type" not in body["data"]


@given(EVENTS)
def test_data_fits_the_published_schema(event: Event) -> None:
    body = json.loads(encode(event, ENVELOPE))
    jsonschema.validate({**body["data"], "type": body["type"]}, type(event).model_json_schema())


def test_fields_of_a_later_version_are_ignored() -> None:
    event, _ = decode(message(data={**INTENT, "later": {"deep": 1}}, extension="x"))
    assert event.model_dump(exclude={"type", "resync"}) == INTENT


def test_fields_of_a_later_version_are_ignored_inside_parts_too() -> None:
    event = SecretEncrypted(
        app="a", name="n", uid="u", resource_version="1", fingerprint="f", keys=(), files=()
    )
    body = json.loads(encode(event, ENVELOPE))
    body["data"]["files"] = [{"path": "p", "content": "c", "mode": "100755"}]
    read, _ = decode(json.dumps(body).encode())
    assert isinstance(read, SecretEncrypted)
    assert read.files[0].model_dump() == {"path": "p", "content": "c"}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff\xfe",
        b"not json " + CANARY.encode(),
        b"[]",
        b"null",
        b'"text"',
        b"7",
        b"{}",
        message(type="work.labrats.unheard-of.v9"),
        message(type=None),
        message(data=None),
        message(data=[CANARY]),
        message(data={**INTENT, "uid": [CANARY]}),
        message(data={"app": CANARY}),
        message(time="yesterday"),
        message(time=None),
    ],
)
def test_what_is_no_event_is_refused_without_its_content(body: bytes) -> None:
    with pytest.raises(UnreadableEventError) as caught:
        decode(body)
    assert CANARY not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("body", [b"[" * 200_000, b'{"a":' * 200_000])
def test_deeply_nested_nonsense_is_refused_too(body: bytes) -> None:
    with pytest.raises(UnreadableEventError):
        decode(body)
    assert dataref_of(body) is None


def test_the_fault_is_named() -> None:
    with pytest.raises(UnreadableEventError, match="resource_version: Field required"):
        decode(message(data={"app": "a", "name": "n", "uid": "u"}))


@given(st.binary(max_size=200))
def test_bytes_of_any_kind_are_read_or_refused(body: bytes) -> None:
    with pytest.raises(UnreadableEventError):
        decode(body)
    assert dataref_of(body) is None


@pytest.mark.parametrize("body", [b"{}", b"[]", b"\xff", b'{"dataref": 7}', b'{"dataref": null}'])
def test_a_dataref_is_a_text_or_none(body: bytes) -> None:
    assert dataref_of(body) is None
