"""What tests across distributions share."""

from __future__ import annotations

from pathlib import Path

import pytest
from peers import interpreter


@pytest.fixture(scope="session")
def mlflow_python() -> Path:
    """Return the Python of an environment that holds the real MLflow."""
    return interpreter("mlflow")
