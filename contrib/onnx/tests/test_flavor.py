"""The flavor keeps the contract, and does what is its own."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pandas as pd
import pytest
from onnx import TensorProto, helper, numpy_helper
from pegboard.contracts.models import ModelFlavor, Trust
from pegboard.errors import InvalidValue, PegboardError, UnsafePath
from pegboard_onnx.flavor import OnnxFlavor
from pegboard_testing import FlavorContract

FLOAT = TensorProto.FLOAT


def made(
    nodes: list[Any],
    inputs: Mapping[str, tuple[int, list[Any]]],
    outputs: Mapping[str, tuple[int, list[Any]]],
    **weights: np.ndarray,
) -> onnx.ModelProto:
    """Return a model of these nodes."""
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info(name, *kind) for name, kind in inputs.items()],
        [helper.make_tensor_value_info(name, *kind) for name, kind in outputs.items()],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    opsets = [helper.make_opsetid("", 17)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=9)


def trained() -> onnx.ModelProto:
    """Return a linear model that least squares have fitted."""
    rng = np.random.default_rng(7)
    rows = rng.normal(size=(200, 3))
    wanted = rows @ [[1.0], [-2.0], [0.5]] + 3
    with_ones = np.hstack([rows, np.ones((200, 1))])
    weights, *_ = np.linalg.lstsq(with_ones, wanted, rcond=None)
    weights = weights.astype("float32")
    return made(
        [helper.make_node("Gemm", ["x", "w", "b"], ["y"])],
        {"x": (FLOAT, ["rows", 3])},
        {"y": (FLOAT, ["rows", 1])},
        w=weights[:3],
        b=weights[3],
    )


def two_inputs() -> onnx.ModelProto:
    column = (FLOAT, ["rows", 1])
    nodes = [helper.make_node("Add", ["a", "b"], ["s"]), helper.make_node("Mul", ["a", "b"], ["p"])]
    return made(nodes, {"a": column, "b": column}, {"s": column, "p": column})


def wide() -> onnx.ModelProto:
    """Return a model with a tensor of 40 kB."""
    weights = np.arange(10_000, dtype="float32").reshape(4, 2500)
    nodes = [helper.make_node("MatMul", ["x", "w"], ["y"])]
    return made(nodes, {"x": (FLOAT, ["n", 4])}, {"y": (FLOAT, ["n", 2500])}, w=weights)


class TestContract(FlavorContract):
    @pytest.fixture
    def flavor(self) -> ModelFlavor:
        return OnnxFlavor()

    @pytest.fixture
    def model(self) -> Any:
        return trained()

    @pytest.fixture
    def sample(self) -> Any:
        return pd.DataFrame(np.eye(3) * 2, columns=["one", "two", "three"])

    @pytest.fixture
    def samples(self, sample: Any) -> list[Any]:
        return [sample]

    @pytest.fixture
    def library(self) -> str:
        return "onnx"

    @pytest.fixture
    def mlflow_keys(self) -> set[str]:
        return {"onnx_version", "data", "providers", "onnx_session_options"}

    def predict(self, model: Any, sample: Any) -> Any:
        import onnxruntime

        session = onnxruntime.InferenceSession(
            model.SerializeToString(), providers=["CPUExecutionProvider"]
        )
        (found,) = session.run(None, {"x": sample.to_numpy().astype("float32")})
        return found


@pytest.fixture
def flavor() -> OnnxFlavor:
    return OnnxFlavor()


@pytest.fixture
def place(tmp_path: Path) -> Path:
    directory = tmp_path / "model"
    directory.mkdir()
    return directory


# -- files -----------------------------------------------------------------------------------------


def test_external_data_is_a_file_of_its_own_and_the_caller_keeps_his_tensors(
    flavor: OnnxFlavor, place: Path
) -> None:
    model = wide()
    saved = flavor.save(model, place, {"save_as_external_data": True})
    assert {file.name for file in place.iterdir()} == {"model.onnx", "model.onnx.data"}
    assert (place / "model.onnx").stat().st_size < 1000
    loaded = flavor.load(place, saved.config, Trust())
    for one in (model, loaded):
        assert numpy_helper.to_array(one.graph.initializer[0])[3, 2499] == 9999


def test_a_model_that_is_too_large_for_one_file_gets_external_data_by_itself(
    flavor: OnnxFlavor, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pegboard_onnx import files

    monkeypatch.setattr(files, "LARGEST_FILE", 1000)
    saved = flavor.save(wide(), place, {})
    assert (place / "model.onnx.data").is_file()
    predictor = flavor.predictor(flavor.load(place, saved.config, Trust()), saved.config)
    assert predictor(np.ones((2, 4)), {})["y"].shape == (2, 2500)


@pytest.mark.parametrize("location", ["../secret", "/etc/hostname", "link"])
def test_tensors_from_outside_of_the_directory_are_refused(
    flavor: OnnxFlavor, place: Path, location: str
) -> None:
    flavor.save(wide(), place, {"save_as_external_data": True})
    (place.parent / "secret").write_bytes(bytes(50_000))
    (place / "link").symlink_to(place.parent / "secret")
    model = onnx.load(place / "model.onnx", load_external_data=False)
    for entry in model.graph.initializer[0].external_data:
        if entry.key == "location":
            entry.value = location
    (place / "model.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(UnsafePath):
        flavor.load(place, {}, Trust())


def test_a_model_that_is_not_valid_is_refused_when_it_is_saved(
    flavor: OnnxFlavor, place: Path
) -> None:
    model = trained()
    model.graph.node[0].input[0] = "nowhere"
    with pytest.raises(InvalidValue, match="nowhere"):
        flavor.save(model, place, {})


def test_an_entry_that_names_no_file_and_providers_is_read_as_old_ones_are(
    flavor: OnnxFlavor, place: Path
) -> None:
    flavor.save(trained(), place, {})
    predictor = flavor.predictor(flavor.load(place, {}, Trust()), {})
    assert predictor(np.zeros((2, 3)), {})["y"].shape == (2, 1)


# -- inputs and outputs ----------------------------------------------------------------------------


def test_columns_are_inputs_by_name_and_outputs_are_columns(flavor: OnnxFlavor) -> None:
    predictor = flavor.predictor(two_inputs(), {})
    table = pd.DataFrame({"b": [1, 2], "a": [3.0, 4.0], "other": ["x", "y"]}, index=[7, 9])
    predicted = predictor(table, {})
    assert predicted.to_dict("list") == {"s": [4.0, 6.0], "p": [3.0, 8.0]}
    assert list(predicted.index) == [7, 9]


def test_an_output_with_several_values_in_a_row_is_a_column_of_arrays(flavor: OnnxFlavor) -> None:
    predicted = flavor.predictor(wide(), {})(pd.DataFrame(np.ones((2, 4))), {})
    assert [len(row) for row in predicted["y"]] == [2500, 2500]


def test_a_graph_may_look_at_all_rows_so_nothing_is_promised_of_each(flavor: OnnxFlavor) -> None:
    table = (FLOAT, ["rows", 1])
    mean = helper.make_node("ReduceMean", ["x"], ["m"], axes=[0], keepdims=1)
    nodes = [mean, helper.make_node("Sub", ["x", "m"], ["y"])]
    predictor = flavor.predictor(made(nodes, {"x": table}, {"y": table}), {})
    rows = np.array([[1.0], [3.0]])
    together = predictor(rows, {})["y"]
    alone = np.concatenate([predictor(row, {})["y"] for row in (rows[:1], rows[1:])])
    assert together.shape == alone.shape and not np.array_equal(together, alone)
    assert not flavor.row_wise


def test_a_dict_of_arrays_gives_a_dict_of_arrays(flavor: OnnxFlavor) -> None:
    given = {"a": np.array([[1.0]]), "b": np.array([[5]])}
    predicted = flavor.predictor(two_inputs(), {})(given, {})
    assert {name: value.tolist() for name, value in predicted.items()} == {
        "s": [[6.0]],
        "p": [[5.0]],
    }


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (np.zeros((2, 1)), "2 inputs"),
        ({"a": np.zeros((2, 1))}, "'b' is missing"),
        ({"a": np.zeros((2, 1)), "b": np.array([["x"]])}, "input 'b' is of type float32"),
        ({"a": np.zeros((2, 2)), "b": np.zeros((2, 1))}, "does not take these inputs"),
    ],
)
def test_wrong_input_is_an_error_that_says_what_is_wrong(
    flavor: OnnxFlavor, data: Any, said: str
) -> None:
    with pytest.raises(InvalidValue, match=said):
        flavor.predictor(two_inputs(), {})(data, {})


def test_texts_are_given_to_a_model_of_texts(flavor: OnnxFlavor) -> None:
    kind = (TensorProto.STRING, ["rows"])
    model = made([helper.make_node("Identity", ["t"], ["u"])], {"t": kind}, {"u": kind})
    predicted = flavor.predictor(model, {})(pd.DataFrame({"t": ["a", "b"]})["t"].to_numpy(), {})
    assert predicted["u"].tolist() == ["a", "b"]


# -- options ---------------------------------------------------------------------------------------


def test_options_of_the_session_are_kept_and_used(flavor: OnnxFlavor, place: Path) -> None:
    options = {
        "execution_mode": "sequential",
        "graph_optimization_level": 99,
        "intra_op_num_threads": 1,
        "extra_session_config": {"session.intra_op.allow_spinning": "0"},
    }
    providers = [("CPUExecutionProvider", {"use_arena": "1"})]
    saved = flavor.save(
        trained(), place, {"onnx_session_options": options, "onnx_execution_providers": providers}
    )
    assert saved.config["onnx_session_options"] == options
    assert saved.config["providers"] == [["CPUExecutionProvider", {"use_arena": "1"}]]
    predictor: Any = flavor.predictor(flavor.load(place, saved.config, Trust()), saved.config)
    assert predictor.session.get_session_options().intra_op_num_threads == 1


def test_hardware_that_is_not_there_is_said_and_the_cpu_taken(
    flavor: OnnxFlavor, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        predictor = flavor.predictor(trained(), {"providers": ["NoSuchExecutionProvider"]})
    assert "NoSuchExecutionProvider" in caplog.text
    assert predictor(np.zeros((1, 3)), {})["y"].shape == (1, 1)


@pytest.mark.parametrize(
    "options",
    [
        {"onnx_session_options": {"no_such": 1}},
        {"onnx_session_options": {"execution_mode": "fast"}},
        {"onnx_execution_providers": [7]},
    ],
)
def test_wrong_options_are_refused(
    flavor: OnnxFlavor, place: Path, options: Mapping[str, Any]
) -> None:
    with pytest.raises(PegboardError):
        flavor.save(trained(), place, options)
    assert list(place.iterdir()) == []
