"""Search times on stores of 1,000 and 50,000 runs with 10 params, 10 metrics and 5 tags each.

Run it with ``.venv/bin/python tests/benchmarks/search.py [runs …]``; it prints a table.
"""

from __future__ import annotations

import random
import sqlite3
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from time import perf_counter

from pegboard.entities import ViewType
from pegboard_stores.filters import RUNS, as_number, parse_filter, parse_order_by
from pegboard_stores.sql.patterns import prepare
from pegboard_stores.sql.texts import split
from pegboard_stores.sqlite import Database
from pegboard_tracking.search import queries
from pegboard_tracking.tables import schema

SIZES = (1_000, 50_000)
PAGE = 100
REPEATS = 5
START = 1_700_000_000_000


def fill(connection: sqlite3.Connection, runs: int, experiments: int = 1, seed: int = 7) -> None:
    """Insert ``runs`` runs, spread over experiments 1 to ``experiments``, in bulk.

    The shapes of real stores are in it: metrics of all values, of few values, of one value, of
    NaN, metrics that most runs lack, params of few and of many values, and one that is long.
    """
    draw = random.Random(seed)
    connection.execute("BEGIN")
    connection.executemany(
        "INSERT INTO experiment (id, name, artifact_location, creation_time, last_update_time)"
        " VALUES (?, ?, '/tmp/a', ?, ?)",
        ((i, f"experiment {i}", START + i, START + i) for i in range(1, experiments + 1)),
    )
    metrics = [f"m{i}" for i in range(9)] + ["rare"]
    params = [f"p{i}" for i in range(10)]
    tags = ["mlflow.runName", "mlflow.user", "mlflow.source.name", "stage", "note"]
    names = {text: i for i, text in enumerate(dict.fromkeys([*metrics, *params, *tags]), 1)}
    connection.executemany("INSERT INTO name (text, id) VALUES (?, ?)", names.items())
    connection.executemany(
        "INSERT INTO run (id, run_id, experiment, name, user, status, start_time, end_time,"
        " lifecycle, artifact_uri) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (_run(draw, i, 1 + i % experiments) for i in range(1, runs + 1)),
    )
    for number in range(1, runs + 1):
        experiment = 1 + number % experiments
        connection.executemany(
            "INSERT INTO series (run, name, experiment, value, step, timestamp, points)"
            " VALUES (?, ?, ?, ?, 9, ?, 10)",
            (
                (number, names[key], experiment, value, START + number)
                for key, value in zip(metrics, _metrics(draw, number, runs), strict=True)
                if value is not ...
            ),
        )
        connection.executemany(
            "INSERT INTO param (run, name, experiment, value, rest, number)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (
                (number, names[key], experiment, *split(value), as_number(value))
                for key, value in zip(params, _params(draw, number), strict=True)
            ),
        )
        connection.executemany(
            "INSERT INTO tag (run, name, experiment, value, rest) VALUES (?, ?, ?, ?, ?)",
            (
                (number, names[key], experiment, *split(value))
                for key, value in zip(tags, _tags(draw, number), strict=True)
            ),
        )
    connection.execute("COMMIT")


def _run(draw: random.Random, i: int, experiment: int) -> tuple[object, ...]:
    status = draw.choices(("FINISHED", "FAILED", "RUNNING", "KILLED"), (90, 7, 2, 1))[0]
    start = START + i * 1000 + draw.randrange(5000)
    return (
        i,
        f"{draw.getrandbits(128):032x}",
        experiment,
        f"run-{i}",
        f"user{draw.randrange(20)}",
        status,
        start,
        None if status == "RUNNING" else start + draw.randrange(3_600_000),
        "deleted" if draw.random() < 0.02 else "active",
        f"/srv/artifacts/{experiment}/{i}",
    )


def _metrics(draw: random.Random, i: int, runs: int) -> Iterator[object]:
    yield draw.random()
    yield draw.gauss(0, 1)
    yield float(draw.randrange(10))
    yield 1.0
    yield None if draw.random() < 0.3 else draw.random()
    yield i / runs
    yield 1 - i / runs
    yield draw.expovariate(1)
    yield float("inf") if draw.random() < 0.01 else draw.random()
    yield draw.random() if draw.random() < 0.002 else ...


def _params(draw: random.Random, i: int) -> Iterator[str]:
    yield draw.choice(("resnet", "vit", "mlp", "forest", "svm"))
    yield f"{10 ** draw.uniform(-5, -1):.6f}"
    yield str(draw.choice((16, 32, 64, 128)))
    yield "adam"
    yield str(i)
    yield f"{draw.getrandbits(64):x}"
    yield f"layers/{draw.randrange(1000)}"
    yield "x" * 500 + str(draw.randrange(1000)) if i % 50 == 0 else "short"
    yield draw.choice(("True", "False"))
    yield f"s3://bucket/data/{draw.randrange(300)}/train.parquet"


def _tags(draw: random.Random, i: int) -> Iterator[str]:
    yield f"run-{i}"
    yield f"user{draw.randrange(20)}"
    yield draw.choice(("train.py", "sweep.py", "notebook.ipynb"))
    yield draw.choices(("dev", "staging", "production"), (90, 9, 1))[0]
    yield f"note {draw.getrandbits(32):x}"


QUERIES: tuple[tuple[str, Sequence[str]], ...] = (
    ("", ()),
    ("metrics.m0 > 0.5", ()),
    ("metrics.m0 > 0.999", ()),
    ("metrics.m0 > 2", ()),
    ("metrics.m0 < 0.05", ("metrics.m1 DESC",)),
    ("metrics.m2 = 3", ()),
    ("metrics.m2 != 3", ("metrics.m0",)),
    ("metrics.m3 = 1", ("metrics.m3 DESC",)),
    ("metrics.m3 != 1", ()),
    ("metrics.m4 >= 0.5", ("metrics.m4",)),
    ("metrics.m5 < 0.2", ()),
    ("metrics.m5 < 0.5", ()),
    ("metrics.m6 > 0.7 AND metrics.m5 < 0.5", ("metrics.m5 DESC",)),
    ("metrics.m0 > 0.9 AND metrics.m1 > 1 AND metrics.m7 < 0.1", ()),
    ("metrics.m0 > 0.5 AND metrics.m0 < 0.5001", ("metrics.m1",)),
    ("metrics.m5 > 0.5 AND metrics.m6 > 0.51", ()),
    ("metrics.rare > 0.5", ()),
    ("params.p0 = 'vit'", ()),
    ("params.p0 != 'vit'", ("metrics.m0 DESC",)),
    ("params.p3 != 'adam'", ()),
    ("params.p3 = 'adam' AND params.p8 = 'True' AND params.p2 = '64'", ("metrics.m1",)),
    ("params.p4 = '777'", ()),
    ("params.p5 LIKE 'abc%'", ()),
    ("params.p9 LIKE '%/77/%'", ()),
    ("params.p9 LIKE '%nowhere%'", ()),
    ("params.p9 ILIKE '%TRAIN%'", ()),
    ("params.p7 LIKE '%999'", ()),
    ("params.p3 IS NULL", ()),
    ("params.p3 IS NOT NULL", ()),
    ("params.unknown IS NULL", ()),
    ("tags.stage = 'production'", ()),
    ("tags.stage != 'dev'", ("metrics.m0",)),
    ("tags.note ILIKE 'NOTE a%'", ()),
    ("tags.note LIKE '%zzz%'", ()),
    ("tags.note IS NULL", ()),
    ("status = 'FINISHED'", ()),
    ("status = 'KILLED'", ("end_time DESC",)),
    ("status != 'FINISHED' AND metrics.m0 > 0.9", ()),
    ("attributes.start_time > 1700000900000", ("attributes.start_time ASC",)),
    ("end_time < 1700000900000", ()),
    ("run_name = 'run-500'", ()),
    ("run_name LIKE '%99'", ()),
    ("user_id = 'user7'", ()),
    ("artifact_uri LIKE '%/888'", ()),
    ("run_id IN ('a', 'b', 'c')", ()),
    ("dataset.name = 'none'", ()),
    ("", ("metrics.m0",)),
    ("", ("metrics.m0 DESC",)),
    ("", ("metrics.m2 DESC", "metrics.m1")),
    ("", ("metrics.m3 DESC",)),
    ("", ("metrics.rare DESC",)),
    ("", ("metrics.m4", "params.p0")),
    ("", ("params.p0", "metrics.m0 DESC")),
    ("", ("params.p5 DESC",)),
    ("", ("params.p7 DESC",)),
    ("", ("params.p3",)),
    ("", ("tags.stage DESC", "params.p0", "metrics.m2 DESC")),
    ("", ("tags.note",)),
    ("", ("start_time ASC",)),
    ("", ("end_time",)),
    ("", ("run_name DESC",)),
    ("", ("user_id", "metrics.m0")),
    ("", ("status",)),
    ("", ("run_id",)),
    ("", ("artifact_uri DESC",)),
    ("metrics.m0 > 0.9 OR params.p0 = 'vit'", ()),
    ("metrics.m0 > 0.9999 OR params.p4 = '777'", ()),
    ("NOT (params.p0 = 'vit' OR metrics.m0 < 0.9)", ()),
    ("params.p1 > 0.09 AND params.p1 < 0.095", ()),
    ("params.p2 >= 64", ("params.p2",)),
    ("params.p9 =~ '/7[0-9]/train'", ()),
    ("tags.note =~ 'ff+f$'", ()),
)


def build(folder: Path, runs: int, experiments: int = 1) -> sqlite3.Connection:
    """Create a store in ``folder`` and return a connection to it that is ready for searching."""
    database = Database(folder / f"search-{runs}-{experiments}.db")
    database.migrate(schema.NAME, schema.COUNT, schema.migrations)
    connection = database.connection()
    fill(connection, runs, experiments)
    prepare(connection)
    return connection


def measure(
    connection: sqlite3.Connection,
    experiments: Sequence[int],
    text: str,
    order: Sequence[str],
    pages: int = 1,
) -> tuple[float, int]:
    """Return the least milliseconds of a page, loaded, out of a few tries; and its length."""
    best, found = float("inf"), 0
    for _ in range(REPEATS):
        token = None
        for _ in range(pages):
            begin = perf_counter()
            expr, order_by = parse_filter(text, RUNS), parse_order_by(order, RUNS)
            rows, token = queries.search_run_rows(
                connection, experiments, expr, order_by, ViewType.ACTIVE_ONLY, PAGE, token
            )
            found = len(queries.load_runs(connection, rows))
            spent = perf_counter() - begin
            if token is None:
                break
        best = min(best, spent)
    return best * 1000, found


def main(sizes: Sequence[int] = SIZES) -> None:
    """Print the table: a line for each query, a column for each size."""
    with tempfile.TemporaryDirectory() as folder:
        stores = [build(Path(folder), size) for size in sizes]
        print(f"{'ms for the first page of 100 loaded runs':76}", *(f"{s:>9}" for s in sizes))
        worst = 0.0
        for text, order in QUERIES:
            times = [measure(store, [1], text, order) for store in stores]
            worst = max(worst, times[-1][0])
            line = text + (f" ORDER BY {', '.join(order)}" if order else "")
            growth = times[-1][0] / times[0][0]
            cells = " ".join(f"{ms:9.2f}" for ms, _ in times)
            print(f"{line or '(everything)':76} {cells}  x{growth:.1f}  {times[-1][1]} runs")
        print(f"slowest: {worst:.1f} ms")
        for experiments in (3, 2000):
            store = build(Path(folder), sizes[-1], experiments)
            for text, order in QUERIES[:2] + QUERIES[47:49]:
                ms, found = measure(store, range(1, experiments + 1), text, order)
                line = text + (f" ORDER BY {', '.join(order)}" if order else "")
                label = f"{line or '(everything)'} in {experiments} experiments"
                print(f"{label:76} {ms:19.2f}  {found} runs")


if __name__ == "__main__":
    main([int(size) for size in sys.argv[1:]] or SIZES)
