"""What a sweep adds to each trial, whole process: trials that do nothing, one after the other.

    uv run --no-sync python tests/benchmarks/sweeps.py [--trials 50] [--rounds 3]

A sweep of so many trials is compared with one of a single trial, and with the command alone. The
one of Bayesian search needs Optuna. "going on" is a call that finds all trials done.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PROJECT = "entry_points:\n  main: {parameters: {x: float}, command: 'true'}\n"
BAYES = """
entry_points:
  main:
    parameters: {x: float}
    command: >
      python -S -c 'import http.client, json, os, sys;
      at = http.client.HTTPConnection(os.environ["MLFLOW_TRACKING_URI"][7:]);
      point = {{"run_id": os.environ["MLFLOW_RUN_ID"], "key": "loss", "value": float(sys.argv[1]),
      "timestamp": 1, "step": 0}};
      at.request("POST", "/api/2.0/mlflow/runs/log-metric", json.dumps(point),
      {{"Authorization": "Bearer " + os.environ["MLFLOW_TRACKING_TOKEN"],
      "Content-Type": "application/json"}}); assert at.getresponse().status == 200' {x}
"""


def sweep(method: str, trials: int) -> str:
    """Return the file of a sweep."""
    metric = {"metric": {"name": "loss"}} if method == "bayes" else {}
    space = {"x": {"min": 0.0, "max": 1.0}}
    return json.dumps({"method": method, "run_cap": trials, "parameters": space, **metric})


def seconds(place: Path, file: str, *more: str) -> float:
    """Return how long a sweep takes; it has to succeed."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("MLFLOW", "PEGBOARD"))}
    words = [str(Path(sys.executable).with_name("pegboard")), "sweep", file, *more]
    began = time.perf_counter()
    subprocess.run(words, cwd=place, env=kept, check=True, capture_output=True)
    return time.perf_counter() - began


def measured(method: str, trials: int, rounds: int) -> dict[str, float]:
    """Return the medians of a method, in seconds."""
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        (place / "MLproject").write_text(BAYES if method == "bayes" else PROJECT)
        (place / "one.yaml").write_text(sweep(method, 1))
        (place / "many.yaml").write_text(sweep(method, trials))
        seconds(place, "one.yaml", "--new")
        found: dict[str, list[float]] = {"one": [], "many": [], "going on": []}
        for _ in range(rounds):
            found["one"].append(seconds(place, "one.yaml", "--new"))
            found["many"].append(seconds(place, "many.yaml", "--new"))
            found["going on"].append(seconds(place, "many.yaml"))
    return {what: statistics.median(times) for what, times in found.items()}


def main() -> None:
    """Measure, and print the medians."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--trials", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    for method in ("random", "bayes"):
        found = measured(method, arguments.trials, arguments.rounds)
        each = (found["many"] - found["one"]) / (arguments.trials - 1)
        print(
            f"{method:8} {each * 1000:6.0f} ms a trial   one trial {found['one'] * 1000:.0f} ms   "
            f"going on {found['going on'] * 1000:.0f} ms"
        )


if __name__ == "__main__":
    main()
