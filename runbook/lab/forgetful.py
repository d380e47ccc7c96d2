"""A network between a client and a server that forgets a connection in the middle, as a NAT or a load balancer does."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path


class Forgetful:
    """Carries every connection to a server's socket until ``forget``: clients then get a reset, the server nothing."""

    def __init__(self, target: Path) -> None:
        self.port = 0
        self._target = target
        self._clients: set[asyncio.StreamWriter] = set()
        self._servers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, in both directions."""
        server_reader, server_writer = await asyncio.open_unix_connection(str(self._target))
        self._clients.add(writer)
        self._servers.add(server_writer)
        for source, sink in ((reader, server_writer), (server_reader, writer)):
            task = asyncio.create_task(self._pump(source, sink, writer))
            self._tasks.add(task)

    async def _pump(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, client: asyncio.StreamWriter
    ) -> None:
        try:
            while data := await source.read(65_536):
                if client not in self._clients:
                    continue  # forgotten: whatever still comes is lost
                sink.write(data)
                await sink.drain()
        except OSError:
            pass
        if client in self._clients:
            sink.close()

    def forget(self) -> None:
        """Drop what is known of every connection."""
        for client in self._clients:
            carried: socket.socket = client.get_extra_info("socket")
            carried.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            client.transport.abort()
        self._clients.clear()

    async def end(self) -> None:
        """Close everything."""
        for writer in (*self._clients, *self._servers):
            writer.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@asynccontextmanager
async def forgetful(target: Path) -> AsyncIterator[Forgetful]:
    """A network in front of the server whose socket is ``target``, on a loopback port of its own."""
    network = Forgetful(target)
    listener = await asyncio.start_server(network.carry, "127.0.0.1", 0)
    network.port = listener.sockets[0].getsockname()[1]
    try:
        yield network
    finally:
        listener.close()
        await network.end()
