"""What the next pages would wait for, done while somebody looks at the first one.

A server imports what it needs when it is first asked for: tens of milliseconds for each kind of
call, which nobody sees who is no person in front of a page.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from pegboard.errors import PegboardError

if TYPE_CHECKING:
    from pegboard.host import Host
    from pegboard_wire.http import Call

_LATER_SECONDS = 0.7
"""The page, its files and its first numbers go first: they come from the same process."""

_begun: WeakSet[Host] = WeakSet()


def warm(call: Call) -> None:
    """Ask the server's stores once for a little of what pages ask; never waits."""
    host = call.host
    if host not in _begun:
        _begun.add(host)
        work = threading.Timer(_LATER_SECONDS, _all, (call,))
        work.name, work.daemon = "next pages", True
        work.start()


def _all(call: Call) -> None:
    for ask in _asked(call):
        # Whoever asks in earnest is told what is wrong.
        with contextlib.suppress(PegboardError):
            ask()


def _asked(call: Call) -> Iterator[Callable[[], Any]]:
    """Yield what is asked, in the order in which pages come to it."""
    from pegboard_stores.activity import Activity
    from pegboard_stores.curves import Curves
    from pegboard_stores.run_table import RunTable
    from pegboard_wire import registries
    from pegboard_wire.requests import store_of

    store = store_of(call)
    for ability in (RunTable, Activity, Curves):
        yield lambda ability=ability: store.ability(ability)  # type: ignore[misc]
    yield lambda: registries.open_registry(call.host, call.tracking_uri).search_models(
        max_results=1
    )
    yield store.traces
    yield store.logged_models
