"""The page of a run and the first page, asked of a real server."""

from __future__ import annotations

import io
import math
import os
import time

import pytest
from pegboard.config import Config
from pegboard.entities import (
    Dataset,
    DatasetInput,
    InputTag,
    LoggedModelInput,
    LoggedModelOutput,
    Metric,
    Param,
    RunStatus,
)
from pegboard.entities.registry import Author
from pegboard.host import Host
from pegboard.tags import PARENT_RUN_ID
from pegboard_ui.data.shelf import shelf_of
from pegboard_wire.places import Place

from .conftest import served

API = "/api/pegboard/1.0"
NOW = int(time.time() * 1000)


class World:
    """What is served: an experiment with a best run, a live child of it, one that failed."""

    def __init__(self, place):
        host = Host(Config())
        self.uri = f"sqlite:{place}/s.db"
        store = host.tracking_store(self.uri)
        self.birds = store.create_experiment("birds").experiment_id
        self.quiet = store.create_experiment("quiet").experiment_id
        self.best = self._run(store, "best", 0.9, start=NOW - 50_000)
        store.update_run(self.best, status=RunStatus.FINISHED, end_time=NOW - 40_000)
        self.worse = self._run(store, "worse", 0.5, start=NOW - 45_000)
        store.update_run(self.worse, status=RunStatus.FAILED, end_time=NOW - 30_000)
        self.live = self._run(store, "live", 0.7, start=NOW - 20_000, parent=self.best)
        data = Dataset("iris", "9f2c", "local", '{"uri": "x"}', schema="{}", profile="p" * 9_000)
        store.log_inputs(
            self.live, [DatasetInput(data, [InputTag("mlflow.data.context", "train")])]
        )
        models = store.logged_models()
        self.made = models.create(self.birds, name="net", source_run_id=self.live).model_id
        models.log_outputs(self.live, [LoggedModelOutput(self.made, 3)])
        used = models.create(self.birds, name="base").model_id
        models.log_inputs(self.live, [LoggedModelInput(used)])
        files = host.artifact_store(store.get_run(self.live).info.artifact_uri)
        files.write("plots/a.png", io.BytesIO(b"x"))
        files.write("notes.md", io.BytesIO(b"# x"))
        registry = host.model_registry(self.uri)
        registry.create_model("bird")
        registry.create_version("bird", source=f"models:/{self.made}", run_id=self.live)
        registry.set_alias("bird", "champion", "1", by=Author("ann", "it is better"))
        host.close()

    def _run(self, store, name, acc, *, start, parent=None):
        tags = {PARENT_RUN_ID: parent} if parent else {}
        run = store.create_run(self.birds, run_name=name, start_time=start, tags=tags)
        points = [
            *(Metric("val_acc", acc * (i + 1) / 100, start + 100 * i, i) for i in range(99)),
            Metric("val_acc", acc, start + 10_000, 99),
            *(Metric("loss", 1 / (i + 1), start + i, i) for i in range(100)),
            Metric("loss", 5.0, start + 500, 100),
            Metric("bad", math.nan, start, 0),
            Metric("system/cpu", 50.0, start, 0),
        ]
        params = [Param("max_steps", "400"), Param("lr", "0.1")]
        store.log_batch(run.info.run_id, metrics=points, params=params)
        return run.info.run_id


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return World(tmp_path_factory.mktemp("store"))


@pytest.fixture(scope="module")
def site(tmp_path_factory, world):
    place = tmp_path_factory.mktemp("server")
    with served(place, "server", "--store", world.uri, "--port", "0") as found:
        yield found


def overview(site, run_id, more=""):
    reply = site.get(f"{API}/runs/overview?run_id={run_id}{more}")
    assert reply.status == 200, reply.body
    return reply.json


def test_one_request_has_all_that_the_page_of_a_run_shows(site, world):
    found = overview(site, world.live)
    assert found["info"] | {"artifact_uri": ""} == {
        "run_id": world.live,
        "name": "live",
        "experiment_id": world.birds,
        "experiment": "birds",
        "status": "RUNNING",
        "start_time": NOW - 20_000,
        "end_time": None,
        "user": "",
        "deleted": False,
        "artifact_uri": "",
    }
    assert found["headline"] == "val_acc"
    assert found["params"] == {"max_steps": "400", "lr": "0.1"}
    assert found["progress"] == {"step": 99, "total": 400}
    assert found["parent"] == {"run_id": world.best, "name": "best", "status": "FINISHED"}
    assert found["children"] == 0
    assert overview(site, world.best)["children"] == 1
    [data] = found["datasets"]
    assert (data["name"], data["context"], data["schema"]) == ("iris", "train", "{}")
    assert len(data["profile"]) == 4_000
    assert [(each["name"], each["role"], each["step"]) for each in found["models"]] == [
        ("net", "output", 3),
        ("base", "input", None),
    ]
    [version] = found["versions"]
    assert version | {"created": 0} == {
        "name": "bird",
        "version": "1",
        "aliases": ["champion"],
        "stage": "None",
        "created": 0,
    }
    whole = found["artifacts"].pop("all")
    assert (whole["count"], whole["bytes"], whole["cut"]) == (2, 4, False)
    assert found["artifacts"] == {
        "files": [
            {"path": "notes.md", "is_dir": False, "size": 3},
            {"path": "plots", "is_dir": True, "size": None},
        ],
        "total": 2,
        "error": None,
    }


def test_files_are_told_newest_first_and_many_as_one(tmp_path):
    now = NOW // 1000
    names = {
        "old.txt": 50, "net/MLmodel": 40, "net/data/weights.bin": 41, "logs/train.log": 20,
        "stdout.txt": 10, **{f"steps/{i}.png": 30 - i for i in range(5)},
    }  # fmt: skip
    for name, age in names.items():
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"xy")
        os.utime(file, (now - age, now - age))
    (tmp_path / "link").symlink_to("/etc")
    store = Host(Config()).artifact_store(tmp_path.as_uri())
    shelf = shelf_of(Place(store, ""))
    assert shelf is not None
    told = shelf.json()
    assert [(each["path"], each["is_dir"], each["files"]) for each in told["newest"]] == [
        ("stdout.txt", False, 1),
        ("logs/train.log", False, 1),
        ("steps", True, 5),
        ("net", True, 2),
        ("old.txt", False, 1),
    ]
    assert told["newest"][2]["modified"] == (now - 26) * 1000
    assert (told["count"], told["bytes"], told["models"]) == (10, 20, ["net"])
    assert told["output"]["path"] == "stdout.txt"


def test_a_run_without_files_has_no_shelf(tmp_path):
    assert shelf_of(Place(Host(Config()).artifact_store(tmp_path.as_uri()), "nothing")) is None


def test_metrics_come_with_their_best_and_their_course(site, world):
    metrics = overview(site, world.live)["metrics"]
    # The headline first, what the machine did last.
    assert list(metrics) == ["val_acc", "bad", "loss", "system/cpu"]
    loss = metrics["loss"]
    assert (loss["last"], loss["step"], loss["points"], loss["direction"]) == (5.0, 100, 101, "min")
    assert (loss["best"], loss["best_step"]) == (0.01, 99)
    assert loss["spark"][0] == 1.0
    assert loss["spark"][-1] == 5.0
    assert 0.01 in loss["spark"]
    assert len(loss["spark"]) <= 32
    bad = metrics["bad"]
    assert (bad["last"], bad["best"], bad["spark"], bad["points"]) == ("NaN", None, [], 1)
    assert metrics["system/cpu"]["direction"] == "none"
    few = overview(site, world.live, "&sparks=1")["metrics"]
    assert "spark" in few["val_acc"]
    assert "spark" not in few["loss"]
    assert few["loss"]["last"] == 5.0


def test_a_run_is_compared_with_the_best_before_it(site, world):
    before = overview(site, world.live)["compare"]
    assert (before["run_id"], before["name"], before["metric"]) == (world.best, "best", "val_acc")
    assert before["metrics"]["val_acc"] == 0.9
    assert before["params"] == {"max_steps": "400", "lr": "0.1"}
    assert overview(site, world.best)["compare"] is None


def test_a_run_that_is_not_there(site):
    assert site.get(f"{API}/runs/overview?run_id=gone").status == 404
    assert site.get(f"{API}/runs/overview").status == 400


def test_the_first_page_says_what_runs_now(site, world):
    found = site.get(f"{API}/ui/home").json
    [live] = found["live"]
    assert live["run_id"] == world.live
    assert (live["name"], live["experiment"], live["metric"]) == ("live", "birds", "val_acc")
    assert (live["value"], live["step"], live["total"]) == (0.7, 99, 400)
    assert (live["progress"], live["eta_ms"]) == (0.25, 30_000)
    assert (live["started"], live["last"]) == (NOW - 20_000, NOW - 10_000)
    assert live["spark"][-1] == 0.7
    assert len(live["spark"]) <= 32
    assert found["live_total"] == 1


def test_the_first_page_lists_experiments_by_last_activity(site, world):
    found = site.get(f"{API}/ui/home").json
    assert [each["name"] for each in found["experiments"]] == ["birds", "quiet", "Default"]
    birds = found["experiments"][0]
    assert (birds["runs"], birds["active"], birds["failed"]) == (3, 1, 1)
    assert (birds["metric"], birds["direction"], birds["best"]) == ("val_acc", "max", 0.9)
    assert birds["best_run"] == {"run_id": world.best, "name": "best", "status": "FINISHED"}
    assert birds["last_activity"] == NOW - 10_000
    assert sum(birds["strip"]) == 3
    assert len(birds["strip"]) == 30
    quiet = found["experiments"][1]
    assert (quiet["runs"], quiet["metric"], quiet["best"], quiet["best_run"]) == (
        0,
        None,
        None,
        None,
    )
    page = site.get(f"{API}/ui/home?offset=1&limit=1").json
    assert ([each["name"] for each in page["experiments"]], page["total"]) == (["quiet"], 3)


def test_the_first_page_tells_what_happened(site, world):
    events = site.get(f"{API}/ui/home").json["since"]["events"]
    assert [each["time"] for each in events] == sorted((e["time"] for e in events), reverse=True)
    runs = [each for each in events if each["kind"] == "run"]
    assert [(each["name"], each["status"]) for each in runs] == [
        ("worse", "FAILED"),
        ("best", "FINISHED"),
    ]
    [alias] = [each for each in events if each.get("change") == "alias"]
    assert (alias["name"], alias["key"], alias["after"]) == ("bird", "champion", "1")
    assert (alias["user"], alias["reason"]) == ("ann", "it is better")
    later = site.get(f"{API}/ui/home?since={NOW - 35_000}").json["since"]
    assert [each["name"] for each in later["events"] if each["kind"] == "run"] == ["worse"]


def test_an_experiment_may_name_its_headline_metric(site, world):
    for key, value in (
        ("mlflow.experiment.primaryMetric.name", "loss"),
        ("mlflow.experiment.primaryMetric.greaterIsBetter", "True"),
    ):
        sent = {"experiment_id": world.quiet, "key": key, "value": value}
        assert (
            site.send("POST", "/api/2.0/mlflow/experiments/set-experiment-tag", sent).status == 200
        )
    [quiet] = [
        each for each in site.get(f"{API}/ui/home").json["experiments"] if each["name"] == "quiet"
    ]
    assert (quiet["metric"], quiet["direction"]) == ("loss", "max")


def test_what_did_not_change_is_not_sent_again(site):
    first = site.get(f"{API}/runs/overview?run_id=gone")
    assert "etag" not in first.headers
    path = f"{API}/ui/home?since=1"
    # A minute may just have passed.
    again = [site.get(path, If_None_Match=site.get(path).headers["etag"]).status for _ in range(3)]
    assert 304 in again


@pytest.mark.parametrize("query", ["limit=0", "limit=201", "offset=-1", "since=x"])
def test_what_the_first_page_cannot_show(site, query):
    assert site.get(f"{API}/ui/home?{query}").status == 400
