"""The same data in pegboard's and in MLflow's store, for the pages of both.

Pegboard's is made first, in bulk; MLflow's is copied from it row by row, so that both hold the
same runs, params, tags and points. What is few is sent to the running servers, in MLflow's API.
"""

from __future__ import annotations

import json
import math
import shutil
import sqlite3
import time
from array import array
from collections.abc import Iterator, Sequence
from pathlib import Path

from attrs import asdict, fields, frozen
from pegboard.config import Config
from pegboard.host import Host
from processes import OURS
from server_systems import Server, serving
from ui_judged import add_judged, add_recipe, send_prompts
from ui_series import add_curves, add_wide
from ui_store import build

MODEL = "heron"
FILTER = "metrics.acc > 0.9 and params.opt = 'adam'"
WIDE = 100
VERSIONS = 12
TRACES = 50
FINISH = 600_000
"""How long before it is asked for a trace began, ms."""

_COLUMNS = {
    "experiments": "experiment_id, name, artifact_location, lifecycle_stage, creation_time,"
    " last_update_time",
    "runs": "run_uuid, name, source_type, user_id, status, start_time, end_time, lifecycle_stage,"
    " artifact_uri, experiment_id",
    "latest_metrics": "key, value, timestamp, step, is_nan, run_uuid",
    "metrics": "key, value, timestamp, step, is_nan, run_uuid",
    "params": "key, value, run_uuid",
    "tags": "key, value, run_uuid",
}
_FINITE = "max(min(coalesce(s.value, 0.0), 1.7976931348623157e308), -1.7976931348623157e308)"
"""How MLflow keeps what SQLite does not: NaN as 0 with a mark, infinity as the greatest number."""

_LAST = (
    f"SELECT n.text, {_FINITE}, s.timestamp, s.step, s.value IS NULL, r.run_id FROM ours.series s"
    " CROSS JOIN ours.name n ON n.id = s.name CROSS JOIN ours.run r ON r.id = s.run"
)
_COPIES = {
    "experiments": "SELECT id, name, artifact_location, lifecycle, creation_time, last_update_time"
    " FROM ours.experiment WHERE id > 0",
    "runs": "SELECT run_id, name, 'LOCAL', user, status, start_time, end_time, lifecycle,"
    " substr(artifact_uri, 1, 200), experiment FROM ours.run ORDER BY run_id",
    "latest_metrics": _LAST,
    "metrics": f"{_LAST} WHERE s.experiment <> :curves",
    "params": "SELECT n.text, p.value, r.run_id FROM ours.param p"
    " CROSS JOIN ours.name n ON n.id = p.name CROSS JOIN ours.run r ON r.id = p.run",
    "tags": "SELECT n.text, t.value, r.run_id FROM ours.tag t"
    " CROSS JOIN ours.name n ON n.id = t.name CROSS JOIN ours.run r ON r.id = t.run",
}


@frozen
class Data:
    """What is in both stores."""

    experiment: str
    """The id of the experiment with the many runs."""
    runs: int
    best: str
    """The name of the run whose ``acc`` is greatest."""
    newest: str
    newest_id: str
    fitting: str
    """The name of the newest run that `FILTER` finds."""
    curves_in: str
    """The id of the experiment with the twenty long runs, and the one that is longer still."""
    curves: list[str]
    long: str
    wide_in: str
    wide: list[str]
    judged: list[str]
    """Two runs with a table of an evaluation each."""
    recipe: str
    """A run of a recipe."""


def made(place: Path, size: Sequence[int], beside: bool) -> Data:
    """Return what both stores hold; they are made if they are not in the folder already.

    ``size``: how many runs, keys, and points of the long runs.
    """
    told = place / "data.json"
    if told.exists():
        kept = json.loads(told.read_text())
        has_all = set(kept["data"]) == {each.name for each in fields(Data)}
        if kept["size"] == list(size) and kept["beside"] >= beside and has_all:
            return Data(**kept["data"])
    own, other = place / "pegboard", place / "mlflow"
    for each in (own, other):
        shutil.rmtree(each, ignore_errors=True)
        each.mkdir(parents=True)
    data = make(own, *size)
    if beside:
        copy(own, other, data)
    for system, store in ((OURS, own), ("mlflow", other)):
        if beside or system == OURS:
            with serving(system, store) as server:
                send(server, data)
    kept = {"size": list(size), "beside": beside, "data": asdict(data)}
    told.write_text(json.dumps(kept))
    return data


def make(place: Path, runs: int, keys: int, points: int) -> Data:
    """Make pegboard's store as ``runs.db`` of a folder."""
    large = build(place, runs, keys)
    for file in place.glob(f"{large.path.name}*"):
        shutil.move(file, place / file.name.replace(large.path.name, "runs.db"))
    host = Host(Config())
    store = host.tracking_store(f"sqlite:{place}/runs.db")
    curves_in = store.create_experiment("curves").experiment_id
    curves, long = add_curves(store, points, 10 * points, curves_in)
    wide_in = store.create_experiment("wide").experiment_id
    wide = add_wide(store, WIDE, wide_in)
    best, newest, fitting = (
        store.search_runs([large.experiment_id], filter=text, order_by=order, max_results=1)[0].info
        for text, order in (("", ["metrics.acc DESC"]), ("", ()), (FILTER, ()))
    )
    host.close()
    judged, recipe = add_judged(place), add_recipe(place)
    names = (best.run_name, newest.run_name, newest.run_id, fitting.run_name)
    return Data(large.experiment_id, runs, *names, curves_in, curves, long, wide_in, wide,
                judged, recipe)  # fmt: skip


def copy(ours: Path, theirs: Path, data: Data) -> None:
    """Fill an empty folder with an MLflow store that has what pegboard's ``runs.db`` has.

    Of the many runs only the last point of each metric is copied, which its pages show.
    """
    with serving("mlflow", theirs):
        """The server makes the tables."""
    connection = sqlite3.connect(theirs / "runs.db", isolation_level=None)
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute("PRAGMA cache_size = -800000")
    connection.execute("ATTACH ? AS ours", (str(ours / "runs.db"),))
    indexes = connection.execute(
        "SELECT name, sql FROM main.sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
        " AND tbl_name IN ('metrics', 'latest_metrics', 'params', 'tags')"
    ).fetchall()
    connection.execute("BEGIN")
    for name, _ in indexes:
        connection.execute(f"DROP INDEX main.{name}")
    experiment = {"curves": int(data.curves_in)}
    for table, chosen in _COPIES.items():
        connection.execute(f"INSERT INTO {table} ({_COLUMNS[table]}) {chosen}", experiment)
    connection.executemany(
        f"INSERT INTO metrics ({_COLUMNS['metrics']}) VALUES (?, ?, ?, ?, ?, ?)",
        _points(connection, data),
    )
    for _, statement in indexes:
        connection.execute(statement)
    connection.execute("COMMIT")
    connection.close()


def _points(
    connection: sqlite3.Connection, data: Data
) -> Iterator[tuple[str, float, int, int, bool, str]]:
    found = connection.execute(
        "SELECT n.text, r.run_id, c.data FROM ours.chunk c JOIN ours.series s ON s.id = c.id >> 24"
        " JOIN ours.name n ON n.id = s.name JOIN ours.run r ON r.id = s.run"
        " WHERE s.experiment = ?",
        (int(data.curves_in),),
    )
    for key, run_id, packed in found:
        whole = array("q", packed)
        values = array("d", whole[2::3].tobytes())
        for step, timestamp, value in zip(whole[0::3], whole[1::3], values, strict=True):
            is_nan = math.isnan(value)
            yield key, 0.0 if is_nan else value, timestamp, step, is_nan, run_id


def send(server: Server, data: Data) -> None:
    """Add a model with versions, prompts and traces, through the API that both servers have."""
    server.post("registered-models/create", {"name": MODEL})
    for run_id in data.curves[:VERSIONS]:
        source = {"source": f"runs:/{run_id}/model", "run_id": run_id}
        made = server.post("model-versions/create", {"name": MODEL, **source})
    alias = {"name": MODEL, "alias": "champion", "version": made["model_version"]["version"]}
    server.post("registered-models/alias", alias)
    send_prompts(server)
    now = int(time.time() * 1000)
    for number in range(TRACES):
        trace = json.dumps(_trace(number, now, data)).encode()
        server.call("POST", "/api/3.0/mlflow/traces", trace)


def _trace(number: int, now: int, data: Data) -> object:
    place = {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": data.curves_in}}
    began = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime((now - FINISH) / 1000 + number))
    info = {
        "trace_id": f"tr-{number:032x}",
        "trace_location": place,
        "request_time": began,
        "execution_duration": f"{0.1 + number / 100:.2f}s",
        "state": "ERROR" if number % 9 == 0 else "OK",
        "trace_metadata": {},
        "tags": {"mlflow.traceName": f"answer {number}"},
        "request_preview": f"question {number}",
        "response_preview": f"reply {number}",
    }
    return {"trace": {"trace_info": info}}
