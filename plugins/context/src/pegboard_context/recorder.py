"""Records the environment and the uncommitted changes of a run, beside the run's own work."""

from __future__ import annotations

import io
import json
import threading
from typing import TYPE_CHECKING

from pegboard.tags import ENVIRONMENT_DIRECTORY, GIT_DIRTY, PARENT_RUN_ID

from pegboard_context import changes, context

if TYPE_CHECKING:
    from pegboard.contracts.run_log import RunLog
    from pegboard.entities import Run

    from pegboard_context.settings import Settings

_active: dict[str, Recorder] = {}
"""By run id. Without a lock: a signal handler may end a run in the midst of anything."""


class Recorder(threading.Thread):
    """A thread that records one run.

    It writes ``environment/requirements.txt``, ``environment/environment.json`` and, if tracked
    files have changes, ``environment/uncommitted.patch``, and sets the tag
    ``mlflow.source.git.dirty``. A resumed run keeps what its first start recorded.
    """

    def __init__(self, run: Run, client: RunLog, settings: Settings, *, with_files: bool) -> None:
        super().__init__(name=f"pegboard-context-{run.info.run_id}", daemon=True)
        self._run, self._client, self._settings = run, client, settings
        self._with_files = with_files

    def run(self) -> None:
        """Record everything; a failure is reported, and is no reason for the run to fail."""
        try:
            self._record()
        except Exception as error:
            import logging

            logging.getLogger("pegboard").warning(
                "The environment of run %s was not recorded: %s", self._run.info.run_id, error
            )

    def _record(self) -> None:
        # Git works in a process of its own while the environment is written.
        question = self._ask()
        # Imported here so that it costs the run's own thread nothing.
        from pegboard_context import environment

        run_id = self._run.info.run_id
        with_files = self._with_files and not self._has_files(run_id)
        if with_files and self._settings.record_environment:
            self._log_text("requirements.txt", environment.requirements())
            self._log_text("environment.json", json.dumps(environment.description(), indent=2))
        answer = question.answer() if question is not None else None
        if answer is None:
            return
        self._client.set_tag(run_id, GIT_DIRTY, str(answer.dirty).lower())
        if with_files and self._settings.record_patch and answer.dirty:
            # Not as text: the files that it is about need not be UTF-8.
            self._client.log_stream(
                run_id, io.BytesIO(answer.patch), f"{ENVIRONMENT_DIRECTORY}/uncommitted.patch"
            )

    def _has_files(self, run_id: str) -> bool:
        # For a path below the root, the store would search for a model of that name.
        found = self._client.list_artifacts(run_id)
        return any(file.path == ENVIRONMENT_DIRECTORY and file.is_dir for file in found)

    def _ask(self) -> changes.Question | None:
        if not self._settings.record_git or GIT_DIRTY in self._run.data.tags:
            return None
        repository = context.repository()
        return changes.ask(repository) if repository is not None else None

    def _log_text(self, name: str, text: str) -> None:
        self._client.log_text(self._run.info.run_id, text, f"{ENVIRONMENT_DIRECTORY}/{name}")


def start(run: Run, client: RunLog, settings: Settings) -> None:
    """Begin to record a run.

    A child of a run that this process also records gets no files: they would be the same.
    """
    if not (settings.record_git or settings.record_environment):
        return
    with_files = run.data.tags.get(PARENT_RUN_ID) not in _active
    recorder = Recorder(run, client, settings, with_files=with_files)
    recorder.start()
    _active[run.info.run_id] = recorder


def finish(run_id: str, timeout: float) -> None:
    """Wait until a run is recorded, for at most ``timeout`` seconds."""
    recorder = _active.pop(run_id, None)
    if recorder is not None:
        recorder.join(timeout)
