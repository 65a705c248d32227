from __future__ import annotations

import pegboard
import pytest
from pegboard.config import Config, PegboardConfig
from pegboard.entities import Dataset, DatasetInput, InputTag, Metric, Param, RunTag, ViewType
from pegboard.errors import InvalidState, InvalidValue, NotFound
from pegboard.host import Host
from pegboard_scripting.client.author import user_of


@pytest.fixture
def client() -> pegboard.Client:
    return pegboard.Client()


def test_experiments_are_created_renamed_deleted_and_restored(client: pegboard.Client) -> None:
    experiment_id = client.create_experiment("a", tags={"x": 1})
    client.rename_experiment(experiment_id, "b")
    client.set_experiment_tag(experiment_id, "y", 2)
    client.delete_experiment_tag(experiment_id, "x")
    found = client.get_experiment_by_name("b")
    assert found is not None
    assert (found.experiment_id, found.tags) == (experiment_id, {"y": "2"})
    client.delete_experiment(experiment_id)
    assert client.get_experiment(experiment_id).lifecycle_stage == "deleted"
    client.restore_experiment(experiment_id)
    assert client.get_experiment(experiment_id).lifecycle_stage == "active"


def test_a_run_is_created_updated_and_terminated(client: pegboard.Client) -> None:
    run = client.create_run("0", start_time=5, tags={"mlflow.user": "me", "n": 1}, run_name="r")
    assert (run.info.start_time, run.info.user_id, run.info.run_name) == (5, "me", "r")
    assert run.data.tags["n"] == "1"
    client.update_run(run.info.run_id, status="SCHEDULED", name="s")
    updated = client.get_run(run.info.run_id).info
    assert (updated.status, updated.run_name) == ("SCHEDULED", "s")
    client.set_terminated(run.info.run_id, "FAILED", 9)
    ended = client.get_run(run.info.run_id).info
    assert (ended.status, ended.end_time) == ("FAILED", 9)


def test_terminating_needs_no_more_than_the_id(client: pegboard.Client) -> None:
    run = client.create_run("0")
    client.set_terminated(run.info.run_id)
    ended = client.get_run(run.info.run_id).info
    assert ended.status == "FINISHED"
    assert ended.end_time is not None
    assert ended.end_time >= ended.start_time


def test_an_unknown_status_is_refused(client: pegboard.Client) -> None:
    run = client.create_run("0")
    with pytest.raises(InvalidValue, match="Known are"):
        client.update_run(run.info.run_id, status="finished")


def test_a_batch_holds_metrics_params_and_tags(client: pegboard.Client) -> None:
    run_id = client.create_run("0").info.run_id
    client.log_batch(
        run_id,
        metrics=[Metric("m", 1.0, 10, 0), Metric("m", 2.0, 20, 1)],
        params=[Param("p", 3)],  # type: ignore[arg-type]
        tags=[RunTag("t", "v")],
    )
    data = client.get_run(run_id).data
    assert (data.metrics, data.params, data.tags["t"]) == ({"m": 2.0}, {"p": "3"}, "v")
    assert [m.value for m in client.get_metric_history(run_id, "m")] == [1.0, 2.0]
    assert client.get_metric_history(run_id, "none") == []


def test_inputs_are_logged(client: pegboard.Client) -> None:
    run_id = client.create_run("0").info.run_id
    used = DatasetInput(Dataset("d", "1", "local", "{}"), [InputTag("a", "b")])
    client.log_inputs(run_id, [used])
    client.log_inputs(run_id)
    (found,) = client.get_run(run_id).inputs.dataset_inputs
    assert found.dataset == used.dataset


def test_deleted_runs_take_no_changes_until_they_are_restored(client: pegboard.Client) -> None:
    run_id = client.create_run("0").info.run_id
    client.delete_run(run_id)
    with pytest.raises(InvalidState):
        client.set_tag(run_id, "a", "b")
    client.restore_run(run_id)
    client.set_tag(run_id, "a", "b")
    client.delete_tag(run_id, "a")


def test_what_is_not_there_is_not_found(client: pegboard.Client) -> None:
    with pytest.raises(NotFound):
        client.get_run("0" * 32)
    with pytest.raises(NotFound):
        client.get_experiment("404")
    with pytest.raises(NotFound):
        client.get_parent_run("0" * 32)


def test_searches_go_page_by_page(client: pegboard.Client) -> None:
    ids = [client.create_run("0", start_time=n).info.run_id for n in range(5)]
    page = client.search_runs(["0"], max_results=2)
    found = [run.info.run_id for run in page]
    while page.token:
        page = client.search_runs(["0"], max_results=2, page_token=page.token)
        found += [run.info.run_id for run in page]
    assert found == ids[::-1]
    names = [client.create_experiment(f"e{n}") for n in range(3)]
    first = client.search_experiments(max_results=3)
    rest = client.search_experiments(max_results=3, page_token=first.token)
    assert {e.experiment_id for e in [*first, *rest]} == {"0", *names}


def test_searches_look_at_deleted_ones_when_told_to(client: pegboard.Client) -> None:
    kept, deleted = client.create_run("0"), client.create_run("0")
    client.delete_run(deleted.info.run_id)
    seen = {
        view: {run.info.run_id for run in client.search_runs("0", run_view_type=view)}
        for view in ViewType
    }
    assert seen == {
        ViewType.ACTIVE_ONLY: {kept.info.run_id},
        ViewType.DELETED_ONLY: {deleted.info.run_id},
        ViewType.ALL: {kept.info.run_id, deleted.info.run_id},
    }
    with pytest.raises(InvalidValue, match="ACTIVE_ONLY"):
        client.search_runs(["0"], run_view_type=9)


def test_names_of_mlflow_for_errors_and_modules_exist() -> None:
    from pegboard import exceptions
    from pegboard_scripting import tracking

    assert tracking.MlflowClient is pegboard.Client
    with pytest.raises(exceptions.MlflowException) as caught:
        pegboard.Client().get_run("0" * 32)
    assert caught.value.error_code == "RESOURCE_DOES_NOT_EXIST"


def test_statuses_have_names_in_both_directions() -> None:
    from pegboard.entities import RunStatus

    assert RunStatus.from_string(RunStatus.to_string(RunStatus.KILLED)) is RunStatus.KILLED


@pytest.mark.parametrize(
    ("variables", "user"),
    [
        ({"MLFLOW_TRACKING_USERNAME": "ann", "LOGNAME": "bob"}, "ann"),
        ({"MLFLOW_TRACKING_USERNAME": "", "LOGNAME": "bob"}, "bob"),
    ],
)
def test_where_no_plugin_tells_the_user_it_is_that_of_the_process(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], user: str
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert user_of(Host(Config(pegboard=PegboardConfig(plugins=["scripting"])))) == user
