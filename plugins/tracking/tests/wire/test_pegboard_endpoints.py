"""Endpoints beyond MLflow's protocol: what a server can do, and signs of life."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from pegboard.config import Config
from pegboard.errors import InvalidValue, NotFound, NotSupported
from pegboard.host import Host

from .conftest import Wire

ABILITIES = "/api/pegboard/1.0/abilities"
HEARTBEAT = "/api/pegboard/1.0/runs/heartbeat"


def writers_of(path: Path) -> dict[str, str | None]:
    with sqlite3.connect(path) as connection:
        return dict(connection.execute("SELECT run_id, writer FROM run"))


def test_a_server_says_what_it_can_do(wire) -> None:
    assert wire.get(ABILITIES) == {
        "heartbeat_seconds": 10.0,
        "list_tags": True,
        "packed_points": True,
        "resumable_uploads": True,
        "sampled_history": True,
    }


def test_runs_live_and_die_with_the_client_that_says_so(wire, tmp_path) -> None:
    one, two = wire.run(), wire.run()
    path = tmp_path / "store.db"
    assert wire.post(HEARTBEAT, writer="c1", run_ids=[one, two, "unknown"]) == {}
    assert writers_of(path) == {one: "client:c1", two: "client:c1"}
    wire.post(HEARTBEAT, writer="c2", ended=[one])
    wire.post(HEARTBEAT, writer="c1", ended=[two])
    assert writers_of(path) == {one: "client:c1", two: None}
    wire.post("runs/update", run_id=one, status="FINISHED", end_time=5)
    wire.post(HEARTBEAT, writer="c1", leaves=True)
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT id FROM writer").fetchall() == [("client:c2",)]


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"writer": ""},
        {"writer": 5},
        {"writer": "a/b"},
        {"writer": "x" * 101},
        {"writer": "a", "run_ids": "b"},
        {"writer": "a", "run_ids": [1]},
        {"writer": "a", "run_ids": ["b"] * 600, "ended": ["b"] * 600},
        {"writer": "a", "leaves": "perhaps"},
    ],
)
def test_a_wrong_sign_of_life_is_refused(wire, fields) -> None:
    assert isinstance(wire.refused("POST", HEARTBEAT, **fields), InvalidValue)


def test_the_runs_that_use_a_model_are_told(wire) -> None:
    users = "/api/pegboard/1.0/logged-models/{model_id}/users"
    model_id = wire.store.logged_models().create("0").model_id
    assert wire.get(users, model_id=model_id) == {"run_ids": []}
    runs = [wire.run(start_time=time) for time in range(3)]
    for run in runs:
        wire.post("runs/log-inputs", run_id=run, models=[{"model_id": model_id}])
    assert wire.get(users, model_id=model_id) == {"run_ids": runs[::-1]}
    first = wire.get(users, model_id=model_id, max_results="2")
    assert first["run_ids"] == runs[:0:-1]
    last = wire.get(users, model_id=model_id, page_token=first["next_page_token"])
    assert last == {"run_ids": runs[:1]}
    assert isinstance(wire.refused("GET", users, model_id="m-unknown"), NotFound)
    wrong = wire.refused("GET", users, model_id=model_id, max_results="0")
    assert isinstance(wrong, InvalidValue)


def test_a_store_without_signs_of_life_says_so() -> None:
    host = Host(Config())
    wire = Wire(host, "memory:own-endpoints")
    assert wire.get(ABILITIES) == {
        "list_tags": True,
        "resumable_uploads": False,
        "sampled_history": True,
    }
    assert isinstance(wire.refused("POST", HEARTBEAT, writer="a"), NotSupported)
    host.close()


def test_what_is_added_to_a_tag_belongs_to_one_and_is_an_object(wire) -> None:
    run = wire.run()
    for fields in (
        {"entries": [{}]},
        {"entries": [{}], "run_id": run, "model_id": "m-1"},
        {"entries": ["a"], "run_id": run},
        {"entries": [{}] * 101, "run_id": run},
        {"entries": [{"long": "x" * 8000}], "run_id": run},
    ):
        refused = wire.refused("POST", "/api/pegboard/1.0/tags/add", key="listed", **fields)
        assert isinstance(refused, InvalidValue), fields
    kept = wire.get("runs/get", run_id=run)["run"]["data"].get("tags", [])
    assert "listed" not in [tag["key"] for tag in kept]
