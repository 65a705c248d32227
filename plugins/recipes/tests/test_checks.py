"""What is wrong with a configuration is said at once: before data is read, or anything has run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from pegboard.errors import PegboardError
from pegboard_recipes.api import Recipe

from .small import begun, line
from .test_bad_input import TRAIN

CRITERIA = [{"metric": "max_error", "threshold": 5}]
STEPS: Mapping[str, Mapping[str, Any]] = {
    "ingest": {"using": "parquet", "location": "rows.parquet"},
    "train": {"estimator_method": "make"},
    "evaluate": {"validation_criteria": CRITERIA},
    "ingest_scoring": {"using": "parquet", "location": "rows.parquet"},
    "predict": {"output": {"using": "parquet", "location": "said.parquet"}},
}
TUNED = {"enabled": True, "max_trials": 2, "parameters": {"a": {"values": [1]}}}
CASES: Mapping[str, tuple[str, Mapping[str, Any], str]] = {
    "no form": ("ingest", {"using": None}, "steps.ingest lacks 'using'."),
    "no place": ("ingest", {"location": None}, "steps.ingest lacks 'location'."),
    "no file": ("ingest", {"location": "row.parquet"}, "There is no file"),
    "no query": ("ingest", {"using": "sql", "location": "sqlite://"}, "lacks 'sql'."),
    "no database": (
        "ingest",
        {"using": "sql", "sql": "select 1", "location": None},
        "needs the database's URL",
    ),
    "a form that is not known": ("ingest", {"using": "avro"}, "needs a 'loader_method'."),
    "no words": ("split", {"using": "custom"}, "using: custom needs a 'split_method'."),
    "groups and times": ("split", {"group_col": "x", "time_col": "day"}, "not by both."),
    "no file of functions": ("split", {"post_split_method": "f"}, "is 'f', and there is no file"),
    "no estimator": ("train", {"estimator_method": None}, "steps.train lacks 'estimator_method'."),
    "an estimator of another name": (
        "train",
        {"estimator_method": "mak"},
        "does not define.\nDid you mean 'make'?",
    ),
    "an algorithm that is not known": (
        "train",
        {"tuning": {**TUNED, "algorithm": "hyperopt.anneal.suggest"}},
        "There is no algorithm 'hyperopt.anneal.suggest'.",
    ),
    "a distribution that is not known": (
        "train",
        {"tuning": {**TUNED, "parameters": {"a": {"distribution": "unifrm"}}}},
        "There is no distribution 'unifrm'.",
    ),
    "an end of tuning that is not there": (
        "train",
        {"tuning": {**TUNED, "early_stop_fn": "stop"}},
        "steps.train.tuning.early_stop_fn is 'stop', which",
    ),
    "no criteria": (
        "evaluate",
        {"validation_criteria": None},
        "steps.evaluate has no 'validation_criteria', so the model would not be registered.",
    ),
    "no output": ("predict", {"output": {"using": "csv"}}, "output lacks 'location'."),
    "a type that is not known": (
        "predict",
        {"result_type": "doubel"},
        "There is no result_type 'doubel'.",
    ),
    "no name of a model": ("register", {}, "model_registry lacks 'model_name'."),
    "a store that is not known": ("store", {}, "There is no tracking store for the scheme 'sqlit'"),
}


@pytest.mark.parametrize("name", CASES)
def test_it_is_said_with_its_line_before_anything_runs(place: Path, name: str) -> None:
    step, changes, said = CASES[name]
    profile = {
        "register": {"experiment": {"name": "a"}},
        "store": {
            "experiment": {"tracking_uri": "sqlit:///runs.db"},
            "model_registry": {"model_name": "a"},
        },
    }.get(step, {"model_registry": {"model_name": "a"}})
    steps = {key: {**given, **(changes if key == step else {})} for key, given in STEPS.items()}
    steps.setdefault(step, dict(changes))
    steps.pop("store", None)
    recipe = begun(place / "r", line(20), TRAIN, "recipe: regression/v1\ntarget_col: y\n")
    text = yaml.safe_dump({"recipe": "regression/v1", "target_col": "y", "steps": steps})
    (recipe.directory / "recipe.yaml").write_text(text)
    (recipe.directory / "profiles/local.yaml").write_text(yaml.safe_dump(profile))
    goal = step if step == "predict" else None
    for tell in (recipe.plan, recipe.run):
        with pytest.raises(PegboardError) as raised:
            tell(goal)
        assert said in str(raised.value)
        assert name == "no name of a model" or ", line " in str(raised.value)
    assert {state.status for _, state in recipe.states()} == {"UNKNOWN"}


def test_all_that_is_wrong_is_said_together(place: Path) -> None:
    recipe = begun(place / "r", line(20), TRAIN, "recipe: regression/v1\ntarget_col: y\n")
    with pytest.raises(PegboardError) as raised:
        recipe.plan()
    lines = str(raised.value).splitlines()
    assert lines[0] == "The recipe cannot run as it is:"
    assert [line.split(": ", 1)[1] for line in lines if "recipe.yaml" in line] == [
        "steps.ingest lacks 'using'.",
        "steps.train lacks 'estimator_method'.",
        "steps.evaluate has no 'validation_criteria', so the model would not be registered.",
    ]


def test_functions_that_are_made_or_imported_count(place: Path) -> None:
    recipe = begun(place / "r", line(20), TRAIN, "recipe: regression/v1\ntarget_col: y\n")
    text = yaml.safe_dump({"recipe": "regression/v1", "target_col": "y", "steps": dict(STEPS)})
    (recipe.directory / "recipe.yaml").write_text(text)
    for code in (
        "from steps.other import *",
        "from steps.other import model as make",
        "make = lambda: None",
        "try:\n    import fast as make\nexcept ImportError:\n    make = None",
        "def __getattr__(name): pass",
    ):
        (recipe.directory / "steps/train.py").write_text(code)
        assert next(each.step for each in recipe.plan() if each.runs) == "ingest"
    (recipe.directory / "steps/train.py").write_text("def other():\n    make = 1\n")
    with pytest.raises(PegboardError, match="does not define"):
        Recipe("local", directory=recipe.directory).plan()
