"""What a plugin can do with a run that has started or is about to end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

if TYPE_CHECKING:
    from pegboard.entities import FileInfo, Metric, Param, RunTag


class HostView(Protocol):
    """What a plugin may ask of the host of a run."""

    def settings(self, plugin: str) -> Any:
        """Return the settings of a loaded plugin, an instance of the class that it declares."""


class RunLog(Protocol):
    """Writes to runs by their ids; ``pegboard.Client`` is one. From any thread."""

    @property
    def host(self) -> HostView:
        """The host whose plugins are asked."""

    def set_tag(self, run_id: str, key: str, value: object) -> object:
        """Set or change a tag."""

    def log_batch(
        self,
        run_id: str,
        metrics: Sequence[Metric] = (),
        params: Sequence[Param] = (),
        tags: Sequence[RunTag] = (),
    ) -> object:
        """Log many metrics, params and tags at once."""

    def log_text(self, run_id: str, text: str, artifact_file: str) -> None:
        """Write a text (UTF-8) to a file of the run."""

    def log_stream(self, run_id: str, stream: BinaryIO, artifact_file: str) -> None:
        """Write what a stream holds to a file of the run."""

    def list_artifacts(self, run_id: str, path: str | None = None) -> list[FileInfo]:
        """Return the files and directories directly below a path of the run."""
