"""Small scripts that trace leave the same behind with pegboard as with the real MLflow."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from peers import mlflow_database

SCRIPT = Path(__file__).with_name("tracing_cases.py")
CASES = re.findall(r"@case\ndef (\w+)", SCRIPT.read_text())


@pytest.fixture(scope="module")
def outcomes(mlflow_python: Path, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """Return what came of the scripts, with MLflow and with pegboard."""
    base = tmp_path_factory.mktemp("tracing")
    env = {
        "PATH": os.environ["PATH"],
        "HOME": str(base),
        "MLFLOW_DISABLE_TELEMETRY": "true",
        # On a slow machine its threads overtake each other, and tags of a trace are lost.
        "MLFLOW_ENABLE_ASYNC_TRACE_LOGGING": "false",
    }
    mlflow_database(base / "mlflow.db")
    running = [
        subprocess.Popen(
            [python, str(SCRIPT), module, f"sqlite:///{base}/{module}.db"],
            cwd=base,
            env=env,
            stdout=subprocess.PIPE,
            text=True,
        )
        for python, module in ((mlflow_python, "mlflow"), (sys.executable, "pegboard"))
    ]
    return [json.loads(process.communicate()[0].splitlines()[-1]) for process in running]


@pytest.mark.parametrize("case", ["signatures", *CASES])
def test_a_script_leaves_the_same_behind(case: str, outcomes: list[dict[str, Any]]) -> None:
    theirs, ours = (found[case] for found in outcomes)
    assert ours == theirs
