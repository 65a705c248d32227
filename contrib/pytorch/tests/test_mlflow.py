"""Models that we save load in the real MLflow, and models that it saves load here."""

from __future__ import annotations

import json
import os
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pegboard
import pytest
import torch
from torch import nn

PEERS = Path(__file__).resolve().parents[3] / "tests" / "peers"
ROWS = [[1.0, 2.0, 3.0], [-1.0, 0.5, 4.0], [0.0, 0.0, 0.0], [2.0, -3.0, 1.0]]
FORMATS = ["pt2", "pickle"]

# Loads what we saved, and saves a model of its own; says what all of them predict.
SCRIPT = """
import json
import mlflow
import numpy as np
import torch
from mlflow.models import ModelSignature
from mlflow.types import Schema, TensorSpec
from torch import nn

torch.set_num_threads(1)
with open("rows.json") as file:
    rows = np.array(json.load(file), "float32")

def outputs(model):
    with torch.no_grad():
        return model(torch.tensor(rows)).tolist()

said = {"mlflow": mlflow.__version__}
for form in ("pt2", "pickle"):
    native = mlflow.pytorch.load_model(f"ours-{form}")
    generic = mlflow.pyfunc.load_model(f"ours-{form}")
    said[form] = {"native": outputs(native), "pyfunc": generic.predict(rows).tolist()}
    said[form]["inputs"] = generic.metadata.signature.inputs.to_dict()
state = mlflow.pytorch.load_state_dict("ours-state")
said["state"] = {"epoch": state["epoch"], "bias": state["model"]["0.bias"].tolist()}

torch.manual_seed(11)
model = nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 2)).eval()
# It would infer this if it had SciPy.
specs = [TensorSpec(np.dtype("float32"), (-1, width)) for width in (3, 2)]
signature = ModelSignature(*(Schema([spec]) for spec in specs))
for form in ("pt2", "pickle"):
    mlflow.pytorch.save_model(
        model,
        f"theirs-{form}",
        input_example=rows,
        signature=signature,
        pip_requirements=["torch"],
        serialization_format=form,
    )
mlflow.pytorch.save_state_dict({"model": model.state_dict(), "epoch": 5}, ".")
said["theirs"] = outputs(model)
with open("said.json", "w") as file:
    json.dump(said, file)
"""


@pytest.fixture(scope="module")
def model() -> nn.Module:
    torch.manual_seed(7)
    return nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2)).eval()


@pytest.fixture(scope="module")
def place(model: nn.Module, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the directory where we and MLflow saved models, and MLflow loaded ours."""
    place = tmp_path_factory.mktemp("mlflow")
    packages = place / "packages"
    runpy.run_path(str(PEERS / "__init__.py"))["uv"](
        *("pip", "install", "--quiet", "--no-deps", "--python", sys.executable),
        *("--target", str(packages), "--requirement", str(PEERS / "mlflow-skinny.txt")),
    )
    example = np.array(ROWS, "float32")
    for form in FORMATS:
        pegboard.pytorch.save_model(
            model, place / f"ours-{form}", input_example=example, serialization_format=form
        )
    (place / "ours-state").mkdir()
    state = {"model": model.state_dict(), "epoch": 3}
    pegboard.pytorch.save_state_dict(state, place / "ours-state")
    (place / "rows.json").write_text(json.dumps(ROWS))
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")},
        "DO_NOT_TRACK": "true",
        "MLFLOW_DEFAULT_PREDICTION_DEVICE": "cpu",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_TRACKING_URI": f"sqlite:///{place}/mlflow.db",
        # PyTorch stays that of this environment: MLflow's client does not come with one.
        "PYTHONPATH": str(packages),
    }
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], cwd=place, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return place


@pytest.fixture(scope="module")
def said(place: Path) -> Any:
    """Return what MLflow loaded and predicted."""
    return json.loads((place / "said.json").read_text())


def outputs(model: Any) -> Any:
    with torch.no_grad():
        return model(torch.tensor(ROWS)).numpy()


def test_it_was_the_mlflow_of_the_pins(said: Any) -> None:
    assert f"mlflow-skinny=={said['mlflow']}" == (PEERS / "mlflow-skinny.in").read_text().strip()


@pytest.mark.parametrize("form", FORMATS)
def test_mlflow_predicts_with_ours_what_we_predict(said: Any, model: nn.Module, form: str) -> None:
    np.testing.assert_allclose(said[form]["native"], outputs(model), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(said[form]["pyfunc"], outputs(model), rtol=1e-5, atol=1e-6)
    (spec,) = said[form]["inputs"]
    assert spec["tensor-spec"] == {"dtype": "float32", "shape": [-1, 3]}


@pytest.mark.parametrize("form", FORMATS)
def test_we_predict_with_mlflows_what_it_predicts(place: Path, said: Any, form: str) -> None:
    saved = place / f"theirs-{form}"
    trust = form == "pickle"
    native = pegboard.pytorch.load_model(saved, trust=trust)
    np.testing.assert_allclose(outputs(native), said["theirs"], rtol=1e-5, atol=1e-6)
    generic = pegboard.pyfunc.load_model(saved, trust=trust)
    predicted = generic.predict(np.array(ROWS, "float32"))
    np.testing.assert_allclose(predicted, said["theirs"], rtol=1e-5, atol=1e-6)


def test_mlflows_pickle_needs_trust(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PEGBOARD_TRUST_PICKLE", raising=False)
    with pytest.raises(pegboard.errors.Refused):
        pegboard.pyfunc.load_model(place / "theirs-pickle")


def test_state_dicts_are_those_of_both(place: Path, said: Any, model: nn.Module) -> None:
    bias = model.state_dict()["0.bias"].tolist()
    assert said["state"] == {"epoch": 3, "bias": bias}
    state = pegboard.pytorch.load_state_dict(place)
    assert state["epoch"] == 5
    network = nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 2))
    network.load_state_dict(state["model"])
    np.testing.assert_allclose(outputs(network), said["theirs"], rtol=1e-5, atol=1e-6)
