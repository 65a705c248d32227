"""The flavor keeps the contract in each of its formats, and does what is its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from pegboard.contracts.models import ModelFlavor, Trust
from pegboard.errors import InvalidValue, NotFound, Refused
from pegboard_pytorch.flavor import PyTorchFlavor
from pegboard_testing import FlavorContract
from torch import nn

LINEAR = {
    "constructor": "torch.nn:Linear",
    "constructor_args": {"in_features": 3, "out_features": 1},
}


def fitted(model: nn.Module) -> nn.Module:
    """Return the model after some steps of a real training."""
    torch.manual_seed(7)
    rows = torch.randn(128, 3)
    wanted = rows @ torch.tensor([[1.0], [-2.0], [0.5]])
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(20):
        optimizer.zero_grad()
        nn.functional.mse_loss(model(rows), wanted).backward()
        optimizer.step()
    return model.eval()


def perceptron() -> nn.Module:
    return fitted(nn.Sequential(nn.Linear(3, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 1)))


class Contract(FlavorContract):
    @pytest.fixture
    def flavor(self) -> ModelFlavor:
        return PyTorchFlavor()

    @pytest.fixture
    def model(self) -> Any:
        return perceptron()

    @pytest.fixture
    def sample(self) -> Any:
        return pd.DataFrame(np.eye(3), columns=["one", "two", "three"])

    @pytest.fixture
    def samples(self, sample: Any) -> list[Any]:
        return [sample, sample.to_numpy(), sample.to_numpy("float32")]

    @pytest.fixture
    def library(self) -> str:
        return "torch"

    @pytest.fixture
    def unsafe_options(self) -> Mapping[str, Any]:
        return {"serialization_format": "pickle"}

    @pytest.fixture
    def mlflow_keys(self) -> set[str]:
        return {"model_data", "pytorch_version"}

    def predict(self, model: Any, sample: Any) -> Any:
        with torch.no_grad():
            return model(torch.tensor(sample.to_numpy("float32"))).numpy()


class TestExportedProgram(Contract):
    @pytest.fixture
    def options(self) -> Mapping[str, Any]:
        return {"input_example": np.ones((2, 3), "float32")}


class TestSafetensors(Contract):
    @pytest.fixture
    def model(self) -> Any:
        return fitted(nn.Linear(3, 1))

    @pytest.fixture
    def options(self) -> Mapping[str, Any]:
        return LINEAR


@pytest.fixture
def flavor() -> PyTorchFlavor:
    return PyTorchFlavor()


@pytest.fixture
def place(tmp_path: Path) -> Path:
    directory = tmp_path / "model"
    directory.mkdir()
    return directory


@pytest.fixture
def networks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the name of a module of the user's, with a class ``Tied`` and a function ``make``."""
    module = f"networks_{tmp_path.name}".replace("-", "_")
    code = tmp_path / "code"
    code.mkdir()
    (code / f"{module}.py").write_text(
        "from torch import nn\n"
        "class Tied(nn.Module):\n"
        "    def __init__(self, width=4):\n"
        "        super().__init__()\n"
        "        self.one, self.two = nn.Linear(3, width), nn.Linear(3, width)\n"
        "        self.two.weight = self.one.weight\n"
        "    def forward(self, x):\n"
        "        return self.one(x) + self.two(x)\n"
        "def make(width):\n"
        "    return Tied(width)\n"
    )
    monkeypatch.syspath_prepend(str(code))
    return module


# -- which format ----------------------------------------------------------------------------------


def test_without_example_or_constructor_the_error_names_both(
    flavor: PyTorchFlavor, place: Path
) -> None:
    with pytest.raises(InvalidValue) as refusal:
        flavor.save(perceptron(), place, {})
    assert "input_example" in refusal.value.hint
    assert "constructor" in refusal.value.hint


def test_a_model_that_cannot_be_exported_says_what_to_do(
    flavor: PyTorchFlavor, place: Path
) -> None:
    class Branching(nn.Module):
        def forward(self, x: Any) -> Any:
            return x if float(x.sum()) > 0 else -x

    with pytest.raises(InvalidValue, match="cannot export") as refusal:
        flavor.save(Branching(), place, {"input_example": torch.ones(2, 2)})
    assert "serialization_format='pickle'" in refusal.value.hint


@pytest.mark.parametrize("rows", [1, 2, 5])
def test_a_program_takes_any_number_of_rows_whatever_the_example_had(
    flavor: PyTorchFlavor, place: Path, rows: int
) -> None:
    saved = flavor.save(perceptron(), place, {"input_example": torch.ones(rows, 3)})
    loaded = flavor.load(place, saved.config, Trust())
    assert [len(loaded(torch.ones(n, 3))) for n in (1, 2, 9)] == [1, 2, 9]


def test_a_model_stays_in_training_mode_when_it_is_saved(
    flavor: PyTorchFlavor, place: Path
) -> None:
    model = nn.Sequential(nn.Linear(3, 3), nn.Dropout(0.9)).train()
    saved = flavor.save(model, place, {"input_example": torch.ones(2, 3)})
    assert model.training
    loaded = flavor.load(place, saved.config, Trust())
    assert torch.equal(loaded(torch.ones(2, 3)), model[0](torch.ones(2, 3)))
    predict = flavor.predictor(model, saved.config)
    assert np.allclose(predict(np.ones((2, 3)), {}), model[0](torch.ones(2, 3)).detach())
    assert model.training


def test_arguments_by_name_are_given_as_a_dict(flavor: PyTorchFlavor, place: Path) -> None:
    class Sum(nn.Module):
        def forward(self, one: Any, two: Any) -> Any:
            return {"sum": one + two, "both": (one, two)}

    example = {"one": np.ones((3, 2)), "two": np.ones((3, 2))}
    saved = flavor.save(Sum(), place, {"input_example": example})
    predict = flavor.predictor(flavor.load(place, saved.config, Trust()), saved.config)
    predicted = predict({"one": np.zeros((5, 2)), "two": np.ones((5, 2))}, {})
    assert predicted["sum"].tolist() == [[1.0, 1.0]] * 5
    assert [value.shape for value in predicted["both"]] == [(5, 2), (5, 2)]


def test_input_of_the_wrong_shape_is_an_error_for_people(
    flavor: PyTorchFlavor, place: Path
) -> None:
    saved = flavor.save(perceptron(), place, {"input_example": torch.ones(2, 3)})
    predict = flavor.predictor(flavor.load(place, saved.config, Trust()), saved.config)
    with pytest.raises(InvalidValue, match="does not take these inputs"):
        predict(np.ones((2, 9)), {})
    with pytest.raises(InvalidValue, match="cannot be made a tensor"):
        predict(np.array([["a", "b", "c"]]), {})


# -- weights and constructors ----------------------------------------------------------------------


def test_weights_that_are_shared_stay_so(flavor: PyTorchFlavor, place: Path, networks: str) -> None:
    import importlib

    model = importlib.import_module(networks).Tied(5)
    options = {"constructor": type(model), "constructor_args": {"width": 5}}
    saved = flavor.save(model, place, options)
    loaded = flavor.load(place, saved.config, Trust())
    assert type(loaded) is type(model)
    assert loaded.one.weight is loaded.two.weight
    assert torch.equal(loaded(torch.ones(2, 3)), model(torch.ones(2, 3)))


def test_a_constructor_that_makes_another_model_is_noticed_when_it_is_saved(
    flavor: PyTorchFlavor, place: Path
) -> None:
    wrong = {**LINEAR, "constructor_args": {"in_features": 4, "out_features": 1}}
    with pytest.raises(InvalidValue, match="size mismatch"):
        flavor.save(nn.Linear(3, 1), place, wrong)


def test_a_class_of_the_main_program_is_refused_when_it_is_saved(
    flavor: PyTorchFlavor, place: Path
) -> None:
    class Local(nn.Module):
        pass

    with pytest.raises(InvalidValue, match="cannot import"):
        flavor.save(Local(), place, {"constructor": Local})


@pytest.mark.parametrize("harm", ["os:system", "subprocess:run", "builtins:eval"])
def test_a_constructor_that_is_no_module_is_not_called(
    flavor: PyTorchFlavor, place: Path, tmp_path: Path, harm: str
) -> None:
    saved = flavor.save(nn.Linear(3, 1), place, LINEAR)
    witness = tmp_path / "witness"
    (place / "data/constructor.json").write_text(
        f'{{"constructor": "{harm}", "arguments": {{"command": "touch {witness}"}}}}'
    )
    with pytest.raises(Refused, match=r"not a subclass of torch\.nn\.Module"):
        flavor.load(place, saved.config, Trust())
    assert not witness.exists()


def test_a_function_makes_models_if_it_is_trusted_by_name(
    flavor: PyTorchFlavor, place: Path, networks: str
) -> None:
    import importlib

    model = importlib.import_module(networks).Tied(2)
    options = {"constructor": f"{networks}:make", "constructor_args": {"width": 2}}
    saved = flavor.save(model, place, options)
    with pytest.raises(Refused, match="make"):
        flavor.load(place, saved.config, Trust())
    loaded = flavor.load(place, saved.config, Trust(types=[f"{networks}.make"]))
    assert torch.equal(loaded(torch.ones(1, 3)), model(torch.ones(1, 3)))


def test_code_that_came_with_the_files_is_not_imported(
    flavor: PyTorchFlavor, place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved = flavor.save(nn.Linear(3, 1), place, LINEAR)
    witness = tmp_path / "witness"
    (place / "code").mkdir()
    (place / "code/came_along.py").write_text(
        f"open({str(witness)!r}, 'w')\nfrom torch.nn import Linear\n"
    )
    monkeypatch.syspath_prepend(str(place / "code"))
    (place / "data/constructor.json").write_text(
        '{"constructor": "came_along:Linear", "arguments": {"in_features": 3, "out_features": 1}}'
    )
    with pytest.raises(Refused, match="came with its files"):
        flavor.load(place, saved.config, Trust())
    assert not witness.exists()
    flavor.load(place, saved.config, Trust(types=["came_along.Linear"]))
    assert witness.exists()


def test_a_class_that_is_gone_is_said(flavor: PyTorchFlavor, place: Path) -> None:
    saved = flavor.save(nn.Linear(3, 1), place, LINEAR)
    file = place / "data/constructor.json"
    file.write_text(file.read_text().replace("torch.nn:Linear", "gone_since:Network"))
    with pytest.raises(NotFound, match="gone_since"):
        flavor.load(place, saved.config, Trust())


# -- pickles ---------------------------------------------------------------------------------------


def test_a_torchscript_module_is_kept_if_it_is_said_how(flavor: PyTorchFlavor, place: Path) -> None:
    model = torch.jit.script(nn.Linear(3, 1))
    with pytest.raises(InvalidValue, match="TorchScript"):
        flavor.save(model, place, {"input_example": torch.ones(2, 3)})
    saved = flavor.save(model, place, {"serialization_format": "pickle"})
    loaded = flavor.load(place, saved.config, Trust(pickle=True))
    assert torch.equal(loaded(torch.ones(1, 3)), model(torch.ones(1, 3)))


def test_a_pickled_model_is_loaded_by_a_process_without_its_class(
    flavor: PyTorchFlavor, place: Path
) -> None:
    class Tripling(nn.Module):
        def forward(self, x: Any) -> Any:
            return x * 3

    flavor.save(Tripling(), place, {"serialization_format": "pickle"})
    load = (
        "import torch\nfrom pathlib import Path\nfrom pegboard.contracts.models import Trust\n"
        "from pegboard_pytorch.flavor import PyTorchFlavor\n"
        "model = PyTorchFlavor().load(Path('.'), {}, Trust(pickle=True))\n"
        "print(model(torch.ones(1)).item())\n"
    )
    done = subprocess.run([sys.executable, "-c", load], cwd=place, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "3.0\n"), done.stderr
