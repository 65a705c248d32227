"""``pegboard.pytorch``: models and state dicts of runs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pegboard
import pytest
import torch
from pegboard.errors import InvalidValue, Refused
from torch import nn


class Tripling(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.factor = nn.Parameter(torch.tensor(3.0))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.factor


def test_a_model_is_logged_and_loaded_by_a_process_without_its_class(
    tracking: pegboard.Client,
) -> None:
    with pegboard.start_run() as run:
        info = pegboard.pytorch.log_model(
            Tripling(), name="net", input_example=np.ones((2, 4), "float32")
        )
    assert tracking.get_run(run.info.run_id).outputs.model_outputs[0].model_id == info.model_id
    script = (
        "import sys, numpy as np, pegboard\n"
        f"model = pegboard.pyfunc.load_model({info.model_uri!r})\n"
        "print(model.metadata.signature.inputs)\n"
        "print(model.predict(np.full((1, 4), 2, 'float32')).tolist())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, env=os.environ
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "[Tensor('float32', (-1, 4))]\n[[6.0, 6.0, 6.0, 6.0]]\n"


def test_requirements_name_what_loading_needs(tracking: pegboard.Client, tmp_path: Path) -> None:
    place = tmp_path / "saved"
    pegboard.pytorch.save_model(Tripling(), place, input_example=np.ones((2, 4), "float32"))
    requirements = (place / "requirements.txt").read_text().splitlines()
    assert f"torch=={torch.__version__.partition('+')[0]}" in requirements


def test_a_state_dict_is_logged_and_loaded(tracking: pegboard.Client) -> None:
    model = nn.Linear(2, 2)
    optimizer = torch.optim.Adam(model.parameters())
    state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "epoch": 3}
    with pegboard.start_run():
        pegboard.pytorch.log_state_dict(state, "checkpoint")
        loaded = pegboard.pytorch.load_state_dict(pegboard.get_artifact_uri("checkpoint"))
    assert loaded["epoch"] == 3
    assert torch.equal(loaded["model"]["weight"], model.weight)
    nn.Linear(2, 2).load_state_dict(loaded["model"])


def test_a_state_dict_that_is_more_than_tensors_needs_trust(tmp_path: Path) -> None:
    pegboard.pytorch.save_state_dict({"model": Tripling()}, tmp_path)
    with pytest.raises(Refused, match="more than tensors"):
        pegboard.pytorch.load_state_dict(tmp_path)
    assert isinstance(pegboard.pytorch.load_state_dict(tmp_path, trust=True)["model"], Tripling)


def test_asking_for_an_unsafe_load_of_a_state_dict_is_not_trust(tmp_path: Path) -> None:
    pegboard.pytorch.save_state_dict({}, tmp_path)
    with pytest.raises(Refused):
        pegboard.pytorch.load_state_dict(tmp_path, weights_only=False)


def test_a_model_is_no_state_dict(tmp_path: Path) -> None:
    with pytest.raises(InvalidValue, match="Tripling"):
        pegboard.pytorch.save_state_dict(Tripling(), tmp_path)  # type: ignore[arg-type]


def test_a_state_dict_that_is_damaged_or_missing_is_an_error_for_people(tmp_path: Path) -> None:
    with pytest.raises(InvalidValue, match="holds no"):
        pegboard.pytorch.load_state_dict(tmp_path)
    pegboard.pytorch.save_state_dict({"a": torch.ones(1000)}, tmp_path)
    file = tmp_path / "state_dict.pth"
    file.write_bytes(file.read_bytes()[:500])
    with pytest.raises(InvalidValue, match="damaged"):
        pegboard.pytorch.load_state_dict(tmp_path)
