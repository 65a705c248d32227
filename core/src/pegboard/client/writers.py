"""The metric writers of this process: one for each store, closed when the process ends."""

from __future__ import annotations

import atexit
import os
import sys
import threading
from typing import TYPE_CHECKING

from pegboard.errors import PegboardError

if TYPE_CHECKING:
    from pegboard.contracts.tracking import MetricWriter, TrackingStore

_lock = threading.Lock()
_writers: dict[TrackingStore, MetricWriter] = {}


def writer_of(store: TrackingStore) -> MetricWriter:
    """Return the writer of a store, the same one for each caller."""
    writer = _writers.get(store)
    if writer is None:
        with _lock:
            writer = _writers.get(store)
            if writer is None:
                writer = _writers[store] = store.metric_writer()
    return writer


def close_all() -> None:
    """Close every writer; a later call of ``writer_of`` opens a new one."""
    with _lock:
        writers = list(_writers.values())
        _writers.clear()
    for writer in writers:
        writer.close()


def _forget() -> None:
    """Start anew in a forked child: the parent's writers are the parent's."""
    global _lock
    _lock = threading.Lock()
    _writers.clear()


def _close_at_exit() -> None:
    try:
        close_all()
    except PegboardError as error:
        sys.stderr.write(f"pegboard: {error}\n")


atexit.register(_close_at_exit)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
