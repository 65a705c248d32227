"""The SQLite store keeps the contract of logged models."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from attrs import evolve
from pegboard import paging
from pegboard.contracts.tracking import TrackingStore
from pegboard.entities import LoggedModel, Metric, Run
from pegboard.entities.logged_models import LoggedModelInput
from pegboard.errors import InvalidValue, NotFound
from pegboard_stores.abilities import Batch, Batches
from pegboard_testing import LoggedModelStoreContract
from pegboard_tracking.store.sqlite import SqliteStore


class TestSqliteStore(LoggedModelStoreContract):
    @pytest.fixture
    def store(self, tmp_path: Path) -> Iterator[SqliteStore]:
        store = SqliteStore(tmp_path / "runs.db")
        yield store
        store.close()

    @pytest.fixture
    def reopen(self, store: SqliteStore, tmp_path: Path) -> Callable[[], TrackingStore]:
        def again() -> TrackingStore:
            store.close()
            return SqliteStore(tmp_path / "runs.db")

        return again

    def test_the_runs_that_use_a_model_are_found(self, store: SqliteStore) -> None:
        models = store.logged_models()
        model = models.create("0")
        runs = [store.create_run("0", start_time=time).info.run_id for time in (1, 3, 2)]
        for run_id in runs:
            models.log_inputs(run_id, [LoggedModelInput(model.model_id)])
        assert models.used_by(model.model_id) == [runs[1], runs[2], runs[0]]
        store.delete_run(runs[2])
        assert models.used_by(model.model_id) == [runs[1], runs[0]]
        assert models.used_by(models.create("0").model_id) == []
        with pytest.raises(NotFound):
            models.used_by("m-unknown")

    def test_many_runs_that_use_a_model_come_page_by_page(self, store: SqliteStore) -> None:
        models = store.logged_models()
        model = models.create("0")
        for time in range(5):
            run_id = store.create_run("0", start_time=time).info.run_id
            models.log_inputs(run_id, [LoggedModelInput(model.model_id)])
        whole = models.used_by(model.model_id)
        assert whole.token is None
        pages = partial(models.used_by, model.model_id, max_results=2)
        assert list(paging.items(pages)) == whole
        assert len(pages()) == 2
        with pytest.raises(InvalidValue):
            models.used_by(model.model_id, max_results=0)

    def test_a_point_in_the_journal_of_another_process_is_not_logged_twice(
        self, store: SqliteStore, run: Run, model: LoggedModel, tmp_path: Path
    ) -> None:
        run_id = run.info.run_id
        log = (
            "import os, pathlib; from pegboard_tracking.store.sqlite import SqliteStore;"
            f"SqliteStore(pathlib.Path({str(tmp_path / 'runs.db')!r})).metric_writer()"
            f".log({run_id!r}, 'acc', 0.5, 1, 0); os._exit(0)"
        )
        subprocess.run([sys.executable, "-c", log], check=True, timeout=120)
        point = Metric("acc", 0.5, 1, 0, model.model_id)
        store.ability(Batches).log(Batch("client", 1), run_id, metrics=[point])
        assert len(store.metric_history(run_id, "acc")) == 1
        assert len(store.logged_models().get(model.model_id).metrics) == 1

    @pytest.mark.parametrize("ordered", [True, False])
    def test_points_of_long_histories_become_a_models(
        self, store: SqliteStore, run: Run, model: LoggedModel, ordered: bool
    ) -> None:
        run_id, count = run.info.run_id, 20_000
        steps = range(count) if ordered else [(step * 7919) % count for step in range(count)]
        points = [Metric("m", step / 8, step, step) for step in steps]
        store.log_batch(run_id, metrics=points)
        again = [evolve(point, model_id=model.model_id) for point in points[::97]]
        other = [evolve(point, value=-1.0) for point in again[:10]]
        store.log_batch(run_id, metrics=[*again, *other])
        history = store.metric_history(run_id, "m")
        assert len(history) == count + 10
        assert {point.value for point in history[count:]} == {-1.0}
