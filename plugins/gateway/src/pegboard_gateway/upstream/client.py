"""The HTTP/1.1 client: what providers want sent, sent on kept connections."""

from __future__ import annotations

import ssl

from pegboard.contracts.llm import HttpCall, HttpReply, LLMError, Trouble

from pegboard_gateway.upstream import addresses
from pegboard_gateway.upstream.addresses import Origin
from pegboard_gateway.upstream.connection import Stale, Stream, Waits
from pegboard_gateway.upstream.guarding import Guarded
from pegboard_gateway.upstream.opening import Opener
from pegboard_gateway.upstream.pool import Bounds, Pool

ANYWHERE = ("*",)
"""The hosts that the owner of the configuration file may name: all."""


class Client:
    """Sends requests; to be used in one event loop.

    It follows no redirect, keeps no cookie, and repeats a request only if a kept connection proves
    to be closed before anything of an answer came.
    """

    def __init__(self, bounds: Bounds | None = None, context: ssl.SSLContext | None = None) -> None:
        """``context`` checks certificates in place of the system's authorities."""
        self._bounds = bounds or Bounds()
        self._context = context
        self._pools: dict[tuple[Origin, tuple[str, ...]], Pool] = {}

    async def send(
        self,
        call: HttpCall,
        waits: Waits,
        *,
        connect: float = 10.0,
        stream: bool = False,
        allowed: tuple[str, ...] = ANYWHERE,
    ) -> HttpReply | Stream:
        """Return the answer: whole, or with ``stream`` and status 200 as a stream.

        ``connect`` is how many seconds a connection may take. Unless ``allowed`` is ``*``, only
        public addresses are called, and the hosts that it lists.

        Raises LLMError: UNREACHABLE, TIMEOUT, CUT, GARBAGE or OVERLOADED.
        """
        address = addresses.parsed(call.url)
        request = addresses.request_bytes(call, address)
        pool = self._pools.get((address.origin, allowed)) or self._pool(address.origin, allowed)
        connection = pool.kept() or await pool.take(connect)
        try:
            return await connection.send(request, waits, stream=stream)
        except Stale:
            connection = await pool.take(connect, fresh=True)
        try:
            return await connection.send(request, waits, stream=stream)
        except Stale:  # pragma: no cover (a fresh connection is not stale)
            raise LLMError(Trouble.UNREACHABLE, "The connection was closed twice.") from None

    def _pool(self, origin: Origin, allowed: tuple[str, ...]) -> Pool:
        find = None if allowed == ANYWHERE else Guarded(allowed).addresses
        made = Pool(Opener(origin, find, self._context), self._bounds)
        self._pools[origin, allowed] = made
        return made

    def close(self) -> None:
        """Close all connections."""
        for pool in self._pools.values():
            pool.close()
        self._pools.clear()
