"""The contract of data sets for evaluation, as tests."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import pytest
from pegboard import paging
from pegboard.contracts.tracking import TrackingStore
from pegboard.errors import FilterError, InvalidValue, NotFound
from pegboard_stores.data_sets import DataSet, DataSetRecord, DataSets, Merged, RecordSource

from pegboard_testing._base import WRONG_IDS, StoreTests


def question(text: str, **more: Any) -> dict[str, Any]:
    """Return a record to be merged."""
    return {"inputs": {"q": text}, **more}


def in_order(records: Iterable[DataSetRecord]) -> list[DataSetRecord]:
    """Return records by their question."""
    return sorted(records, key=lambda each: str(each.inputs["q"]))


def deep(levels: int) -> Any:
    """Return a list in a list, and so on."""
    made: list[Any] = []
    for _ in range(levels):
        made = [made]
    return made


class DataSetsContract(StoreTests):
    """What every store does that keeps data sets. Derive from it beside the main suite."""

    @pytest.fixture
    def data_sets(self, store: TrackingStore) -> DataSets:
        found = store.ability(DataSets)
        assert found is not None
        return found

    @pytest.fixture
    def made(self, data_sets: DataSets) -> DataSet:
        return data_sets.create("made")

    def test_a_data_set_begins_empty(self, data_sets: DataSets) -> None:
        tags = {"mlflow.user": "ann", "n": 1, "none": None}
        made = data_sets.create("new", tags=tags, experiment_ids=["0", "0"])
        assert (made.name, made.tags) == ("new", {"mlflow.user": "ann", "n": "1"})
        assert (made.created_by, made.last_updated_by) == ("ann", "ann")
        assert made.created_time == made.last_update_time > 1_600_000_000_000
        assert (made.schema, made.profile) == (None, None)
        found = data_sets.get(made.data_set_id)
        assert (found.digest, found.tags, found.name) == (made.digest, made.tags, made.name)
        assert list(data_sets.experiment_ids(made.data_set_id)) == ["0"]
        assert list(data_sets.records(made.data_set_id)) == []
        assert data_sets.create("new").data_set_id != made.data_set_id

    def test_wrong_data_sets_are_refused(self, data_sets: DataSets) -> None:
        for name in ("", " ", "x" * 501):
            with pytest.raises(InvalidValue):
                data_sets.create(name)
        for tags in ({"": "x"}, {"..": "x"}, {"k" * 256: "x"}, {"k": "x" * 5001}):
            with pytest.raises(InvalidValue):
                data_sets.create("n", tags=tags)
        with pytest.raises(NotFound):
            data_sets.create("n", experiment_ids=["0", "unknown"])
        assert list(data_sets.search()) == []

    def test_an_unknown_data_set_is_not_found(
        self, data_sets: DataSets, subtests: pytest.Subtests
    ) -> None:
        for wrong in [*WRONG_IDS, "d-" + "0" * 32]:
            with subtests.test(wrong=wrong):
                uses: list[Callable[[str], Any]] = [
                    data_sets.get,
                    data_sets.records,
                    data_sets.experiment_ids,
                    lambda name: data_sets.merge(name, [question("a")]),
                    lambda name: data_sets.delete_records(name, ["dr-1"]),
                    lambda name: data_sets.set_tags(name, {"a": "b"}),
                    lambda name: data_sets.delete_tag(name, "a"),
                    lambda name: data_sets.add_to(name, ["0"]),
                    lambda name: data_sets.remove_from(name, ["0"]),
                ]
                for use in uses:
                    with pytest.raises(NotFound):
                        use(wrong)
                data_sets.delete(wrong)

    def test_what_was_deleted_is_gone(self, data_sets: DataSets, made: DataSet) -> None:
        data_sets.merge(made.data_set_id, [question("a")])
        data_sets.delete(made.data_set_id)
        with pytest.raises(NotFound):
            data_sets.get(made.data_set_id)
        data_sets.delete(made.data_set_id)

    def test_tags_are_set_and_removed(self, data_sets: DataSets, made: DataSet) -> None:
        data_sets.set_tags(made.data_set_id, {"a": "1", "b": "2"})
        data_sets.set_tags(made.data_set_id, {"a": "3", "b": None, "c": 4})
        data_sets.delete_tag(made.data_set_id, "c")
        data_sets.delete_tag(made.data_set_id, "never there")
        assert data_sets.get(made.data_set_id).tags == {"a": "3", "b": "2"}

    def test_a_tag_has_any_name(
        self, data_sets: DataSets, made: DataSet, subtests: pytest.Subtests
    ) -> None:
        for key in ["c/d", "ü %2f", "a?b#c"]:
            with subtests.test(key=key):
                data_sets.set_tags(made.data_set_id, {key: "1"})
                assert data_sets.get(made.data_set_id).tags[key] == "1"
                data_sets.delete_tag(made.data_set_id, key)
                assert key not in data_sets.get(made.data_set_id).tags

    def test_a_data_set_belongs_to_experiments(
        self, store: TrackingStore, data_sets: DataSets, made: DataSet
    ) -> None:
        new = store.create_experiment("new").experiment_id
        data_sets.add_to(made.data_set_id, ["0", new])
        data_sets.add_to(made.data_set_id, ["0"])
        with pytest.raises(NotFound):
            data_sets.add_to(made.data_set_id, ["unknown"])
        assert list(data_sets.experiment_ids(made.data_set_id)) == ["0", new]
        data_sets.remove_from(made.data_set_id, ["0", "unknown"])
        assert list(data_sets.experiment_ids(made.data_set_id)) == [new]
        assert [found.name for found in data_sets.search([new])] == ["made"]
        assert list(data_sets.search(["0"])) == []

    # -- records ---------------------------------------------------------------------------------

    def test_records_are_merged_by_their_inputs(self, data_sets: DataSets, made: DataSet) -> None:
        merge = partial(data_sets.merge, made.data_set_id)
        source = {"source_type": "trace", "source_data": {"trace_id": "tr-1"}}
        first = {"inputs": {"q": "a", "n": [1, {"m": None}]}, "outputs": [1, None], "other": 1}
        first |= {"source": source, "tags": {"mlflow.user": "ann", "x": "1"}}
        assert merge([first, question("b", expectations={"e": 1, "f": 1})]) == Merged(2, 0)
        again = {
            "inputs": {"n": [1, {"m": None}], "q": "a"},
            "tags": {"mlflow.user": "bob", "y": "2"},
        }
        more = question("b", outputs="said", expectations={"f": 2, "g": 2.5})
        assert merge([again, more, question("c"), question("c")]) == Merged(1, 3)
        a, b, c = in_order(data_sets.records(made.data_set_id))
        assert (a.inputs, a.outputs) == (first["inputs"], [1, None])
        assert a.source == RecordSource("TRACE", {"trace_id": "tr-1"})
        assert a.tags == {"mlflow.user": "bob", "x": "1", "y": "2"}
        assert (a.created_by, a.last_updated_by) == ("ann", "bob")
        assert (b.outputs, b.expectations) == ("said", {"e": 1, "f": 2, "g": 2.5})
        assert (c.inputs, c.outputs, c.expectations) == ({"q": "c"}, None, None)
        assert len({each.record_id for each in (a, b, c)}) == 3
        assert a.data_set_id == made.data_set_id
        found = data_sets.get(made.data_set_id)
        assert found.last_updated_by == "bob"
        assert json.loads(found.profile or "") == {"num_records": 3}
        assert json.loads(found.schema or "") == {
            "inputs": {"q": "string", "n": "array"},
            "outputs": "array",
            "expectations": {"e": "integer", "f": "integer", "g": "float"},
            "version": "1.0",
        }
        merge([question("b", outputs=None)])
        assert data_sets.records(made.data_set_id)[1].outputs is None

    def test_numbers_that_json_lacks_come_back(self, data_sets: DataSets, made: DataSet) -> None:
        values = [math.inf, -math.inf, 2**70, "Ω\ud83d", "\0"]
        data_sets.merge(made.data_set_id, [question("a", outputs=[math.nan, *values])])
        [found] = data_sets.records(made.data_set_id)
        assert math.isnan(found.outputs[0])
        assert found.outputs[1:] == values

    def test_of_wrong_records_nothing_is_kept(
        self, data_sets: DataSets, made: DataSet, subtests: pytest.Subtests
    ) -> None:
        records: list[Any] = [
            "no record",
            {},
            {"inputs": None},
            {"inputs": ["a"]},
            question("b", expectations="e"),
            question("b", tags=["t"]),
            question("b", source={"source_type": "nowhere"}),
            question("b", source="HUMAN"),
            question("b", outputs={1, 2}),
            question("b", outputs=deep(100)),
        ]
        for wrong in records:
            with subtests.test(wrong=wrong):
                with pytest.raises(InvalidValue, match="record 1"):
                    data_sets.merge(made.data_set_id, [question("a"), wrong])
                assert list(data_sets.records(made.data_set_id)) == []

    def test_records_are_deleted_by_their_ids(self, data_sets: DataSets, made: DataSet) -> None:
        data_sets.merge(made.data_set_id, [question(text) for text in "abc"])
        [_, b, _] = in_order(data_sets.records(made.data_set_id))
        gone = [b.record_id, b.record_id, "dr-unknown"]
        assert data_sets.delete_records(made.data_set_id, gone) == 1
        assert data_sets.delete_records(made.data_set_id, gone) == 0
        assert {each.inputs["q"] for each in data_sets.records(made.data_set_id)} == {"a", "c"}
        assert data_sets.merge(made.data_set_id, [question("b")]) == Merged(1, 0)
        assert {each.inputs["q"] for each in data_sets.records(made.data_set_id)} == {*"abc"}

    def test_records_come_in_pages(self, data_sets: DataSets, made: DataSet) -> None:
        data_sets.merge(made.data_set_id, [question(str(number)) for number in range(7)])
        read = partial(data_sets.records, made.data_set_id, max_results=3)
        assert sorted(each.inputs["q"] for each in paging.items(read)) == [*"0123456"]
        assert len(read()) == 3
        with pytest.raises(InvalidValue):
            data_sets.records(made.data_set_id, max_results=0)

    def test_records_come_in_the_order_they_were_merged(
        self, data_sets: DataSets, made: DataSet
    ) -> None:
        texts = [str(number) for number in range(9, 0, -1)]
        data_sets.merge(made.data_set_id, [question(text) for text in texts[:7]])
        data_sets.merge(made.data_set_id, [question("5", outputs=1), *map(question, texts[7:])])
        read = partial(data_sets.records, made.data_set_id, max_results=4)
        assert [each.inputs["q"] for each in paging.items(read)] == texts

    def test_a_wrong_page_token_of_records_is_refused(
        self, data_sets: DataSets, made: DataSet, subtests: pytest.Subtests
    ) -> None:
        for wrong in ["nonsense", "AAAA", "é"]:
            with subtests.test(wrong=wrong), pytest.raises(InvalidValue):
                data_sets.records(made.data_set_id, page_token=wrong)

    # -- searches --------------------------------------------------------------------------------

    def test_data_sets_are_searched(self, data_sets: DataSets) -> None:
        for name, tags in (
            ("alpha", {"team": "x", "mlflow.user": "ann"}),
            ("beta", {"team": "y"}),
            ("gamma", {"team": "y", "old": "1"}),
        ):
            data_sets.create(name, tags=tags)
        for text, names in {
            "": ["alpha", "beta", "gamma"],
            "name = 'beta'": ["beta"],
            "name LIKE '%a' AND tags.team = 'y'": ["beta", "gamma"],
            "name ILIKE 'AL%'": ["alpha"],
            "name IN ('alpha', 'gamma')": ["alpha", "gamma"],
            "tags.team != 'y'": ["alpha"],
            "created_by = 'ann'": ["alpha"],
            "created_time > 0 AND last_update_time < 1000": [],
        }.items():
            found = data_sets.search(filter=text, order_by=["name"])
            assert [each.name for each in found] == names, text
        turned = partial(data_sets.search, order_by=["name DESC"], max_results=2)
        assert [each.name for each in paging.items(turned)] == ["gamma", "beta", "alpha"]
        for wrong in ("nonsense = 1", "name >", "metrics.m > 1"):
            with pytest.raises(FilterError):
                data_sets.search(filter=wrong)
        with pytest.raises(InvalidValue):
            data_sets.search(max_results=0)

    # -- versions --------------------------------------------------------------------------------

    def test_each_change_of_records_makes_a_version(
        self, data_sets: DataSets, made: DataSet
    ) -> None:
        name = made.data_set_id
        data_sets.merge(name, [question("a"), question("b", tags={"mlflow.user": "ann"})])
        data_sets.merge(name, [question("a")])  # nothing new
        data_sets.merge(name, [question("a", outputs=1), question("a", outputs=None)])
        data_sets.set_tags(name, {"k": "v"})
        data_sets.merge(name, [question("b", expectations={"e": 1}), question("c")])
        [a, *_] = data_sets.records(name)
        data_sets.delete_records(name, [a.record_id])
        data_sets.delete_records(name, [a.record_id])
        found = list(data_sets.versions(name))
        assert [
            (each.version, each.records, each.added, each.changed, each.removed) for each in found
        ] == [(3, 2, 0, 0, 1), (2, 3, 1, 1, 0), (1, 2, 2, 0, 0), (0, 0, 0, 0, 0)]
        assert found[2].created_by == "ann"
        current = data_sets.get(name)
        assert (current.version, current.digest) == (3, found[0].digest)
        assert len({each.digest for each in found}) == 4
        assert found[3].digest == made.digest
        pages = partial(data_sets.versions, name, max_results=3)
        assert list(paging.items(pages)) == found

    def test_a_version_stays_as_it_was(self, data_sets: DataSets, made: DataSet) -> None:
        name = made.data_set_id
        data_sets.merge(name, [question("a"), question("b", expectations={"e": 1})])
        first = list(data_sets.records(name))
        data_sets.merge(name, [question("b", expectations={"e": 2}), question("c")])
        data_sets.delete_records(name, [first[0].record_id])
        digest = data_sets.versions(name)[-2].digest
        for version in (1, "1", digest):
            assert list(data_sets.records(name, version=version)) == first
        assert [each.inputs["q"] for each in data_sets.records(name, version=2)] == ["a", "b", "c"]
        assert list(data_sets.records(name, version=0)) == []
        for unknown in (4, "nonsense", -1):
            with pytest.raises(NotFound):
                data_sets.records(name, version=unknown)

    def test_the_pages_of_an_answer_are_of_one_version(
        self, data_sets: DataSets, made: DataSet
    ) -> None:
        name = made.data_set_id
        data_sets.merge(name, [question(text) for text in "abcd"])
        page = data_sets.records(name, max_results=2)
        gone = [each.record_id for each in data_sets.records(name)]
        data_sets.delete_records(name, gone[1:])
        data_sets.merge(name, [question("e")])
        rest = data_sets.records(name, max_results=9, page_token=page.token)
        assert [each.inputs["q"] for each in [*page, *rest]] == ["a", "b", "c", "d"]

    def test_equal_data_has_an_equal_digest_however_it_came(self, data_sets: DataSets) -> None:
        a = question("a", expectations={"e": 1, "f": 2})
        one, two = (data_sets.create(name).data_set_id for name in ("one", "two"))
        data_sets.merge(one, [a, question("b")])
        data_sets.merge(two, [question("gone"), question("b")])
        data_sets.merge(two, [question("a", expectations={"f": 2}, tags={"mlflow.user": "ann"})])
        data_sets.merge(two, [question("a", expectations={"e": 1})])
        assert data_sets.get(one).digest != data_sets.get(two).digest
        gone = data_sets.records(two)[0].record_id
        data_sets.delete_records(two, [gone])
        assert data_sets.get(one).digest == data_sets.get(two).digest

    def test_two_versions_are_compared(self, data_sets: DataSets, made: DataSet) -> None:
        name = made.data_set_id
        data_sets.merge(name, [question(text, expectations={"e": text}) for text in "abcd"])
        [a, *_] = data_sets.records(name)
        data_sets.merge(name, [question("b", expectations={"e": 2}), question("e"), question("f")])
        # What comes and goes, or is changed and changed back, differs in nothing.
        fleeting = data_sets.records(name)[-1].record_id
        data_sets.merge(name, [question("c", expectations={"e": "other"})])
        data_sets.merge(name, [question("c", expectations={"e": "c"})])
        data_sets.delete_records(name, [a.record_id, fleeting])

        def told(before: int | str, after: int | str, pages: int = 100) -> list[Any]:
            diff = partial(data_sets.diff, name, before, after, max_results=pages)
            return [
                (
                    each.kind,
                    each.before and (each.before.inputs["q"], each.before.expectations),
                    each.after and (each.after.inputs["q"], each.after.expectations),
                )
                for each in paging.items(diff)
            ]

        latest = data_sets.get(name).digest
        expected = [
            ("removed", ("a", {"e": "a"}), None),
            ("changed", ("b", {"e": "b"}), ("b", {"e": 2})),
            ("added", None, ("e", None)),
        ]
        assert told(1, latest) == expected
        assert told(1, 5, pages=1) == expected
        assert [kind for kind, *_ in told(5, 1)] == ["added", "changed", "removed"]
        assert told(5, 5) == []
        with pytest.raises(NotFound):
            data_sets.diff(name, 1, 77)

    def test_data_sets_are_kept(
        self, reopen: Callable[[], TrackingStore], data_sets: DataSets, made: DataSet
    ) -> None:
        data_sets.merge(made.data_set_id, [question("a")])
        before = data_sets.get(made.data_set_id)
        store = reopen()
        found = store.ability(DataSets)
        assert found is not None
        assert found.get(made.data_set_id) == before
        assert [each.inputs for each in found.records(made.data_set_id)] == [{"q": "a"}]
