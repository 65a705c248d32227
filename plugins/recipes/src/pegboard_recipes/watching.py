"""A process that waits for the one in which a recipe runs, and tells how that ended.

Code that a step calls can end its process: by a fault in compiled code, by ``exit`` of a library,
by ``exec``; so does the system when memory runs out. Then nobody is left to say so, and an exit
code of 0 would pass for a result. It costs a fork, before any large library is loaded.
"""

from __future__ import annotations

import contextlib
import faulthandler
import os
import re
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from types import FrameType
from typing import NoReturn

from attrs import frozen

_FRAME = re.compile(r'  File "(.+)", line (\d+) in (.+)')
_DIES_WITH_PARENT = 1  # PR_SET_PDEATHSIG
_PASSED_ON = (signal.SIGINT, signal.SIGTERM)
_ENDED, _INTERRUPTED = b".", b"i"
_PATIENCE_S = 0.5


@frozen
class Ended(Exception):
    """The process that was waited for has ended."""

    pid: int
    code: int
    """Its exit code; if a signal ended it, that one's number, negative."""
    believed: bool
    """Whether it had come to the end of its work: else its exit code says nothing."""
    frames: Sequence[tuple[str, int, str]] = ()
    """File, line and function that a fault was in, and what called them, the innermost first."""


def watched() -> Callable[[], None]:
    """Go on in a new process, where that can be; return what is called at the end of the work.

    Raises:
        Ended: in this process, when the new one has ended.
    """
    if not _can_fork():
        return _nothing
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    fault, parent = os.memfd_create("fault"), os.getpid()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    before = signal.pthread_sigmask(signal.SIG_BLOCK, (*_PASSED_ON, signal.SIGCHLD))
    pid = os.fork()
    if pid:
        os.close(writer)
        try:
            _wait(pid, reader, fault)
        finally:
            os.close(reader)
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
    _end_with(parent)
    faulthandler.enable(fault, all_threads=False)
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _interrupt(writer))
    signal.pthread_sigmask(signal.SIG_SETMASK, before)
    here = os.getpid()

    def ended() -> None:
        if os.getpid() == here:
            os.write(writer, _ENDED)

    return ended


def _nothing() -> None:
    pass


def _can_fork() -> bool:
    """Whether this is a process of its own: what calls commands in its own gives other streams."""
    return (
        sys.platform == "linux"
        and sys.stdout is sys.__stdout__
        and sys.stderr is sys.__stderr__
        and threading.active_count() == 1
    )


def _end_with(parent: int) -> None:
    """Let this process end when the one that waits for it is killed."""
    import ctypes

    ctypes.CDLL(None).prctl(_DIES_WITH_PARENT, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def _interrupt(writer: int) -> Callable[[int, FrameType | None], None]:
    def interrupt(number: int, frame: FrameType | None) -> None:
        with contextlib.suppress(OSError):
            os.write(writer, _INTERRUPTED)
        signal.default_int_handler(number, frame)

    return interrupt


def _wait(pid: int, reader: int, fault: int) -> NoReturn:
    """Wait for a process; pass on what is sent to this one alone."""
    said, passed_on = b"", set()
    while True:
        found = signal.sigwaitinfo((*_PASSED_ON, signal.SIGCHLD))
        # What a terminal sends it sends to both; others may send to this process or to both.
        if found.si_signo != signal.SIGCHLD and found.si_code <= 0:
            signal.sigtimedwait((signal.SIGCHLD,), _PATIENCE_S)
            said += _read(reader)
            if found.si_signo != signal.SIGINT or _INTERRUPTED not in said:
                passed_on.add(found.si_signo)
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, found.si_signo)
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            said += _read(reader)
            code = os.waitstatus_to_exitcode(status)
            believed = _ENDED in said or (_INTERRUPTED in said and code != 0)
            if -code in passed_on:  # As shells have it.
                code, believed = 128 - code, True
            raise Ended(pid, code, believed, _frames(fault))


def _read(reader: int) -> bytes:
    """Return what stands in the pipe; a process that was forked there may hold it open."""
    with contextlib.suppress(BlockingIOError):
        return os.read(reader, 100)
    return b""


def _frames(fault: int) -> list[tuple[str, int, str]]:
    os.lseek(fault, 0, os.SEEK_SET)
    lines = os.read(fault, 100_000).decode(errors="replace").split("\n")
    found = [each for line in lines if (each := _FRAME.fullmatch(line))]
    return [(each[1], int(each[2]), each[3]) for each in found]
