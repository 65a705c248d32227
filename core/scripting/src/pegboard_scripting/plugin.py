"""What this distribution adds to the host: the names that scripts use."""

from __future__ import annotations

from collections.abc import Sequence

from pegboard.hookspecs import ApiName, hookimpl

from pegboard_scripting.names import TARGETS


@hookimpl
def pegboard_api() -> Sequence[ApiName]:
    """Declare ``pegboard.start_run`` and the like, ``pegboard.Client`` and MLflow's modules."""
    return [ApiName(name, target, "") for name, target in TARGETS.items()]


@hookimpl
def pegboard_variables() -> Sequence[str]:
    """Name what says which run, experiment or model a script goes on with."""
    return (
        "PEGBOARD_ACTIVE_MODEL_ID",
        "PEGBOARD_EXPERIMENT_ID",
        "PEGBOARD_EXPERIMENT_NAME",
        "PEGBOARD_RUN_ID",
    )
