"""The address of the provider: passes connections on to the process that is ready, and refuses them while none is.

What a Service does in a cluster. Connections that are open when the process changes are finished with the old one.
"""

import asyncio
import contextlib
from asyncio import StreamReader, StreamWriter

_CHUNK = 64 << 10


class Address:
    """A port of 127.0.0.1 that leads to another one."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._target = 0
        self._server: asyncio.Server | None = None

    async def lead_to(self, target: int) -> None:
        """Lead to this port from now on; 0 for nowhere."""
        self._target = target
        if target and self._server is None:
            self._server = await asyncio.start_server(self._pass_on, "127.0.0.1", self._port)
        elif not target and self._server is not None:
            self._server.close()
            self._server = None

    async def _pass_on(self, reader: StreamReader, writer: StreamWriter) -> None:
        try:
            answers, requests = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:  # it has just ended
            writer.transport.abort()
            return
        upwards = asyncio.create_task(_copy(reader, requests))
        try:
            await _copy(answers, writer)  # the provider ends the connection after its answer
        finally:
            upwards.cancel()
            for each in (requests, writer):
                each.close()


async def _copy(source: StreamReader, target: StreamWriter) -> None:
    """Everything that one side sends, until it ends."""
    with contextlib.suppress(ConnectionError):
        while chunk := await source.read(_CHUNK):
            target.write(chunk)
            await target.drain()
