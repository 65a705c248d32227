"""Logged models through the scripting API."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy
import pegboard
import pytest
from pegboard.errors import InvalidValue, NotFound
from pegboard_testing.isolation import separate_tracking


@pytest.fixture(autouse=True)
def tracked(tmp_path: Path):
    with separate_tracking(tmp_path):
        pegboard.set_experiment("models")
        yield
        pegboard.end_run()
        pegboard.clear_active_model()


def test_a_model_belongs_to_the_active_run_and_experiment() -> None:
    with pegboard.start_run() as run:
        model = pegboard.initialize_logged_model("net", params={"lr": 0.1}, tags={"n": 1})
    assert model.source_run_id == run.info.run_id
    assert model.experiment_id == run.info.experiment_id
    assert (model.status, model.params, model.tags) == ("PENDING", {"lr": "0.1"}, {"n": "1"})
    assert pegboard.last_logged_model() == model
    assert pegboard.finalize_logged_model(model.model_id, "READY").status == "READY"
    with pytest.raises(InvalidValue, match="DONE"):
        pegboard.finalize_logged_model(model.model_id, "DONE")


def test_an_external_model_is_ready_and_says_what_it_is() -> None:
    model = pegboard.create_external_model(name="agent", model_type="agent")
    assert model.status == "READY"
    assert model.tags == {"mlflow.model.isExternal": "true"}
    assert model.source_run_id is None


def test_metrics_are_measured_of_a_model_on_data() -> None:
    model = pegboard.create_external_model()
    data = pegboard.data.from_numpy(numpy.zeros((2, 2)), name="points")
    with pegboard.start_run() as run:
        pegboard.log_metric("acc", 0.5, step=2, model_id=model.model_id, dataset=data)
        pegboard.log_metrics({"a": 1, "b": 2}, model_id=model.model_id)
        pegboard.log_metric("plain", 1)
    found = {point.key: point for point in pegboard.get_logged_model(model.model_id).metrics}
    assert {key: point.value for key, point in found.items()} == {"acc": 0.5, "a": 1.0, "b": 2.0}
    assert found["acc"].run_id == run.info.run_id
    assert (found["acc"].dataset_name, found["a"].dataset_name) == ("points", None)
    whole = pegboard.get_run(run.info.run_id)
    assert whole.data.metrics == {"acc": 0.5, "a": 1.0, "b": 2.0, "plain": 1.0}
    assert [item.model_id for item in whole.inputs.model_inputs] == [model.model_id]
    assert [item.dataset.name for item in whole.inputs.dataset_inputs] == ["points"]


def test_a_run_that_made_a_model_does_not_use_it() -> None:
    model = pegboard.create_external_model()
    with pegboard.start_run() as run:
        pegboard.log_outputs([pegboard.entities.LoggedModelOutput(model.model_id, step=3)])
        pegboard.log_metric("acc", 1, model_id=model.model_id)
    whole = pegboard.get_run(run.info.run_id)
    assert [item.step for item in whole.outputs.model_outputs] == [3]
    assert list(whole.inputs.model_inputs) == []


def test_the_active_model_gets_the_metrics() -> None:
    with pegboard.set_active_model(name="agent") as outer:
        assert pegboard.get_active_model_id() == outer.model_id
        with pegboard.start_run():
            pegboard.log_metric("m", 1)
            inner = pegboard.create_external_model(name="other")
            with pegboard.set_active_model(model_id=inner.model_id):
                pegboard.log_metric("m", 2)
            pegboard.log_metric("m", 3, step=1)
        pegboard.log_model_params({"k": "v"})
        seen: list[str | None] = []
        thread = threading.Thread(target=lambda: seen.append(pegboard.get_active_model_id()))
        thread.start()
        thread.join()
        assert seen == [None]
    assert pegboard.get_active_model_id() is None
    again = pegboard.get_logged_model(outer.model_id)
    assert [point.value for point in again.metrics] == [1.0, 3.0]
    assert again.params == {"k": "v"}
    assert [p.value for p in pegboard.get_logged_model(inner.model_id).metrics] == [2.0]
    assert pegboard.set_active_model(name="agent").model_id == outer.model_id


def test_the_environment_names_the_active_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_ACTIVE_MODEL_ID", "m-1")
    seen: list[str | None] = []
    thread = threading.Thread(target=lambda: seen.append(pegboard.get_active_model_id()))
    thread.start()
    thread.join()
    assert seen == ["m-1"]


@pytest.mark.parametrize("wrong", [{}, {"name": "it's"}])
def test_an_active_model_needs_a_good_name_or_an_id(wrong: dict[str, str]) -> None:
    with pytest.raises(InvalidValue):
        pegboard.set_active_model(**wrong)


def test_the_name_and_the_id_of_the_active_model_agree() -> None:
    model = pegboard.create_external_model(name="agent")
    with pytest.raises(InvalidValue, match="agent"):
        pegboard.set_active_model(name="other", model_id=model.model_id)
    with pytest.raises(NotFound):
        pegboard.set_active_model(model_id="m-unknown")


def test_models_are_found_as_a_list_and_as_a_table() -> None:
    made = [pegboard.create_external_model(params={"n": str(n)}) for n in range(3)]
    found = pegboard.search_logged_models(
        filter_string="params.n >= 1",
        order_by=[{"field_name": "creation_time", "ascending": True}],
        output_format="list",
    )
    assert sorted(m.model_id for m in found) == sorted(m.model_id for m in made[1:])
    assert len(pegboard.search_logged_models(max_results=2, output_format="list")) == 2
    frame = pegboard.search_logged_models(filter_string="params.n = '0'")
    assert frame["model_id"].tolist() == [made[0].model_id]
    assert frame["params"][0] == {"n": "0"}
    with pytest.raises(InvalidValue):
        pegboard.search_logged_models(order_by=["name"], output_format="list")  # type: ignore[list-item]
    with pytest.raises(InvalidValue):
        pegboard.search_logged_models(datasets=[{"name": "x"}], output_format="list")


def test_files_are_stored_with_a_model(tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "weights.bin").write_bytes(b"123")
    client = pegboard.MlflowClient()
    model = client.create_logged_model("0")
    client.log_model_artifacts(model.model_id, tmp_path / "source", "data")
    client.log_model_artifact(model.model_id, tmp_path / "source" / "weights.bin")
    assert [f.path for f in client.list_logged_model_artifacts(model.model_id)] == [
        "data",
        "weights.bin",
    ]
    [file] = client.list_logged_model_artifacts(model.model_id, "data")
    assert (file.path, file.file_size) == ("data/weights.bin", 3)


def test_tags_are_changed_and_models_deleted() -> None:
    model = pegboard.create_external_model()
    pegboard.set_logged_model_tags(model.model_id, {"a": 1, "b": 2})
    pegboard.delete_logged_model_tag(model.model_id, "a")
    assert pegboard.get_logged_model(model.model_id).tags["b"] == "2"
    pegboard.MlflowClient().delete_logged_model(model.model_id)
    with pytest.raises(NotFound):
        pegboard.get_logged_model(model.model_id)
