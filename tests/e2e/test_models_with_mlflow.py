"""Models that we save load in the real MLflow, and models that it saves load here."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pegboard
import pytest
from pegboard.errors import InvalidValue, Refused
from pegboard_models.mlmodel import Model

X = pd.DataFrame({"a": [1.0, 2.0, 3.0, 4.0], "b": [1, 2, 3, 4]})

# What both sides save: custom models that use all that can be used, and models of scikit-learn.
SAVE = """
import pandas as pd
import {package} as mlflow

class Scaled(mlflow.pyfunc.PythonModel):
    def load_context(self, context):
        with open(context.artifacts["factor"]) as file:
            self.factor = float(file.read())
        self.shift = (context.model_config or {{}}).get("shift", 0)

    def predict(self, context, model_input, params=None):
        from helper import plus
        times = (params or {{}}).get("times", 1)
        return plus(model_input["a"] * self.factor * times, self.shift)

class Streaming(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        return list(self.predict_stream(context, model_input))

    def predict_stream(self, context, model_input, params=None):
        yield from ("one", "two")

def shout(model_input: list[str]) -> list[str]:
    return [text.upper() for text in model_input]

def sizes(model_input: list[dict[str, str]]) -> list[int]:
    return [len(item["text"]) for item in model_input]

with open("factor.txt", "w") as file:
    file.write("2.5")
with open("helper.py", "w") as file:
    file.write("def plus(a, b):\\n    return a + b\\n")
with open("coded.py", "w") as file:
    file.write('''
import mlflow
from mlflow.models import set_model

class Coded(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        return model_input["a"] * 10

set_model(Coded())
''')
with open("loads.py", "w") as file:
    file.write('''
class Loaded:
    def __init__(self, path):
        with open(path) as file:
            self.factor = float(file.read())

    def predict(self, data, params=None):
        return data["a"] * self.factor

def _load_pyfunc(path):
    return Loaded(path)
''')

X = pd.DataFrame({{"a": [1.0, 2.0, 3.0, 4.0], "b": [1, 2, 3, 4]}})
import sys
sys.path.insert(0, ".")
save = mlflow.pyfunc.save_model
save("scaled", python_model=Scaled(), artifacts={{"factor": "factor.txt"}},
     model_config={{"shift": 1}}, code_paths=["helper.py"], input_example=(X, {{"times": 1}}),
     metadata={{"made": "here"}}, pip_requirements=["pandas"])
save("streaming", python_model=Streaming(), pip_requirements=["pandas"])
save("shout", python_model=shout, input_example=["a", "b"], pip_requirements=["pandas"])
save("sizes", python_model=sizes, input_example=[{{"text": "abc"}}], pip_requirements=["pandas"])
save("coded", python_model="coded.py", pip_requirements=["pandas"],
     signature=mlflow.models.infer_signature(X))
save("loaded", loader_module="loads", data_path="factor.txt", code_paths=["loads.py"],
     pip_requirements=["pandas"])

from sklearn.linear_model import LogisticRegression

model = LogisticRegression().fit(X, [0, 1, 0, 1])
mlflow.sklearn.save_model(model, "safe", input_example=X, pip_requirements=["scikit-learn"])
mlflow.sklearn.save_model(model, "pickled", serialization_format="cloudpickle",
                          signature=mlflow.models.infer_signature(X, model.predict(X)),
                          pip_requirements=["scikit-learn"])
with open("proba", "w") as file:
    file.write(str(model.predict_proba(X).tolist()))
"""

# What both sides say of the models that the other has saved. Run where no code of theirs is.
PREDICT = """
import json, sys, warnings, logging
warnings.simplefilter("ignore"); logging.disable(logging.CRITICAL)
import pandas as pd
import {package} as mlflow

place = sys.argv[1]
X = pd.DataFrame({{"a": [1.0, 2.0, 3.0, 4.0], "b": [1, 2, 3, 4]}})

def load(name, **more):
    return mlflow.pyfunc.load_model(f"{{place}}/{{name}}", **more)

said = {{}}
scaled = load("scaled")
said["scaled"] = list(scaled.predict(X))
said["params"] = list(scaled.predict(X, {{"times": 2}}))
said["configured"] = list(load("scaled", model_config={{"shift": 100}}).predict(X))
said["metadata"] = scaled.metadata.metadata
said["signature"] = scaled.metadata.signature.to_dict()
said["example"] = json.loads(scaled.metadata.load_input_example(f"{{place}}/scaled").to_json())
said["serving"] = json.loads(scaled.metadata.get_serving_input(f"{{place}}/scaled"))
try:
    scaled.predict(X.drop(columns="a"))
    said["refused"] = False
except Exception as error:
    said["refused"] = "'a'" in str(error)
try:
    scaled.predict(X.astype({{"b": "float64"}}))
    said["cast"] = True
except Exception as error:
    said["cast"] = False
said["stream"] = list(load("streaming").predict_stream(["x"]))
said["shout"] = load("shout").predict(["x", "y"])
said["sizes"] = load("sizes").predict([{{"text": "four"}}])
said["coded"] = list(load("coded").predict(X))
said["loaded"] = list(load("loaded").predict(X))
for name in ("safe", "pickled"):
    said[name] = [
        mlflow.sklearn.load_model(f"{{place}}/{{name}}").predict_proba(X).tolist(),
        load(name).predict(X).tolist(),
    ]
print(json.dumps(said))
"""

SAID = {
    "scaled": [3.5, 6.0, 8.5, 11.0],
    "params": [6.0, 11.0, 16.0, 21.0],
    "configured": [102.5, 105.0, 107.5, 110.0],
    "metadata": {"made": "here"},
    "refused": True,
    "cast": False,
    "example": json.loads(X.to_json()),
    "stream": ["one", "two"],
    "shout": ["X", "Y"],
    "sizes": [4],
    "coded": [10.0, 20.0, 30.0, 40.0],
    "loaded": [2.5, 5.0, 7.5, 10.0],
}


def run(python: Path | str, script: str, directory: Path, *arguments: str) -> str:
    done = subprocess.run(
        [str(python), "-c", script, *arguments],
        cwd=directory,
        capture_output=True,
        text=True,
        timeout=600,
        env={
            "PATH": "/usr/bin:/bin",
            "HOME": str(directory),
            "PEGBOARD_TRUST_PICKLE": "1",
            "MLFLOW_TRACKING_URI": f"sqlite:///{directory}/tracking.db",
            "PEGBOARD_TRACKING_URI": f"sqlite:{directory}/pegboard.db",
        },
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip().splitlines()[-1] if done.stdout.strip() else ""


OURS = {"package": "pegboard"}
THEIRS = {"package": "mlflow"}


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("ours")
    run(sys.executable, SAVE.format(package="pegboard"), place)
    return place


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory, mlflow_python: Path) -> Path:
    place = tmp_path_factory.mktemp("theirs")
    run(mlflow_python, SAVE.format(package="mlflow"), place)
    return place


def check(said: dict[str, Any], place: Path) -> None:
    assert {key: said[key] for key in SAID} == SAID
    inputs = json.loads(said["signature"]["inputs"])
    assert [(each["name"], each["type"]) for each in inputs] == [("a", "double"), ("b", "long")]
    assert said["serving"]["params"] == {"times": 1}
    assert said["serving"]["dataframe_split"]["data"][0] == [1.0, 1]
    expected = json.loads((place / "proba").read_text())
    for name in ("safe", "pickled"):
        probabilities, classes = said[name]
        np.testing.assert_allclose(probabilities, expected)
        assert classes == [int(row[1] > 0.5) for row in expected]


def test_our_models_predict_in_mlflow(ours: Path, mlflow_python: Path, tmp_path: Path) -> None:
    said = run(mlflow_python, PREDICT.format(package="mlflow"), tmp_path, str(ours))
    check(json.loads(said), ours)


def test_the_models_of_mlflow_predict_here_without_mlflow(theirs: Path, tmp_path: Path) -> None:
    said = run(sys.executable, PREDICT.format(package="pegboard"), tmp_path, str(theirs))
    check(json.loads(said), theirs)


def test_our_models_predict_in_another_process_of_ours(ours: Path, tmp_path: Path) -> None:
    said = run(sys.executable, PREDICT.format(package="pegboard"), tmp_path, str(ours))
    check(json.loads(said), ours)


@pytest.mark.parametrize(
    "name", ["scaled", "streaming", "shout", "sizes", "coded", "loaded", "safe", "pickled"]
)
def test_both_write_the_same_keys_into_mlmodel(ours: Path, theirs: Path, name: str) -> None:
    one, other = (Model.load(place / name) for place in (ours, theirs))
    added = {"digest", "pegboard_version"}
    assert set(one.to_dict()) - added == set(other.to_dict())
    for flavor, entry in other.flavors.items():
        assert set(entry) - set(one.flavors[flavor]) <= {"code"}
    assert one.pyfunc is not None and other.pyfunc is not None
    assert one.pyfunc["loader_module"] == other.pyfunc["loader_module"]
    assert one.saved_input_example_info == other.saved_input_example_info
    if one.signature or other.signature:
        assert one.signature == other.signature
    assert one.is_signature_from_type_hint == other.is_signature_from_type_hint


def test_what_mlflow_wrote_is_written_again_without_a_loss(theirs: Path, tmp_path: Path) -> None:
    for file in theirs.glob("*/MLmodel"):
        model = Model.load(file)
        model.save(tmp_path)
        assert Model.load(tmp_path) == model
        import yaml

        content = yaml.safe_load(file.read_text())
        again = yaml.safe_load((tmp_path / "MLmodel").read_text())
        assert {key: value for key, value in content.items() if value is not None} == {
            key: value for key, value in again.items() if value is not None
        }


@pytest.mark.parametrize("name", ["scaled", "coded", "loaded", "pickled"])
def test_what_runs_code_is_refused_without_trust_whoever_saved_it(
    ours: Path, theirs: Path, name: str
) -> None:
    for place in (ours, theirs):
        with pytest.raises(Refused) as refusal:
            pegboard.pyfunc.load_model(str(place / name), trust=False)
        assert "trust=True" in refusal.value.hint
        assert "PEGBOARD_TRUST_PICKLE" in refusal.value.hint


def test_models_that_need_more_of_mlflow_say_so(theirs: Path, tmp_path: Path) -> None:
    model = Model.load(theirs / "streaming")
    assert model.pyfunc is not None
    model.pyfunc["loader_module"] = "mlflow.pyfunc.loaders.chat_agent"
    model.save(tmp_path)
    with pytest.raises(InvalidValue, match="chat_agent"):
        pegboard.pyfunc.load_model(str(tmp_path), trust=True)
