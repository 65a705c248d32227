"""``pegboard.projects``: projects from scripts, with MLflow's names."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pegboard_projects.cancelling import by_signals
from pegboard_projects.errors import ExecutionException, ProjectError
from pegboard_projects.planning import Request
from pegboard_projects.recording import Place
from pegboard_projects.running import SubmittedRun, start

__all__ = ["ExecutionException", "SubmittedRun", "run"]


def run(
    uri: str,
    entry_point: str = "main",
    version: str | None = None,
    parameters: Mapping[str, Any] | None = None,
    docker_args: Mapping[str, Any] | None = None,
    experiment_name: str | None = None,
    experiment_id: str | None = None,
    backend: str | None = None,
    backend_config: Mapping[str, Any] | str | Path | None = None,
    storage_dir: str | None = None,
    synchronous: bool = True,
    run_id: str | None = None,
    run_name: str | None = None,
    env_manager: str | None = None,
    build_image: bool = False,
    docker_auth: Mapping[str, str] | None = None,
) -> SubmittedRun:
    """Run a project: a folder, a zip file or a git repository; return a handle to its run.

    With ``synchronous`` it waits for the end: ExecutionException if the project fails. Without, the
    handle waits, and Python does at its end. What is wrong with the project or the parameters is a
    ProjectError, and no run is created. Inside an active run, it is nested in it.
    """
    if experiment_name is not None and experiment_id is not None:
        raise ProjectError("Name the experiment by either experiment_name or experiment_id.")
    if docker_auth:
        raise ProjectError("docker_auth is not supported.", hint="Run 'docker login' before.")
    request = Request(
        uri=str(uri),
        entry_point=entry_point,
        version=version,
        parameters=parameters or {},
        backend=backend,
        backend_config=config_of(backend_config),
        env_manager=env_manager,
        storage_dir=storage_dir,
        docker_args=docker_args or {},
        build_image=build_image,
    )
    place = Place(
        experiment_name=experiment_name,
        experiment_id=experiment_id,
        run_id=run_id,
        run_name=run_name,
    )
    if not synchronous:
        return start(request, place, show=shown)
    with by_signals() as cancelling:
        submitted = start(request, place, show=shown, cancelling=cancelling)
        caught = cancelling.wait()
    if caught == signal.SIGINT:
        raise KeyboardInterrupt
    if caught is not None:
        # Whoever sent it meant this process, too.
        signal.raise_signal(caught)
    raise_fault(submitted)
    return submitted


def config_of(given: Mapping[str, Any] | str | Path | None) -> dict[str, Any]:
    """Return the configuration of a runner: a mapping, JSON text, or the path of a JSON file."""
    if given is None:
        return {}
    if isinstance(given, Mapping):
        return dict(given)
    text = str(given)
    where = "The configuration of the runner"
    try:
        if not text.lstrip().startswith("{"):
            where, text = f"The file {text!r}", Path(text).read_text("utf-8")
        found = json.loads(text)
    except OSError as error:
        raise ProjectError(f"{where} cannot be read: {error.strerror}.") from None
    except ValueError as error:
        raise ProjectError(f"{where} is not JSON: {error}.") from None
    if not isinstance(found, dict):
        raise ProjectError(f"{where} is not a JSON object.")
    return found


def shown(piece: bytes) -> None:
    """Show a piece of a project's output on this process's."""
    stream = getattr(sys.stdout, "buffer", None)
    if stream is None:
        sys.stdout.write(piece.decode(errors="replace"))
        sys.stdout.flush()
        return
    stream.write(piece)
    stream.flush()


def raise_fault(submitted: SubmittedRun) -> None:
    """Raise ExecutionException if a run did not finish."""
    outcome = submitted.outcome
    status = submitted.get_status()
    if outcome is None or status == "FINISHED":
        return
    why = outcome.reason or f"its exit code is {outcome.code}"
    if outcome.cancelled:
        why = "it was cancelled"
    raise ExecutionException(
        f"The run {submitted.run_id} of the project has the status {status}: {why}.",
        code=outcome.code,
    )
