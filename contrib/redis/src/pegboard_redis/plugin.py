"""What this distribution adds to the host. Imports nothing until it is used."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pegboard.hookspecs import hookimpl

if TYPE_CHECKING:
    from pegboard_gateway import LedgerBackend


@hookimpl(optionalhook=True)
def pegboard_gateway_ledgers() -> Sequence[LedgerBackend]:
    """Declare counters in Redis."""
    from pegboard_gateway import LedgerBackend

    target = "pegboard_redis.ledger:make"
    return [
        LedgerBackend("redis", target, "Counts for several machines: redis://HOST:PORT/NUMBER"),
        LedgerBackend("rediss", target, "The same over TLS: rediss://USER:PASSWORD@HOST:PORT"),
    ]
