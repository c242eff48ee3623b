"""A service that tests run as a process; TEST_HANDLER says what it does."""

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager

from app_platform.contracts import SecretIntentChanged
from app_platform.runtime import Batch, Done, Outcome, Runtime, RuntimeSettings, Service, load, run

_LOG = logging.getLogger("app_platform.tester")
_MODE = os.environ.get("TEST_HANDLER", "note")


@asynccontextmanager
async def ports(_runtime: Runtime) -> AsyncIterator[None]:
    """It needs nothing."""
    yield None


async def handle(_ports: None, batch: Batch) -> Outcome:
    """Say that a batch has come; perhaps never end."""
    _LOG.info("begun %d", len(batch))
    if _MODE == "endless":
        await asyncio.Event().wait()
    return Done()


async def task(_ports: None) -> None:
    """Run beside the consumer."""
    if _MODE == "failing-task":
        raise RuntimeError("for the test")
    await asyncio.Event().wait()


def start(ports: None) -> Awaitable[None]:
    """Make the task."""
    return task(ports)


if __name__ == "__main__":
    run(
        Service(
            name="tester",
            settings=load(RuntimeSettings),
            ports=ports,
            handlers={SecretIntentChanged: handle},
            tasks=(start,),
        )
    )
