"""Runs and logged models as pandas tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pegboard.errors import PluginError

if TYPE_CHECKING:
    import pandas
    from pegboard.entities import Run
    from pegboard.entities.logged_models import LoggedModel

_NAN = float("nan")
_MODEL_COLUMNS = (
    "artifact_location",
    "creation_timestamp",
    "experiment_id",
    "last_updated_timestamp",
    "metrics",
    "model_id",
    "model_type",
    "name",
    "params",
    "source_run_id",
    "status",
    "status_message",
    "tags",
)


def load_pandas() -> Any:
    """Return the pandas module; a clear error if it is not installed."""
    try:
        import pandas as pd
    except ImportError as error:
        raise PluginError("This needs pandas.", hint="pip install 'pegboard[pandas]'") from error
    return pd


def runs_frame(runs: Sequence[Run]) -> pandas.DataFrame:
    """Return one row per run, with MLflow's columns.

    ``run_id``, ``experiment_id``, ``status``, ``artifact_uri``, ``start_time`` and ``end_time``
    (UTC), then ``metrics.*`` (NaN where missing), ``params.*`` and ``tags.*`` (None where missing).
    """
    pd = load_pandas()
    infos = [run.info for run in runs]
    columns: dict[str, Any] = {
        "run_id": [info.run_id for info in infos],
        "experiment_id": [info.experiment_id for info in infos],
        "status": [info.status.value for info in infos],
        "artifact_uri": [info.artifact_uri for info in infos],
        "start_time": pd.to_datetime([info.start_time for info in infos], unit="ms", utc=True),
        "end_time": pd.to_datetime([info.end_time for info in infos], unit="ms", utc=True),
    }
    _spread(columns, "metrics", [run.data.metrics for run in runs], _NAN)
    _spread(columns, "params", [run.data.params for run in runs], None)
    _spread(columns, "tags", [run.data.tags for run in runs], None)
    frame: pandas.DataFrame = pd.DataFrame(columns)
    return frame


def models_frame(models: Sequence[LoggedModel]) -> pandas.DataFrame:
    """Return one row per model, with MLflow's columns, in the order of their names."""
    rows = [[getattr(model, name) for name in _MODEL_COLUMNS] for model in models]
    frame: pandas.DataFrame = load_pandas().DataFrame(rows, columns=list(_MODEL_COLUMNS))
    return frame


def _spread(columns: dict[str, Any], prefix: str, rows: Sequence[Any], missing: Any) -> None:
    for number, row in enumerate(rows):
        for key, value in row.items():
            column = columns.get(f"{prefix}.{key}")
            if column is None:
                column = columns[f"{prefix}.{key}"] = [missing] * len(rows)
            column[number] = value
