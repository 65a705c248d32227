"""The metric writers of this process: one for each store, closed when the process ends."""

from __future__ import annotations

import atexit
import os
import sys
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from pegboard.errors import PegboardError

if TYPE_CHECKING:
    from pegboard.contracts.tracking import MetricWriter, TrackingStore

_lock = threading.Lock()
_writers: dict[TrackingStore, MetricWriter] = {}
_closes_at_end_of_worker = False


def writer_of(store: TrackingStore) -> MetricWriter:
    """Return the writer of a store, the same one for each caller."""
    writer = _writers.get(store)
    if writer is None:
        with _lock:
            writer = _writers.get(store)
            if writer is None:
                writer = _writers[store] = store.metric_writer()
                _close_at_end_of_worker()
    return writer


def flush_all() -> None:
    """Flush every writer of this process."""
    for writer in list(_writers.values()):
        writer.flush()


def close_all() -> None:
    """Close every writer; a later call of ``writer_of`` opens a new one."""
    with _lock:
        writers = list(_writers.values())
        _writers.clear()
    for writer in writers:
        writer.close()


def _forget() -> None:
    """Start anew in a forked child: the parent's writers are the parent's."""
    global _lock, _closes_at_end_of_worker
    _lock = threading.Lock()
    _writers.clear()
    _closes_at_end_of_worker = False


def _close_at_end_of_worker() -> None:
    """Close the writers when a worker process of multiprocessing ends, which skips atexit."""
    global _closes_at_end_of_worker
    processes = sys.modules.get("multiprocessing.process")
    if _closes_at_end_of_worker or processes is None or processes.parent_process() is None:
        return
    _closes_at_end_of_worker = True
    util = sys.modules["multiprocessing.util"]
    # After the runs that are open there were ended (``fluent.lifetime``).
    util.Finalize(None, _at_end_of_worker, exitpriority=-50)


def _at_end_of_worker() -> None:
    threads = set(threading.enumerate()) - {threading.current_thread()}
    if all(thread.daemon for thread in threads):
        _close_at_exit()
    else:
        # They are waited for after this, and may log more until then.
        _complain_of(flush_all)


def _close_at_exit() -> None:
    _complain_of(close_all)


def _complain_of(end: Callable[[], None]) -> None:
    try:
        end()
    except PegboardError as error:
        sys.stderr.write(f"pegboard: {error}\n")


atexit.register(_close_at_exit)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
