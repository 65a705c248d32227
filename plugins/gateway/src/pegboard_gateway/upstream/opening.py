"""Opening connections: names looked up and checked, TLS, and proxies that the environment names."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Sequence
from functools import lru_cache

from pegboard.contracts.llm import Trouble

from pegboard_gateway.upstream import proxies
from pegboard_gateway.upstream.addresses import Origin
from pegboard_gateway.upstream.connection import Connection
from pegboard_gateway.upstream.errors import UpstreamError, reason


@lru_cache(maxsize=1)
def trusted() -> ssl.SSLContext:
    """Return what checks certificates: the system's authorities (or those of SSL_CERT_FILE)."""
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context


class Opener:
    """Opens connections to one server."""

    def __init__(
        self,
        origin: Origin,
        find: Callable[[Origin], Sequence[str]] | None = None,
        context: ssl.SSLContext | None = None,
    ) -> None:
        """``find`` returns the addresses that may be connected to; None: the system's, any."""
        self.origin = origin
        self._find = find
        self._context = context

    async def open(self, made: Connection, seconds: float) -> None:
        """Connect; LLMError UNREACHABLE or TIMEOUT if that is not possible in time."""
        origin = self.origin
        try:
            async with asyncio.timeout(seconds):
                await self._connect(made)
        except TimeoutError:
            text = f"{{}} took no connection within {seconds:g} s."
            raise UpstreamError(Trouble.TIMEOUT, text, origin) from None
        except ssl.SSLCertVerificationError as error:
            text, more = "The certificate of {} cannot be trusted.", f"It says: {error}."
            raise UpstreamError(Trouble.UNREACHABLE, text, origin, more=more) from None
        except (OSError, UnicodeError) as error:
            text, more = f"{{}} cannot be reached: {reason(error)}.", f"({error!r})"
            raise UpstreamError(Trouble.UNREACHABLE, text, origin, more=more) from None

    async def _connect(self, made: Connection) -> None:
        loop, origin = made.loop, self.origin
        secure = origin.scheme == "https"
        context = (self._context or trusted()) if secure else None
        name = origin.host if secure else None
        if self._find is None:
            proxy = proxies.proxy_of(origin)
            if proxy is not None:
                await self._connect_through(proxy, made, context)
                return
            await loop.create_connection(
                lambda: made, origin.host, origin.port, ssl=context, server_hostname=name
            )
            return
        failure: OSError = OSError("its name has no address")
        for address in await loop.run_in_executor(None, self._find, origin):
            try:
                await loop.create_connection(
                    lambda: made, address, origin.port, ssl=context, server_hostname=name
                )
            except OSError as error:
                failure = error
            else:
                return
        raise failure

    async def _connect_through(
        self, proxy: proxies.Proxy, made: Connection, context: ssl.SSLContext | None
    ) -> None:
        """Connect through a tunnel, which hides nothing less from the proxy than TLS does."""
        loop = made.loop
        transport, tunnel = await loop.create_connection(
            lambda: proxies.Tunnel(self.origin, proxy), proxy.host, proxy.port
        )
        try:
            await tunnel.opened
            if context is None:
                transport.set_protocol(made)
                made.connection_made(transport)
                return
            name = self.origin.host
            secured = await loop.start_tls(transport, made, context, server_hostname=name)
            if secured is not None and not made.was_open:
                made.connection_made(secured)
        except BaseException:
            transport.abort()
            raise
