from __future__ import annotations

import pandas as pd
import pegboard
import pytest
from pegboard.errors import InvalidValue


@pytest.fixture
def run_ids() -> list[str]:
    """Return the ids of three runs, in the order they were started."""
    ids = []
    for number in range(3):
        with pegboard.start_run(run_name=f"r{number}") as run:
            pegboard.log_metric("loss", number)
            pegboard.log_param(f"p{number}", number)
        ids.append(run.info.run_id)
    return ids


def test_runs_are_found_as_a_list(run_ids: list[str]) -> None:
    found = pegboard.search_runs(filter_string="metrics.loss > 0", output_format="list")
    assert {run.info.run_id for run in found} == set(run_ids[1:])
    ordered = pegboard.search_runs(
        order_by=["metrics.loss ASC"], max_results=2, output_format="list"
    )
    assert [run.info.run_id for run in ordered] == run_ids[:2]


def test_runs_are_found_as_a_table_with_mlflows_columns(run_ids: list[str]) -> None:
    frame = pegboard.search_runs(order_by=["metrics.loss ASC"])
    assert list(frame.columns[:6]) == [
        "run_id",
        "experiment_id",
        "status",
        "artifact_uri",
        "start_time",
        "end_time",
    ]
    assert list(frame["run_id"]) == run_ids
    assert list(frame["metrics.loss"]) == [0.0, 1.0, 2.0]
    assert list(frame["params.p1"].isna()) == [True, False, True]
    assert list(frame["tags.mlflow.runName"]) == ["r0", "r1", "r2"]
    assert list(frame["status"]) == ["FINISHED"] * 3
    assert str(frame["start_time"].dt.tz) == "UTC"


def test_a_run_that_goes_on_has_no_end_in_the_table() -> None:
    with pegboard.start_run():
        frame = pegboard.search_runs()
    assert frame["end_time"].isna().all()
    assert isinstance(frame["end_time"].dtype, pd.DatetimeTZDtype)


def test_a_table_without_runs_has_the_columns_of_every_run() -> None:
    frame = pegboard.search_runs()
    assert len(frame) == 0
    assert len(frame.columns) == 6


def test_experiments_are_given_by_id_by_name_or_all(run_ids: list[str]) -> None:
    pegboard.set_experiment("other")
    with pegboard.start_run() as run:
        pass

    def found(**where: object) -> int:
        return len(pegboard.search_runs(output_format="list", **where))  # type: ignore[call-overload]

    assert found() == 1
    assert found(experiment_ids=["0"]) == 3
    assert found(experiment_names=["Default", "other"]) == 4
    assert found(search_all_experiments=True) == 4
    assert found(experiment_ids=[run.info.experiment_id]) == 1
    with pytest.raises(InvalidValue, match="not both"):
        found(experiment_ids=["0"], experiment_names=["other"])
    with pytest.warns(UserWarning, match="nothing"):
        assert found(experiment_names=["nothing"]) == 0


def test_only_two_formats_exist() -> None:
    with pytest.raises(InvalidValue, match="pandas"):
        pegboard.search_runs(output_format="dict")  # type: ignore[call-overload]


def test_experiments_are_searched_over_all_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    from pegboard_scripting.fluent import experiments

    monkeypatch.setattr(experiments, "_PAGE", 2)
    names = [f"e{n}" for n in range(5)]
    for name in names:
        pegboard.create_experiment(name)
    assert {e.name for e in pegboard.search_experiments()} == {*names, "Default"}
    assert len(pegboard.search_experiments(max_results=3)) == 3
    assert [e.name for e in pegboard.search_experiments(filter_string="name = 'e3'")] == ["e3"]


def test_runs_are_searched_over_all_pages(
    run_ids: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from pegboard_scripting.fluent import search

    monkeypatch.setattr(search, "_PAGE", 2)
    assert len(pegboard.search_runs(output_format="list")) == 3
