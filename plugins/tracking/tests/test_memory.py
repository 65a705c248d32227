"""The store for tests: the contract, and who shares what."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from pegboard.contracts.tracking import TrackingStore
from pegboard.uris import parse
from pegboard_stores.names import new_run_id
from pegboard_testing import (
    CodeScorersContract,
    DataSetsContract,
    ListTagsContract,
    LoggedModelStoreContract,
    TraceFiguresContract,
    TraceStoreContract,
    TrackingStoreContract,
)
from pegboard_tracking.store.memory import open_store


class MemoryStore:
    """A store of a name of its own."""

    @pytest.fixture
    def shared(self) -> str:
        return new_run_id()

    @pytest.fixture
    def store(self, shared: str) -> TrackingStore:
        return open_store(parse(f"memory:{shared}"), {})

    @pytest.fixture
    def reopen(self, shared: str) -> Callable[[], TrackingStore]:
        return lambda: open_store(parse(f"memory:{shared}"), {})


class TestRuns(
    MemoryStore, TrackingStoreContract, ListTagsContract, DataSetsContract, CodeScorersContract
):
    pass


class TestLoggedModels(MemoryStore, LoggedModelStoreContract):
    pass


class TestTraces(MemoryStore, TraceStoreContract, TraceFiguresContract):
    pass


def test_a_name_is_shared_and_without_one_each_store_is_alone() -> None:
    name = new_run_id()
    open_store(parse(f"memory:{name}"), {}).create_run("0", run_id="seen")
    assert open_store(parse(f"memory:{name}"), {}).get_run("seen")
    assert open_store(parse("memory:"), {}).search_runs(["0"]) == []
    one, two = open_store(parse("memory:"), {}), open_store(parse("memory:"), {})
    one.create_run("0")
    assert two.search_runs(["0"]) == []
    locations = {store.get_experiment("0").artifact_location for store in (one, two)}
    assert len(locations) == 2
