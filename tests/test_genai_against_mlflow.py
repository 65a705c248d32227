"""The same evaluation of a language model leaves the same behind as with the real MLflow."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from peers import mlflow_database
from pegboard_testing.llm_server import KEY, FakeOpenAI, Fault

SCRIPT = Path(__file__).with_name("genai_cases.py")
CASES = ("a function", "outputs", "a traced function", "judges", "what passes")
_QUESTIONS = 400

_SAID = json.dumps({"result": "yes", "rationale": "So it is."})
_ANSWER = {
    "id": "c",
    "object": "chat.completion",
    "created": 1,
    "model": "gpt-4o-mini",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": _SAID},
            "finish_reason": "stop",
        }
    ],
    "usage": {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110},
}


@pytest.fixture(scope="module")
def outcomes(mlflow_python: Path, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """Return what the script left behind, with MLflow and with pegboard."""
    base = tmp_path_factory.mktemp("genai")
    mlflow_database(base / "mlflow.db")
    with FakeOpenAI(*[Fault(200, json.dumps(_ANSWER).encode())] * _QUESTIONS) as server:
        env = {
            "PATH": os.environ["PATH"],
            "HOME": str(base),
            "OPENAI_API_KEY": KEY,
            "OPENAI_BASE_URL": server.url,
            "OPENAI_API_BASE": server.url,
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "MLFLOW_GENAI_EVAL_PREDICT_RATE_LIMIT": "0",
            "MLFLOW_GENAI_EVAL_SKIP_TRACE_VALIDATION": "false",
        }
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


@pytest.mark.parametrize("case", CASES)
def test_an_evaluation_leaves_the_same_behind(case: str, outcomes: list[dict[str, Any]]) -> None:
    theirs, ours = (found[case] for found in outcomes)
    assert ours == theirs
