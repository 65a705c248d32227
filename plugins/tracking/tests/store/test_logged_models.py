"""The SQLite store keeps the contract of logged models."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pegboard.contracts.tracking import TrackingStore
from pegboard.entities.logged_models import LoggedModelInput
from pegboard.errors import NotFound
from pegboard.testing import LoggedModelStoreContract
from pegboard_tracking.store import SqliteStore


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
