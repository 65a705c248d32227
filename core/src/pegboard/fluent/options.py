"""Whether and how runs record system metrics; plugins get this when a run starts."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, TypeVar

from pegboard.errors import InvalidValue

T = TypeVar("T")

_set: dict[str, Any] = {}


def enable_system_metrics_logging() -> None:
    """Record system metrics of the runs started from now on."""
    _set["log_system_metrics"] = True


def disable_system_metrics_logging() -> None:
    """Record no system metrics of the runs started from now on."""
    _set["log_system_metrics"] = False


def set_system_metrics_sampling_interval(interval: float | None) -> None:
    """Measure every ``interval`` seconds; None: the default."""
    _set["system_metrics_sampling_interval"] = _positive(interval, "sampling interval")


def set_system_metrics_samples_before_logging(samples: int | None) -> None:
    """Log the mean of that many measurements; None: the default."""
    _set["system_metrics_samples_before_logging"] = _positive(samples, "number of samples")


def set_system_metrics_node_id(node_id: str | None) -> None:
    """Name this machine in the names of its system metrics; None: do not."""
    _set["system_metrics_node_id"] = node_id


def for_run(log_system_metrics: bool | None) -> dict[str, Any]:
    """Return the options of a run: what it was started with, else what was set, else None."""
    chosen = _chosen("log_system_metrics", "ENABLE_SYSTEM_METRICS_LOGGING", _truth)
    return {
        "log_system_metrics": chosen if log_system_metrics is None else log_system_metrics,
        "system_metrics_sampling_interval": _chosen(
            "system_metrics_sampling_interval", "SYSTEM_METRICS_SAMPLING_INTERVAL", float
        ),
        "system_metrics_samples_before_logging": _chosen(
            "system_metrics_samples_before_logging", "SYSTEM_METRICS_SAMPLES_BEFORE_LOGGING", int
        ),
        "system_metrics_node_id": _chosen(
            "system_metrics_node_id", "SYSTEM_METRICS_NODE_ID", str
        ),
    }


def environment(name: str) -> tuple[str, str] | None:
    """Return the variable ``PEGBOARD_name`` or ``MLFLOW_name`` and its value, if one is set."""
    for variable in (f"PEGBOARD_{name}", f"MLFLOW_{name}"):
        if value := os.environ.get(variable):
            return variable, value
    return None


def _chosen(option: str, variable: str, convert: Callable[[str], T]) -> T | None:
    if _set.get(option) is not None:
        value: T = _set[option]
        return value
    found = environment(variable)
    if found is None:
        return None
    try:
        return convert(found[1])
    except ValueError as error:
        raise InvalidValue(f"The environment variable {found[0]} is {found[1]!r}: {error}") from error


def _truth(text: str) -> bool:
    if text.lower() in ("true", "1"):
        return True
    if text.lower() in ("false", "0"):
        return False
    raise ValueError("it should be true or false.")


def _positive(value: T | None, what: str) -> T | None:
    if value is not None and not value > 0:  # type: ignore[operator]
        raise InvalidValue(f"The {what} of system metrics should be above 0; got {value!r}.")
    return value
