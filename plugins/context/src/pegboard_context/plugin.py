"""What this distribution adds to the host. Imports nothing until it is used."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pegboard.hookspecs import OK, WARN, DatasetType, Finding, hookimpl

if TYPE_CHECKING:
    from pegboard.contracts.run_log import RunLog
    from pegboard.entities import Run, RunStatus

NAME = "context"
"""The name of the entry point, and of the table in the configuration."""


@hookimpl
def pegboard_dataset_types() -> Sequence[DatasetType]:
    """Declare frames, arrays, Hugging Face datasets and plain files."""
    kinds = "pegboard_context.datasets.kinds"
    here = "pegboard_context.datasets"
    return [
        DatasetType(name, f"{kinds}:is_{name}", f"{here}.{module}:describe", summary)
        for name, module, summary in (
            ("pandas", "pandas", "A pandas DataFrame"),
            ("polars", "polars", "A polars DataFrame"),
            ("numpy", "numpy", "A numpy array, or a dict of arrays by name"),
            ("huggingface", "huggingface", "A Hugging Face dataset"),
            ("file", "files", "A file, or a directory with all below"),
        )
    ]


@hookimpl
def pegboard_checks() -> Iterable[Finding]:
    """Look for git, which tells the commit that a run is on."""
    import shutil

    if program := shutil.which("git"):
        return [Finding("git", OK, program)]
    advice = "Install git to have runs record the commit they ran on."
    return [Finding("git", WARN, "not found", advice)]


@hookimpl
def pegboard_settings() -> str:
    """Name the class of the settings of [plugins.context]."""
    return "pegboard_context.settings:Settings"


@hookimpl
def pegboard_run_context() -> Mapping[str, str]:
    """Say who starts the run, from what, and on which commit."""
    from pegboard import host

    from pegboard_context.context import run_tags

    return run_tags(host.current().settings(NAME))


@hookimpl
def pegboard_run_started(run: Run, client: RunLog, options: Mapping[str, Any]) -> None:
    """Begin to record the environment and, if wanted, the metrics of the machine."""
    from pegboard_context import recorder, system_metrics

    settings = client.host.settings(NAME)
    recorder.start(run, client, settings)
    chosen = options.get("log_system_metrics")
    system_metrics.start(run, client, chosen, settings.system_metrics)


@hookimpl
def pegboard_run_ending(run: Run, status: RunStatus) -> None:
    """Wait for what is being recorded; a run that is killed does not wait long."""
    from pegboard.entities import RunStatus

    from pegboard_context import recorder, system_metrics

    timeout = 1.0 if status is RunStatus.KILLED else 10.0
    system_metrics.finish(run.info.run_id, timeout)
    recorder.finish(run.info.run_id, timeout)
