"""The project that ``pegboard projects new`` makes."""

from __future__ import annotations

from pathlib import Path

from pegboard.errors import AlreadyExists, translate_os_error

_PROJECT = """\
# How this folder is run: `pegboard run .`, or `mlflow run .`
name: NAME

# Name a file here, and what it lists is installed into an environment that is built once and kept.
# python_env: python_env.yaml

entry_points:
  main:
    parameters:
      rate: {type: float, default: 0.1}
      steps: {type: int, default: 20}
    command: "python train.py --rate {rate} --steps {steps}"
"""

_SCRIPT = '''\
"""Trains nothing much, and tracks how it went."""

import argparse

import pegboard

parser = argparse.ArgumentParser()
parser.add_argument("--rate", type=float, required=True)
parser.add_argument("--steps", type=int, required=True)
arguments = parser.parse_args()

with pegboard.start_run():
    loss = 1.0
    for step in range(arguments.steps):
        loss *= 1 - arguments.rate
        pegboard.log_metric("loss", loss, step=step)
    pegboard.log_text(f"The final loss is {loss:.4f}.\\n", "summary.txt")
print(f"The final loss is {loss:.4f}.")
'''


def write(directory: Path) -> None:
    """Write a project into a new folder, or an empty one; else AlreadyExists."""
    try:
        if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
            raise AlreadyExists(f"{directory} is there already, and not empty.")
        directory.mkdir(parents=True, exist_ok=True)
        name = directory.resolve().name
        (directory / "MLproject").write_text(_PROJECT.replace("NAME", _quoted(name)), "utf-8")
        (directory / "train.py").write_text(_SCRIPT, "utf-8")
    except OSError as error:
        raise translate_os_error(error, directory) from error


def _quoted(name: str) -> str:
    import json

    return json.dumps(name)
