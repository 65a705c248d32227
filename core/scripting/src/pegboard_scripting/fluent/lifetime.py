"""How runs end when their process does.

======================================== =========
what happens                             status
======================================== =========
the script or its ``with`` block ends    FINISHED
an exception                             FAILED
``sys.exit(n)`` in a ``with``, n not 0   FAILED
Ctrl-C                                   KILLED
SIGTERM                                  KILLED
======================================== =========

Python does not expose the code of ``sys.exit`` outside of a ``with`` block: that is FINISHED. The
end of a process that cannot report it (``kill -9``) is for the store to notice.
"""

from __future__ import annotations

import _thread
import atexit
import os
import signal
import sys
import threading
import time
from types import FrameType
from typing import TYPE_CHECKING, Any

from pegboard.entities import RunStatus
from pegboard.errors import PegboardError

if TYPE_CHECKING:
    from pegboard_scripting.fluent.runs import OpenRun

_PATIENCE = 10.0
"""How long, in seconds, SIGTERM waits for a run that another thread is ending already."""


class _Watch:
    """The open runs of this process, of all its threads, and what has befallen it.

    No lock guards it: a signal handler uses it, and single operations of a dict need none.
    """

    def __init__(self) -> None:
        self.runs: dict[str, OpenRun] = {}
        self.ending: dict[str, OpenRun] = {}
        self.installed_in = 0
        self.signal_installed = False
        self.terminating = False
        self.dying = threading.Event()
        self.dying.set()


_watch = _Watch()


def watch(run_id: str, open_run: OpenRun) -> None:
    """See to it that a run ends when the process does."""
    _watch.runs[run_id] = open_run
    if _watch.installed_in != os.getpid():
        _install()
    if not _watch.signal_installed and threading.current_thread() is threading.main_thread():
        _watch.signal_installed = True
        _chain_sigterm()


def open_runs() -> list[OpenRun]:
    """Return the open runs of all threads; in a forked child those of the parent too."""
    return list(_watch.runs.values())


def only_open() -> OpenRun | None:
    """Return the open run of all threads, if it is but one."""
    if len(_watch.runs) != 1:
        return None
    found = open_runs()
    return found[0] if len(found) == 1 else None


def find(run_id: str) -> OpenRun | None:
    """Return the open run with an id, whichever thread started it."""
    return _watch.runs.get(run_id)


def _install() -> None:
    first, _watch.installed_in = not _watch.installed_in, os.getpid()
    if first:
        atexit.register(_at_exit)
        _chain_thread_hook()
    if util := sys.modules.get("multiprocessing.util"):
        # Worker processes of multiprocessing skip what atexit knows.
        util.Finalize(None, _at_end_of_worker, exitpriority=0)


def end(run_id: str, status: RunStatus) -> None:
    """End a run of this process, unless it was ended already."""
    # If several threads end a run, the one that takes it out of the dict does it.
    open_run = _watch.runs.pop(run_id, None)
    if open_run is None or open_run.pid != os.getpid():
        return
    _watch.ending[run_id] = open_run
    try:
        open_run.end(status)
    finally:
        del _watch.ending[run_id]


def status_after(error: BaseException | None) -> RunStatus:
    """Return how a run ended whose code was left with this exception, if any."""
    if error is None:
        return RunStatus.FINISHED
    if _watch.terminating or isinstance(error, KeyboardInterrupt):
        return RunStatus.KILLED
    if isinstance(error, SystemExit) and error.code in (None, 0):
        return RunStatus.FINISHED
    return RunStatus.FAILED


def is_terminating() -> bool:
    """Whether SIGTERM has come, so that the process is about to end."""
    return _watch.terminating


def _end_everything(status: RunStatus) -> None:
    """End all runs of the process, the innermost first; say what could not be ended."""
    for run_id in reversed(list(_watch.runs)):
        try:
            end(run_id, status)
        except PegboardError as error:
            _complain(run_id, error)


def _complain(run_id: str, error: PegboardError) -> None:
    sys.stderr.write(f"pegboard: the run {run_id} could not be ended: {error}\n")


def _at_exit() -> None:
    _watch.dying.wait()
    # Python keeps the exception that no one caught here. At a prompt, it goes on after one.
    uncaught = None if hasattr(sys, "ps1") else getattr(sys, "last_value", None)
    _end_everything(RunStatus.KILLED if _watch.terminating else status_after(uncaught))


def _at_end_of_worker() -> None:
    _end_everything(status_after(sys.exc_info()[1]))


def _chain_thread_hook() -> None:
    """End the runs of a thread that an exception ended."""
    previous = threading.excepthook

    def on_exception(arguments: Any) -> None:
        from pegboard_scripting.fluent.runs import end_all

        end_all(status_after(arguments.exc_value))
        previous(arguments)

    threading.excepthook = on_exception


# -- SIGTERM ---------------------------------------------------------------------------------------


def _chain_sigterm() -> None:
    """End the runs as KILLED before SIGTERM does what it did so far."""
    previous = signal.getsignal(signal.SIGTERM)
    if previous is None or previous is signal.SIG_IGN:
        return

    def on_sigterm(number: int, frame: FrameType | None) -> None:
        again, _watch.terminating = _watch.terminating, True
        if callable(previous):
            # The user's own handler decides whether and when the process ends.
            previous(number, frame)
        elif again or not _has_open_runs():
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            os.kill(os.getpid(), signal.SIGTERM)
        else:
            # This thread may just now hold a lock that ending a run needs. So it goes on, and
            # another one ends the runs: not a threading.Thread, whose start takes locks too.
            _watch.dying.clear()
            _thread.start_new_thread(_end_and_die, ())

    signal.signal(signal.SIGTERM, on_sigterm)
    if hasattr(os, "register_at_fork"):
        _undo_in_children(on_sigterm, previous)


class _Mask(threading.local):
    """The signals that a thread had blocked before it forked."""

    before: set[int] = set()  # noqa: RUF012 (replaced, never changed)


def _undo_in_children(ours: Any, previous: Any) -> None:
    """Give forked children the handler from before: they have no runs of ours to end.

    Python forgets a signal that reaches a child before it runs, and a child with a handler lives on
    then: ``Pool.terminate`` would wait for it for ever. So SIGTERM is held back meanwhile.
    """
    mask = _Mask()

    def before() -> None:
        mask.before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])

    def in_parent() -> None:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask.before)

    def in_child() -> None:
        if signal.getsignal(signal.SIGTERM) is ours:
            signal.signal(signal.SIGTERM, previous)
            # A run that the child starts itself installs it anew.
            _watch.signal_installed = False
        signal.pthread_sigmask(signal.SIG_SETMASK, mask.before)

    os.register_at_fork(before=before, after_in_parent=in_parent, after_in_child=in_child)


def _has_open_runs() -> bool:
    known = [*_watch.runs.values(), *_watch.ending.values()]
    return any(open_run.pid == os.getpid() for open_run in known)


def _end_and_die() -> None:
    try:
        _end_everything(RunStatus.KILLED)
        deadline = time.monotonic() + _PATIENCE
        while _watch.ending and time.monotonic() < deadline:
            time.sleep(0.005)
    finally:
        # Only the main thread may give the signal back its default action, and it does so the
        # second time. Sent to the process, the signal might not wake it.
        main = threading.main_thread().ident
        if main is not None:
            signal.pthread_kill(main, signal.SIGTERM)
        _watch.dying.set()
