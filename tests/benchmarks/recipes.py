"""How long a recipe takes from its data to a registered model, beside MLflow 2.17.2's recipes.

Both run the same two recipes with their command, and then again with nothing changed. MLflow takes
minutes for each, so this is measured only on demand.
"""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import peers
from pegboard_recipes import beginning
from processes import OURS, SECONDS, available, folder, python_of, takes_part
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
    used = time.process_time()
    recipe.run(step)
    spent[step] = dict(recipe.states())[step].seconds
    spent[f"{step}, processor"] = time.process_time() - used
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


_TUNED_ROWS, _TRIALS, _QUICK_TRIALS = 4000, 100, 8
_TUNING = """
recipe: regression/v1
target_col: y
steps:
  ingest: {{using: parquet, location: rows.parquet, skip_data_profiling: true}}
  split: {{skip_data_profiling: true}}
  transform: {{skip_data_profiling: true}}
  train:
    estimator_method: estimator_fn
    skip_data_profiling: true
    tuning:
      enabled: true
      max_trials: {trials}
      parallelism: {cores}
      parameters:
        max_depth: {{distribution: uniformint, low: 4, high: 16}}
"""
_FOREST = """
from sklearn.ensemble import RandomForestRegressor
from sklearn.compose import make_column_selector, make_column_transformer
def estimator_fn(params=None):
    return RandomForestRegressor(n_estimators=20, random_state=0, **(params or {}))
def transformer_fn():
    return make_column_transformer(("passthrough", make_column_selector(dtype_include="number")))
"""


def measure(quick: bool) -> list[Row]:
    """Run two recipes with each system, and ours on many rows."""
    systems = [OURS, *([_PEER] if takes_part(_PEER) and available(_PEER) else [])]
    rows = []
    for template in ("regression", "classification"):
        spent = {system: _spent(system, template) for system in systems}
        for what in spent[OURS]:
            again = "nothing changed" in what
            row = Row(
                f"{template} recipe, {what}",
                "s",
                spent[OURS][what],
                goal=0.3 if again else None,
                better="less",
                goal_ratio=5,
            )
            peer = {_PEER: spent[_PEER][what]} if what in spent.get(_PEER, ()) else {}
            rows += row.beside(peer)
    return [*rows, *_tuned(quick), *_many(_QUICK_ROWS if quick else _SPLIT_ROWS)]


def _spent(system: str, template: str) -> dict[str, float]:
    """Return how long a recipe takes the first time and the second time, and the processor."""
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
        found = {}
        for what in ("from data to a registered model", "nothing changed"):
            start, used = time.perf_counter(), _processor_s()
            if not _ends(words, root, environment):
                print(
                    f"{system} did not end the {template} recipe: it is left out", file=sys.stderr
                )
                return {}
            found[what] = time.perf_counter() - start
            found[f"{what}, processor"] = _processor_s() - used
        return found


def _ends(words: list[str], root: Path, environment: dict[str, str]) -> bool:
    """Run a recipe to its end; False if it hangs, as MLflow's split sometimes does."""
    process = subprocess.Popen(
        words,
        cwd=root,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        code = process.wait(SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return False
    if code:
        raise subprocess.CalledProcessError(code, words)
    return True


def _processor_s() -> float:
    """Return the processor seconds of all processes that this one has started and waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _scikit_learn(place: Path) -> Path:
    """Install the version for MLflow into a directory."""
    target = place / "scikit-learn"
    python = str(peers.compiled(_PEER))
    install = ("pip", "install", "--quiet", "--no-deps", "--python", python)
    peers.uv(*install, "--target", str(target), _SCIKIT_LEARN)
    return target


def _tuned(quick: bool) -> list[Row]:
    """Tune a forest in as many processes as there are cores, and see how busy these are."""
    cores, trials = os.cpu_count() or 1, _QUICK_TRIALS if quick else _TRIALS
    with folder() as place:
        for name in ("profiles", "steps"):
            (place / name).mkdir()
        given = _TUNING.format(trials=trials, cores=cores)
        transform = "  transform: {transformer_method: transformer_fn, "
        (place / "recipe.yaml").write_text(given.replace("  transform: {", transform))
        (place / "profiles/local.yaml").write_text("")
        for module in ("train", "transform"):
            (place / f"steps/{module}.py").write_text(_FOREST)
        subprocess.run([sys.executable, "-c", _MAKE, str(_TUNED_ROWS)], cwd=place, check=True)
        environment = {**os.environ, "MLFLOW_RECIPES_EXECUTION_DIRECTORY": str(place / "results")}
        words = [str(Path(sys.executable).with_name("pegboard")), "recipes", "run", "-p", "local"]
        for step in ("transform", "train"):
            start, used = time.perf_counter(), _processor_s()
            command = [*words, "-s", step]
            tries = _followed(
                subprocess.Popen(
                    command,
                    cwd=place,
                    env=environment,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                )
            )
            spent, busy = time.perf_counter() - start, _processor_s() - used
    what = f"recipe: share of {cores} cores that are busy, {trials} trials"
    return [
        Row(what, "%", 100 * busy / spent / cores, goal=None if quick else 85),
        # Whatever else runs here: a process that waits for a core is not idle.
        Row("recipe: time that processes which try parameters are not idle", "%", 100 * tries, 85),
        Row(f"recipe: {trials} trials", "s", spent, better="less"),
    ]


def _followed(process: subprocess.Popen[bytes]) -> float:
    """Wait for a recipe; return the share of time that its processes for tries were not idle.

    Linux tells for how long a process ran, and for how long it waited for a core.
    """
    first: dict[str, tuple[float, float]] = {}
    last: dict[str, tuple[float, float]] = {}
    while process.poll() is None:
        for pid in _below(str(process.pid)):
            with contextlib.suppress(OSError):
                place = Path("/proc", pid)
                if b"tuning_worker" in (place / "cmdline").read_bytes():
                    ran, waited = (place / "schedstat").read_text().split()[:2]
                    last[pid] = time.perf_counter(), (int(ran) + int(waited)) / 1e9
                    first.setdefault(pid, last[pid])
        time.sleep(0.05)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, process.args)
    busy = sum(last[pid][1] - first[pid][1] for pid in first)
    return busy / (sum(last[pid][0] - first[pid][0] for pid in first) or 1.0)


def _below(pid: str) -> Iterator[str]:
    """Yield the processes that a process started, and those that they did."""
    with contextlib.suppress(OSError):
        for file in Path("/proc", pid, "task").glob("*/children"):
            for child in file.read_text().split():
                yield child
                yield from _below(child)


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
        Row(
            f"recipe: rows split a second of the processor, of {count:,}",
            "rows/s",
            count / spent["split, processor"],
        ),
        Row(f"recipe: memory with {count:,} rows", "MB", spent["mb"], goal=2000, better="less"),
    ]
