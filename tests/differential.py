"""The real MLflow client makes random calls to MLflow's server and to ours; nothing may differ.

    python tests/differential.py --seeds 1000

Each seed is a script of calls about one or two topics. Both servers are new, both are asked by
MLflow's own client in processes of their own, and answers and errors are compared. The first
difference that ``differing/known.py`` does not explain is printed with the shortest script found
that shows it.
"""

from __future__ import annotations

import argparse
import json
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from differing import scripts
from differing.compare import Difference
from differing.pair import Pair
from differing.scripts import Step
from differing.shrink import shortest
from mlflow_server import MlflowServer
from peers import interpreter
from pegboard_server_process import PegboardServer


@contextmanager
def beside(theirs: MlflowServer, python: Path, place: Path) -> Iterator[Pair]:
    """Start a server of ours beside MLflow's, and a client for each."""
    ours = PegboardServer(place)
    try:
        pair = Pair(python, theirs.url, ours.url, place)
        try:
            yield pair
        finally:
            pair.close()
    finally:
        ours.stop()


@contextmanager
def servers(python: Path, place: Path) -> Iterator[Pair]:
    """Start MLflow's server and ours, each with a client."""
    for name in ("mlflow", "pegboard"):
        (place / name).mkdir()
    theirs = MlflowServer(place / "mlflow")
    try:
        with beside(theirs, python, place / "pegboard") as pair:
            yield pair
    finally:
        theirs.stop()


def shown(steps: list[Step], found: Difference) -> str:
    """Return a script and what differs at its end, for people."""
    lines = [json.dumps(step, ensure_ascii=False)[:1200] for step in steps]
    for place, both in found.places.items():
        for server, value in zip(("MLflow", "pegboard"), both, strict=True):
            written = json.dumps(value, ensure_ascii=False)
            lines.append(f"  {place} {server}: {written[:600]}")
    return "\n".join(lines)


def main() -> int:
    """Run seeds and print the shortest script for each sort of difference."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=100, help="how many scripts")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--length", type=int, default=40, help="random calls of a script")
    parser.add_argument("--topic", action="append", default=[], choices=list(scripts.TOPICS))
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sorts = set()
    with (
        tempfile.TemporaryDirectory() as place,
        servers(interpreter("mlflow"), Path(place)) as pair,
    ):
        for seed in range(options.first, options.first + options.seeds):
            steps = scripts.write(seed, tuple(options.topic), options.length)
            found = pair.difference(steps)
            if found is None or found.sort in sorts:
                continue
            sorts.add(found.sort)
            steps, found = shortest(steps, found, pair.difference)
            print(f"== seed {seed}\n{shown(steps, found)}", flush=True)
        print(f"{options.seeds} scripts, {pair.calls} calls, {len(sorts)} sorts of difference")
        for why, count in sorted(pair.excused.items(), key=lambda item: -item[1]):
            print(f"  {count:6} {why}")
    return 1 if sorts else 0


if __name__ == "__main__":
    raise SystemExit(main())
