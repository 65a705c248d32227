"""Versions of data sets: whatever is changed, each is as it was, and two differ as they do."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pegboard import paging
from pegboard.config import Config
from pegboard.host import Host
from pegboard_stores.data_sets import DataSetRecord, DataSets
from pegboard_tracking.data_sets import versions

NAMES = "abcd"
MERGES = st.lists(
    st.fixed_dictionaries(
        {"inputs": st.sampled_from([{"q": name} for name in NAMES])},
        optional={
            "outputs": st.sampled_from([None, 1, {"x": [1]}]),
            "expectations": st.dictionaries(st.sampled_from("ef"), st.integers(0, 2), max_size=2),
            "tags": st.dictionaries(st.sampled_from("tu"), st.sampled_from("12"), max_size=1),
        },
    ),
    max_size=4,
)
A: dict[str, Any] = {"inputs": {"q": "a"}}
DELETIONS = st.sets(st.sampled_from(NAMES))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("store") / "store.db"


@pytest.fixture(scope="module")
def data_sets(place: Path) -> Iterator[DataSets]:
    host = Host(Config())
    found = host.tracking_store(f"sqlite:{place}").ability(DataSets)
    assert found is not None
    yield found
    host.close()


@pytest.fixture(scope="module", params=["sqlite", "memory"])
def either(request: pytest.FixtureRequest, data_sets: DataSets) -> Iterator[DataSets]:
    if request.param == "sqlite":
        yield data_sets
        return
    host = Host(Config())
    found = host.tracking_store("memory:").ability(DataSets)
    assert found is not None
    yield found
    host.close()


def told(record: DataSetRecord) -> tuple[Any, ...]:
    """Return what a record says, to be compared."""
    said = record.inputs, record.outputs, record.expectations, record.tags
    return record.inputs["q"], json.dumps(said, sort_keys=True)


def read(data_sets: DataSets, name: str, version: int | None = None) -> dict[str, str]:
    pages = partial(data_sets.records, name, version=version, max_results=3)
    return dict(map(told, paging.items(pages)))


def merged(known: dict[str, Any], record: dict[str, Any]) -> dict[str, Any]:
    """Return a record after a merge, by the plainest means."""
    made = {"outputs": None, "expectations": None, "tags": {}, **known, "inputs": record["inputs"]}
    if "outputs" in record:
        made["outputs"] = record["outputs"]
    if record.get("expectations"):
        made["expectations"] = {**(made["expectations"] or {}), **record["expectations"]}
    elif not known and "expectations" in record:
        made["expectations"] = {}
    made["tags"] = {**made["tags"], **record.get("tags", {})}
    return made


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(MERGES | DELETIONS, max_size=6))
@example([[A], {"a"}, [A], [{**A, "outputs": 1}]])
def test_each_version_stays_and_two_differ_as_their_records_do(
    either: DataSets, changes: list[Any]
) -> None:
    data_sets = either
    name = data_sets.create("any").data_set_id
    model: dict[str, dict[str, Any]] = {}
    seen: dict[int, dict[str, str]] = {0: {}}
    digests = {data_sets.get(name).digest: frozenset[Any]()}
    for change in changes:
        if isinstance(change, set):
            ids = {
                r.inputs["q"]: r.record_id for r in paging.items(partial(data_sets.records, name))
            }
            data_sets.delete_records(name, [ids[each] for each in change if each in ids])
            model = {key: value for key, value in model.items() if key not in change}
        else:
            data_sets.merge(name, change)
            for record in change:
                key = record["inputs"]["q"]
                model[key] = merged(model.get(key, {}), record)
        now = read(data_sets, name)
        assert now == {
            key: json.dumps(
                [v["inputs"], v["outputs"], v["expectations"], v["tags"]], sort_keys=True
            )
            for key, v in model.items()
        }
        found = data_sets.get(name)
        assert found.version is not None
        assert seen.setdefault(found.version, now) == now
        # Equal data has one digest, and a digest one data.
        assert digests.setdefault(found.digest, frozenset(now.items())) == frozenset(now.items())
    assert len(set(digests.values())) == len(digests)
    for version, records in seen.items():
        assert read(data_sets, name, version) == records
    last = max(seen)
    for version, records in seen.items():
        diff = partial(data_sets.diff, name, version, last, max_results=2)
        differing = [
            (each.before and told(each.before), each.after and told(each.after))
            for each in paging.items(diff)
        ]
        old, new = set(records.items()), set(seen[last].items())
        assert {each[0] for each in differing} - {None} == old - new
        assert {each[1] for each in differing} - {None} == new - old
        # What has the same inputs is one record.
        assert len(differing) == len({key for key, _ in old ^ new})


def test_a_version_costs_what_it_changes(data_sets: DataSets, place: Path) -> None:
    name = data_sets.create("large").data_set_id
    records = [{"inputs": {"q": number}, "expectations": {"e": 1}} for number in range(1000)]
    data_sets.merge(name, records)
    data_sets.merge(name, [{**records[500], "expectations": {"e": 2}}])
    data_sets.merge(name, records[:500] + records[501:])
    with sqlite3.connect(place) as connection:
        counting = "SELECT count(*) FROM data_set_record r JOIN data_set d ON d.id = r.data_set"
        counted = connection.execute(f"{counting} WHERE d.data_set_id = ?", (name,)).fetchone()
    connection.close()
    assert counted == (1001,)


def test_a_page_of_large_records_is_shorter(
    data_sets: DataSets, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = data_sets.create("heavy").data_set_id
    data_sets.merge(name, [{"inputs": {"q": letter * 1000}} for letter in NAMES])
    monkeypatch.setattr(versions, "MOST_BYTES", 1500)
    assert [len(data_sets.records(name)), len(data_sets.diff(name, 0, 1))] == [2, 2]
    assert len(list(paging.items(partial(data_sets.records, name)))) == 4
    assert len(list(paging.items(partial(data_sets.diff, name, 0, 1)))) == 4
