"""Ledgers: where calls, tokens and money are counted, chosen by a URI."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, cast

from pegboard.errors import ConfigError, quoted
from pegboard.targets import resolve

if TYPE_CHECKING:
    from pegboard.host import Host

    from pegboard_gateway.control.contract import Ledger

_KIND = "gateway ledger"


def open_ledger(host: Host, uri: str, directory: Path) -> Ledger:
    """Return the ledger of a URI: ``memory``, ``sqlite``, or what plugins offer (``redis://…``).

    Raises ConfigError for a scheme that no plugin offers.
    """
    scheme = uri.partition(":")[0]
    known = host.declared(_KIND)
    if scheme not in known:
        raise ConfigError(
            f"No installed plugin keeps counters in {quoted(scheme)}.",
            hint=f"Available are: {', '.join(sorted(known))}.",
        )
    return cast("Ledger", resolve(known[scheme].target)(uri, directory))
