"""Dead letters: references to events that a service gave up, with the reason.

Guarantees: a dead letter names the message by its place in EVENTS and holds no data of it; it is stored before the message
is terminated. Leaves out: showing the reason on the object, which is the service's part (``GaveUp``).
"""

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Final, Self

import nats.errors
import nats.js.errors
from nats.js import JetStreamContext, api

from app_platform.runtime import streams
from app_platform.runtime.publish import PublishError

_MAX_REASON: Final = 2000


@dataclass(frozen=True)
class DeadLetter:
    """One event given up by one service.

    Attributes:
        sequence: Of the message in the EVENTS stream.
        attempts: How often it had been delivered.
    """

    service: str
    event_id: str
    event_type: str
    app: str
    name: str
    sequence: int
    attempts: int
    reason: str
    time: str

    @classmethod
    def from_json(cls, body: bytes) -> Self:
        """Read what ``to_json`` wrote; unknown fields are ignored."""
        fields = json.loads(body)
        return cls(**{key: fields[key] for key in cls.__dataclass_fields__})

    def to_json(self) -> bytes:
        """Write it as a JSON object."""
        return json.dumps(asdict(self)).encode()


def now() -> str:
    """The present time as RFC 3339 in UTC."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def shortened(reason: str) -> str:
    """A reason, cut to what a dead letter and a condition can hold."""
    return reason if len(reason) <= _MAX_REASON else reason[: _MAX_REASON - 1] + "…"


async def keep(js: JetStreamContext, subject: str, letter: DeadLetter, seconds: float) -> None:
    """Store a dead letter once, however often this is tried.

    Raises:
        PublishError: NATS did not confirm it; the message must not be terminated then.
    """
    msg_id = f"{letter.service}/{letter.sequence}/{letter.attempts}"
    headers = {api.Header.MSG_ID.value: msg_id}
    try:
        await js.publish(
            subject, letter.to_json(), timeout=seconds, stream=streams.DEAD_LETTERS, headers=headers
        )
    except (nats.errors.Error, nats.js.errors.Error, TimeoutError) as error:
        raise PublishError(f"NATS did not confirm the dead letter: {type(error).__name__}") from error
