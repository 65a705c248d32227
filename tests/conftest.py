"""What tests across distributions share."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from peers import interpreter


@pytest.fixture(scope="session")
def mlflow_python() -> Path:
    """Return the Python of an environment that holds the real MLflow."""
    return interpreter("mlflow")


@pytest.fixture(scope="session", autouse=True)
def interruptible() -> None:
    """Let processes that tests start be interrupted.

    What a shell starts in the background ignores interrupts, and so would all its descendants.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
