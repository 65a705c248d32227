"""Comparing runs, asked of a real server."""

from __future__ import annotations

import math
from urllib.parse import urlencode

import pytest
from pegboard.config import Config
from pegboard.entities import Metric, Param, RunStatus, RunTag
from pegboard.host import Host

from .conftest import served

PATH = "/api/pegboard/1.0/runs/compare"


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Serve a store with four runs, the last in an experiment of its own; yield site and ids."""
    place = tmp_path_factory.mktemp("compare")
    host = Host(Config())
    store = host.tracking_store(f"sqlite:{place}/s.db")
    other = store.create_experiment("other").experiment_id
    ids = []
    for number, (acc, loss) in enumerate(
        [(0.9, 1.0), (0.8, math.nan), (0.9, 0.5), (0.7, math.inf)]
    ):
        experiment = other if number == 3 else "0"
        run = store.create_run(
            experiment, run_name=f"run-{number}", user_id="ann", start_time=1_000
        )
        ids.append(run.info.run_id)
        store.log_batch(
            run.info.run_id,
            metrics=[Metric("acc", acc, 1), Metric("loss", loss, 1), Metric("same", 1.0, 1)],
            params=[Param("opt", "adam"), Param("lr", str(number))],
            tags=[RunTag("note", "x" * 3_000 + str(number))],
        )
    store.log_batch(ids[1], metrics=[Metric("only", 1.0, 1)])
    store.update_run(ids[2], status=RunStatus.FAILED, end_time=5_000)
    host.close()
    with served(place, "server", "--store", f"sqlite:{place}/s.db", "--port", "0") as site:
        yield site, ids


def ask(site, **fields):
    return site.get(f"{PATH}?{urlencode(fields, doseq=True)}")


def test_rows_say_where_runs_differ_and_which_is_better(runs):
    site, ids = runs
    answer = ask(site, run_ids=ids, baseline=ids[0]).json
    assert [run["name"] for run in answer["runs"]] == [f"run-{number}" for number in range(4)]
    assert answer["runs"][2]["status"] == "FAILED"
    assert answer["headline"] == "acc"
    assert answer["experiments"] == {"0": "Default", answer["runs"][3]["experiment_id"]: "other"}
    assert answer["kinds"]["params"] == {"total": 2, "differing": 1}
    rows = {row["column"]: row for row in answer["rows"]}
    assert rows["metrics.acc"] == {
        "column": "metrics.acc",
        "kind": "metrics",
        "direction": "max",
        "differs": True,
        "values": [0.9, 0.8, 0.9, 0.7],
        "delta": [0.0, pytest.approx(-0.1), 0.0, pytest.approx(-0.2)],
        "better": [0, -1, 0, -1],
    }
    assert rows["metrics.loss"]["values"] == [1.0, "NaN", 0.5, "Infinity"]
    assert rows["metrics.loss"]["delta"] == [0.0, None, -0.5, "Infinity"]
    assert rows["metrics.loss"]["better"] == [0, None, 1, -1]
    assert rows["metrics.only"]["values"] == [None, 1.0, None, None]
    assert rows["metrics.only"]["better"] == [None] * 4
    assert not rows["metrics.same"]["differs"]
    assert rows["params.lr"]["values"] == ["0", "1", "2", "3"]
    assert not rows["params.opt"]["differs"]
    assert rows["attributes.duration"]["values"] == [None, None, 4_000, None]
    assert rows["attributes.experiment_id"]["differs"]
    assert "tags.mlflow.runName" not in rows


def test_long_texts_are_cut_but_differ(runs):
    site, ids = runs
    [row] = [row for row in ask(site, run_ids=ids).json["rows"] if row["column"] == "tags.note"]
    assert row["differs"]
    assert row["cut"]
    assert row["values"] == ["x" * 2_000] * 4


def test_only_differences_are_sent_if_wanted(runs):
    site, ids = runs
    answer = ask(site, run_ids=ids, diff="true").json
    assert all(row["differs"] for row in answer["rows"])
    assert answer["differing"] == answer["matched"] == len(answer["rows"]) < answer["total"]
    page = ask(site, run_ids=ids, diff="true", offset=1, limit=2).json
    assert page["rows"] == answer["rows"][1:3]
    metrics = ask(site, run_ids=ids, kinds="metrics").json["rows"]
    assert {row["kind"] for row in metrics} == {"metrics"}


def test_one_run_or_none_is_compared_with_nothing(runs):
    site, ids = runs
    answer = ask(site, run_ids=ids[0]).json
    assert not any(row["differs"] for row in answer["rows"])
    gone = ask(site, run_ids=["gone", "away"]).json
    assert (gone["missing"], gone["rows"], gone["baseline"]) == (["gone", "away"], [], None)


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({"run_ids": [str(number) for number in range(101)]}, "101"),
        ({}, "run_ids"),
        ({"run_ids": "a", "baseline": "b"}, "baseline"),
        ({"run_ids": "a", "diff": "perhaps"}, "diff"),
    ],
    ids=["many", "none", "baseline", "diff"],
)
def test_what_cannot_be_compared_is_said(runs, fields, word):
    site, _ = runs
    reply = ask(site, **fields)
    assert reply.status == 400
    assert word in reply.json["message"]
