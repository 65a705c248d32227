"""Earlier runs of a workflow's steps: which finished with the same basis, and which was the last.

One search finds the last thousand; what is not among them is searched for by its key.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pegboard import uris
from pegboard.entities import RunStatus
from pegboard.errors import NotFound

from pegboard_workflows import names

if TYPE_CHECKING:
    from pegboard.entities import Run
    from pegboard_scripting.client import Client

_MOST = 1000
_LOCAL = ("file", uris.PLAIN_PATH)


class History:
    """The runs of a workflow in an experiment."""

    def __init__(self, client: Client, experiment_id: str | None, workflow: str) -> None:
        """Look for the runs of ``workflow``; without an experiment, there are none."""
        self._client, self._experiment_id = client, experiment_id
        self._finished: dict[str, Run] = {}
        self._last: dict[str, Run] = {}
        self._is_whole = True
        if experiment_id is None:
            return
        page = client.search_runs(
            [experiment_id], f"tags.`{names.WORKFLOW}` = '{workflow}'", max_results=_MOST
        )
        for run in page:
            self._note(run)
        self._is_whole = not page.token

    def _note(self, run: Run) -> None:
        """Take a run that is older than those before."""
        tags = run.data.tags
        if names.TASK in tags:
            self._last.setdefault(tags[names.TASK], run)
        if is_done(run):
            self._finished.setdefault(tags[names.KEY], run)

    def finished(self, key: str) -> Run | None:
        """Return the last run with this key that finished, and whose outputs are known."""
        found = self._finished.get(key)
        if found is None and not self._is_whole and self._experiment_id is not None:
            text = f"tags.`{names.KEY}` = '{key}' and attributes.status = 'FINISHED'"
            for run in self._client.search_runs([self._experiment_id], text, max_results=1):
                self._note(run)
            found = self._finished.get(key)
        return found

    def last(self, label: str) -> Run | None:
        """Return the last run of a task, however it ended."""
        return self._last.get(label)

    def lost(self, run: Run) -> list[str]:
        """Return the outputs of a run that are gone, as far as it is known without asking."""
        uri = self._client.store.located(run.info.artifact_uri)
        paths = outputs_of(run)
        if not paths or uris.parse(uri).scheme not in _LOCAL:
            return []
        store = self._client.host.artifact_store(uri)
        return [path for path in paths if store.local_path(path) is None]


def is_done(run: Run) -> bool:
    """Whether a run of a step finished with all that it was to give."""
    tags = run.data.tags
    done = run.info.status is RunStatus.FINISHED
    return done and names.KEY in tags and names.OUTPUTS in tags


def outputs_of(run: Run) -> Mapping[str, str]:
    """Return the digests of what a step gave, by path."""
    return _json(run, names.OUTPUTS)


def basis_of(run: Run) -> Mapping[str, Any]:
    """Return what a run of a step was made of, in parts; {} if that is not known."""
    return _json(run, names.BASIS)


def _json(run: Run, tag: str) -> Mapping[str, Any]:
    try:
        found = json.loads(run.data.tags.get(tag, "{}"))
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def experiment_named(client: Client, name: str | None) -> str | None:
    """Return the id of an experiment that is there; without a name, of the current one."""
    if name is not None:
        found = client.get_experiment_by_name(name)
        return None if found is None else found.experiment_id
    from pegboard_scripting.fluent.experiments import current_experiment_id

    try:
        return current_experiment_id()
    except NotFound:
        return None
