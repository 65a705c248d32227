"""The workflow that ``pegboard workflows new`` makes."""

from __future__ import annotations

from pathlib import Path

from pegboard.errors import AlreadyExists, translate_os_error

_WORKFLOW = """\
# Run it: `pegboard workflows run .`; what would run, and why: `pegboard workflows plan .`
name: NAME

params:
  rows: 200
  rates: [0.01, 0.1, 0.5]

# Where steps run, all of them: here, or on a runner that a plugin brings.
backend: local

steps:
  load:
    run: load.py                        # a script, or an entry point of the project
    params: {rows: "${params.rows}"}
    outputs: [rows.csv]

  train:
    foreach: "${params.rates}"          # a run for each
    concurrency: 2
    retries: 1
    timeout: 10m
    run: train.py
    params: {rate: "${item}"}
    inputs: {rows: load.rows.csv}       # the path of it: --rows PATH
    outputs: {model: model.json}

  best:
    command: python best.py {models}    # the paths of all
    inputs: {models: train.model}
    outputs: [best.json]
"""

_FILES = {
    "load.py": '''\
"""Writes rows to learn from into the folder for what a step gives."""

import argparse
import os
import random
from pathlib import Path

parser = argparse.ArgumentParser()
parser.add_argument("--rows", type=int, required=True)
arguments = parser.parse_args()

source = random.Random(0)
lines = ["x,y"]
for _ in range(arguments.rows):
    x = source.uniform(-1, 1)
    lines.append(f"{x},{3 * x + source.gauss(0, 0.1)}")
Path(os.environ["PEGBOARD_OUTPUTS"], "rows.csv").write_text("\\n".join(lines) + "\\n")
print(f"{arguments.rows} rows")
''',
    "train.py": '''\
"""Learns a slope from rows, and tracks how well; its model is an artifact of the run."""

import argparse
import csv
import json

import pegboard

parser = argparse.ArgumentParser()
parser.add_argument("--rows", required=True)
parser.add_argument("--rate", type=float, required=True)
arguments = parser.parse_args()

with open(arguments.rows) as file:
    rows = [(float(row["x"]), float(row["y"])) for row in csv.DictReader(file)]
slope = 0.0
with pegboard.start_run():
    for step in range(5):
        for x, y in rows:
            slope += arguments.rate * (y - slope * x) * x
        error = sum((y - slope * x) ** 2 for x, y in rows) / len(rows)
        pegboard.log_metric("error", error, step=step)
    model = {"rate": arguments.rate, "slope": slope, "error": error}
    pegboard.log_text(json.dumps(model), "model.json")
print(f"slope {slope:.3f}, error {error:.4f}")
''',
    "best.py": '''\
"""Keeps the best of the models whose paths are given."""

import json
import os
import sys
from pathlib import Path

models = [json.loads(Path(path).read_text()) for path in sys.argv[1:]]
best = min(models, key=lambda model: model["error"])
Path(os.environ["PEGBOARD_OUTPUTS"], "best.json").write_text(json.dumps(best))
print(f"the best of {len(models)} has the rate {best['rate']}")
''',
}


def write(directory: Path) -> None:
    """Write a workflow into a new folder, or an empty one; else AlreadyExists."""
    try:
        if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
            raise AlreadyExists(f"{directory} is there already, and not empty.")
        directory.mkdir(parents=True, exist_ok=True)
        name = "".join(c if c.isalnum() or c in " .-_" else "-" for c in directory.resolve().name)
        (directory / "workflow.yaml").write_text(
            _WORKFLOW.replace("NAME", name.lstrip(" .-") or "demo"), "utf-8"
        )
        for file, content in _FILES.items():
            (directory / file).write_text(content, "utf-8")
    except OSError as error:
        raise translate_os_error(error, directory) from error
