"""What this distribution adds to the host: the names that scripts trace with."""

from __future__ import annotations

from collections.abc import Sequence

from pegboard.hookspecs import ApiName, hookimpl

from pegboard_tracing.names import TARGETS


@hookimpl
def pegboard_api() -> Sequence[ApiName]:
    """Declare ``pegboard.trace`` and the like, and MLflow's module ``tracing``."""
    return [ApiName(name, target, "") for name, target in TARGETS.items()]


@hookimpl
def pegboard_variables() -> Sequence[str]:
    """Name what says which part of the traces is kept."""
    return ("PEGBOARD_TRACE_SAMPLING_RATIO",)
