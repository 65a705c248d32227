"""A large store for the pages: many runs that share many keys, made in bulk and always the same.

``build`` is for benchmarks and tests alike. Its runs have what real ones have: a dozen of keys that
all have, hundreds that some have, NaN and infinite values, sweeps below sweeps, notes and states.
"""

from __future__ import annotations

import json
import sqlite3
from array import array
from collections.abc import Iterator
from pathlib import Path

from attrs import frozen
from pegboard.config import Config
from pegboard.host import Host
from pegboard.tags import PARENT_RUN_ID

START = 1_700_000_000_000
EXPERIMENT = "large"
METRICS = (
    *("acc", "loss", "val/acc", "val/loss", "val/f1", "train/acc", "train/loss", "epoch"),
    *("grad_norm", "lr", "system/cpu", "system/memory"),
)
"""Metrics that all runs have; the first two have a history."""

PARAMS = ("opt", "lr", "batch_size", "seed", "depth", "dropout", "model", "data", "fp16", "note")
TAGS = ("mlflow.runName", "mlflow.user", "mlflow.source.name", "stage", "mlflow.note.content")
POINTS = 32

_INDEXED = ("series", "param", "tag")
_DRAWN = "(((r.id * 2654435761 + k.id * 40503) % 1000003 + 1000003) % 1000003) / 1000003.0"
"""A number from 0 to 1 that depends on the run and the key alone."""


@frozen
class Large:
    """A store that was made: its file, and the id of the experiment with all the runs."""

    path: Path
    experiment_id: str
    runs: int
    keys: int

    @property
    def uri(self) -> str:
        """The URI to open it with."""
        return f"sqlite:{self.path}"


def build(folder: Path, runs: int = 50_000, keys: int = 1_000, per_run: int = 60) -> Large:
    """Return a store of so many runs and keys in a folder; it is made if it is not there.

    Each run has about ``per_run`` of the keys, of which two thirds are metrics.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"large-{runs}-{keys}-{per_run}.db"
    told = path.with_suffix(".json")
    if not told.exists():
        for old in folder.glob(f"{path.name}*"):
            if old.is_file():
                old.unlink()
        experiment = _empty(path)
        _fill(path, experiment, runs, keys, per_run)
        told.write_text(json.dumps({"experiment": experiment}))
    return Large(path, json.loads(told.read_text())["experiment"], runs, keys)


def _empty(path: Path) -> str:
    host = Host(Config())
    try:
        return host.tracking_store(f"sqlite:{path}").create_experiment(EXPERIMENT).experiment_id
    finally:
        host.close()


def _fill(path: Path, experiment: str, runs: int, keys: int, per_run: int) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA cache_size = -400000")
    connection.execute("PRAGMA synchronous = OFF")
    indexes = connection.execute(
        "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
        f" AND tbl_name IN {_INDEXED}"
    ).fetchall()
    connection.execute("BEGIN")
    for name, _ in indexes:
        connection.execute(f"DROP INDEX {name}")
    _name_keys(connection, keys)
    connection.executemany(
        "INSERT INTO run (id, run_id, experiment, name, user, status, start_time, end_time,"
        " lifecycle, artifact_uri) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'active', ?)",
        (_run(i, int(experiment), runs) for i in range(1, runs + 1)),
    )
    _add_data(connection, keys, per_run)
    _add_histories(connection)
    _add_parents(connection, runs)
    connection.execute("COMMIT")
    for _, statement in indexes:
        connection.execute(statement)
    connection.execute("DELETE FROM change WHERE number < (SELECT max(number) FROM change)")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    connection.close()


def _name_keys(connection: sqlite3.Connection, keys: int) -> None:
    common = [("metric", key) for key in METRICS] + [("param", key) for key in PARAMS]
    common += [("tag", key) for key in TAGS]
    rest = max(keys - len(common), 0)
    metrics = [("metric", f"layer/{i // 4}/{'wbgn'[i % 4]}/norm") for i in range(rest * 2 // 3)]
    params = [("param", f"config/block{i // 10}/p{i}") for i in range(rest - len(metrics))]
    connection.execute(
        "CREATE TEMP TABLE key (id INTEGER, kind TEXT, rank INTEGER, common INTEGER, text TEXT)"
    )
    for rank, (kind, text) in enumerate([*common, *metrics, *params]):
        connection.execute("INSERT OR IGNORE INTO name (text) VALUES (?)", (text,))
        connection.execute(
            "INSERT INTO key SELECT id, ?, ?, ?, text FROM name WHERE text = ?",
            (kind, rank, rank < len(common), text),
        )


def _run(i: int, experiment: int, runs: int) -> tuple[object, ...]:
    start = START + i * 60_000
    status = "FAILED" if i % 17 == 0 else "KILLED" if i % 101 == 0 else "FINISHED"
    if i > runs - 5:
        status = "RUNNING"
    end = None if status == "RUNNING" else start + (i * 7919) % 3_600_000
    run_id = f"{(i * 2654435761) % 2**32:08x}{i:024x}"
    place = f"/srv/artifacts/{experiment}/{run_id}"
    return i, run_id, experiment, f"heron-{i}", f"user{i % 20}", status, start, end, place


def _add_data(connection: sqlite3.Connection, keys: int, per_run: int) -> None:
    """Add the keys of all runs: those that are common, and so many in 1,000 of the others."""
    common = len(METRICS) + len(PARAMS) + len(TAGS)
    share = round(1000 * max(per_run - common, 0) / max(keys - common, 1))
    has = f"(k.common OR (r.id * 7919 + k.rank * 104729) % 1000 < {share})"
    connection.execute(
        "INSERT INTO series (run, name, experiment, value, step, timestamp, points, chunks, newest)"
        f" SELECT r.id, k.id, r.experiment, {_metric()}, 31, r.start_time + 1000, {POINTS}, 0,"
        f" r.start_time + 1000 FROM run r CROSS JOIN temp.key k WHERE k.kind = 'metric' AND {has}"
    )
    connection.execute(
        "INSERT INTO param (run, name, experiment, value, number)"
        " SELECT run, name, experiment, value, CASE WHEN value GLOB '[0-9]*'"
        " THEN CAST(value AS REAL) END FROM (SELECT r.id AS run, k.id AS name, r.experiment,"
        f" {_param()} AS value FROM run r CROSS JOIN temp.key k WHERE k.kind = 'param' AND {has})"
    )
    connection.execute(
        "INSERT INTO tag (run, name, experiment, value)"
        f" SELECT r.id, k.id, r.experiment, {_tag()} FROM run r CROSS JOIN temp.key k"
        " WHERE k.kind = 'tag'"
    )


def _metric() -> str:
    return (
        f"CASE k.text WHEN 'epoch' THEN (r.id % 10) * 10.0 WHEN 'loss' THEN"
        f" iif(r.id % 53 = 0, NULL, iif(r.id % 211 = 0, 9e999, {_DRAWN} * 3))"
        f" WHEN 'lr' THEN 0.1 / (1 + r.id % 1000) ELSE {_DRAWN} END"
    )


def _param() -> str:
    kinds = ("adam", "sgd", "adamw", "lion", "rmsprop")
    opts = " ".join(f"WHEN {i} THEN '{kind}'" for i, kind in enumerate(kinds))
    return (
        f"CASE k.text WHEN 'opt' THEN CASE r.id % {len(kinds)} {opts} END"
        " WHEN 'lr' THEN CAST(0.1 / (1 + r.id % 1000) AS TEXT)"
        " WHEN 'batch_size' THEN CAST(16 << (r.id % 5) AS TEXT)"
        " WHEN 'seed' THEN CAST(r.id AS TEXT) WHEN 'depth' THEN CAST(r.id % 50 AS TEXT)"
        " WHEN 'dropout' THEN CAST((r.id % 6) / 10.0 AS TEXT)"
        " WHEN 'model' THEN 'resnet-' || r.id % 7 WHEN 'fp16' THEN iif(r.id % 2, 'True', 'False')"
        " WHEN 'data' THEN 's3://bucket/data/' || r.id % 300"
        " ELSE CAST((r.id * k.id) % 97 AS TEXT) END"
    )


def _tag() -> str:
    return (
        "CASE k.text WHEN 'mlflow.runName' THEN r.name WHEN 'mlflow.user' THEN r.user"
        " WHEN 'mlflow.source.name' THEN 'train' || r.id % 5 || '.py'"
        " WHEN 'stage' THEN iif(r.id % 20, 'dev', 'production')"
        " ELSE 'run ' || r.id || ': ' || iif(r.id % 500, 'as before', 'promising, look again') END"
    )


def _add_histories(connection: sqlite3.Connection) -> None:
    names = [
        connection.execute("SELECT id FROM name WHERE text = ?", (m,)).fetchone()[0]
        for m in METRICS[:2]
    ]
    found = connection.execute(
        f"SELECT id, timestamp, value FROM series WHERE name IN ({names[0]}, {names[1]})"
    ).fetchall()
    connection.executemany(
        "INSERT INTO chunk VALUES (?, ?, 0, ?, 1, ?)",
        ((series << 24, POINTS, POINTS - 1, data) for series, data in _packed(found)),
    )
    connection.execute(f"UPDATE series SET chunks = 1 WHERE name IN ({names[0]}, {names[1]})")


def _packed(found: list[tuple[int, int, float | None]]) -> Iterator[tuple[int, bytes]]:
    for series, time, value in found:
        last = float("nan") if value is None else value
        whole, real = array("q", bytes(24 * POINTS)), array("d")
        whole[0::3] = array("q", range(POINTS))
        whole[1::3] = array("q", [time - 1000 + 30 * i for i in range(POINTS)])
        real.extend(last * (i + 1) / POINTS for i in range(POINTS))
        whole[2::3] = array("q", real.tobytes())
        yield series, whole.tobytes()


def _add_parents(connection: sqlite3.Connection, runs: int) -> None:
    """Put a tenth of the runs below others: sweeps of 40 runs, and one that is 30 deep."""
    connection.execute("INSERT OR IGNORE INTO name (text) VALUES (?)", (PARENT_RUN_ID,))
    (name,) = connection.execute("SELECT id FROM name WHERE text = ?", (PARENT_RUN_ID,)).fetchone()
    below = {i: i - i % 41 for i in range(runs // 10) if i % 41 and i - i % 41}
    below |= {i: i - 1 for i in range(runs // 2 + 1, min(runs // 2 + 30, runs))}
    connection.executemany(
        "INSERT OR IGNORE INTO tag (run, name, experiment, value)"
        " SELECT r.id, ?, r.experiment, p.run_id FROM run r, run p WHERE r.id = ? AND p.id = ?",
        ((name, child, parent) for child, parent in below.items()),
    )
