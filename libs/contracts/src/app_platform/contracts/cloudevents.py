"""Events as CloudEvents 1.0 in structured JSON mode (https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md).

Guarantees: what ``encode`` writes is strict; what ``decode`` reads may hold fields of a later version, which are ignored,
so that services of two versions run side by side. Data too large for a message is left out and named by the ``dataref``
extension (https://github.com/cloudevents/spec/blob/main/cloudevents/extensions/dataref.md).
Leaves out: storing and fetching what ``dataref`` names, and trace context, which travels in message headers.
"""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from app_platform.contracts.events import EVENT_CLASSES, TYPE_PREFIX, AnyEvent, Event, type_of
from app_platform.contracts.subjects import address_of

CONTENT_TYPE: Final = "application/cloudevents+json"
SPEC_VERSION: Final = "1.0"
_ENVELOPE_FIELDS: Final = frozenset({"type"})
_ADAPTER: Final = TypeAdapter[Event](AnyEvent)
_TYPES: Final = frozenset(map(type_of, EVENT_CLASSES))


class UnreadableEventError(ValueError):
    """A message is no event that this version knows. The message text names the fields at fault, never their content."""


class UnknownEventTypeError(UnreadableEventError):
    """A message is an event of a type that this version does not have; a later one may."""


@dataclass(frozen=True)
class Envelope:
    """What surrounds an event: where and when it was told.

    Attributes:
        source: ``/app-platform/<service>``.
        time: When it was first published.
        dataref: Where the data is stored; ``None`` when it is in the message.
    """

    source: str
    time: datetime
    dataref: str | None = None


def encode(event: Event, envelope: Envelope) -> bytes:
    """Write an event as a CloudEvent; without its data when ``envelope.dataref`` says where that is."""
    body: dict[str, Any] = {
        "specversion": SPEC_VERSION,
        "id": event.id,
        "source": envelope.source,
        "type": event.type,
        "subject": str(address_of(event)),
        "time": envelope.time.isoformat().replace("+00:00", "Z"),
        "datacontenttype": "application/json",
        "app": event.app,
    }
    if envelope.dataref is None:
        body["data"] = event.model_dump(mode="json", exclude=set(_ENVELOPE_FIELDS))
    else:
        body["dataref"] = envelope.dataref
    return json.dumps(body, separators=(",", ":")).encode()


def encode_data(event: Event) -> bytes:
    """Write only the data, to be stored where ``dataref`` will point."""
    return event.model_dump_json(exclude=set(_ENVELOPE_FIELDS)).encode()


def decode(message: bytes, data: bytes | None = None) -> tuple[Event, Envelope]:
    """Read an event.

    Args:
        message: The CloudEvent.
        data: What its ``dataref`` names, already fetched; needed only when it has one.

    Raises:
        UnknownEventTypeError: Its type is none that this version has.
        UnreadableEventError: It is no CloudEvent, or of a shape that this version does not know.
    """
    try:
        body = json.loads(message)
        content = json.loads(data) if data is not None else body["data"]
        envelope = Envelope(body["source"], datetime.fromisoformat(body["time"]), body.get("dataref"))
        # Not strict: JSON has lists where an event has tuples.
        fields = {**content, "type": _known(body["type"])}
        event = _ADAPTER.validate_python(fields, strict=False, extra="ignore")
    except UnknownEventTypeError:
        raise
    except ValidationError as error:
        faults = "; ".join(
            f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors(include_input=False)
        )
        raise UnreadableEventError(f"not an event this version can read: {faults}") from None
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise UnreadableEventError(f"not a CloudEvent in JSON: {type(error).__name__}") from None
    return event, envelope


def _known(type_: object) -> object:
    if isinstance(type_, str) and type_.startswith(TYPE_PREFIX) and type_ not in _TYPES:
        raise UnknownEventTypeError("its type is none that this version has")
    return type_


def dataref_of(message: bytes) -> str | None:
    """Where a message says its data is stored; ``None`` when the data is inside or the message is unreadable."""
    try:
        ref = json.loads(message).get("dataref")
    except (ValueError, AttributeError, RecursionError):
        return None
    return ref if isinstance(ref, str) else None
