"""Environment variables under our name or MLflow's."""

from __future__ import annotations

import os


def find(name: str) -> tuple[str, str] | None:
    """Return the variable ``PEGBOARD_name`` or ``MLFLOW_name`` and its value, if one is set."""
    for variable in (f"PEGBOARD_{name}", f"MLFLOW_{name}"):
        if value := os.environ.get(variable):
            return variable, value
    return None
