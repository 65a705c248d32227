from __future__ import annotations

import json
import math
import sqlite3

import pytest
from pegboard.config import Config
from pegboard.errors import InvalidState, InvalidValue, NotFound
from pegboard.host import Host


def history(wire, run: str, key: str) -> list[tuple[object, int]]:
    found = wire.get("metrics/get-history", run_id=run, metric_key=key)["metrics"]
    return [(point["value"], point["step"]) for point in found]


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (1.5, 1.5),
        (2, 2.0),
        ("2.5", 2.5),
        (True, 1.0),
        ("NaN", "NaN"),
        ("Infinity", "Infinity"),
        ("-Infinity", "-Infinity"),
        (1e308, 1e308),
        (-0.0, -0.0),
    ],
)
def test_a_metric_is_logged_as_the_protocol_writes_numbers(wire, value, kept) -> None:
    run = wire.run()
    assert wire.post("runs/log-metric", run_id=run, key="a", value=value, timestamp=1) == {}
    assert history(wire, run, "a") == [(kept, 0)]
    latest = wire.get("runs/get", run_id=run)["run"]["data"]["metrics"]
    assert latest == [{"key": "a", "value": kept, "timestamp": 1, "step": 0}]


@pytest.mark.parametrize("whole", [5, "5", 5.0, "5.0", 2**63 - 1, -(2**63), str(2**63 - 1)])
def test_64_bit_integers_may_be_numbers_or_texts(wire, whole) -> None:
    run = wire.run()
    wire.post("runs/log-metric", run_uuid=run, key="a", value=1.0, timestamp=whole, step=whole)
    found = wire.get("metrics/get-history", run_uuid=run, metric_key="a")["metrics"]
    assert found[0]["timestamp"] == found[0]["step"] == int(str(whole).removesuffix(".0"))


@pytest.mark.parametrize(
    "wrong",
    [
        {"value": "abc"},
        {"value": None},
        {"value": ""},
        {"value": []},
        {"value": {}},
        {"value": 10**400},
        {"value": "1e400"},
        {"key": ""},
        {"key": None},
        {"key": 1},
        {"key": "a" * 251},
        {"key": "../a"},
        {"key": "a\0"},
        {"timestamp": None},
        {"timestamp": "now"},
        {"timestamp": True},
        {"timestamp": 2**63},
        {"timestamp": 1.5},
        {"step": 2**63},
        {"step": -(2**63) - 1},
        {"step": -float(2**63)},
        {"step": 1e300},
        {"step": "9" * 5000},
        {"step": []},
        {"run_id": ""},
        {"run_id": 1},
        {"run_id": []},
    ],
)
def test_a_metric_with_a_wrong_field_is_refused_and_not_kept(wire, wrong) -> None:
    run = wire.run()
    fields = {"run_id": run, "key": "a", "value": 1.0, "timestamp": 1, "step": 0}
    error = wire.refused("POST", "runs/log-metric", **{**fields, **wrong})
    assert error.error_code == "INVALID_PARAMETER_VALUE"
    assert len(error.message) < 400
    assert history(wire, run, "a") == []


def test_a_metric_of_an_unknown_run_is_refused(wire) -> None:
    error = wire.refused("POST", "runs/log-metric", run_id="x", key="a", value=1.0, timestamp=1)
    assert isinstance(error, NotFound)


def test_fields_that_are_not_known_are_passed_over(wire) -> None:
    run = wire.run(colour="red")
    point = {"key": "a", "value": 1.0, "timestamp": 1, "colour": "red"}
    wire.post("runs/log-metric", run_id=run, **point)
    wire.post("runs/log-batch", run_id=run, metrics=[{**point, "step": 1}], colour=[{}])
    assert len(history(wire, run, "a")) == 2


def test_a_run_that_another_process_deletes_is_noticed_at_once(wire, tmp_path, children) -> None:
    run = wire.run()
    fields = {"run_id": run, "key": "a", "value": 1.0, "timestamp": 1}
    wire.post("runs/log-metric", **fields)
    children.run("store.delete_run(sys.argv[2])", wire.uri, run)
    assert isinstance(wire.refused("POST", "runs/log-metric", **fields), InvalidState)
    children.run("store.restore_run(sys.argv[2])", wire.uri, run)
    wire.post("runs/log-metric", **fields, step=1)
    assert len(history(wire, run, "a")) == 2


def test_a_metric_of_a_model_is_kept_with_the_model(wire) -> None:
    run = wire.run()
    model = wire.store.logged_models().create("0", name="m").model_id
    wire.post(
        "runs/log-metric",
        run_id=run,
        key="a",
        value=1.0,
        timestamp=1,
        model_id=model,
        dataset_name="iris",
        dataset_digest="d1",
    )
    assert history(wire, run, "a") == [(1.0, 0)]
    (point,) = wire.store.logged_models().get(model).metrics
    assert (point.key, point.value, point.dataset_name) == ("a", 1.0, "iris")


def test_params_are_set_once(wire) -> None:
    run = wire.run()
    assert wire.post("runs/log-parameter", run_id=run, key="a", value="1") == {}
    wire.post("runs/log-parameter", run_uuid=run, key="a", value="1")
    wire.post("runs/log-parameter", run_id=run, key="empty")
    error = wire.refused("POST", "runs/log-parameter", run_id=run, key="a", value="2")
    assert error.error_code == "INVALID_PARAMETER_VALUE"
    params = wire.get("runs/get", run_id=run)["run"]["data"]["params"]
    assert {p["key"]: p["value"] for p in params} == {"a": "1", "empty": ""}
    assert isinstance(
        wire.refused("POST", "runs/log-parameter", run_id=run, key="b", value=1), InvalidValue
    )


def test_tags_are_set_changed_and_removed(wire) -> None:
    run = wire.run()
    wire.post("runs/set-tag", run_id=run, key="a", value="1")
    wire.post("runs/set-tag", run_id=run, key="a", value="2")
    wire.post("runs/set-tag", run_id=run, key="mlflow.runName", value="renamed")
    found = wire.get("runs/get", run_id=run)["run"]
    assert found["info"]["run_name"] == "renamed"
    assert {t["key"]: t["value"] for t in found["data"]["tags"]}["a"] == "2"
    assert wire.post("runs/delete-tag", run_id=run, key="a") == {}
    assert isinstance(wire.refused("POST", "runs/delete-tag", run_id=run, key="a"), NotFound)


def points(count: int, key: str = "a") -> list[dict[str, object]]:
    return [{"key": key, "value": i / 2, "timestamp": 1000 + i, "step": i} for i in range(count)]


def test_a_batch_of_metrics_is_kept_in_its_order(wire) -> None:
    run = wire.run()
    mixed = [item for pair in zip(points(50), points(50, "b"), strict=True) for item in pair]
    wire.post("runs/log-metric", run_id=run, key="a", value=-1.0, timestamp=1, step=-1)
    wire.post("runs/log-batch", run_id=run, metrics=mixed)
    wire.post("runs/log-metric", run_id=run, key="a", value=99.0, timestamp=9999, step=99)
    assert history(wire, run, "a") == [(-1.0, -1), *((i / 2, i) for i in range(50)), (99.0, 99)]
    assert history(wire, run, "b") == [(i / 2, i) for i in range(50)]


def test_a_batch_may_hold_everything_in_one_transaction(wire) -> None:
    run = wire.run()
    wire.post("runs/log-metric", run_id=run, key="a", value=-1.0, timestamp=1, step=-1)
    wire.post(
        "runs/log-batch",
        run_id=run,
        metrics=points(3),
        params=[{"key": "p", "value": "1"}],
        tags=[{"key": "t", "value": "2"}],
    )
    assert [step for _, step in history(wire, run, "a")] == [-1, 0, 1, 2]
    assert wire.post("runs/log-batch", run_id=run) == {}


@pytest.mark.parametrize(
    "wrong",
    [
        {"metrics": [*points(3), {"key": "a", "value": 1.0}]},
        {"metrics": [*points(3), {"key": "a", "value": "x", "timestamp": 1}]},
        {"metrics": [*points(3), {"value": 1.0, "timestamp": 1}]},
        {"metrics": [*points(3), {"key": "../a", "value": 1.0, "timestamp": 1}]},
        {"metrics": [*points(3), {"key": "a", "value": 1.0, "timestamp": 1, "step": 2**63}]},
        {"metrics": [*points(3), None]},
        {"metrics": [*points(3), 3]},
        {"metrics": {"a": 1}},
        {"metrics": points(1001)},
        {"metrics": points(3), "params": [{"key": "p"}, {"key": "p"}]},
        {"metrics": points(3), "params": [{"key": "set", "value": "other"}]},
        {"metrics": points(3), "params": [{"key": "p", "value": 1}]},
        {"metrics": points(3), "params": [{"key": f"p{i}", "value": ""} for i in range(101)]},
        {"metrics": points(3), "tags": [{"key": f"t{i}", "value": ""} for i in range(101)]},
        {"metrics": points(3), "tags": [{"value": "t"}]},
        {"metrics": points(950), "params": [{"key": f"p{i}", "value": ""} for i in range(51)]},
    ],
)
def test_a_batch_with_one_fault_keeps_nothing(wire, wrong) -> None:
    run = wire.run()
    wire.post("runs/log-parameter", run_id=run, key="set", value="1")
    before = wire.get("runs/get", run_id=run)["run"]
    error = wire.refused("POST", "runs/log-batch", run_id=run, **wrong)
    assert error.error_code == "INVALID_PARAMETER_VALUE"
    assert wire.get("runs/get", run_id=run)["run"] == before


def test_a_fault_in_a_batch_is_named_by_its_place(wire) -> None:
    run = wire.run()
    wrong = {"key": "a", "value": "x", "timestamp": 1}
    error = wire.refused("POST", "runs/log-batch", run_id=run, metrics=[*points(3), wrong])
    assert "metrics[3].value" in error.message


@pytest.mark.parametrize("order", [1, -1])
def test_a_long_history_is_read_page_by_page(wire, order: int) -> None:
    run = wire.run()
    wire.post("runs/log-batch", run_id=run, metrics=points(7)[::order])
    token, found = None, []
    for _ in range(3):
        fields = {"run_id": run, "metric_key": "a", "max_results": "3"}
        page = wire.get("metrics/get-history", **fields, **({"page_token": token} if token else {}))
        found += page["metrics"]
        token = page.get("next_page_token")
    assert token is None
    assert [point["step"] for point in found] == list(range(7))
    for wrong in ("0", "-1", "x", "50001"):
        fields = {"run_id": run, "metric_key": "a", "max_results": wrong}
        assert isinstance(wire.refused("GET", "metrics/get-history", **fields), InvalidValue)


def test_our_own_clients_read_a_history_as_it_was_logged(wire) -> None:
    run = wire.run()
    logged = [*points(3)[::-1], {"key": "a", "value": "NaN", "timestamp": 1, "step": -1}]
    wire.post("runs/log-batch", run_id=run, metrics=logged)
    path, asked = "/api/pegboard/1.0/metrics/history", {"run_id": run, "metric_key": "a"}
    assert wire.get(path, **asked) == {
        "steps": [2, 1, 0, -1],
        "timestamps": [1002, 1001, 1000, 1],
        "values": [1.0, 0.5, 0.0, "NaN"],
    }
    first = wire.get(path, **asked, max_results="3")
    rest = wire.get(path, **asked, page_token=first.pop("next_page_token"))
    assert [*first["steps"], *rest["steps"]] == [2, 1, 0, -1]
    assert "next_page_token" not in rest
    for wrong in ({"max_results": "0"}, {"page_token": "x"}, {"metric_key": None}):
        assert isinstance(wire.refused("GET", path, **asked | wrong), InvalidValue)


def test_histories_of_several_runs_come_run_by_run(wire) -> None:
    runs = sorted(wire.run() for _ in range(3))
    for run, order in zip(runs[:2], (1, -1), strict=True):
        wire.post("runs/log-batch", run_id=run, metrics=points(4)[::order])
    wanted = {"run_id": [runs[1], runs[0], "unknown"], "metric_key": "a"}
    found = wire.get("metrics/get-history-bulk", **wanted)["metrics"]
    assert [(p["run_id"], p["step"]) for p in found] == [
        (run, step) for run in runs[:2] for step in range(4)
    ]
    cut = wire.get("metrics/get-history-bulk", **wanted, max_results="6")["metrics"]
    assert cut == found[:6]
    for wrong in (
        {"metric_key": "a"},
        {"run_id": runs},
        {"run_id": [str(i) for i in range(101)], "metric_key": "a"},
        {"run_id": runs, "metric_key": "a", "max_results": "x"},
        {"run_id": runs, "metric_key": "a", "max_results": "-1"},
    ):
        assert isinstance(wire.refused("GET", "metrics/get-history-bulk", **wrong), InvalidValue)


def test_histories_are_reduced_to_the_wanted_number_of_points(wire) -> None:
    runs = [wire.run(), wire.run()]
    for run in runs:
        wire.post("runs/log-batch", run_id=run, metrics=points(1000))
    path = "metrics/get-history-bulk-interval"
    wanted = {"run_ids": runs, "metric_key": "a"}
    found = wire.get(path, **wanted, max_results="50")["metrics"]
    for run in runs:
        steps = [p["step"] for p in found if p["run_id"] == run]
        assert len(steps) <= 50
        assert (steps[0], steps[-1]) == (0, 999)
    some = wire.get(path, **wanted, start_step="10", end_step="19")["metrics"]
    assert [p["step"] for p in some] == [*range(10, 20)] * 2
    one = wire.get(path, run_ids=runs[0], metric_key="a", max_results="1")["metrics"]
    assert len(one) == 1
    for wrong in (
        {"start_step": "1"},
        {"start_step": "2", "end_step": "1"},
        {"start_step": str(2**31), "end_step": str(2**32)},
        {"max_results": "2501"},
        {"max_results": "0"},
        {"run_ids": [str(i) for i in range(101)]},
        {"metric_key": ""},
    ):
        assert isinstance(wire.refused("GET", path, **{**wanted, **wrong}), InvalidValue)
    assert isinstance(wire.refused("GET", path, run_ids="x", metric_key="a"), NotFound)


def test_values_that_json_lacks_are_texts_in_every_answer(wire) -> None:
    run = wire.run()
    odd = ["NaN", "Infinity", "-Infinity"]
    metrics = [
        {"key": "a", "value": value, "timestamp": i, "step": i} for i, value in enumerate(odd)
    ]
    wire.post("runs/log-batch", run_id=run, metrics=metrics)
    fields = {"metric_key": "a"}
    for found in (
        wire.get("metrics/get-history", run_id=run, **fields),
        wire.get("metrics/get-history-bulk", run_id=run, **fields),
        wire.get("metrics/get-history-bulk-interval", run_ids=run, **fields),
    ):
        assert [point["value"] for point in found["metrics"]] == odd
    stored = [point.value for point in wire.store.metric_history(run, "a")]
    assert math.isnan(stored[0])
    assert stored[1:] == [math.inf, -math.inf]
    assert json.dumps(wire.post("runs/search", experiment_ids=["0"]), allow_nan=False)


def test_a_store_that_outlives_power_cuts_acknowledges_metrics_by_a_transaction(
    wire, tmp_path
) -> None:
    host = Host(Config(plugins={"tracking": {"synchronous": "full"}}))
    wire = type(wire)(host, f"sqlite:{tmp_path}/full.db")
    run = wire.run()
    wire.post("runs/log-metric", run_id=run, key="a", value=1.0, timestamp=1)
    wire.post("runs/log-batch", run_id=run, metrics=points(2))
    with sqlite3.connect(tmp_path / "full.db") as connection:
        assert connection.execute("SELECT points FROM series").fetchall() == [(3,)]
    host.close()


def test_inputs_are_recorded_whole_or_not_at_all(wire) -> None:
    run = wire.run()
    model = wire.call("POST", "/api/2.0/mlflow/logged-models", experiment_id="0")["model"]
    error = wire.refused(
        "POST",
        "runs/log-inputs",
        run_id=run,
        models=[{"model_id": model["info"]["model_id"]}],
        datasets=[
            {"dataset": {"name": "d", "digest": "9" * 37, "source_type": "s", "source": "s"}}
        ],
    )
    assert error.error_code == "INVALID_PARAMETER_VALUE"
    assert wire.get("runs/get", run_id=run)["run"]["inputs"] == {}
