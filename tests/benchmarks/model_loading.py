"""What loading a model costs beyond what its library needs to read the same file."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from processes import OURS, available, folder, python_of
from rows import Row

_PEER = "mlflow"

_SAVE = """
import numpy as np
import {name} as mlflow
from sklearn.linear_model import LogisticRegression
X = np.arange(8.0).reshape(4, 2)
model = LogisticRegression().fit(X, [0, 1, 0, 1])
mlflow.sklearn.save_model(
    model, "model", serialization_format="pickle", signature=mlflow.models.infer_signature(X),
    pip_requirements=["scikit-learn"],
)
"""

# The library is imported first, so that what is measured is the reading alone; the file too.
_LIBRARY = """
import time
import sklearn.linear_model, pickle
start = time.perf_counter()
with open("model/model.pkl", "rb") as file:
    pickle.load(file)
print(time.perf_counter() - start)
"""

_WHOLE = """
import time
import sklearn.linear_model, pickle
start = time.perf_counter()
import {name}
{load}
print(time.perf_counter() - start)
"""

# What every script pays that uses the package at all, is not the loading of a model.
_FIRST = """
import time
import sklearn.linear_model, pickle
import {name}
{start}
start = time.perf_counter()
{load}
print(time.perf_counter() - start)
"""

_START = {OURS: "import pegboard.host; pegboard.host.current().api_names()", _PEER: ""}

_AGAIN = """
import time
import {name}
{load}
spent = []
for _ in range(20):
    start = time.perf_counter()
    {load}
    spent.append(time.perf_counter() - start)
print(min(spent))
"""

_NATIVE = "{name}.sklearn.load_model('model'{trust})"
_GENERIC = "{name}.pyfunc.load_model('model'{trust})"


_GOALS: dict[str, float | None] = {
    "load the first model, beyond its library": 30,
    "load it in its generic form": 30,
    "start the package and load a model": None,
    "load a model again": None,
}


def measure(quick: bool) -> list[Row]:
    """Load one small model in fresh processes; the best of several."""
    times = 3 if quick else 10
    systems = [OURS, *([_PEER] if available(_PEER) else [])]
    spent: dict[str, dict[str, float]] = {}
    for system in systems:
        with folder() as place:
            _run(system, _SAVE.format(name=system), place)
            spent[system] = _measured(system, place, times)
    ours, theirs = spent[OURS], spent.get(_PEER, {})
    rows = []
    for what, goal in _GOALS.items():
        row = Row(what, "ms", ours[what], goal=goal, better="less")
        rows += row.beside({_PEER: theirs[what]} if theirs else {})
    return rows


def _measured(system: str, place: Path, times: int) -> dict[str, float]:
    trust = ", trust=True" if system == OURS else ""
    native = _NATIVE.format(name=system, trust=trust)
    generic = _GENERIC.format(name=system, trust=trust)

    def best(code: str, load: str = "") -> float:
        text = code.format(name=system, load=load, start=_START[system])
        return min(float(_run(system, text, place)) for _ in range(times)) * 1000

    library = best(_LIBRARY)
    figures = (
        best(_FIRST, native) - library,
        best(_FIRST, generic) - library,
        best(_WHOLE, native) - library,
        best(_AGAIN, native),
    )
    return dict(zip(_GOALS, figures, strict=True))


def _run(system: str, code: str, place: Path) -> str:
    done = subprocess.run(
        [python_of(system), "-W", "ignore", "-c", code],
        cwd=place,
        check=True,
        stdout=subprocess.PIPE,
        stderr=sys.stderr,
        text=True,
    )
    return done.stdout.strip().splitlines()[-1] if done.stdout.strip() else ""
