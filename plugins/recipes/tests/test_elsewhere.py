"""Steps that run as a job of a runner of projects, by one line in the profile."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from pegboard.errors import PegboardError

from .small import begun, line
from .test_bad_input import RECIPE

NOTE = """import os
def note():
    with open("pids", "a") as stream:
        stream.write(f"{os.getpid()} ")
"""
TRANSFORM = """from sklearn.compose import ColumnTransformer
from steps.note import note
def make():
    note()
    print("made by the job")
    return ColumnTransformer([("x", "passthrough", ["x"])])
"""
TRAIN = """from steps.note import note
def make():
    note()
    return nothing
"""


GONE = """import os
def make(params=None):
    os.execvp("true", ["true"])
"""


def test_a_job_that_ends_without_a_word_is_not_believed(place: Path) -> None:
    recipe = begun(place / "r", line(), GONE, RECIPE)
    (recipe.directory / "steps/transform.py").write_text(TRANSFORM.replace("    note()\n", ""))
    (recipe.directory / "steps/note.py").write_text(NOTE)
    with (recipe.directory / "profiles/local.yaml").open("a") as stream:
        stream.write("runner: {name: local, steps: [train]}\n")
    with pytest.raises(PegboardError, match="ended with 0, and did not say why"):
        recipe.run()
    assert [state.status for _, state in recipe.states()][3:5] == ["UNKNOWN", "UNKNOWN"]


def test_steps_run_in_one_job_and_fail_as_here(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = begun(place / "a recipe", line(), TRAIN, RECIPE)
    root = recipe.directory
    (root / "steps/note.py").write_text(NOTE)
    (root / "steps/transform.py").write_text(TRANSFORM)
    with (root / "profiles/local.yaml").open("a") as stream:
        stream.write("runner: {name: local, steps: [split, transform, train]}\n")
    with pytest.raises(PegboardError) as raised:
        recipe.run()
    message = str(raised.value)
    assert "  steps/train.py, line 4, in make\n    return nothing\nNameError: " in message
    assert "made by the job" in capsys.readouterr().err
    pids = (root / "pids").read_text().split()
    assert len(pids) == 2
    assert pids[0] == pids[1] != str(os.getpid())
    states = {name: state.status for name, state in recipe.states()}
    assert [states[name] for name in ("ingest", "split", "transform", "train", "evaluate")] == [
        *["SUCCEEDED"] * 3,
        "FAILED",
        "UNKNOWN",
    ]
    assert recipe.artifact_path("transformer").with_name("log.txt").read_text() == (
        "made by the job\n"
    )
    assert list((recipe.planner().places.directory / "jobs").iterdir()) == []
