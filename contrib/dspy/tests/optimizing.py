"""An evaluation and an optimization, for runs that are compared.

What MLflow makes of them is ``expected_runs.json``; ``python optimizing.py > expected_runs.json``,
with an interpreter that has MLflow and DSPy, records it anew.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import tempfile
from importlib import import_module
from pathlib import Path
from typing import Any

import dspy
from dspy.teleprompt import BootstrapFewShotWithRandomSearch
from dspy.utils import DummyLM

EXAMPLES = [
    dspy.Example(question=question, answer=answer).with_inputs("question")
    for question, answer in (("How far?", "3 km"), ("Where?", "Ulm"))
]


def is_right(example: Any, prediction: Any, trace: Any = None) -> bool:
    return bool(example.answer == prediction.answer)


def answering() -> DummyLM:
    return DummyLM({"How far?": {"answer": "3 km"}, "Where?": {"answer": "Neu-Ulm"}})


def evaluate() -> Any:
    evaluation = dspy.Evaluate(devset=EXAMPLES, metric=is_right, num_threads=2)
    return evaluation(dspy.Predict("question -> answer"))


def optimize() -> Any:
    optimizer = BootstrapFewShotWithRandomSearch(
        metric=is_right, max_bootstrapped_demos=1, num_candidate_programs=1, num_threads=1
    )
    return optimizer.compile(dspy.Predict("question -> answer"), trainset=EXAMPLES)


def runs(mlflow: Any) -> dict[str, Any]:
    """Return what runs an evaluation and an optimization make, by their names."""
    mlflow.dspy.autolog(log_evals=True, log_compiles=True)
    with dspy.context(lm=answering()):
        evaluate()
        optimize()
    client = getattr(mlflow, "MlflowClient", None) or mlflow.Client
    client = client()
    made = client.search_runs(["0"])
    [around] = {each for run in made if (each := run.data.tags.get("mlflow.parentRunId"))}
    found = {}
    for run in made:
        name = "optimization" if run.info.run_id == around else run.info.run_name
        files = sorted(file.path for file in client.list_artifacts(run.info.run_id))
        tables = {}
        for logged in json.loads(run.data.tags.get("mlflow.loggedArtifacts", "[]")):
            with tempfile.TemporaryDirectory() as place:
                file = client.download_artifacts(run.info.run_id, logged["path"], place)
                table = json.loads(Path(file).read_text())
                # MLflow adds the data again, and arguments, for each optimizer within.
                rows = [row for n, row in enumerate(table["data"]) if row not in table["data"][:n]]
                tables[logged["path"]] = {**table, "data": rows}
        found[name] = {
            "status": str(run.info.status),
            "parent": "mlflow.parentRunId" in run.data.tags,
            "params": {name: each for name, each in run.data.params.items() if name != "sample"},
            "metrics": dict(run.data.metrics),
            "files": files,
            "tables": tables,
        }
    return found


def _record() -> None:
    mlflow = import_module("mlflow")
    with tempfile.TemporaryDirectory() as place, contextlib.redirect_stdout(sys.stderr):
        os.chdir(place)
        mlflow.set_tracking_uri(f"sqlite:///{place}/runs.db")
        made = runs(mlflow)
    print(json.dumps(made, indent=1, sort_keys=True))


if __name__ == "__main__":
    _record()
