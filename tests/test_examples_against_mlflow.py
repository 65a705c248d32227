"""An example of input that was saved comes back as what the real MLflow gives back."""

from __future__ import annotations

import datetime
import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pegboard.errors import InvalidValue
from pegboard_models.mlmodel import Model
from pegboard_models.pyfunc import save_model
from pegboard_models.python_model import PythonModel

EXAMPLES = [
    "['hey']", "['hey', 'you']", "[1, 2]", "[1.5, None]", "[[1, 2], [3]]", "[True]", "[]",
    "['hey', 1]", "[{'a': 1}, {'a': None}]", "[b'x']", "[datetime.datetime(2020, 1, 1)]",
    "{'a': 1}", "{'a': [1, 2]}", "{'a': ['x', None]}", "{'a': {'b': [1]}}",
    "{'messages': [{'role': 'user', 'content': 'hi'}]}",
    "'hey'", "1", "1.5", "True", "b'x'", "datetime.datetime(2020, 1, 1)", "np.float32(0.5)",
    "np.array([1, 2])", "np.array([[1.5, float('nan')]], dtype='float32')",
    "{'a': np.array([1, 2])}", "pd.DataFrame({'a': [1, 2], 'b': ['x', None]})",
    "pd.DataFrame({'t': pd.to_datetime(['2020-01-01'])})", "pd.DataFrame([[1.0, 2.0]])",
    "('a', 'b')", "(1,)", "()", "{1, 2}", "object()", "{'a': np.array([1]), 'b': 2}",
]  # fmt: skip

_SCRIPT = """
import contextlib, datetime, json, logging, sys, tempfile, warnings
warnings.simplefilter("ignore"); logging.disable(logging.CRITICAL)
import numpy as np, pandas as pd, mlflow
from mlflow.models import Model

class Nothing(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        return None

def plain(value):
    if isinstance(value, pd.DataFrame):
        table = value.to_json(orient="split", date_format="iso")
        return ["table", table, [d.kind for d in value.dtypes]]
    if isinstance(value, np.ndarray):
        return ["array", str(value.dtype), repr(value.tolist())]
    if isinstance(value, dict):
        return ["dict", [[key, plain(each)] for key, each in value.items()]]
    return [type(value).__name__, repr(value)]

def answer(text):
    place = tempfile.mkdtemp() + "/model"
    try:
        with contextlib.redirect_stdout(sys.stderr):
            mlflow.pyfunc.save_model(
                place, python_model=Nothing(), input_example=eval(text), pip_requirements=[]
            )
        return plain(Model.load(place).load_input_example(place))
    except Exception:
        return None

json.dump([answer(text) for text in json.loads(sys.stdin.read())], sys.stdout)
"""


@pytest.fixture(scope="module")
def theirs(mlflow_python: Path) -> list[Any]:
    done = subprocess.run(
        [str(mlflow_python), "-c", _SCRIPT],
        input=json.dumps(EXAMPLES),
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    found: list[Any] = json.loads(done.stdout)
    return found


class Nothing(PythonModel):
    """Says nothing about its input."""

    def predict(self, context: Any, model_input: Any, params: Any = None) -> None:
        """Predict nothing."""


def plain(value: Any) -> Any:
    if isinstance(value, pd.DataFrame):
        return [
            "table",
            value.to_json(orient="split", date_format="iso"),
            [d.kind for d in value.dtypes],
        ]
    if isinstance(value, np.ndarray):
        return ["array", str(value.dtype), repr(value.tolist())]
    if isinstance(value, dict):
        return ["dict", [[key, plain(each)] for key, each in value.items()]]
    return [type(value).__name__, repr(value)]


@pytest.mark.parametrize("text", EXAMPLES)
def test_an_example_comes_back_as_mlflow_gives_it_back(
    text: str, theirs: list[Any], tmp_path: Path
) -> None:
    given = eval(text, {"np": np, "pd": pd, "datetime": datetime})
    answer = theirs[EXAMPLES.index(text)]
    place = tmp_path / "model"
    if answer is None:
        with pytest.raises(InvalidValue, match="example of input"):
            save_model(place, python_model=Nothing(), input_example=given, pip_requirements=[])
        return
    save_model(place, python_model=Nothing(), input_example=given, pip_requirements=[])
    assert plain(Model.load(place).load_input_example(place)) == answer
