"""Fill MLflow's store with many runs, straight into its tables, and time its searches."""

from __future__ import annotations

import random
import sqlite3
import time
from collections.abc import Iterator
from typing import Any

from common import answer, request

_REPEATS = 3
_LONG_SECONDS = 5.0
"""A search that takes so long is not repeated."""
_START = 1_700_000_000_000


def main() -> None:
    """Fill, search, answer with the least seconds of each query."""
    import mlflow

    asked = request()
    client = mlflow.MlflowClient(asked["store"])
    client.search_experiments()  # lays the tables out
    _fill(asked["store"].removeprefix("sqlite:///"), asked["runs"])
    answer(seconds=[_least(client, query, asked["page"]) for query in asked["queries"]])


def _least(client: Any, query: list[Any], page: int) -> float:
    text, order = query
    spent = []
    for _ in range(_REPEATS):
        start = time.perf_counter()
        found = client.search_runs(["0"], text, max_results=page, order_by=order)
        spent.append(time.perf_counter() - start)
        assert len(found) == page
        if spent[-1] > _LONG_SECONDS:
            break
    return min(spent)


def _fill(file: str, runs: int) -> None:
    draw = random.Random(7)
    ids = [f"{draw.getrandbits(128):032x}" for _ in range(runs)]
    connection = sqlite3.connect(file)
    with connection:
        connection.executemany(
            "INSERT INTO runs (run_uuid, name, source_type, user_id, status, start_time, end_time,"
            " lifecycle_stage, artifact_uri, experiment_id)"
            " VALUES (?, ?, 'LOCAL', 'me', 'FINISHED', ?, ?, 'active', '/tmp/a', 0)",
            ((r, f"run-{i}", _START + i, _START + i + 9) for i, r in enumerate(ids)),
        )
        connection.executemany(
            "INSERT INTO latest_metrics VALUES (?, ?, ?, 9, 0, ?)", _metrics(draw, ids)
        )
        connection.executemany("INSERT INTO params VALUES (?, ?, ?)", _params(draw, ids))
        connection.executemany("INSERT INTO tags VALUES (?, ?, ?)", _tags(draw, ids))
    connection.close()


def _metrics(draw: random.Random, ids: list[str]) -> Iterator[tuple[object, ...]]:
    for run_id in ids:
        for i in range(10):
            yield f"m{i}", draw.random(), _START, run_id


def _params(draw: random.Random, ids: list[str]) -> Iterator[tuple[str, str, str]]:
    for run_id in ids:
        yield "p0", draw.choice(("resnet", "vit", "mlp", "forest", "svm")), run_id
        for i in range(1, 10):
            yield f"p{i}", str(draw.randrange(1000)), run_id


def _tags(draw: random.Random, ids: list[str]) -> Iterator[tuple[str, str, str]]:
    for run_id in ids:
        yield "stage", draw.choices(("dev", "staging"), (90, 10))[0], run_id
        for i in range(1, 5):
            yield f"t{i}", f"note {draw.randrange(1000)}", run_id


if __name__ == "__main__":
    main()
