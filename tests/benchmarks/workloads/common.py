"""What the workloads share. Runs with the Python of any of the systems."""

from __future__ import annotations

import importlib
import json
import sys
from typing import Any

METRIC = "loss"


def request() -> dict[str, Any]:
    """Return what this process was asked to do."""
    asked: dict[str, Any] = json.loads(sys.argv[1])
    return asked


def answer(**values: object) -> None:
    """Say what was measured."""
    print(json.dumps(values), flush=True)


def tracker(asked: dict[str, Any]) -> Any:
    """Return pegboard or mlflow, pointed at the store: their scripting APIs are the same."""
    module = importlib.import_module(asked["system"])
    module.set_tracking_uri(asked["store"])
    return module
