"""What a project runs in: chosen and checked before a run begins, made when it has begun."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from attrs import field, frozen
from pegboard.errors import ConfigError, StoreError

from pegboard_projects.contract import Container

_SHOWN_LINES = 20


class UnmadeEnvironment(StoreError):
    """A program could not make the environment. Its last words, which the log has, are in it."""

    def __init__(self, program: str, said: str, hint: str) -> None:
        what = f"{program} could not make the environment"
        super().__init__(f"{what}:\n{said}", hint=hint)
        self.in_short = f"{what}. What it said is above.\n{hint}"
        """The error for those who have read its words."""


class Work:
    """The making of an environment: what it says, and how it is cut short.

    ``say`` takes a line for the log of the run.
    """

    def __init__(self, say: Callable[[str], None]) -> None:
        self.say = say
        self._cancelled = False
        self._process: subprocess.Popen[str] | None = None

    def cancel(self) -> None:
        """End what is under way; also for handlers of signals."""
        self._cancelled = True
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)

    def is_cancelled(self) -> bool:
        """Whether it was to be cut short."""
        return self._cancelled

    def check(self) -> None:
        """Refuse to go on if it was to be cut short."""
        if self._cancelled:
            raise StoreError("The making of the environment was cut short.")

    def run(self, words: Sequence[str], *, directory: Path, hint: str) -> str:
        """Run a program to its end and return its last lines; UnmadeEnvironment if it fails."""
        # Settings of the environment or of a project around us are not those of this one.
        kept = {k: v for k, v in os.environ.items() if k not in ("VIRTUAL_ENV", "UV_PROJECT")}
        try:
            self._process = subprocess.Popen(
                words,
                cwd=directory,
                env=kept,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                start_new_session=True,
            )
        except OSError as error:
            raise ConfigError(f"{words[0]} cannot be run: {error.strerror}.") from error
        last: deque[str] = deque(maxlen=_SHOWN_LINES)
        with self._process as process:
            assert process.stdout is not None
            if self._cancelled:
                self.cancel()
            for line in process.stdout:
                last.append(line.rstrip())
                self.say(line.rstrip())
        self._process = None
        self.check()
        said = "\n".join(last)
        if process.returncode:
            raise UnmadeEnvironment(Path(words[0]).name, said, hint)
        return said


@frozen(kw_only=True)
class Ready:
    """An environment that is there: how to run a command in it, and what it holds.

    ``variables`` are set for the command, ``path`` is put in front of PATH. ``lock`` lists what is
    installed, exactly; "" if nobody knows. ``pylock`` is the same as a pylock.toml, with addresses
    and digests.
    """

    variables: Mapping[str, str] = field(factory=dict)
    path: Sequence[str] = ()
    lock: str = ""
    pylock: str = ""

    def applied(self, variables: Mapping[str, str]) -> dict[str, str]:
        """Return the variables of a command that runs in the environment."""
        path = os.pathsep.join([*self.path, variables.get("PATH", os.defpath)])
        return {**variables, **self.variables, "PATH": path}


def asked(words: Sequence[str], directory: Path) -> str:
    """Return what a program says on stdout; StoreError if it fails."""
    done = subprocess.run(
        words, cwd=directory, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise StoreError(f"{Path(words[0]).name} failed: {done.stderr.strip()}")
    return done.stdout


class Environment(ABC):
    """An environment that was chosen for a project."""

    manager: ClassVar[str]
    tag: ClassVar[str | None] = None
    """What MLflow calls it in the tag of a run; None if it says nothing."""

    notes: Sequence[str] = ()
    """What people should know of it before it is made."""
    container: Container | None = None
    """The container that it is, if it is one; the runner makes that."""

    @property
    def key(self) -> str:
        """The name that it is kept by, which changes with all that it is made of; "": it is not."""
        return ""

    @property
    def is_there(self) -> bool:
        """Whether it needs not be made first."""
        return True

    @abstractmethod
    def ready(self, work: Work) -> Ready:
        """Return the environment, made if need be; ``work`` is how.

        ConfigError or StoreError if that fails; nothing is left of it then.
        """

    def release(self) -> None:  # noqa: B027 (what is not kept needs it not)
        """Let others remove it, as the run has ended."""

    def wrapped(self, command: str) -> str:
        """Return the command for a shell of this machine that runs a command in it."""
        return command


class Local(Environment):
    """What is there: the programs of PATH, and this Python where PATH has none."""

    manager = "local"

    def ready(self, work: Work) -> Ready:
        """Return what is there."""
        del work
        if shutil.which("python") is None:
            return Ready(path=[str(Path(sys.executable).parent)])
        return Ready()


class Contained(Environment):
    """A container: of the project, or of the runner."""

    manager = "docker"
    tag = "docker"

    def __init__(self, container: Container, notes: Sequence[str] = ()) -> None:
        self.container, self.notes = container, notes
        self._image = container.image

    @property
    def key(self) -> str:
        """The name of the image."""
        return self._image

    def ready(self, work: Work) -> Ready:
        """Return nothing: what is here is not there."""
        del work
        return Ready()
