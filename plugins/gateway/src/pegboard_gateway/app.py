"""The gateway alone: a server with its endpoints, and those of scorers that guardrails take."""

from __future__ import annotations

import gc
import logging
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pegboard import plugin_calls
from pegboard_server import App
from pegboard_wire.endpoints import places
from pegboard_wire.rooms import places_of

from pegboard_gateway import key_callers, starting, welcome
from pegboard_gateway.endpoints import ROOMS

if TYPE_CHECKING:
    from pegboard.host import Host
    from pegboard_server import Board, Settings

logger = logging.getLogger(__name__)
_SCORERS = "/api/3.0/mlflow/scorers/"


def create(host: Host, settings: Settings, board: Board, *, mlflow_config: str | None) -> App:
    """Begin the gateway and return what serves it; the arguments are those of the command."""
    file = None if mlflow_config is None else Path(mlflow_config)
    end = starting.begin(host, board.workers, file)
    try:
        # Whoever keeps the tracking store serves its scorers.
        judges = [each for each in places(host) if each.path.startswith(_SCORERS)]
        served = [*places_of(ROOMS), *judges, *places_of([welcome.endpoint()])]
        made = App(host, settings, board, served)
    except BaseException:
        end()
        raise
    made.at_end(end)
    for each in _begun_beside(host):
        made.at_end(each)
    made.authenticator.add(key_callers.known_keys(host))
    _answer_soon()
    return made


def _begun_beside(host: Host) -> Iterator[Callable[[], None]]:
    """Let plugins begin what goes on beside the gateway; yield what ends it."""
    for implementation in host.manager.hook.pegboard_gateway_started.get_hookimpls():
        try:
            end: Any = plugin_calls.asked(implementation, {"host": host})
        except Exception:
            # A broken one harms no other.
            logger.exception("The plugin %r cannot begin.", implementation.plugin_name)
            continue
        if callable(end):
            yield end


def _answer_soon() -> None:
    """Let nothing else in this process keep calls waiting for milliseconds.

    What was made until now lasts as long as the process, so collections need not look at it. And
    calls wait for the thread that keeps records for a tenth of the usual time at most.
    """
    gc.freeze()
    gc.set_threshold(2_000, 10, 10)
    sys.setswitchinterval(0.0005)
