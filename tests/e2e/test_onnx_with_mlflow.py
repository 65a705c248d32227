"""ONNX models go from pegboard to the real MLflow and back."""

from __future__ import annotations

import json
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

import pytest

SAVE = """
import numpy as np
import {package} as mlflow
from onnx import TensorProto, helper, numpy_helper

def model(width):
    weights = numpy_helper.from_array(np.full((3, width), 0.5, "float32"), "w")
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["rows", 3])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["rows", width])],
        [weights],
    )
    opsets = [helper.make_opsetid("", 17)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=9)

options = {{"intra_op_num_threads": 1, "execution_mode": "sequential"}}
example = np.ones((2, 3), "float32")
mlflow.onnx.save_model(
    model(1),
    "small",
    input_example=example,
    signature=mlflow.models.infer_signature(example, {{"y": example[:, :1]}}),
    onnx_session_options=options,
    onnx_execution_providers=[("CPUExecutionProvider", {{"use_arena": "1"}})],
    save_as_external_data=False,
)
mlflow.onnx.save_model(model(900), "external", save_as_external_data=True)
"""

PREDICT = """
import json, sys
import numpy as np
import {package} as mlflow

place = sys.argv[1]
rows = np.array([[1, 2, 3], [4, 5, 6]], "float32")
small = mlflow.pyfunc.load_model(place + "/small")
external = mlflow.pyfunc.load_model(place + "/external")
print(json.dumps({{
    "array": small.predict(rows)["y"].tolist(),
    "external": external.predict(rows)["y"].shape,
    "native": mlflow.onnx.load_model(place + "/external").graph.node[0].op_type,
    "signature": str(small.metadata.signature.inputs),
}}))
"""

EXPECTED = {
    "array": [[3.0], [7.5]],
    "external": [2, 900],
    "native": "MatMul",
    "signature": "[Tensor('float32', (-1, 3))]",
}


@pytest.fixture(scope="module")
def onnx_python(mlflow_python: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return MLflow's interpreter, with our ONNX where it looks for packages."""
    place = tmp_path_factory.mktemp("onnx")
    ours = Path(sysconfig.get_path("purelib"))
    for name in ("flatbuffers", "ml_dtypes", "onnx", "onnxruntime"):
        for found in (*ours.glob(name), *ours.glob(f"{name}.libs"), *ours.glob(f"{name}-*")):
            (place / found.name).symlink_to(found)
    python = place / "python"
    python.write_text(f'#!/bin/sh\nPYTHONPATH={place} exec "{mlflow_python}" "$@"\n')
    python.chmod(0o755)
    return python


def run(python: Path | str, script: str, place: Path, *arguments: str) -> str:
    done = subprocess.run(
        [str(python), "-c", script, *arguments],
        cwd=place,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def predicted(python: Path | str, package: str, place: Path) -> Any:
    said = run(python, PREDICT.format(package=package), place, str(place))
    return json.loads(said.splitlines()[-1])


def test_our_models_predict_in_mlflow(onnx_python: Path, tmp_path: Path) -> None:
    run(sys.executable, SAVE.format(package="pegboard"), tmp_path)
    assert predicted(onnx_python, "mlflow", tmp_path) == EXPECTED


def test_the_models_of_mlflow_predict_here(onnx_python: Path, tmp_path: Path) -> None:
    run(onnx_python, SAVE.format(package="mlflow"), tmp_path)
    assert predicted(sys.executable, "pegboard", tmp_path) == EXPECTED


def test_both_write_the_same_entry(onnx_python: Path, tmp_path: Path) -> None:
    from pegboard_models.mlmodel import Model

    entries = []
    for python, package in ((sys.executable, "pegboard"), (onnx_python, "mlflow")):
        place = tmp_path / package
        place.mkdir()
        run(python, SAVE.format(package=package), place)
        entries.append(Model.load(place / "small").flavors["onnx"])
    assert entries[0] == entries[1]
