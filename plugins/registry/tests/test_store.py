"""The SQLite registry beyond the contract: its file, other processes, its history."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from pegboard import uris
from pegboard.config import Config, PegboardConfig
from pegboard.contracts.registry import ModelRegistry
from pegboard.entities.registry import Author, ChangeKind
from pegboard.errors import ConfigError, InvalidValue, NotFound
from pegboard.host import Host
from pegboard_registry import needing
from pegboard_registry.memory.registry import MemoryRegistry, open_registry
from pegboard_registry.store import removal
from pegboard_registry.store.sqlite import SqliteRegistry
from pegboard_stores import needed_files
from pegboard_stores.needed_files import FilesOwner

STAGES = ("fresh", "Canary", "Live", "Archived")


@pytest.fixture(params=["sqlite", "memory"])
def registry(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ModelRegistry]:
    made: ModelRegistry = (
        SqliteRegistry(tmp_path / "r.db") if request.param == "sqlite" else MemoryRegistry()
    )
    yield made
    made.close()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteRegistry]:
    made = SqliteRegistry(tmp_path / "r.db")
    made.create_model("iris")
    made.create_version("iris", "s", by=Author("ann"))
    yield made
    made.close()


def test_an_alias_is_resolved_with_two_queries(store: SqliteRegistry) -> None:
    store.set_version_tag("iris", "1", "b", "x" * 1000)
    store.set_version_tag("iris", "1", "a", "")
    for alias in ("champion", "blue"):
        store.set_alias("iris", alias, "1")
    asked: list[str] = []
    with store.database.reading() as connection:
        connection.set_trace_callback(asked.append)
        found = store.version_by_alias("iris", "champion")
        connection.set_trace_callback(None)
    assert found == store.get_version("iris", "1")
    assert found.aliases == ("blue", "champion")
    assert len(asked) == 2, asked


def test_sources_with_a_query_are_files_of_their_owner_too(registry: ModelRegistry) -> None:
    registry.create_model("iris")
    registry.create_version("iris", "s3://b/r1/net?region=x")
    registry.create_version("iris", "s3://b/r1?region=x")
    registry.create_version("iris", "s3://b/r1-not?region=x")
    found = needed_files.of(registry).needing([FilesOwner("r1", ["s3://b/r1"])])
    assert [version.version for version in found["r1"]] == ["1", "2"]


def test_whose_files_are_needed_is_found_by_indexes(store: SqliteRegistry) -> None:
    with store.database.reading() as connection:
        asked = dict.fromkeys(needing.QUERIES, ("r1", 10))
        asked |= {removal.FIND: ('["r1"]', 10), removal.FORGET: (10,)}
        for query, values in asked.items():
            plan = connection.execute(f"EXPLAIN QUERY PLAN {query}", values).fetchall()
            steps = [step for *_, step in plan if "json_each" not in step]
            assert steps, query
            assert not [step for step in steps if step.startswith("SCAN")], query


# -- what the contract leaves open -----------------------------------------------------------------


def test_stages_are_the_users_own(registry: ModelRegistry) -> None:
    registry.stages = STAGES
    registry.create_model("iris")
    for _ in range(3):
        assert registry.create_version("iris", "s").current_stage == "fresh"
    registry.transition_stage("iris", "1", "live")
    assert registry.transition_stage("iris", "2", "LIVE", archive_existing=True).current_stage == (
        "Live"
    )
    assert registry.get_version("iris", "1").current_stage == "Archived"
    assert [each.version for each in registry.latest_versions("iris", ["live"])] == ["2"]
    for stage in ("Production", "None"):
        with pytest.raises(InvalidValue, match="Canary"):
            registry.transition_stage("iris", "1", stage)
    with pytest.raises(InvalidValue):
        registry.transition_stage("iris", "3", "fresh", archive_existing=True)
    registry.approve("iris", "3", "canary", by=Author("ann"))
    assert len(registry.approvals("iris", "3", "Canary")) == 1


def test_nothing_is_archived_where_there_is_no_stage_for_it(registry: ModelRegistry) -> None:
    registry.stages = ("fresh", "live")
    registry.create_model("iris")
    registry.create_version("iris", "s")
    with pytest.raises(InvalidValue, match="Archived"):
        registry.transition_stage("iris", "1", "live", archive_existing=True)


def test_a_version_whose_stage_is_no_more_is_still_found(registry: ModelRegistry) -> None:
    registry.create_model("iris")
    registry.create_version("iris", "s")
    registry.transition_stage("iris", "1", "Staging")
    registry.stages = STAGES
    assert [each.current_stage for each in registry.latest_versions("iris")] == ["Staging"]
    assert registry.transition_stage("iris", "1", "Live").current_stage == "Live"


def test_the_files_may_be_elsewhere_than_the_source(registry: ModelRegistry) -> None:
    registry.create_model("iris")
    registry.create_version("iris", "models:/other/1", storage_location="s3://bucket/files")
    assert registry.download_uri("iris", "1") == "s3://bucket/files"
    assert registry.get_version("iris", "1").source == "models:/other/1"


def test_a_long_reason_is_refused_before_anything_changes(registry: ModelRegistry) -> None:
    registry.create_model("iris")
    registry.create_version("iris", "s")
    with pytest.raises(InvalidValue, match="reason"):
        registry.set_alias("iris", "champion", "1", by=Author("ann", "x" * 100_001))
    assert registry.history("iris", kinds=[ChangeKind.ALIAS]) == []


def test_a_rollback_after_the_alias_was_set_back_by_hand_goes_to_the_other(
    registry: ModelRegistry,
) -> None:
    registry.create_model("iris")
    for version in ("1", "2"):
        registry.create_version("iris", "s")
        registry.set_alias("iris", "champion", version)
    registry.set_alias("iris", "champion", "1")
    registry.delete_version("iris", "2")
    registry.create_version("iris", "s")
    registry.set_alias("iris", "champion", "3")
    assert registry.rollback_alias("iris", "champion").version == "1"


# -- the file --------------------------------------------------------------------------------------


def test_the_registry_lies_in_the_file_of_the_tracking_store(tmp_path: Path) -> None:
    host = Host(Config(pegboard=PegboardConfig(f"sqlite:{tmp_path}/runs.db")))
    run = host.tracking_store().create_run("0")
    registry = host.model_registry()
    registry.create_model("iris")
    registry.create_version("iris", "s", run_id=run.info.run_id)
    host.close()
    again = Host(Config(pegboard=PegboardConfig(f"sqlite:{tmp_path}/runs.db")))
    assert again.model_registry().get_version("iris", "1").run_id == run.info.run_id
    assert again.tracking_store().get_run(run.info.run_id) == run
    again.close()
    assert [path.name for path in tmp_path.glob("*.db")] == ["runs.db"]


@pytest.mark.parametrize("place", ["{}", "{}/sub", "{}/runs.db", "file://{}", "sqlite:{}/x"])
def test_a_registry_is_opened_where_a_tracking_store_would_be(tmp_path: Path, place: str) -> None:
    uri = place.format(tmp_path)
    host = Host(Config(pegboard=PegboardConfig(registry_uri=uri)))
    host.model_registry().create_model("iris")
    host.tracking_store(uri).create_experiment("x")
    host.close()
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len([path for path in files if path.read_bytes()[:6] == b"SQLite"]) == 1


def test_unknown_parameters_of_a_uri_are_refused(tmp_path: Path) -> None:
    for query in ("journal=1", "synchronous=off", "patience=long"):
        host = Host(Config(pegboard=PegboardConfig(registry_uri=f"sqlite:{tmp_path}/r.db?{query}")))
        with pytest.raises(ConfigError):
            host.model_registry()


def test_commits_outlive_a_power_cut_unless_told_otherwise(tmp_path: Path) -> None:
    for query, level in (("", 2), ("?synchronous=normal", 1)):
        host = Host(Config(pegboard=PegboardConfig(registry_uri=f"sqlite:{tmp_path}/r.db{query}")))
        registry = host.model_registry()
        assert isinstance(registry, SqliteRegistry)
        connection = registry._database.connection()
        assert connection.execute("PRAGMA synchronous").fetchone() == (level,)
        host.close()


def test_registries_in_memory_are_shared_by_name(tmp_path: Path) -> None:
    first, second = (open_registry(uris.parse("memory:both"), {}) for _ in range(2))
    first.create_model("iris")
    assert second.get_model("iris").name == "iris"
    with pytest.raises(NotFound):
        open_registry(uris.parse("memory:"), {}).get_model("iris")


# -- the history -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE registry_history SET user = 'eve'",
        "DELETE FROM registry_history",
        "INSERT OR REPLACE INTO registry_history SELECT number, model, time, name, kind, version,"
        " key, before, after, 'eve', reason, undoes FROM registry_history",
    ],
)
def test_not_even_sql_changes_the_history(store: SqliteRegistry, statement: str) -> None:
    with (
        sqlite3.connect(store._database.path) as other,
        pytest.raises(sqlite3.Error, match="only appended to"),
    ):
        other.execute(statement)
    assert [change.user for change in store.history("iris")] == ["ann"]


def test_a_change_and_its_entry_are_kept_together_or_not_at_all(store: SqliteRegistry) -> None:
    with sqlite3.connect(store._database.path) as other:
        other.execute(
            "CREATE TRIGGER broken BEFORE INSERT ON registry_history"
            " BEGIN SELECT RAISE(ABORT, 'no room'); END"
        )
    before = store.get_model("iris")
    for call in (
        lambda: store.set_alias("iris", "champion", "1"),
        lambda: store.transition_stage("iris", "1", "Staging"),
        lambda: store.create_version("iris", "s"),
        lambda: store.delete_version("iris", "1"),
        lambda: store.rename_model("iris", "b"),
        lambda: store.delete_model("iris"),
    ):
        with pytest.raises(Exception, match="no room"):
            call()
    assert store.get_model("iris") == before
    with sqlite3.connect(store._database.path) as other:
        other.execute("DROP TRIGGER broken")
    assert store.create_version("iris", "s").version == "2"


# -- several processes -----------------------------------------------------------------------------

WORK = """
import sys
from pathlib import Path
from pegboard.entities.registry import Author
from pegboard_registry.store.sqlite import SqliteRegistry

registry = SqliteRegistry(Path(sys.argv[1]), synchronous="normal")
print("ready", flush=True)
sys.stdin.readline()
for i in range(25):
    version = registry.create_version("iris", f"{sys.argv[2]}-{i}").version
    registry.set_alias("iris", "champion", version, by=Author(sys.argv[2]))
    print(version, flush=True)
"""


def test_processes_at_once_never_give_a_number_twice_and_lose_no_move(
    store: SqliteRegistry, tmp_path: Path
) -> None:
    path = store._database.path
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", WORK, str(path), name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for name in ("a", "b", "c")
    ]
    for worker in workers:
        assert worker.stdout is not None
        assert worker.stdout.readline() == "ready\n"
    given = []
    for worker in workers:
        assert worker.stdin is not None
        worker.stdin.write("go\n")
        worker.stdin.flush()
    for worker in workers:
        out, _ = worker.communicate(timeout=300)
        assert worker.returncode == 0
        given += [int(line) for line in out.split()]
    assert sorted(given) == list(range(2, 77))
    moves = store.history("iris", kinds=[ChangeKind.ALIAS], max_results=1000)
    assert len(moves) == 75
    for later, earlier in pairwise(moves):
        assert later.before == earlier.after
    assert store.get_model("iris").aliases == {"champion": moves[0].after}
