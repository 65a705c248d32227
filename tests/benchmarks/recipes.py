"""How long a recipe takes from its data to a registered model, beside MLflow 2.17.2's recipes.

Both run the same two recipes with their command, and then again with nothing changed. MLflow takes
minutes for each, so this is measured only on demand.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import peers
from pegboard_recipes import beginning
from processes import OURS, available, folder, python_of, takes_part
from rows import Row

_PEER = "mlflow-2"
_SCIKIT_LEARN = "scikit-learn==1.5.2"
"""MLflow 2.17.2 cannot train a regression with a later one."""

_SPLIT_ROWS, _QUICK_ROWS = 10_000_000, 200_000

_SPLIT = """
import json, resource, sys, time
from pathlib import Path
from pegboard_recipes.api import Recipe
recipe = Recipe("local", directory=sys.argv[1])
spent = {}
for step in ("ingest", "split"):
    recipe.run(step)
    spent[step] = dict(recipe.states())[step].seconds
spent["mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps(spent))
"""
_MAKE = """
import sys, numpy as np, pyarrow as pa, pyarrow.parquet as pq
count, source = int(sys.argv[1]), np.random.default_rng(0)
columns = {name: source.normal(size=count) for name in "abcdy"}
columns["kind"] = pa.array(source.integers(0, 9, count)).cast(pa.string())
pq.write_table(pa.table(columns), "rows.parquet")
"""
_RECIPE = """
recipe: regression/v1
target_col: y
steps:
  ingest: {using: parquet, location: rows.parquet}
"""


def measure(quick: bool) -> list[Row]:
    """Run two recipes with each system, and ours on many rows."""
    systems = [OURS, *([_PEER] if takes_part(_PEER) and available(_PEER) else [])]
    rows = []
    for template in ("regression", "classification"):
        spent = {system: _spent(system, template) for system in systems}
        for number, what in enumerate(("from data to a registered model", "nothing changed")):
            row = Row(
                f"{template} recipe, {what}",
                "s",
                spent[OURS][number],
                goal=0.5 if number else None,
                better="less",
                goal_ratio=5,
            )
            peer = {_PEER: spent[_PEER][number]} if _PEER in spent else {}
            rows += row.beside(peer)
    return [*rows, *_many(_QUICK_ROWS if quick else _SPLIT_ROWS)]


def _spent(system: str, template: str) -> tuple[float, float]:
    """Return how long a recipe takes the first time, and the second time."""
    with folder() as place:
        root = beginning.begin(place / "recipe", template)
        if system != OURS:
            profile = root / "profiles/local.yaml"
            store = f'experiment:\n  tracking_uri: "file://{root}/mlruns"'
            profile.write_text(profile.read_text().replace("experiment:", store))
        python = python_of(system)
        module = "pegboard" if system == OURS else "mlflow"
        environment = {
            "PATH": f"{python.parent}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(place),
            "GITHUB_ACTIONS": "1",  # Else MLflow opens a browser.
        }
        if system != OURS:
            environment["PYTHONPATH"] = str(_scikit_learn(place))
        words = [str(python.parent / module), "recipes", "run", "-p", "local"]
        found = []
        for _ in range(2):
            start = time.perf_counter()
            subprocess.run(words, cwd=root, env=environment, check=True, capture_output=True)
            found.append(time.perf_counter() - start)
        return found[0], found[1]


def _scikit_learn(place: Path) -> Path:
    """Install the version for MLflow into a directory."""
    target = place / "scikit-learn"
    python = str(peers.compiled(_PEER))
    install = ("pip", "install", "--quiet", "--no-deps", "--python", python)
    peers.uv(*install, "--target", str(target), _SCIKIT_LEARN)
    return target


def _many(count: int) -> list[Row]:
    """Ingest and split many rows."""
    import json

    with folder() as place:
        (place / "profiles").mkdir()
        (place / "recipe.yaml").write_text(_RECIPE)
        (place / "profiles/local.yaml").write_text("")
        environment = {**os.environ, "MLFLOW_RECIPES_EXECUTION_DIRECTORY": str(place / "results")}
        subprocess.run([sys.executable, "-c", _MAKE, str(count)], cwd=place, check=True)
        done = subprocess.run(
            [sys.executable, "-c", _SPLIT, str(place)],
            cwd=place,
            env=environment,
            check=True,
            stdout=subprocess.PIPE,
        )
        spent = json.loads(done.stdout.splitlines()[-1])
    speed = count / spent["split"]
    return [
        Row(f"recipe: rows split a second, of {count:,}", "rows/s", speed, goal=1_000_000),
        Row(f"recipe: memory with {count:,} rows", "MB", spent["mb"], goal=2000, better="less"),
    ]
