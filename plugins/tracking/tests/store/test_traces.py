"""The SQLite store keeps the contract of traces."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pegboard.contracts.tracking import TrackingStore
from pegboard_testing import TraceFiguresContract, TraceStoreContract
from pegboard_tracking.store.sqlite import SqliteStore


class TestSqliteStore(TraceStoreContract, TraceFiguresContract):
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
