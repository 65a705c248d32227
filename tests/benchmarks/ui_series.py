"""How long the server works for charts, the page of a run, comparisons and the first page.

``.venv/bin/python tests/benchmarks/ui_series.py [--quick]`` prints the milliseconds and the bytes
of each answer, compressed, beside their goals. The best of some repeats counts, as the machine is
shared.
"""

from __future__ import annotations

import argparse
import math
import random
import resource
import sqlite3
import sys
import tempfile
import time
from array import array
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pegboard.config import Config
from pegboard.contracts.tracking import TrackingStore
from pegboard.entities import Metric, Param
from pegboard.host import Host
from pegboard_stores.abilities import Batch, PackedPoints
from pegboard_ui.endpoints import ROOMS
from pegboard_wire.http import Answer, Call, Identity
from pegboard_wire.rooms import places_of
from rows import Row

_START = 1_700_000_000_000
_DAY = 86_400_000
_REPEATS = 3
_API = "/api/pegboard/1.0/"

Ask = Callable[[str, Mapping[str, Any]], int]


def measure(quick: bool) -> list[Row]:
    """Make a store, ask for each page."""
    with tempfile.TemporaryDirectory() as place:
        uri = f"sqlite:{place}/s.db"
        host = Host(Config())
        store = host.tracking_store(uri)
        part = 10 if quick else 1
        curves = add_curves(store, 100_000 // part, 1_000_000 // part)
        wide = add_wide(store, 100 // part)
        host.close()
        _many(Path(place) / "s.db", 50_000 // part)
        host = Host(Config())
        asking = _asking(host, uri)
        rows = [_row(asking, *each) for each in _questions(*curves, wide)]
        host.close()
    return [each for row in rows for each in row]


def _questions(
    many: list[str], one: str, wide: list[str]
) -> list[tuple[str, str, dict[str, Any], float, int | None]]:
    """Return what is asked: its name, the endpoint, its fields, and the goals in ms and KB."""
    series, compare = "metrics/series", "runs/compare"
    twenty, single = {"run_ids": many, "keys": "loss"}, {"run_ids": one, "keys": "loss"}
    tenth, other = {"from": "30000", "to": "40000"}, {"x": "metrics.other"}
    smooth, slow = {"smooth": "0.9"}, {"x": "relative", "smooth": "0.99"}
    differing = {"run_ids": wide, "diff": "true"}
    return [
        ("20 series x 100,000 points", series, twenty, 400, 200),
        ("20 series x 100,000 points, smoothed", series, twenty | smooth, 400, 200),
        ("20 series x 100,000 points by time", series, twenty | {"x": "time"}, 400, 200),
        ("20 series, a tenth", series, twenty | tenth, 200, None),
        ("1 series x 1,000,000 points", series, single, 700, None),
        ("1 series by relative time, smoothed", series, single | slow, 700, None),
        ("1 series, a part", series, single | tenth, 200, None),
        ("1 series over another metric", series, single | other, 2_000, None),
        ("100 runs x 1,000 keys compared", compare, differing, 1_000, None),
        ("a run of 1,000 keys", "runs/overview", {"run_id": wide[0]}, 200, None),
        ("the first page, 50,000 runs", "ui/home", {}, 100, None),
    ]


def _row(
    asking: Ask, what: str, path: str, fields: dict[str, Any], goal: float, size_goal: int | None
) -> list[Row]:
    seconds = again = worked = math.inf
    size = 0
    for number in range(_REPEATS):
        # Another width each time: a curve that was asked for before is remembered.
        asked = fields | {"width": str(600 - number)} if "keys" in fields else fields
        begin, working = time.perf_counter(), time.process_time()
        size = max(asking(path, asked), size)
        seconds = min(seconds, time.perf_counter() - begin)
        worked = min(worked, time.process_time() - working)
        begin = time.perf_counter()
        asking(path, asked)
        again = min(again, time.perf_counter() - begin)
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    note = (
        f"{worked * 1000:,.0f} ms of a processor, {again * 1000:,.1f} ms again, "
        f"{size / 1000:,.0f} KB; {most:,.0f} MB held at the most"
    )
    rows = [Row(f"page: {what}", "ms", seconds * 1000, goal, "less", note=note)]
    if size_goal is not None:
        rows.append(Row(f"page: {what}, answer", "KB", size / 1000, size_goal, "less"))
    return rows


def _asking(host: Host, uri: str) -> Ask:
    known = {place.path: place for place in places_of(ROOMS) if place.method == "GET"}
    headers = {"accept-encoding": "gzip"}

    def ask(path: str, fields: Mapping[str, Any]) -> int:
        call = Call(host, Identity("me", frozenset()), fields, headers, tracking_uri=uri)
        answer = known[_API + path].load().handle(call)
        if not isinstance(answer, Answer) or not isinstance(answer.content, bytes):
            raise TypeError(path)
        return len(answer.content)

    return ask


def add_curves(
    store: TrackingStore, many: int, one: int, experiment: str = "0"
) -> tuple[list[str], str]:
    """Add 20 runs of so many points of ``loss``, and one with two metrics; return their ids."""
    packing = store.ability(PackedPoints)
    if packing is None:
        raise RuntimeError("The store takes no packed points.")
    ids = [store.create_run(experiment, start_time=_START).info.run_id for _ in range(21)]
    for number, run_id in enumerate(ids[:-1]):
        packing.log(Batch("benchmark", number), run_id, {"loss": _points(many, number)})
    long = {"loss": _points(one, 20), "other": _points(one, 21)}
    packing.log(Batch("benchmark", 20), ids[-1], long)
    return ids[:-1], ids[-1]


def _points(count: int, seed: int) -> bytes:
    chosen = random.Random(seed)
    whole = array("q", bytes(24 * count))
    whole[0::3] = array("q", range(count))
    whole[1::3] = array("q", range(_START, _START + 50 * count, 50))
    values = (math.exp(-3 * i / count) + chosen.gauss(0, 0.02) for i in range(count))
    whole[2::3] = array("q", array("d", values).tobytes())
    return whole.tobytes()


def add_wide(store: TrackingStore, runs: int, experiment: str = "0") -> list[str]:
    """Add so many runs of 900 metrics and 100 params, and return their ids."""
    chosen = random.Random(1)
    ids = []
    for _ in range(runs):
        run_id = store.create_run(experiment, start_time=_START).info.run_id
        metrics = [Metric(f"layer/{i}/norm", chosen.random(), _START, 1) for i in range(900)]
        params = [Param(f"block{i}/size", str(chosen.randrange(3))) for i in range(100)]
        store.log_batch(run_id, metrics=metrics, params=params)
        ids.append(run_id)
    return ids


def _many(path: Path, runs: int) -> None:
    """Add so many runs in 100 experiments, straight into the tables."""
    chosen, now = random.Random(2), int(time.time() * 1000)
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("BEGIN")
    for experiment in range(1_000, 1_100):
        connection.execute(
            "INSERT INTO experiment (id, name, artifact_location, creation_time, last_update_time)"
            " VALUES (?, ?, 'x', ?, ?)",
            (experiment, f"experiment {experiment}", now, now),
        )
    keys = ("val_acc", "loss", "lr")
    for key in keys:
        connection.execute("INSERT OR IGNORE INTO name (text) VALUES (?)", (key,))
    names = [
        connection.execute("SELECT id FROM name WHERE text = ?", (key,)).fetchone()[0]
        for key in keys
    ]
    for run in range(1_000, 1_000 + runs):
        experiment, start = 1_000 + run % 100, now - chosen.randrange(60 * _DAY)
        end = None if run < 1_012 else start + 60_000
        status = "RUNNING" if end is None else "FAILED" if run % 17 == 0 else "FINISHED"
        connection.execute(
            "INSERT INTO run (id, run_id, experiment, name, user, status, start_time, end_time,"
            " artifact_uri) VALUES (?, ?, ?, ?, 'ann', ?, ?, ?, 'x')",
            (run, f"{run:032x}", experiment, f"run-{run}", status, start, end),
        )
        connection.executemany(
            "INSERT INTO series (run, name, experiment, value, step, timestamp, points, chunks)"
            " VALUES (?, ?, ?, ?, 9, ?, 0, 0)",
            [(run, name, experiment, chosen.random(), start + 9) for name in names],
        )
    connection.execute("COMMIT")
    connection.close()


def main() -> None:
    """Print what is measured."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="with a tenth of the data")
    for row in measure(parser.parse_args().quick):
        judged = "" if row.goal is None else f"{'met' if row.met else 'MISSED'}, goal {row.goal:g}"
        print(f"{row.what:56} {row.ours:9.1f} {row.unit:3} {judged:18} {row.note}")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
