"""Take what comes on a connection and throw it away: what the loopback itself can do.

Prints the port; ``bytes`` is how many bytes make a request, which is then answered.
"""

from __future__ import annotations

import asyncio
import json
import sys

import uvloop


class Discard(asyncio.Protocol):
    """Counts."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._transport = transport
        self._count = 0

    def data_received(self, data: bytes) -> None:
        self._count += len(data)
        if self._count >= LENGTH:
            self._transport.write(b"done")
            self._count -= LENGTH


async def serve() -> None:
    """Listen until the process is ended."""
    server = await asyncio.get_running_loop().create_server(Discard, "127.0.0.1", 0)
    print(json.dumps({"port": server.sockets[0].getsockname()[1]}), flush=True)
    await server.serve_forever()


LENGTH = json.loads(sys.argv[1])["bytes"]
uvloop.run(serve())
