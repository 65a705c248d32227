"""The gateway's own HTTP/1.1 client, on asyncio and httptools.

It does what calls of models need and nothing else: kept connections within bounds, time-outs for
each phase, streams that hold the server back when their reader is slow, and errors that say what
went wrong in the gateway's terms.
"""

from __future__ import annotations

from pegboard_gateway.upstream.client import ANYWHERE, Client
from pegboard_gateway.upstream.connection import Stream, Waits
from pegboard_gateway.upstream.pool import Bounds

__all__ = ["ANYWHERE", "Bounds", "Client", "Stream", "Waits"]
