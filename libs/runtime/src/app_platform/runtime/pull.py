"""A continuous pull from a durable consumer, as NATS ADR-37 describes it (nats-architecture-and-design, "simplified client").

Guarantees: a message is handed over as soon as it arrives; no more are asked for than there is room for; a consumer that
was deleted, or whose server lost its store, is used again as soon as it is there. Leaves out: making it (``bootstrap``), acknowledging.

nats-py's ``fetch`` is not used: it waits for a whole batch, and returns nothing for ever once its consumer is gone.
"""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Collection
from typing import Final

import nats.errors
import nats.js.errors
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.js import api
from nats.js.errors import NotFoundError

from app_platform.runtime import streams
from app_platform.runtime.connection import API, end_if_cancelled, jetstream

_LOG: Final = logging.getLogger(__name__)
_EXPIRES: Final = 10.0
_HEARTBEAT: Final = 2.0
_DEFAULT_ACK_WAIT: Final = 30.0
"""Seconds; the server's own, should it not say what the consumer has."""
_NANOSECONDS: Final = 1_000_000_000
_SILENCE: Final = 2.5 * _HEARTBEAT
"""Seconds without message or heartbeat after which a request is taken for lost (ADR-37: two missed heartbeats)."""


class Pull:
    """Keeps one durable consumer's messages coming.

    Args:
        nc: Connected client.
        consumer: Name of the durable consumer.
        filters: Subjects that it must deliver; one that does not is of an earlier version, and waited for.
        deliver: Called with each message, in order.
        room: How many more messages may be asked for.
    """

    def __init__(
        self,
        nc: Client,
        consumer: str,
        filters: Collection[str],
        deliver: Callable[[Msg], Awaitable[None]],
        room: Callable[[], int],
    ) -> None:
        self._nc = nc
        self._js = jetstream(nc)
        self._consumer = consumer
        self._filters = filters
        self._deliver = deliver
        self._room = room
        self._ack_wait = asyncio.get_running_loop().create_future()
        self._asked = 0
        self._last_sign = 0.0
        self._wake = asyncio.Event()
        self._bound = False

    @property
    def bound(self) -> bool:
        """Whether the consumer is known to exist and answers."""
        return self._bound and self._nc.is_connected

    async def ack_wait(self) -> float:
        """Seconds after which the consumer takes a message for lost; known once it has been there."""
        return await asyncio.shield(self._ack_wait)

    def wake(self) -> None:
        """Say that there is room again."""
        self._wake.set()

    async def run(self) -> None:
        """Pull until cancelled."""
        inbox = self._nc.new_inbox()
        subscription = await self._nc.subscribe(inbox, cb=self._receive)
        try:
            while True:
                await self._step(inbox)
                end_if_cancelled()
        finally:
            await _unsubscribe(subscription)

    async def _step(self, inbox: str) -> None:
        if not self._bound and not await self._bind():
            await asyncio.sleep(1.0)
            return
        wanted = self._room() - self._asked
        if wanted > 0 and (self._asked == 0 or wanted >= self._asked):
            await self._ask(inbox, wanted)
        self._wake.clear()
        try:
            await asyncio.wait_for(self._wake.wait(), _HEARTBEAT)
        except TimeoutError:
            self._check_silence()

    async def _bind(self) -> bool:
        try:
            config = (await self._js.consumer_info(streams.EVENTS, self._consumer)).config
        except NotFoundError:
            _LOG.warning("there is no consumer %s yet: does bootstrap run?", self._consumer)
            return False
        except (nats.errors.Error, nats.js.errors.Error, TimeoutError, OSError) as error:
            _LOG.warning("consumer %s not ready yet: %s %s", self._consumer, type(error).__name__, error)
            return False
        if lacking := set(self._filters) - set(config.filter_subjects or ()):
            _LOG.warning(
                "consumer %s lacks %s: is bootstrap of this version?", self._consumer, sorted(lacking)
            )
            return False
        if not self._ack_wait.done():
            self._ack_wait.set_result(config.ack_wait or _DEFAULT_ACK_WAIT)
        self._bound, self._asked = True, 0
        self._last_sign = asyncio.get_running_loop().time()
        return True

    async def _ask(self, inbox: str, batch: int) -> None:
        request = {
            "batch": batch,
            "expires": int(_EXPIRES * _NANOSECONDS),
            "idle_heartbeat": int(_HEARTBEAT * _NANOSECONDS),
        }
        subject = f"{API}.CONSUMER.MSG.NEXT.{streams.EVENTS}.{self._consumer}"
        try:
            await self._nc.publish(subject, json.dumps(request).encode(), reply=inbox)
        except nats.errors.Error as error:
            _LOG.warning("cannot ask for messages: %s", error)
            return
        self._asked += batch

    def _check_silence(self) -> None:
        silent = asyncio.get_running_loop().time() - self._last_sign
        if self._asked and silent > _SILENCE:
            # The request, the consumer or the whole store is gone: look, and ask anew.
            self._bound, self._asked = False, 0

    async def _receive(self, message: Msg) -> None:
        self._last_sign = asyncio.get_running_loop().time()
        status = (message.headers or {}).get(api.Header.STATUS.value) if not message.data else None
        if status is None:
            self._asked = max(0, self._asked - 1)
            await self._deliver(message)
        elif status != api.StatusCode.CONTROL_MESSAGE.value:
            self._end_of_request(message, status)
        if self._asked == 0:
            self._wake.set()

    def _end_of_request(self, message: Msg, status: str) -> None:
        headers = message.headers or {}
        left = headers.get("Nats-Pending-Messages")
        self._asked = max(0, self._asked - int(left)) if left else 0
        if status in {api.StatusCode.CONFLICT.value, api.StatusCode.SERVICE_UNAVAILABLE.value}:
            # Consumer deleted, leadership changed, server shutting down: bind again before asking.
            self._bound = False


async def _unsubscribe(subscription: Subscription) -> None:
    try:
        await subscription.unsubscribe()
    except nats.errors.Error as error:
        _LOG.debug("unsubscribe at shutdown: %s", error)
