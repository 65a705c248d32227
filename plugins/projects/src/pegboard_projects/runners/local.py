"""The runner ``local``: a process of this machine, and all that it starts, until the last ends.

The command gets a session of its own, so that the terminal's Ctrl-C is the caller's, and a variable
that marks all its descendants: also those are found that left the session.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

from attrs import field, frozen, validators
from pegboard.errors import ConfigError

from pegboard_projects.contract import Job, Log, Outcome, Runner, Submitted

_MARK = "PEGBOARD_PROJECT_MARK"
_BY_SIGNAL = 128
_CHUNK = 1 << 16
_DRAIN_SECONDS = 1.0
"""How long output is waited for that is still under way when the last process has ended."""
_STEP_SECONDS = 0.05
_PROCESSES = "/proc"


@frozen(kw_only=True)
class Settings:
    """What ``--backend-config`` can say."""

    memory_megabytes: int | None = field(
        default=None, validator=validators.optional(validators.gt(0))
    )
    """How much memory each process may have."""
    time_seconds: float | None = field(
        default=None, validator=validators.optional(validators.gt(0))
    )
    """How long the project may run."""


class Local(Runner):
    """Runs jobs as processes of this machine."""

    settings = Settings

    def check(self, settings: Any, uri: str) -> None:
        """Refuse limits that this system cannot hold."""
        del uri
        if sys.platform == "win32" and settings.memory_megabytes:  # pragma: no cover
            raise ConfigError("The runner 'local' cannot limit the memory on Windows.")

    def submit(self, job: Job, log: Log) -> Submitted:
        """Start the process."""
        mark = f"{os.urandom(16).hex()};"  # As secrets has it, whose import takes 8 ms.
        outer = os.environ.get(_MARK, "")
        try:
            process = subprocess.Popen(
                _words(job),
                cwd=job.directory,
                env={**job.variables, _MARK: outer + mark},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                bufsize=0,
                start_new_session=True,
            )
        except OSError as error:
            raise ConfigError(
                f"The command cannot be started in {job.directory}: {error.strerror}.",
                hint="It needs 'bash', and a folder that is there.",
            ) from error
        return _Running(job, log, process, mark)


def _words(job: Job) -> list[str]:
    if sys.platform == "win32":  # pragma: no cover
        return ["cmd", "/c", job.command]
    limit = job.settings.memory_megabytes if job.settings is not None else None
    first = f"ulimit -v {limit * 1024}\n" if limit else ""
    return ["bash", "-c", first + job.command]


class _Running(Submitted):
    """A process and its descendants; a thread reads what they say and sees to their end."""

    def __init__(self, job: Job, log: Log, process: subprocess.Popen[bytes], mark: str) -> None:
        self._job, self._log, self._process = job, log, process
        self._mark = mark.encode()
        self._cancelled = False
        self._reason = ""
        self._asked: float | None = None
        self._usage: dict[str, float] = {}
        self._outcome: Outcome | None = None
        self._done = threading.Event()
        limit = job.settings.time_seconds if job.settings is not None else None
        self._deadline: float | None = None if limit is None else time.monotonic() + limit
        self._wakes, self._wake = os.pipe()
        # It is waited for when Python ends: nothing may be left running.
        threading.Thread(target=self._watch, name=f"project-{job.run_id}").start()

    def wait(self, timeout: float | None = None) -> Outcome | None:
        self._done.wait(timeout)
        return self._outcome

    def cancel(self) -> None:
        # Also called by handlers of signals: no lock, and the thread does the work.
        if not self._cancelled:
            self._cancelled = True
            with contextlib.suppress(OSError):
                os.write(self._wake, b"c")

    def _watch(self) -> None:
        try:
            self._follow()
            self._end_the_rest()
            self._drain()
        finally:
            assert self._process.stdout is not None
            self._process.stdout.close()
            code = self._process.wait()
            self._outcome = Outcome(
                code=_BY_SIGNAL - code if code < 0 else code,
                reason=self._reason,
                cancelled=self._cancelled and not self._reason,
                timed_out=bool(self._reason),
                usage=self._usage,
            )
            self._done.set()
            os.close(self._wakes)
            os.close(self._wake)

    def _follow(self) -> None:
        """Read until the command itself has ended; see to its limits meanwhile."""
        assert self._process.stdout is not None
        output: int | None = self._process.stdout.fileno()
        with selectors.DefaultSelector() as selector, _exits(self._process, selector):
            selector.register(self._process.stdout, selectors.EVENT_READ)
            selector.register(self._wakes, selectors.EVENT_READ)
            while True:
                ready = {key.fd for key, _ in selector.select(self._patience())}
                if output in ready and not self._read():
                    selector.unregister(self._process.stdout)
                    output = None
                if self._wakes in ready:
                    os.read(self._wakes, 16)
                if self._has_ended():
                    return
                self._press()

    def _has_ended(self) -> bool:
        """Look whether the command has ended, and what it used, with all that it waited for."""
        if not hasattr(os, "wait4"):  # pragma: no cover (Windows)
            return self._process.poll() is not None
        pid, status, used = os.wait4(self._process.pid, os.WNOHANG)
        if pid:
            self._process.returncode = os.waitstatus_to_exitcode(status)
            unit = 1 if sys.platform == "darwin" else 1024
            seconds = round(used.ru_utime + used.ru_stime, 3)
            self._usage = {"cpu_seconds": seconds, "memory_bytes": used.ru_maxrss * unit}
        return bool(pid)

    def _patience(self) -> float | None:
        """Return how long to wait for output before the next look at the clock."""
        if self._asked is not None:
            return _STEP_SECONDS
        if self._deadline is not None:
            return max(0.0, self._deadline - time.monotonic())
        return None if hasattr(os, "pidfd_open") else _STEP_SECONDS

    def _press(self) -> None:
        """Ask the processes to end if it is time, and kill them if they take too long."""
        now = time.monotonic()
        if self._asked is None:
            if self._deadline is not None and now >= self._deadline and not self._cancelled:
                seconds = self._job.settings.time_seconds
                self._reason = f"It ran for longer than {seconds:g} s, its limit."
            if self._cancelled or self._reason:
                self._asked = now
                self._send(signal.SIGTERM)
        elif now - self._asked >= self._job.grace_seconds:
            self._send(signal.SIGKILL)

    def _send(self, number: int) -> None:
        for pid in self._left():
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, number)

    def _end_the_rest(self) -> None:
        """End what the command left behind."""
        deadline = time.monotonic() + self._job.grace_seconds
        number: int = signal.SIGTERM
        while self._left():
            self._send(number)
            self._read_for(_STEP_SECONDS)
            if time.monotonic() >= deadline:
                number = signal.SIGKILL

    def _left(self) -> list[int]:
        """Return what lives of the processes: of the session, or with our mark wherever it is."""
        try:
            entries = [entry for entry in os.listdir(_PROCESSES) if entry.isdigit()]  # noqa: PTH208
        except OSError:  # pragma: no cover (not on Linux)
            return [] if self._process.returncode is not None else [self._process.pid]
        return [int(entry) for entry in entries if self._is_ours(entry)]

    def _is_ours(self, entry: str) -> bool:
        try:
            with open(f"{_PROCESSES}/{entry}/stat", "rb") as file:  # noqa: PTH123 (of many)
                # After the name, which may hold anything: state, parent, group, session.
                state, _, _, session = file.read().rpartition(b")")[2].split()[:4]
            if state in (b"Z", b"X"):
                return False
            if int(session) == self._process.pid:
                return True
            with open(f"{_PROCESSES}/{entry}/environ", "rb") as file:  # noqa: PTH123
                return self._mark in file.read()
        except (OSError, ValueError):
            return False

    def _read(self) -> bool:
        """Pass on what there is; False at the end of the output."""
        assert self._process.stdout is not None
        piece = self._process.stdout.read(_CHUNK)
        if piece:
            self._log(piece)
        return bool(piece)

    def _read_for(self, seconds: float) -> None:
        if self._is_ready(seconds) and not self._read():
            time.sleep(seconds)

    def _is_ready(self, seconds: float) -> bool:
        """Whether there is output, or its end, within so many seconds."""
        assert self._process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            return bool(selector.select(seconds))

    def _drain(self) -> None:
        """Read what is in the pipe; a process elsewhere may hold it open, and is not waited for."""
        deadline = time.monotonic() + _DRAIN_SECONDS
        while time.monotonic() < deadline:
            if not self._is_ready(0) or not self._read():
                return


@contextlib.contextmanager
def _exits(process: subprocess.Popen[bytes], selector: selectors.BaseSelector) -> Iterator[None]:
    """Wake the selector when the process ends, though others keep its output open."""
    try:
        descriptor = os.pidfd_open(process.pid)
    except (AttributeError, OSError):  # pragma: no cover (not on Linux)
        yield
        return
    try:
        selector.register(descriptor, selectors.EVENT_READ)
        yield
    finally:
        os.close(descriptor)
