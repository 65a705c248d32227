"""The store keeps the contract."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pegboard.contracts.tracking import TrackingStore
from pegboard.uris import parse
from pegboard_store_json.settings import Settings
from pegboard_store_json.store import open_store
from pegboard_testing import (
    ListTagsContract,
    LoggedModelStoreContract,
    TraceFiguresContract,
    TraceStoreContract,
    TrackingStoreContract,
)


def opened(directory: Path) -> TrackingStore:
    return open_store(parse(f"json:{directory}"), Settings(indent=0))


class JsonStore:
    """A store in a directory of the test."""

    @pytest.fixture
    def store(self, tmp_path: Path) -> Iterator[TrackingStore]:
        store = opened(tmp_path / "store")
        yield store
        store.close()

    @pytest.fixture
    def reopen(self, store: TrackingStore, tmp_path: Path) -> Callable[[], TrackingStore]:
        def again() -> TrackingStore:
            store.close()
            return opened(tmp_path / "store")

        return again


class TestRuns(JsonStore, TrackingStoreContract, ListTagsContract):
    pass


class TestLoggedModels(JsonStore, LoggedModelStoreContract):
    pass


class TestTraces(JsonStore, TraceStoreContract, TraceFiguresContract):
    pass
