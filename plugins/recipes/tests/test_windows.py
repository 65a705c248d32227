"""What Windows lacks is not asked for: a recipe is planned, locked, run and kept without it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path, PureWindowsPath

from pegboard_recipes import digests, fetching
from pegboard_recipes.api import Recipe

from .small import begun, line
from .test_bad_input import RECIPE, TRAIN

_RUN = """
import os, signal, sys, types
import pandas, pyarrow.parquet, subprocess  # Others may ask which system this is.

for name in ("fork", "forkpty", "memfd_create", "register_at_fork"):
    delattr(os, name)
for name in ("SIGKILL", "SIGCHLD", "pthread_sigmask", "sigwaitinfo", "sigtimedwait"):
    delattr(signal, name)
sys.modules["fcntl"] = None
held = []
sys.modules["msvcrt"] = types.SimpleNamespace(  # Which cannot be here.
    LK_NBLCK=2, LK_LOCK=1, LK_UNLCK=0, locking=lambda *words: held.append(words)
)
from pegboard_recipes.api import Recipe
recipe = Recipe("local", directory=sys.argv[1])
recipe.run("split")
assert held
assert not any(each.runs for each in recipe.plan("split"))
"""


def test_a_recipe_runs_without_what_windows_lacks(place: Path) -> None:
    root = begun(place / "a recipe", line(60), TRAIN, RECIPE).directory
    words = [sys.executable, "-c", _RUN, str(root)]
    done = subprocess.run(words, check=False, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    # What Windows has written is what is found here, too.
    kept = Recipe("local", directory=root)
    assert [each.reason for each in kept.plan("split")] == ["no changes"] * 2
    file = kept.planner().places.outputs("split") / "execution_state.json"
    assert set(json.loads(file.read_text())["pegboard"]["basis"]["inputs"]) == {
        "ingest/dataset.parquet"
    }


def test_names_are_the_same_on_windows() -> None:
    root = PureWindowsPath("C:/a recipe")
    # Of a path only what all systems have is asked for.
    assert digests.named(root / "steps" / "train.py", root) == "steps/train.py"  # type: ignore[arg-type]
    assert digests.named(PureWindowsPath("D:/rows.csv"), root) == "D:/rows.csv"  # type: ignore[arg-type]


def test_what_is_fetched_has_a_name_that_windows_takes() -> None:
    url = "https://example.com/data/a%3Ab%5C%22c%22.csv?x=1"
    assert fetching._name(url) == "a_b__c_.csv"
