"""The contract of project runners: where a packaged project is executed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path

from attrs import field, frozen

from pegboard.entities import RunStatus


@frozen
class ProjectJob:
    """A command to run in a project's directory, for an existing run."""

    run_id: str
    directory: Path
    command: Sequence[str]
    environment: Mapping[str, str] = field(factory=dict)


class SubmittedJob(ABC):
    """A job that was handed to a runner."""

    @abstractmethod
    def wait(self) -> RunStatus:
        """Wait for the end; FINISHED, FAILED or KILLED."""

    @abstractmethod
    def cancel(self) -> None:
        """Stop the job; a no-op if it has ended."""


class ProjectRunner(ABC):
    """A place where projects run: this machine, a cluster, a cloud."""

    @abstractmethod
    def submit(self, job: ProjectJob) -> SubmittedJob:
        """Start a job and return at once."""
