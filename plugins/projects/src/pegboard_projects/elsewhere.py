"""What runners share whose jobs run elsewhere: a thread that asks after a job, and addresses.

A job elsewhere has no process here: it is asked after from time to time, by programs of its cluster
perhaps, and its calls need an address of the tracking server that is right where it runs.
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
import select
import subprocess
import threading
import time
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from pegboard.errors import ConfigError, PegboardError, StoreError

from pegboard_projects.contract import Job, Log, Outcome, Submitted
from pegboard_projects.names import OUTPUTS

_ADDRESSES = {
    "PEGBOARD_TRACKING_URI": "MLFLOW_TRACKING_URI",
    "PEGBOARD_REGISTRY_URI": "MLFLOW_REGISTRY_URI",
}
_LEAST_SECONDS = 0.02
_ANSWER_SECONDS = 120
_HERE_ONLY = ("PATH", "VIRTUAL_ENV", "PEGBOARD_CONFIG", "PEGBOARD_PROJECT_MARK")
_CREDENTIALS = ("MLFLOW_TRACKING_TOKEN", "MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD")


def check_reachable(uri: str, runner: str) -> None:
    """Refuse a tracking URI that other machines cannot use; ConfigError says what to do."""
    parts = urlsplit(uri)
    if parts.scheme not in ("http", "https"):
        what = "is a store of this machine"
    elif _is_loopback(parts.hostname or ""):
        what = "is an address of this machine alone"
    else:
        return
    raise ConfigError(
        f"Jobs of the runner {runner!r} run elsewhere, and the tracking URI {uri!r} {what}.",
        hint="Track to a server that they can reach, or name it as they know it by the runner's "
        "setting tracking_uri.",
    )


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def directed(job: Job, tracking_uri: str) -> dict[str, str]:
    """Return the variables to give to a job elsewhere, whose calls go to ``tracking_uri``.

    "": to where those of MLflow's client go here. Some of the values are secret: they belong on
    no command line.
    """
    variables = job.carried
    for ours, theirs in _ADDRESSES.items():
        if theirs in variables:
            # Served to all; ours may name a file.
            variables[ours] = variables[theirs]
    if tracking_uri:
        variables |= dict.fromkeys([*_ADDRESSES, *_ADDRESSES.values()], tracking_uri)
        for name in _CREDENTIALS:
            # Those of the server on loopback open no other.
            variables.pop(name, None)
            if name in os.environ:
                variables[name] = os.environ[name]
    return variables


def without_here(job: Job, tracking_uri: str, *, sees_outputs: bool = False) -> dict[str, str]:
    """Return ``directed`` without what is right on this machine alone, its paths.

    With those variables that the job's container gets from here. ``sees_outputs``: the folder for
    what the job makes is the same there.
    """
    left_out = _HERE_ONLY if sees_outputs else (*_HERE_ONLY, OUTPUTS)
    given = directed(job, tracking_uri)
    asked = job.container.environment if job.container is not None else ()
    copied = {each: job.variables.get(each, "") for each in asked if isinstance(each, str)}
    return {
        **copied,
        **{k: v for k, v in given.items() if k not in left_out and k.isidentifier()},
    }


def said(words: Sequence[str], name: str, variables: Mapping[str, str] | None = None) -> str:
    """Return what a program of a cluster prints; ``name`` is what messages call it.

    ConfigError if it cannot be run, StoreError with what it says if it fails or gives no answer.
    ``variables``: its environment, if not ours.
    """
    try:
        done = subprocess.run(
            words,
            env=variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_ANSWER_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise StoreError(f"{name} gave no answer for {_ANSWER_SECONDS} s.") from None
    except OSError as error:
        raise ConfigError(f"{words[0]} cannot be run: {error.strerror}.") from error
    if done.returncode:
        why = done.stderr.strip() or f"exit code {done.returncode}"
        raise StoreError(f"{name} failed: {why}")
    return done.stdout


class Reading:
    """Passes on what a job says, where each reading of it begins at its beginning."""

    def __init__(self, log: Log) -> None:
        """``log`` gets each byte once."""
        self._log = log
        self._read = self._skip = 0

    def begin(self) -> None:
        """Begin once more."""
        self._skip = self._read

    def add(self, piece: bytes) -> None:
        """Pass on what is new in the next piece."""
        new = piece[self._skip :]
        self._skip -= len(piece) - len(new)
        self._read += len(new)
        if new:
            self._log(new)


class Followed(Submitted):
    """A job elsewhere, which a thread asks after until it has ended.

    Subclasses say how: ``look`` and ``end`` are called from that thread alone, which ``follow``
    starts. A PegboardError of ``look`` is the end of it, without an exit code.
    """

    def __init__(self, name: str, *, seconds: float, grace_seconds: float) -> None:
        """Ask every ``seconds``; ``grace_seconds`` after the wish to cancel it, kill it."""
        self.cancelled = False
        self._name, self._seconds, self._grace = name, seconds, grace_seconds
        self._outcome: Outcome | None = None
        self._done = threading.Event()
        self._wakes, self._wake = os.pipe()

    def begin(self) -> None:
        """Begin the job, if that takes long; a PegboardError means that it was not begun."""

    @abstractmethod
    def look(self) -> Outcome | None:
        """Pass on what the job has said; return how it ended, None if it goes on."""

    @abstractmethod
    def end(self, *, kill: bool) -> None:
        """Ask the job to end, or ``kill`` it; it may have ended already.

        A PegboardError means that it could not be asked: it is tried again.
        """

    def close(self) -> None:
        """Take away what the job needed; it has ended."""

    def follow(self) -> None:
        """Start the thread."""
        threading.Thread(target=self._watch, name=f"project-{self._name}").start()

    def wait(self, timeout: float | None = None) -> Outcome | None:
        """Return how the job ended; None if it runs on."""
        self._done.wait(timeout)
        return self._outcome

    def cancel(self) -> None:
        """Ask the job to end."""
        # Also called by handlers of signals: no lock, and the thread does the work.
        if not (self.cancelled or self._done.is_set()):
            self.cancelled = True
            with contextlib.suppress(OSError):
                os.write(self._wake, b"c")

    def _watch(self) -> None:
        outcome = Outcome(code=None, reason="It could not be followed.")
        try:
            outcome = self._followed()
        except PegboardError as error:
            outcome = Outcome(code=None, reason=str(error))
        finally:
            self._outcome = outcome
            self._done.set()
            os.close(self._wakes)
            os.close(self._wake)

    def _followed(self) -> Outcome:
        try:
            self.begin()
        except PegboardError as error:
            self.close()
            reason = "" if self.cancelled else str(error)
            return Outcome(code=None, reason=reason, cancelled=self.cancelled)
        asked: float | None = None
        killed = False
        while True:
            outcome = self.look()
            if outcome is not None:
                self.close()
                return outcome
            if self.cancelled and asked is None:
                asked = time.monotonic() if self._ended(kill=False) else None
            elif asked is not None and not killed and time.monotonic() - asked >= self._grace:
                killed = self._ended(kill=True)
            self._rest(self._seconds if asked is None else min(self._seconds, self._grace))

    def _ended(self, *, kill: bool) -> bool:
        """Ask it to end; False if nobody was there to be asked, so that it has to be repeated."""
        try:
            self.end(kill=kill)
        except PegboardError:
            return False
        return True

    def _rest(self, seconds: float) -> None:
        ready, _, _ = select.select([self._wakes], [], [], max(seconds, _LEAST_SECONDS))
        if ready:
            os.read(self._wakes, 16)
