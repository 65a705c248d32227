"""What looks for new traces beside the requests of a server."""

from __future__ import annotations

import logging
import threading
from functools import partial
from typing import TYPE_CHECKING

from pegboard.errors import PegboardError
from pegboard_stores.scorers import Scorers, ScoringTasks

if TYPE_CHECKING:
    from pegboard.host import Host

LOOK_SECONDS = 5.0
_END_SECONDS = 5.0

_log = logging.getLogger("pegboard.scorers")


class Scheduled:
    """Judges in threads of their own from the start of a server to its end."""

    def __init__(self, host: Host, tracking_uri: str | None, every: float = LOOK_SECONDS) -> None:
        """Begin; look for new traces every so many seconds."""
        self._open = partial(host.tracking_store, tracking_uri)
        self._every = every
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name="scorers", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Begin nothing more. What judges have been asked is waited for shortly, or done later."""
        self._end.set()
        self._thread.join(_END_SECONDS)

    def _run(self) -> None:
        said = ""
        while not self._end.wait(self._every):
            try:
                if not self._look():
                    return
            except PegboardError as error:
                # Once, not every few seconds.
                if str(error) != said:
                    said = str(error)
                    _log.warning("Scheduled scorers wait: %s", error)
            except Exception:
                # A fault in one look must not end all those that come after it.
                _log.exception("Scheduled scorers could not look for new traces.")

    def _look(self) -> bool:
        """Judge what there is; False if the store has no tasks at all."""
        store = self._open()
        scorers, tasks = store.ability(Scorers), store.ability(ScoringTasks)
        if scorers is None or tasks is None:
            if scorers is not None and scorers.scheduled():
                _log.warning("This store keeps no list of traces to be judged: no scorer runs.")
            return False
        if scorers.scheduled():
            # Only who judges needs the libraries for it.
            from pegboard_evaluation.genai import scheduled

            scheduled.work(store, tasks, self._end.is_set)
        return True
