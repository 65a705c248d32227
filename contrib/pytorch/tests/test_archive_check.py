"""Exported programs that would run code of their own when they are loaded are refused."""

from __future__ import annotations

import io
import json
import os
import pickle
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import torch
from pegboard.contracts.models import Trust
from pegboard.errors import Refused
from pegboard_pytorch.flavor import PyTorchFlavor
from pegboard_pytorch.formats.archive_check import suspicion
from pegboard_pytorch.formats.expressions import harmless
from torch import nn

Change = Callable[[str, bytes], bytes | None]


class Harm:
    """An object whose pickle makes a directory when it is read."""

    def __init__(self, witness: Path) -> None:
        self.witness = witness

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.witness),)


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the directory of a model whose number of rows varies."""
    place = tmp_path_factory.mktemp("exported")
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU())
    PyTorchFlavor().save(model, place, {"input_example": torch.ones(2, 3)})
    return place


@pytest.fixture
def witness(tmp_path: Path) -> Path:
    return tmp_path / "witness"


@pytest.fixture
def changed(exported: Path, tmp_path: Path) -> Callable[[Change], Path]:
    """Return a function that copies the model with other records."""

    def change(edit: Change) -> Path:
        place = tmp_path / "changed"
        (place / "data").mkdir(parents=True)
        source = zipfile.ZipFile(exported / "data/model.pt2")
        with zipfile.ZipFile(place / "data/model.pt2", "w") as target:
            for name in source.namelist():
                content = edit(name.partition("/")[2], source.read(name))
                if content is not None:
                    target.writestr(name, content)
        return place

    return change


def program(edit: Callable[[dict[str, Any]], None]) -> Change:
    """Return a change of the program itself."""

    def change(name: str, content: bytes) -> bytes:
        if name != "models/model.json":
            return content
        parsed = json.loads(content)
        edit(parsed)
        return json.dumps(parsed).encode()

    return change


def replaced(old: str, new: str) -> Change:
    """Return a change of a text in the program, which has to be there."""

    def change(name: str, content: bytes) -> bytes:
        if name != "models/model.json":
            return content
        assert old.encode() in content
        return content.replace(old.encode(), new.encode())

    return change


def assert_refused(place: Path, witness: Path) -> None:
    with pytest.raises(Refused) as refusal:
        PyTorchFlavor().load(place, {}, Trust())
    assert "trust=True" in refusal.value.hint
    assert not witness.exists()


def test_the_unchanged_copy_is_loaded(changed: Callable[[Change], Path]) -> None:
    place = changed(lambda name, content: content)
    assert PyTorchFlavor().load(place, {}, Trust())(torch.ones(5, 3)).shape == (5, 4)


def test_code_in_a_size_is_not_run(changed: Callable[[Change], Path], witness: Path) -> None:
    code = f"__import__('os').mkdir('{witness}')"

    def edit(value: Any) -> None:
        for item in value.values() if isinstance(value, dict) else value:
            if isinstance(item, dict) and "expr_str" in item:
                item["expr_str"] = code
            if isinstance(item, (dict, list)):
                edit(item)

    place = changed(program(edit))
    assert_refused(place, witness)
    # Without the check it would have been run.
    with suppress(Exception):
        torch.export.load(str(place / "data/model.pt2"))
    assert witness.exists()


def test_code_in_a_guard_is_not_run(changed: Callable[[Change], Path], witness: Path) -> None:
    def edit(parsed: dict[str, Any]) -> None:
        parsed["guards_code"] = [f"__import__('os').mkdir('{witness}') is None"]

    assert_refused(changed(program(edit)), witness)


def test_code_in_a_name_is_not_run(changed: Callable[[Change], Path], witness: Path) -> None:
    code = f"input=__import__('os').mkdir('{witness}')"
    assert_refused(changed(replaced('"name": "input"', f'"name": "{code}"')), witness)


@pytest.mark.parametrize(
    "operator",
    [
        "torch.ops.load_library",
        "torch.ops.aten.from_file.default",
        "torch.ops.aten.save.default",
        "torch.hub.load",
        "_operator.attrgetter",
        "_operator.call",
        "_operator.methodcaller",
        "torch.ops.mine.anything.default",
        "torch.ops.aten.linear.default.__globals__",
    ],
)
def test_an_operator_that_does_more_than_compute_is_refused(
    changed: Callable[[Change], Path], witness: Path, operator: str
) -> None:
    assert_refused(changed(replaced("torch.ops.aten.linear.default", operator)), witness)


@pytest.mark.parametrize("record", ["data/weights/weight_0", "data/sample_inputs/model.pt"])
def test_a_pickle_among_the_records_is_not_read(
    changed: Callable[[Change], Path], witness: Path, record: str
) -> None:
    buffer = io.BytesIO()
    torch.save(Harm(witness), buffer)

    def edit(name: str, content: bytes) -> bytes:
        if name == record:
            return buffer.getvalue()
        if name == "data/weights/model_weights_config.json" and "weight" in record.split("/")[2]:
            return content.replace(b'"use_pickle": false', b'"use_pickle": true', 1)
        return content

    assert_refused(changed(edit), witness)


@pytest.mark.parametrize("name", ["opaque_obj_0", "custom_obj_0"])
def test_an_object_among_the_constants_is_not_read(
    changed: Callable[[Change], Path], witness: Path, name: str
) -> None:
    config = {"config": {"c": {"path_name": name, "is_param": False, "use_pickle": True}}}

    def edit(record: str, content: bytes) -> bytes:
        if record == "data/constants/model_constants_config.json":
            return json.dumps(config).encode()
        return content

    place = changed(edit)
    with zipfile.ZipFile(place / "data/model.pt2", "a") as archive:
        archive.writestr(f"model/data/constants/{name}", pickle.dumps(Harm(witness)))
    assert_refused(place, witness)


@pytest.mark.parametrize("record", ["data/aotinductor/model/code.so", "data/weights/model.pt"])
def test_records_that_a_plain_program_does_not_have_are_refused(
    changed: Callable[[Change], Path], witness: Path, record: str
) -> None:
    place = changed(lambda name, content: content)
    with zipfile.ZipFile(place / "data/model.pt2", "a") as archive:
        archive.writestr(f"model/{record}", b"anything")
    assert_refused(place, witness)


def test_an_archive_of_the_old_form_is_refused(tmp_path: Path, witness: Path) -> None:
    buffer = io.BytesIO()
    torch.save(Harm(witness), buffer)
    (tmp_path / "data").mkdir()
    with zipfile.ZipFile(tmp_path / "data/model.pt2", "w") as archive:
        archive.writestr("version", "8.0")
        for name in ("state_dict.pt", "constants.pt", "example_inputs.pt"):
            archive.writestr(f"serialized_{name}", buffer.getvalue())
        archive.writestr("serialized_exported_program.json", "{}")
    assert_refused(tmp_path, witness)


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(20, 8)
        self.memory = nn.LSTM(8, 6, batch_first=True)

    def forward(self, x: Any) -> Any:
        return self.memory(self.words(x))[0][:, -1]


class Branches(nn.Module):
    def forward(self, x: Any) -> Any:
        return torch.cond(x.sum() > 0, lambda x: x + 1, lambda x: x - 1, (x,))


class Shapes(nn.Module):
    def forward(self, a: Any, b: Any) -> Any:
        joined = torch.cat([a, b]).reshape(-1, 2 * b.shape[1])
        return {"joined": joined, "product": torch.einsum("ij,kj->ik", a, b), "n": a.shape[0] * 2}


def attention() -> nn.Module:
    return nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)


def convolution() -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.MaxPool2d(2), nn.Flatten())


@pytest.mark.parametrize(
    ("model", "example"),
    [
        (Recurrent(), torch.ones(3, 5, dtype=torch.int64)),
        (Branches(), torch.ones(3, 4)),
        (Shapes(), {"a": torch.ones(4, 4), "b": torch.ones(6, 4)}),
        (attention(), torch.ones(3, 5, 8)),
        (convolution(), torch.ones(2, 3, 8, 8)),
    ],
    ids=["recurrent", "branches", "shapes", "attention", "convolution"],
)
def test_ordinary_programs_are_above_suspicion(
    tmp_path: Path, model: nn.Module, example: Any
) -> None:
    PyTorchFlavor().save(model, tmp_path, {"input_example": example})
    assert suspicion(tmp_path / "data/model.pt2") == ""


@pytest.mark.parametrize(
    "text",
    [
        "Symbol('s77', positive=True, integer=True)",
        "2*Symbol('s0', integer=True) + FloorDiv(Symbol('s1'), 3)",
        "Max(1, Mod(s0, 4)) <= 7",
    ],
)
def test_arithmetic_is_harmless(text: str) -> None:
    assert harmless(text)


@pytest.mark.parametrize("text", ["L['x'].size()[0] <= 128", "L['a'].stride()[1] % 2 == 0"])
def test_sizes_of_inputs_are_harmless_in_guards_only(text: str) -> None:
    assert harmless(text, guard=True)
    assert not harmless(text)


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('true')",
        "sympify('1')",
        "Symbol('s0').__class__",
        'Symbol("s0\'); import os #")',
        "L['x'].__class__.__mro__",
        "L['x'].size.__globals__['sys']",
        "L['''x'''][\"a');b\"]",
        "(lambda: 1)()",
        "[x for x in (1,)]",
        "f'{1}'",
        "s0 if s0 else s1",
        "open",
        "(s0 := 1)",
        "1 +",
        "(" * 5000,
    ],
)
def test_anything_else_is_not(text: str) -> None:
    assert not harmless(text)
    assert not harmless(text, guard=True)
