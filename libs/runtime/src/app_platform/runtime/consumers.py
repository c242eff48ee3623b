"""How far each service is with the events: the state of its durable consumer, for ``app-platform status`` and diagnosis.

Guarantees: reading changes nothing. Leaves out: whether the service is alive, which only its own health check knows; that
it asks for messages is the nearest that can be seen from here.
"""

from dataclasses import dataclass
from datetime import datetime

import nats.errors
import nats.js.errors
from nats.aio.client import Client
from nats.js import api

from app_platform.runtime import streams
from app_platform.runtime.connection import jetstream, why


class UnreachableError(Exception):
    """NATS does not answer, or does not let this user ask; the text says which."""


@dataclass(frozen=True)
class ConsumerState:
    """One service's durable consumer on EVENTS.

    Attributes:
        name: Of the service.
        waiting: Events that have not been delivered to it yet.
        in_hand: Delivered and not settled: being handled, or set back for later.
        redelivered: Those of them that were delivered more than once.
        asking: Open requests for messages; 0 when no replica is there, or all have their hands full.
        last_delivery: When the last event was delivered; ``None`` when there was none.
        last_ack: When it last settled one, as done or as given up; ``None`` when it never did, or NATS forgot it with its memory.
    """

    name: str
    waiting: int
    in_hand: int
    redelivered: int
    asking: int
    last_delivery: datetime | None
    last_ack: datetime | None


async def consumer_states(nc: Client) -> list[ConsumerState]:
    """The state of every durable consumer on EVENTS, by name.

    Raises:
        UnreachableError: It cannot be read.
    """
    try:
        infos = await jetstream(nc).consumers_info(streams.EVENTS)
    except nats.js.errors.NotFoundError:
        return []
    except (nats.errors.Error, nats.js.errors.Error, TimeoutError) as error:
        raise UnreachableError(f"NATS does not tell its consumers: {why(nc, error)}") from error
    return sorted((_state(i) for i in infos if i.config.durable_name), key=lambda state: state.name)


async def consumer_state(nc: Client, name: str) -> ConsumerState:
    """The state of one service's consumer.

    Raises:
        UnreachableError: It cannot be read, or there is none.
    """
    try:
        return _state(await jetstream(nc).consumer_info(streams.EVENTS, name))
    except (nats.errors.Error, nats.js.errors.Error, TimeoutError) as error:
        raise UnreachableError(f"NATS does not tell the consumer {name}: {type(error).__name__}") from error


def _state(info: api.ConsumerInfo) -> ConsumerState:
    delivered, settled = info.delivered, info.ack_floor
    return ConsumerState(
        name=info.name,
        waiting=info.num_pending or 0,
        in_hand=info.num_ack_pending or 0,
        redelivered=info.num_redelivered or 0,
        asking=info.num_waiting or 0,
        last_delivery=delivered.last_active if delivered else None,
        last_ack=settled.last_active if settled else None,
    )
