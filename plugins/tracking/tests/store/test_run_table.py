"""The table of runs of a SQLite store: what is beyond its contract."""

from __future__ import annotations

import contextlib
import fcntl
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pegboard.config import Config
from pegboard.entities import Metric, Param
from pegboard.errors import InvalidValue
from pegboard.host import Host
from pegboard_stores import cancellation
from pegboard_stores.cancellation import Stopped, Work
from pegboard_stores.run_table import RunScope, RunTable, TableQuery, parse_column, parse_sort
from pegboard_tracking.run_table.kept import Kept
from pegboard_tracking.tables import changes

SCOPE = RunScope(["0"])
M, P = parse_column("metrics.m"), parse_column("params.p")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


@pytest.fixture
def store(path: Path) -> Iterator[Any]:
    """Yield a store that waits for others for a moment only."""
    host = Host(Config())
    yield host.tracking_store(f"sqlite:{path}?patience=0.02")
    host.close()


@pytest.fixture
def table(store: Any) -> RunTable:
    found: RunTable | None = store.ability(RunTable)
    assert found is not None
    return found


@contextlib.contextmanager
def held(path: Path) -> Iterator[None]:
    """Hold the store as another process that writes for long."""
    descriptor = os.open(path.with_name("store.db.lock"), os.O_RDWR)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        yield
    finally:
        os.close(descriptor)


def everything(table: RunTable) -> list[object]:
    """Return what the table tells, without its revision."""
    query = TableQuery(
        scope=RunScope(["0"], "metrics.m >= 0 OR metrics.new IS NOT NULL"),
        sort=parse_sort("-metrics.m"),
        tree=True,
        spark="m",
    )
    page = table.page(query)
    return [
        *(page.ids, page.columns, page.sparks, page.chosen, page.matched),
        table.groups(query, M).groups,
        table.keys(SCOPE),
        table.values(SCOPE, M),
        table.histograms(SCOPE, [M, P]),
        table.histograms(query.scope, [M, P]),
    ]


def test_what_only_journals_hold_is_in_the_table(path, store, table) -> None:
    runs = [store.create_run("0", start_time=i).info.run_id for i in range(3)]
    store.log_batch(runs[0], metrics=[Metric("m", 5.0, 1, 1)], params=[Param("p", "1")])
    assert table.page(TableQuery(scope=SCOPE)).matched == 3
    begin = table.revision()
    with held(path):
        for i, run_id in enumerate(runs):
            store.metric_writer().log(run_id, "m", i + 0.5, 1, 2)
        first = table.revision()
        assert first != begin
        store.metric_writer().log(runs[2], "new", 1.0, 1, 2)
        before = everything(table)
        assert before[0] == runs[::-1]
        assert before[1][M] == [2.5, 1.5, 0.5]
        assert table.revision() not in (begin, first)
        assert table.changed_since(first).runs is None
        assert table.changed_since(table.revision()).runs == {}
    store.metric_writer().flush()
    assert everything(table) == before
    assert set(table.changed_since(begin).runs or ()) == set(runs)


READ = """
from pegboard_stores.run_table import *
table = store.ability(RunTable)
seen = {0}
for line in sys.stdin:
    page = table.page(TableQuery(scope=RunScope(["0"]), columns=[parse_column("metrics.m")]))
    is_new = page.revision not in seen
    seen.add(page.revision)
    print(*page.columns[parse_column("metrics.m")], is_new, flush=True)
"""


def test_a_server_that_may_not_write_shows_what_a_writer_logs(children) -> None:
    with tempfile.TemporaryDirectory(prefix="pegboard-test-") as name:
        Path(name).chmod(0o755)
        host = Host(Config())
        store = host.tracking_store(f"sqlite:{name}/store.db")
        run_id = store.create_run("0").info.run_id
        reader = children.start(READ, f"{name}/store.db", as_nobody=True)
        for step in range(20):
            store.metric_writer().log(run_id, "m", float(step), step, step)
            if step % 7 == 6:
                store.metric_writer().flush()
            print(file=reader.stdin, flush=True)
            assert children.read_line(reader) == f"{float(step)} True"
        assert reader.communicate()[1] == ""
        host.close()


def test_changes_are_forgotten_after_a_while(store, table) -> None:
    run_id, other = (store.create_run("0").info.run_id for _ in range(2))
    begin = table.revision()
    with store._database.writing() as connection:
        connection.executemany("INSERT INTO change (run) VALUES (?)", [(1,)] * 70_000)
        (left,) = connection.execute("SELECT count(*) FROM change").fetchone()
    assert left < 70_000
    assert table.changed_since(begin).runs is None
    later = table.revision()
    store.log_batch(other, params=[Param("p", "1")])
    assert table.changed_since(later).runs == {other: "0"}
    assert table.changed_since(later - 1).runs == {run_id: "0", other: "0"}


def test_too_many_changed_runs_are_not_told_one_by_one(store, table, monkeypatch) -> None:
    monkeypatch.setattr(changes, "MOST", 2)
    begin = table.revision()
    for number in range(3):
        store.create_run("0")
        told = table.changed_since(begin).runs
        assert (told is None) == (number == 2)


@pytest.mark.parametrize(
    "ask",
    [
        lambda table: table.page(TableQuery(scope=RunScope(["0"], "metrics.m > 0"), tree=True)),
        lambda table: table.groups(TableQuery(scope=SCOPE), P),
        lambda table: table.keys(SCOPE),
        lambda table: table.values(SCOPE, P),
        lambda table: table.histograms(SCOPE, [M, P]),
        lambda table: table.changed_since(0),
    ],
)
def test_work_that_was_stopped_is_given_up(store, table, ask) -> None:
    run_id = store.create_run("0").info.run_id
    store.log_batch(run_id, metrics=[Metric("m", 1.0, 1, 1)], params=[Param("p", "1")])
    ask(table)
    work = Work()
    work.stop()
    with cancellation.doing(work), pytest.raises(Stopped):
        ask(table)
    ask(table)


def test_patterns_have_a_budget(store, table) -> None:
    for i in range(20):
        run_id = store.create_run("0").info.run_id
        store.log_batch(run_id, params=[Param("p", "ab" * 2900 + str(i))])
    many = " OR ".join(f"params.p =~ '(a|b)*c{i}$'" for i in range(240))
    with pytest.raises(InvalidValue, match="too long"):
        table.page(TableQuery(scope=RunScope(["0"], many)))


def test_answers_are_kept_by_revision_and_no_more_than_fit() -> None:
    made: list[object] = []

    def make(value: list[int]) -> Any:
        def one() -> list[int]:
            made.append(value)
            return value

        return one

    kept = Kept(10)
    assert kept.get("a", 1, make([1])) == kept.get("a", 1, make([2])) == [1]
    assert kept.get("a", 2, make([3])) == [3]
    assert kept.get("a", 3, make([4]), renew=lambda old, since: [*old, since]) == [3, 2]
    assert kept.get("a", 4, make([5]), renew=lambda _old, _since: None) == [5]
    assert made == [[1], [3], [5]]
    # What is too large for all is not kept, and the oldest goes first.
    kept.get("b", 4, make([0] * 7))
    kept.get("a", 4, make([6]))
    kept.get("c", 4, make([0] * 7))
    assert kept.get("c", 4, make([])) == [0] * 7
    kept.get("d", 4, make([0] * 20))
    assert kept.get("d", 4, make([])) == []
    assert made[-1] == []
