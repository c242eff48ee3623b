"""Makes what the services need in NATS: ``python -m app_platform.runtime.bootstrap``, under the identity ``bootstrap``.

It repeats its look every two seconds, so that streams, buckets and consumers come back when NATS has lost its store while all runs;
with ``--once`` it ends after the first time that all is there. Meanwhile it tells how full the streams are (``storage``).

Guarantees: nothing is deleted, emptied or narrowed (see ``streams``); it can run twice, at any time. Leaves out: keys and accounts.
"""

import argparse
import asyncio
import logging
from collections.abc import Sequence
from typing import Final

import nats.errors
import nats.js.errors
from nats.aio.client import Client
from nats.js import JetStreamContext

from app_platform.runtime import health, logs, streams, telemetry
from app_platform.runtime.connection import connected, end_if_cancelled, jetstream, stay_connected
from app_platform.runtime.permissions import BOOTSTRAP, IDENTITIES, Identity
from app_platform.runtime.service import until_signal
from app_platform.runtime.settings import RuntimeSettings, load
from app_platform.runtime.storage import Storage

_LOG: Final = logging.getLogger(__name__)
SERVICE: Final = "nats-bootstrap"
"""The name of the process in metrics and manifests; ``bootstrap`` is who it is at NATS."""
_SECONDS: Final = 2.0


class Bootstrap:
    """Keeps streams, buckets and consumers there.

    Args:
        nc: Connected client.
        settings: For limits and copies.
        identities: Whose consumers.
        seconds: Between two looks.
    """

    def __init__(
        self,
        nc: Client,
        settings: RuntimeSettings,
        identities: Sequence[Identity] = IDENTITIES,
        seconds: float = _SECONDS,
    ) -> None:
        self._js = jetstream(nc)
        self._settings = settings
        self._identities = identities
        self._seconds = seconds
        self.ready = False

    async def run(self, *, once: bool = False) -> None:
        """Look again and again; with ``once``, until all is there."""
        while True:
            await self._look()
            end_if_cancelled()
            if self.ready and once:
                return
            await asyncio.sleep(self._seconds)

    async def _look(self) -> None:
        try:
            await ensure(self._js, self._settings, self._identities)
        except (nats.errors.Error, nats.js.errors.Error, TimeoutError, OSError) as error:
            _LOG.warning("not all is there yet: %s %s", type(error).__name__, error)
            self.ready = False
        else:
            if not self.ready:
                _LOG.info("streams, buckets and consumers are there")
            self.ready = True


async def ensure(
    js: JetStreamContext, settings: RuntimeSettings, identities: Sequence[Identity] = IDENTITIES
) -> None:
    """Make what is missing of streams, buckets and the identities' consumers.

    Raises:
        nats.js.errors.Error: NATS refused; its text says why.
    """
    await streams.ensure_streams(js, settings)
    for identity in identities:
        if identity.hears:
            await streams.ensure_consumer(js, identity.name, identity.hears, settings)


async def _serve(settings: RuntimeSettings, *, once: bool) -> None:
    checks = {"streams": lambda: False}
    async with (
        health.serving(checks, settings.health_host, settings.health_port),
        connected(settings, BOOTSTRAP) as nc,
    ):
        bootstrap = Bootstrap(nc, settings)
        checks["streams"] = lambda: bootstrap.ready and nc.is_connected
        watching = asyncio.create_task(stay_connected(nc))
        keeping = asyncio.create_task(bootstrap.run(once=once))
        measuring = asyncio.create_task(Storage(nc, settings.store_bytes).run())
        await _first(keeping, watching, measuring)


async def _first(*tasks: asyncio.Task[None]) -> None:
    """Wait for the one that ends first, with its failure, and end the others."""
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for each in done:
            each.result()
    finally:
        for each in tasks:
            each.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def main() -> None:
    """Run until a signal ends it, or until all is there."""
    parser = argparse.ArgumentParser(description="Make the streams, buckets and consumers of the platform.")
    parser.add_argument("--once", action="store_true", help="end when all is there")
    once = parser.parse_args().once
    settings = load(RuntimeSettings)
    logs.setup(BOOTSTRAP, settings.replica, settings.log_level)
    telemetry.setup(SERVICE, settings.replica)
    asyncio.run(until_signal(_serve(settings, once=once)))


if __name__ == "__main__":
    main()
