"""The contract of runners: what brings a command to the place where it runs, and watches it.

``pegboard_projects.RunnerContract`` has the tests that every runner passes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, TypeAlias

from attrs import field, frozen
from pegboard.entities import RunStatus
from pegboard.errors import InvalidState

Log: TypeAlias = Callable[[bytes], None]
"""Takes a piece of output, as it comes; from one thread at a time."""

_EVERYWHERE = ("MLFLOW_", "PEGBOARD_")


@frozen(kw_only=True)
class Container:
    """The container that a command runs in.

    ``environment`` holds names of variables that it gets from here, or names with values;
    ``options`` are those of ``docker run``, by name, True for one without a value. With ``build``,
    an image is made with the project inside; else its folder is mounted.
    """

    image: str
    volumes: Sequence[str] = ()
    environment: Sequence[str | tuple[str, str]] = ()
    options: Mapping[str, str | bool] = field(factory=dict)
    build: bool = False


@frozen(kw_only=True)
class Job:
    """A command that is to run.

    ``command`` is text for bash, ``directory`` the folder of the project, on this machine.
    ``variables`` are all environment variables of the command; ``added`` names those of them that
    it has not from this machine. ``settings`` is an instance of the runner's own class.
    """

    run_id: str
    name: str
    command: str
    directory: Path
    variables: Mapping[str, str] = field(repr=False)
    added: frozenset[str] = frozenset()
    settings: Any = None
    grace_seconds: float = 10.0
    """How long the command may go on when it is asked to end, before it is killed."""
    container: Container | None = None
    """What it runs in; None if the runner runs it in none."""
    artifact_uri: str = ""
    """Where the files of the run are kept, which the command may write itself."""
    lock: str = ""
    """What its environment holds, as ``pip freeze`` says it; "" if nobody knows."""

    @property
    def carried(self) -> dict[str, str]:
        """Those variables that the command needs wherever it runs; some of them are secret."""
        return {
            name: value
            for name, value in self.variables.items()
            if name in self.added or name.startswith(_EVERYWHERE)
        }


@frozen(kw_only=True)
class Left:
    """A job that another process submitted: ``place`` holds what ``describe`` said of it."""

    run_id: str
    place: Mapping[str, str]
    settings: Any
    grace_seconds: float = 10.0
    outputs: Path | None = None
    """A folder for what the job has made, if the runner brings that; None: nobody wants it."""


@frozen(kw_only=True)
class Outcome:
    """How a job ended: ``code`` is its exit code, 128 + N if signal N ended it.

    ``reason`` says in a sentence why the runner ended it, or why there is no code (which is None
    then); ``cancelled``: because ``cancel`` was called; ``timed_out``: because it took too long.
    ``usage`` holds what it used, by name: ``cpu_seconds``, ``memory_bytes``, where the runner
    knows.
    """

    code: int | None
    reason: str = ""
    cancelled: bool = False
    timed_out: bool = False
    usage: Mapping[str, float] = field(factory=dict)

    @property
    def status(self) -> RunStatus:
        """What the run ends as: FINISHED, FAILED or KILLED."""
        if self.cancelled:
            return RunStatus.KILLED
        return RunStatus.FAILED if self.code != 0 or self.reason else RunStatus.FINISHED


class Submitted(ABC):
    """A job that was given to a runner. All methods may be called from any thread."""

    @abstractmethod
    def wait(self, timeout: float | None = None) -> Outcome | None:
        """Return how the job ended; None if it runs on after ``timeout`` seconds.

        When it returns an outcome, nothing of the job runs any more, and its log is complete.
        """

    @abstractmethod
    def cancel(self) -> None:
        """Ask the job to end, with all that it started; return at once.

        What is left after the job's ``grace_seconds`` is killed. More calls change nothing.
        """

    def describe(self) -> Mapping[str, str]:
        """Return tags that say where the job is: its number in a queue, say.

        They are what it takes to follow it again. It is asked when the job was submitted, and
        when it has ended.
        """
        return {}


class Runner(ABC):
    """A place where jobs run."""

    settings: ClassVar[type]
    """An attrs class with a default for each field: the keys of ``--backend-config``."""

    shares_machine: bool = True
    """Whether jobs see files of this machine: they then get a folder for what they make. A runner
    that may do either sets it in ``check``."""

    brings_outputs: ClassVar[bool] = False
    """Whether the runner brings what jobs make to the folder PEGBOARD_OUTPUTS of this machine."""

    def check(self, settings: Any, uri: str) -> None:  # noqa: B027 (one that is always there)
        """Refuse what cannot work, before anything is created.

        ConfigError or InvalidValue says why. ``uri`` is the tracking URI that jobs are to use.
        """

    def container(self, settings: Any, asked: Container | None) -> Container | None:
        """Return the container that a job is to run in; None if jobs of this runner run in none.

        ``asked`` is what the project or the caller asks for, None if nothing. ConfigError or
        InvalidValue says what is wrong with it, before anything is created.
        """
        del settings, asked
        return None

    @abstractmethod
    def submit(self, job: Job, log: Log) -> Submitted:
        """Begin to run a job, whose output goes to ``log``, stdout and stderr in one.

        An error that is raised means that nothing was begun.
        """

    def take_up(self, job: Left, log: Log) -> Submitted:
        """Follow a job again that the process which submitted it left behind.

        All that it has said comes once more, from the beginning. InvalidState if it cannot be
        followed, as that of a runner whose jobs end with that process.
        """
        del log
        raise InvalidState(
            f"The job of the run {job.run_id!r} cannot be followed again.",
            hint="Its runner keeps nothing of jobs whose process here has ended.",
        )
