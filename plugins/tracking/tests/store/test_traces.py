"""The SQLite store keeps the contract of traces."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import attrs
import pytest
from pegboard.contracts.tracking import TrackingStore
from pegboard.entities.traces import Assessment, AssessmentKind, TraceInfo
from pegboard.errors import NotFound
from pegboard_stores.abilities import ManyAssessments
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

    def test_many_assessments_come_all_or_none(self, store: SqliteStore) -> None:
        traces = store.traces()
        many = traces.ability(ManyAssessments)
        assert many is not None
        for number in range(2):
            traces.start(TraceInfo(f"tr-{number}", "0", 5))
        given = [
            Assessment(f"tr-{number % 2}", f"a {number}", AssessmentKind.FEEDBACK, {"n": number})
            for number in range(300)
        ]
        with pytest.raises(NotFound):
            many.create_assessments([*given, attrs.evolve(given[0], trace_id="tr-none")])
        assert not traces.infos(["tr-0"])[0].assessments
        ids = many.create_assessments(given)
        old = ids[298]
        [new] = many.create_assessments([attrs.evolve(given[298], value=1, overrides=old)])
        found = traces.infos(["tr-0"])[0].assessments
        assert [each.assessment_id for each in found] == [*ids[::2], new]
        assert [each.value for each in found] == [*({"n": n} for n in range(0, 300, 2)), 1]
        assert [each.assessment_id for each in found if not each.valid] == [old]
