"""How far behind a service is, as metrics: read from its durable consumer every few seconds.

Guarantees: while NATS does not tell, nothing is shown, rather than an old number. Every replica shows the same numbers, since
all share one consumer: take the largest. Leaves out: why.
"""

import asyncio
from typing import Final

from nats.aio.client import Client

from app_platform.runtime import telemetry
from app_platform.runtime.consumers import ConsumerState, UnreachableError, consumer_state
from app_platform.runtime.telemetry import Reading

_SECONDS: Final = 10.0


class Lag:
    """The numbers of one service.

    Args:
        nc: Connected client.
        service: Its name, which is also the consumer's.
        seconds: Between two looks.
    """

    def __init__(self, nc: Client, service: str, seconds: float = _SECONDS) -> None:
        self._nc, self._service, self._seconds = nc, service, seconds
        self._state: ConsumerState | None = None

    async def run(self) -> None:
        """Keep the numbers up to date until cancelled."""
        telemetry.gauges(
            "app_platform.consumer.waiting",
            "Events that no replica has got yet",
            lambda: self.readings("waiting"),
        )
        telemetry.gauges(
            "app_platform.consumer.in_hand",
            "Events that replicas have in hand or set back",
            lambda: self.readings("in_hand"),
        )
        telemetry.gauges(
            "app_platform.consumer.redelivered",
            "Those of them that came before",
            lambda: self.readings("redelivered"),
        )
        while True:
            try:
                self._state = await consumer_state(self._nc, self._service)
            except UnreachableError:
                self._state = None
            await asyncio.sleep(self._seconds)

    def readings(self, name: str) -> list[Reading]:
        """One of the numbers, by its name in ``ConsumerState``; none while NATS does not tell."""
        if self._state is None:
            return []
        return [Reading(getattr(self._state, name), {"consumer": self._service})]
