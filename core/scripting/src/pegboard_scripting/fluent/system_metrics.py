"""Whether and how runs record the metrics of the machine.

Kept in MLflow's environment variables, so that processes started by this one do the same.
"""

from __future__ import annotations

import os

from pegboard.errors import InvalidValue

ENABLED = "MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING"
INTERVAL = "MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL"
SAMPLES = "MLFLOW_SYSTEM_METRICS_SAMPLES_BEFORE_LOGGING"
NODE_ID = "MLFLOW_SYSTEM_METRICS_NODE_ID"


def enable_system_metrics_logging() -> None:
    """Record system metrics of the runs started from now on."""
    os.environ[ENABLED] = "true"


def disable_system_metrics_logging() -> None:
    """Record no system metrics of the runs started from now on."""
    os.environ[ENABLED] = "false"


def set_system_metrics_sampling_interval(interval: float | None) -> None:
    """Measure every ``interval`` seconds; None: the default."""
    _set_positive(INTERVAL, "sampling interval", interval)


def set_system_metrics_samples_before_logging(samples: int | None) -> None:
    """Log the mean of that many measurements; None: the default."""
    _set_positive(SAMPLES, "number of samples", samples)


def set_system_metrics_node_id(node_id: str | None) -> None:
    """Name this machine in the names of its system metrics; None: do not."""
    _set(NODE_ID, node_id)


def _set_positive(variable: str, what: str, value: float | None) -> None:
    if value is not None and not value > 0:
        raise InvalidValue(f"The {what} of system metrics should be above 0; got {value!r}.")
    _set(variable, None if value is None else str(value))


def _set(variable: str, value: str | None) -> None:
    if value is None:
        os.environ.pop(variable, None)
    else:
        os.environ[variable] = value
