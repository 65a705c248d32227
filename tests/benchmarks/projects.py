"""How long a project that does nothing takes, whole process: pegboard, and the real mlflow run.

    uv run --no-sync python tests/benchmarks/projects.py [--rounds 5] [--without-mlflow]

Both run the same folder with --env-manager local, warm. "own" is what pegboard adds to a process
that does nothing but load the command line (pegboard --version) and one that runs the command.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

PROJECT = "name: nothing\nentry_points:\n  main:\n    command: 'true'\n"


def seconds(words: list[str], place: Path, environment: dict[str, str]) -> float:
    """Return how long a process takes; it has to succeed."""
    began = time.perf_counter()
    subprocess.run(words, cwd=place, env=environment, check=True, capture_output=True)
    return time.perf_counter() - began


def main() -> None:
    """Measure, and print the medians."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--without-mlflow", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        (place / "MLproject").write_text(PROJECT)
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("MLFLOW", "PEGBOARD"))}
        pegboard = str(Path(sys.executable).with_name("pegboard"))
        run = ["run", ".", "--env-manager", "local"]
        commands = {
            "pegboard run": [pegboard, *run],
            "pegboard --version": [pegboard, "--version"],
            "the command": ["bash", "-c", "true"],
        }
        if not arguments.without_mlflow:
            from peers import interpreter

            commands["mlflow run (2.17.2)"] = [str(interpreter("mlflow-2").parent / "mlflow"), *run]
        for words in commands.values():
            seconds(words, place, kept)
        found: dict[str, list[float]] = {what: [] for what in commands}
        for _ in range(arguments.rounds):
            for what, words in commands.items():
                found[what].append(seconds(words, place, kept))
    medians = {what: statistics.median(times) for what, times in found.items()}
    for what, median in medians.items():
        print(f"{what:22} {median * 1000:8.0f} ms   least {min(found[what]) * 1000:.0f} ms")
    own = medians["pegboard run"] - medians["pegboard --version"] - medians["the command"]
    print(f"{'own':22} {own * 1000:8.0f} ms")


if __name__ == "__main__":
    main()
