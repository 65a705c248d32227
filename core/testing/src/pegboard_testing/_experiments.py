"""The contract of tracking stores: experiments."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing

import pytest
from pegboard import uris
from pegboard.contracts.tracking import TrackingStore
from pegboard.entities import LifecycleStage, ViewType
from pegboard.errors import AlreadyExists, FilterError, InvalidState, InvalidValue, NotFound

from pegboard_testing._base import WRONG_IDS, StoreTests
from pegboard_testing._texts import AWKWARD, finding, unlike


def _let_the_clock_move() -> None:
    """Wait for the next millisecond, which times are kept in."""
    time.sleep(0.003)


class ExperimentTests(StoreTests):
    """Create, find, rename, tag, delete and restore experiments."""

    def test_a_new_store_holds_the_experiment_default(self, store: TrackingStore) -> None:
        experiment = store.get_experiment("0")
        assert (experiment.experiment_id, experiment.name) == ("0", "Default")
        assert experiment.lifecycle_stage is LifecycleStage.ACTIVE
        assert [e.experiment_id for e in store.search_experiments()] == ["0"]

    def test_a_created_experiment_is_returned_by_id_and_by_name(self, store: TrackingStore) -> None:
        before = int(time.time() * 1000)
        made = store.create_experiment(
            "first", artifact_location="file:///somewhere", tags={"team": "blue"}
        )
        assert made.name == "first"
        assert made.artifact_location == "file:///somewhere"
        assert made.tags == {"team": "blue"}
        assert made.lifecycle_stage is LifecycleStage.ACTIVE
        assert made.creation_time is not None
        assert before <= made.creation_time <= int(time.time() * 1000)
        assert made.last_update_time == made.creation_time
        assert store.get_experiment(made.experiment_id) == made
        assert store.get_experiment_by_name("first") == made

    def test_an_experiment_without_artifact_location_gets_one_of_its_own(
        self, store: TrackingStore
    ) -> None:
        one, two = store.create_experiment("one"), store.create_experiment("two")
        assert one.artifact_location
        assert one.artifact_location != two.artifact_location
        assert one.experiment_id != two.experiment_id

    def test_a_name_is_taken_once(self, store: TrackingStore) -> None:
        store.create_experiment("first")
        with pytest.raises(AlreadyExists):
            store.create_experiment("first")
        with pytest.raises(AlreadyExists):
            store.create_experiment("Default")

    def test_a_deleted_experiment_keeps_its_name(self, store: TrackingStore) -> None:
        made = store.create_experiment("first")
        store.delete_experiment(made.experiment_id)
        with pytest.raises(AlreadyExists):
            store.create_experiment("first")

    def test_names_differ_by_case(self, store: TrackingStore) -> None:
        store.create_experiment("first")
        made = store.create_experiment("First")
        assert store.get_experiment_by_name("First") == made
        assert store.get_experiment_by_name("FIRST") is None

    def test_a_relative_artifact_location_is_resolved_when_it_is_created(
        self, store: TrackingStore
    ) -> None:
        # Against where the store runs, which may be a server.
        for number, given in enumerate(("some/where", "./some/where", "file:some/where")):
            made = store.create_experiment(f"placed {number}", artifact_location=given)
            assert uris.parse(made.artifact_location).path.startswith("/")
            assert made.artifact_location.endswith("/some/where")
            found = store.get_experiment(made.experiment_id)
            assert found.artifact_location == made.artifact_location
        for number, given in enumerate(("/some/where", "file:///some/where", "s3://bucket/some")):
            made = store.create_experiment(f"absolute {number}", artifact_location=given)
            assert made.artifact_location == given

    def test_an_artifact_location_that_reads_as_another_is_refused(
        self, store: TrackingStore, subtests: pytest.Subtests
    ) -> None:
        for place in ["file:///a\nb", "s3://b/a\u202eb", "s3://b/a%2Fb", "/a\u200bb"]:
            with subtests.test(place=place):
                with pytest.raises(InvalidValue):
                    store.create_experiment("placed", artifact_location=place)
                assert store.get_experiment_by_name("placed") is None

    def test_a_bad_name_is_refused(self, store: TrackingStore, subtests: pytest.Subtests) -> None:
        for name in [
            "",
            "   ",
            "x" * 501,
            "nul\0",
            "line\nfeed",
            "turn\u202ed",
            "a\u200bb",
            "a%2Fb",
        ]:
            with subtests.test(name=name):
                with pytest.raises(InvalidValue):
                    store.create_experiment(name)
                with pytest.raises(InvalidValue):
                    store.rename_experiment("0", name)
                assert [e.name for e in store.search_experiments(view=ViewType.ALL)] == ["Default"]

    def test_any_other_name_is_kept(self, store: TrackingStore, subtests: pytest.Subtests) -> None:
        for name in ["x" * 500, "Ünïcödé 実験 🎯", "a/b\\c", 'it\'s "quoted"; --']:
            with subtests.test(name=name):
                made = store.create_experiment(name)
                assert made.name == name
                assert store.get_experiment_by_name(name) == made

    def test_an_unknown_experiment_is_not_found(
        self, store: TrackingStore, subtests: pytest.Subtests
    ) -> None:
        for wrong in WRONG_IDS:
            with subtests.test(wrong=wrong), pytest.raises((NotFound, InvalidValue)):
                store.get_experiment(wrong)

    def test_an_unknown_experiment_cannot_be_changed(self, store: TrackingStore) -> None:
        unknown = "987654321"
        for change in (
            lambda: store.get_experiment(unknown),
            lambda: store.rename_experiment(unknown, "new"),
            lambda: store.delete_experiment(unknown),
            lambda: store.restore_experiment(unknown),
            lambda: store.set_experiment_tags(unknown, {"a": "b"}),
            lambda: store.delete_experiment_tag(unknown, "a"),
            lambda: store.purge_experiment(unknown),
            lambda: store.create_run(unknown),
        ):
            with pytest.raises(NotFound):
                change()
        assert store.get_experiment_by_name("unknown") is None

    def test_renaming_changes_name_and_time(self, store: TrackingStore) -> None:
        made = store.create_experiment("old")
        _let_the_clock_move()
        store.rename_experiment(made.experiment_id, "new")
        renamed = store.get_experiment(made.experiment_id)
        assert renamed.name == "new"
        assert renamed.creation_time == made.creation_time
        assert (renamed.last_update_time or 0) > (made.last_update_time or 0)
        assert store.get_experiment_by_name("old") is None
        store.create_experiment("old")

    def test_renaming_to_a_taken_name_is_refused(self, store: TrackingStore) -> None:
        made = store.create_experiment("first")
        with pytest.raises(AlreadyExists):
            store.rename_experiment(made.experiment_id, "Default")
        assert store.get_experiment(made.experiment_id).name == "first"
        store.rename_experiment(made.experiment_id, "first")

    def test_tags_are_set_changed_and_removed(self, store: TrackingStore) -> None:
        made = store.create_experiment("first", tags={"a": "1", "b": "1"})
        store.set_experiment_tags(made.experiment_id, {"b": "2", "c": "2"})
        store.delete_experiment_tag(made.experiment_id, "a")
        assert store.get_experiment(made.experiment_id).tags == {"b": "2", "c": "2"}
        with pytest.raises(NotFound):
            store.delete_experiment_tag(made.experiment_id, "a")

    def test_a_bad_tag_is_refused_and_none_of_its_fellows_set(self, store: TrackingStore) -> None:
        with pytest.raises(InvalidValue):
            store.set_experiment_tags("0", {"good": "1", "not/../good": "1"})
        with pytest.raises(InvalidValue):
            store.create_experiment("tagged", tags={"": "1"})
        assert store.get_experiment("0").tags == {}
        assert store.get_experiment_by_name("tagged") is None

    def test_deleting_takes_the_runs_along_and_restoring_brings_them_back(
        self, store: TrackingStore
    ) -> None:
        made = store.create_experiment("first")
        run_id = store.create_run(made.experiment_id).info.run_id
        other = store.create_run("0").info.run_id
        store.delete_experiment(made.experiment_id)
        deleted = store.get_experiment(made.experiment_id)
        assert deleted.lifecycle_stage is LifecycleStage.DELETED
        assert store.get_run(run_id).info.lifecycle_stage is LifecycleStage.DELETED
        assert store.get_run(other).info.lifecycle_stage is LifecycleStage.ACTIVE
        assert store.get_experiment_by_name("first") == deleted
        store.restore_experiment(made.experiment_id)
        restored = store.get_experiment(made.experiment_id)
        assert restored.lifecycle_stage is LifecycleStage.ACTIVE
        assert store.get_run(run_id).info.lifecycle_stage is LifecycleStage.ACTIVE
        with pytest.raises(InvalidState):
            store.restore_experiment(made.experiment_id)

    def test_a_deleted_experiment_cannot_be_changed(self, store: TrackingStore) -> None:
        made = store.create_experiment("first", tags={"a": "1"})
        store.delete_experiment(made.experiment_id)
        for change in (
            lambda: store.rename_experiment(made.experiment_id, "new"),
            lambda: store.set_experiment_tags(made.experiment_id, {"a": "2"}),
            lambda: store.delete_experiment_tag(made.experiment_id, "a"),
            lambda: store.create_run(made.experiment_id),
            lambda: store.delete_experiment(made.experiment_id),
        ):
            with pytest.raises(InvalidState):
                change()
        left = store.get_experiment(made.experiment_id)
        assert (left.name, left.tags) == ("first", {"a": "1"})

    def test_a_returned_experiment_is_a_value(self, store: TrackingStore) -> None:
        tags = {"a": "1"}
        made = store.create_experiment("first", tags=tags)
        tags["a"] = "changed"
        for returned in (made, store.get_experiment(made.experiment_id)):
            dict.update(returned.tags, a="changed")
        assert store.get_experiment(made.experiment_id).tags == {"a": "1"}

    def test_views_show_experiments_by_lifecycle_stage(self, store: TrackingStore) -> None:
        made = store.create_experiment("gone")
        store.delete_experiment(made.experiment_id)

        def names(view: ViewType) -> set[str]:
            return {e.name for e in store.search_experiments(view=view)}

        assert {e.name for e in store.search_experiments()} == {"Default"}
        assert names(ViewType.ACTIVE_ONLY) == {"Default"}
        assert names(ViewType.DELETED_ONLY) == {"gone"}
        assert names(ViewType.ALL) == {"Default", "gone"}

    def test_the_last_updated_experiment_comes_first(self, store: TrackingStore) -> None:
        for name in ("one", "two"):
            _let_the_clock_move()
            store.create_experiment(name)
        assert [e.name for e in store.search_experiments()] == ["two", "one", "Default"]
        _let_the_clock_move()
        store.rename_experiment("0", "Renamed")
        assert [e.name for e in store.search_experiments()] == ["Renamed", "two", "one"]

    def test_filters_choose_experiments(
        self, store: TrackingStore, subtests: pytest.Subtests
    ) -> None:
        store.create_experiment("alpha", tags={"team": "blue"})
        store.create_experiment("Alphabet", tags={"team": "red"})
        store.create_experiment("beta", tags={"team": "blue"})
        for text, expected in [
            ("name = 'alpha'", {"alpha"}),
            ("name != 'alpha'", {"Alphabet", "beta", "Default"}),
            ("name LIKE 'alpha%'", {"alpha"}),
            ("name ILIKE 'alpha%'", {"alpha", "Alphabet"}),
            ("attribute.name = 'beta'", {"beta"}),
            ("tags.team = 'blue'", {"alpha", "beta"}),
            ("tags.team != 'blue'", {"Alphabet"}),
            ("tags.`team` = 'blue' AND name LIKE 'b%'", {"beta"}),
            ("name = 'alpha' OR name = 'beta'", {"alpha", "beta"}),
            ("NOT (name = 'alpha' OR name = 'beta')", {"Alphabet", "Default"}),
            ("tags.team IS NULL", {"Default"}),
            ("creation_time > 0", {"alpha", "Alphabet", "beta", "Default"}),
            ("last_update_time < 1000", set()),
        ]:
            with subtests.test(text=text):
                assert {e.name for e in store.search_experiments(filter=text)} == expected

    def test_any_text_of_an_experiment_is_found_by_its_literal(
        self, store: TrackingStore, subtests: pytest.Subtests
    ) -> None:
        for text in AWKWARD:
            with subtests.test(text=text):
                # What is not seen may be in a tag, but not in a name.
                named = text.isprintable()
                right, wrong = (text, unlike(text)) if named else ("a", "b")
                made = [
                    store.create_experiment(right, tags={"t": text}),
                    store.create_experiment(wrong, tags={"t": unlike(text)}),
                ]
                for field in ("name", "tags.t") if named else ("tags.t",):
                    for where in finding(field, text):
                        found = [each.name for each in store.search_experiments(filter=where)]
                        assert found == [right], where
                for each in made:
                    store.rename_experiment(each.experiment_id, f"found {each.experiment_id}")
                    store.delete_experiment(each.experiment_id)

    def test_experiments_are_ordered_and_paged(self, store: TrackingStore) -> None:
        for number in range(7):
            store.create_experiment(f"e{number}")
        seen: list[str] = []
        token: str | None = None
        for _ in range(10):
            page = store.search_experiments(order_by=["name DESC"], max_results=3, page_token=token)
            assert len(page) <= 3
            seen += [e.name for e in page]
            token = page.token
            if token is None:
                break
        assert seen == ["e6", "e5", "e4", "e3", "e2", "e1", "e0", "Default"]

    def test_a_bad_filter_is_an_error(
        self, store: TrackingStore, subtests: pytest.Subtests
    ) -> None:
        for text in ["name =", "nothing.name = 'x'", "name = 'x' AND", "name"]:
            with subtests.test(text=text), pytest.raises(FilterError):
                store.search_experiments(filter=text)

    def test_bad_pages_are_errors(self, store: TrackingStore) -> None:
        for size in (0, -1, 50_001):
            with pytest.raises(InvalidValue):
                store.search_experiments(max_results=size)
        with pytest.raises(InvalidValue):
            store.search_experiments(page_token="not a token")  # noqa: S106
        with pytest.raises(FilterError):
            store.search_experiments(order_by=["colour"])

    def test_only_deleted_and_empty_experiments_are_purged(self, store: TrackingStore) -> None:
        made = store.create_experiment("first")
        run_id = store.create_run(made.experiment_id).info.run_id
        with pytest.raises(InvalidState):
            store.purge_experiment(made.experiment_id)
        store.delete_experiment(made.experiment_id)
        with pytest.raises(InvalidState):
            store.purge_experiment(made.experiment_id)
        store.purge_run(run_id)
        store.purge_experiment(made.experiment_id)
        with pytest.raises(NotFound):
            store.get_experiment(made.experiment_id)
        assert store.get_experiment_by_name("first") is None
        assert store.create_experiment("first").name == "first"

    def test_reopening_keeps_experiments(
        self, store: TrackingStore, reopen: Callable[[], TrackingStore]
    ) -> None:
        made = store.create_experiment("Ünïcödé 🎯", tags={"a": "é\n"})
        gone = store.create_experiment("gone")
        store.delete_experiment(gone.experiment_id)
        expected = store.search_experiments(view=ViewType.ALL, order_by=["name"])
        with closing(reopen()) as again:
            assert again.search_experiments(view=ViewType.ALL, order_by=["name"]) == expected
            assert again.get_experiment_by_name("Ünïcödé 🎯") == made
            third = again.create_experiment("third")
        assert third.experiment_id not in ("0", made.experiment_id, gone.experiment_id)
