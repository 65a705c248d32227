"""The contract of logged models, as tests."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
from attrs import evolve
from pegboard.contracts.logged_models import DatasetFilter, LoggedModelStore, ModelOrder
from pegboard.contracts.tracking import TrackingStore
from pegboard.entities import (
    LifecycleStage,
    LoggedModel,
    LoggedModelInput,
    LoggedModelOutput,
    LoggedModelStatus,
    Metric,
    Run,
)
from pegboard.errors import InvalidState, InvalidValue, NotFound
from pegboard_stores.literals import quoted_key

from pegboard_testing._base import WRONG_IDS, StoreTests
from pegboard_testing._data import TEXTS
from pegboard_testing._texts import AWKWARD, finding, unlike


class LoggedModelStoreContract(StoreTests):
    """What every store of logged models does.

    Subclass it, with a name that begins with ``Test``, and give it the fixture ``store``: a new,
    empty tracking store for each test, whose ``logged_models`` are tested. If the store outlives
    its process, override ``reopen`` too.
    """

    @pytest.fixture
    def models(self, store: TrackingStore) -> LoggedModelStore:
        return store.logged_models()

    @pytest.fixture
    def model(self, models: LoggedModelStore) -> LoggedModel:
        return models.create("0", name="first")

    def test_a_model_is_created_with_all_that_is_known_of_it(
        self, store: TrackingStore, run: Run, reopen: Callable[[], TrackingStore]
    ) -> None:
        made = store.logged_models().create(
            "0",
            name="net",
            source_run_id=run.info.run_id,
            model_type="agent",
            params={"lr": "0.1", "an odd:key?": "1"},
            tags={"team": "blue"},
        )
        assert made.model_id.startswith("m-")
        assert (made.experiment_id, made.name, made.model_type) == ("0", "net", "agent")
        assert made.source_run_id == run.info.run_id
        assert made.status is LoggedModelStatus.PENDING
        assert made.creation_timestamp == made.last_updated_timestamp > 0
        assert made.params == {"lr": "0.1", "an odd:key?": "1"}
        assert made.tags == {"team": "blue"}
        home = store.get_experiment("0").artifact_location
        assert made.artifact_location == f"{home}/models/{made.model_id}/artifacts"
        assert made.model_uri == f"models:/{made.model_id}"
        assert reopen().logged_models().get(made.model_id) == made

    def test_a_model_without_a_name_gets_one(self, models: LoggedModelStore) -> None:
        first, second = models.create("0"), models.create("0")
        assert first.name
        assert first.model_id != second.model_id

    def test_names_need_not_be_unique(self, models: LoggedModelStore) -> None:
        assert models.create("0", name="a").model_id != models.create("0", name="a").model_id

    def test_a_bad_name_is_refused(
        self, models: LoggedModelStore, subtests: pytest.Subtests
    ) -> None:
        for name in ["", "a/b", "a:b", "a.b", "50%", '"', "'", "x" * 501]:
            with subtests.test(name=name):
                with pytest.raises(InvalidValue):
                    models.create("0", name=name)
                assert models.search(["0"]) == []

    def test_a_model_needs_an_active_experiment(self, store: TrackingStore) -> None:
        with pytest.raises(NotFound):
            store.logged_models().create("4040")
        gone = store.create_experiment("gone").experiment_id
        store.delete_experiment(gone)
        with pytest.raises(InvalidState):
            store.logged_models().create(gone)

    def test_an_unknown_id_is_not_found(
        self, models: LoggedModelStore, subtests: pytest.Subtests
    ) -> None:
        for model_id in WRONG_IDS:
            with subtests.test(model_id=model_id):
                for call in _calls(models, model_id):
                    with pytest.raises((NotFound, InvalidValue)):
                        call()

    def test_finalizing_sets_the_status_and_the_time(
        self, models: LoggedModelStore, model: LoggedModel
    ) -> None:
        done = models.finalize(model.model_id, LoggedModelStatus.READY)
        assert done.status is LoggedModelStatus.READY
        assert done.last_updated_timestamp >= model.last_updated_timestamp
        assert models.get(model.model_id) == done
        assert models.finalize(model.model_id, LoggedModelStatus.FAILED).status == "FAILED"

    def test_tags_are_changed_and_removed(
        self, models: LoggedModelStore, model: LoggedModel
    ) -> None:
        models.set_tags(model.model_id, {"a": "1", "b": "1"})
        models.set_tags(model.model_id, {"a": "2"})
        assert models.get(model.model_id).tags == {"a": "2", "b": "1"}
        models.delete_tag(model.model_id, "a")
        assert models.get(model.model_id).tags == {"b": "1"}
        with pytest.raises(NotFound):
            models.delete_tag(model.model_id, "a")

    def test_params_are_repeated_but_not_changed(
        self, models: LoggedModelStore, model: LoggedModel
    ) -> None:
        models.log_params(model.model_id, {"lr": "0.1"})
        models.log_params(model.model_id, {"lr": "0.1", "depth": "3"})
        with pytest.raises(InvalidValue, match="lr"):
            models.log_params(model.model_id, {"new": "1", "lr": "0.2"})
        assert models.get(model.model_id).params == {"lr": "0.1", "depth": "3"}

    @pytest.mark.parametrize("text", TEXTS)
    def test_any_text_is_a_value(
        self, models: LoggedModelStore, model: LoggedModel, text: str
    ) -> None:
        models.log_params(model.model_id, {"p": text})
        models.set_tags(model.model_id, {"t": text})
        again = models.get(model.model_id)
        assert (again.params["p"], again.tags["t"]) == (text, text)

    # -- metrics -------------------------------------------------------------------------------

    def test_a_metric_of_a_model_is_one_of_the_run_too(
        self, store: TrackingStore, run: Run, model: LoggedModel
    ) -> None:
        _measure(store, run, model, "acc", 0.5, data=("iris", "d1"))
        _measure(store, run, model, "nan", math.nan, step=3)
        found = {point.key: point for point in store.logged_models().get(model.model_id).metrics}
        assert found["acc"] == Metric(
            "acc", 0.5, 1, 0, model.model_id, "iris", "d1", run.info.run_id
        )
        assert math.isnan(found["nan"].value)
        assert store.get_run(run.info.run_id).data.metrics["acc"] == 0.5
        assert len(store.metric_history(run.info.run_id, "acc")) == 1

    def test_a_model_keeps_the_points_of_all_runs_and_datasets(
        self, store: TrackingStore, run: Run, model: LoggedModel
    ) -> None:
        other = store.create_run("0")
        _measure(store, run, model, "acc", 0.1, data=("a", "d"))
        _measure(store, run, model, "acc", 0.2, data=("b", "d"))
        _measure(store, other, model, "acc", 0.3)
        values = [point.value for point in store.logged_models().get(model.model_id).metrics]
        assert sorted(values) == [0.1, 0.2, 0.3]

    def test_a_point_that_the_run_has_becomes_the_models_and_stays_one(
        self, store: TrackingStore, run: Run, model: LoggedModel
    ) -> None:
        run_id = run.info.run_id
        logged = [Metric("acc", step / 100, step, step) for step in range(300)]
        logged += [Metric("nan", math.nan, 1), Metric("late", 1.0, 9, 9)]
        writer = store.metric_writer()
        for point in logged:
            writer.log(run_id, point.key, point.value, point.timestamp, point.step)
        again = [*logged[::-30], *logged[-3:]]
        new = [Metric("acc", 0.5, 7, 7), Metric("late", 1.0, 8, 9), Metric("own", 2.0, 1)]
        for _ in range(2):
            points = [evolve(point, model_id=model.model_id) for point in [*again, *new]]
            store.log_batch(run_id, metrics=points)
        points = [Metric("both", 1.0, 1, 0, of) for of in (model.model_id, None)]
        store.log_batch(run_id, metrics=points)
        expected = {"acc": 301, "nan": 1, "late": 2, "own": 1, "both": 1}
        for key, count in expected.items():
            assert len(store.metric_history(run_id, key)) == count, key
        assert store.get_run(run_id).data.metrics["acc"] == 2.99
        found = store.logged_models().get(model.model_id).metrics
        assert len(found) == len({(p.key, p.step, p.timestamp) for p in [*again, *new]}) + 1

    def test_a_point_of_two_models_is_one_of_the_run(
        self, store: TrackingStore, run: Run, models: LoggedModelStore
    ) -> None:
        made = [models.create("0") for _ in range(2)]
        points = [Metric("acc", 0.5, 1, 0, model.model_id) for model in made]
        store.log_batch(run.info.run_id, metrics=points)
        assert len(store.metric_history(run.info.run_id, "acc")) == 1
        assert [len(models.get(model.model_id).metrics) for model in made] == [1, 1]

    def test_a_batch_with_a_metric_of_an_unknown_model_is_refused_whole(
        self, store: TrackingStore, run: Run
    ) -> None:
        points = [Metric("good", 1.0, 1), Metric("bad", 1.0, 1, 0, "m-unknown")]
        with pytest.raises(NotFound):
            store.log_batch(run.info.run_id, metrics=points)
        assert store.get_run(run.info.run_id).data.metrics == {}

    def test_a_dataset_has_a_name_and_a_digest(
        self, store: TrackingStore, run: Run, model: LoggedModel
    ) -> None:
        with pytest.raises(InvalidValue):
            store.log_batch(
                run.info.run_id, metrics=[Metric("m", 1.0, 1, 0, model.model_id, "name", None)]
            )

    # -- runs ----------------------------------------------------------------------------------

    def test_a_run_tells_what_models_it_used_and_made(
        self, store: TrackingStore, run: Run, models: LoggedModelStore
    ) -> None:
        used, made = models.create("0"), models.create("0")
        for _ in range(2):
            models.log_inputs(run.info.run_id, [LoggedModelInput(used.model_id)])
            models.log_outputs(run.info.run_id, [LoggedModelOutput(made.model_id, 7)])
        models.log_outputs(run.info.run_id, [LoggedModelOutput(made.model_id, 8)])
        [found] = store.search_runs(["0"])
        assert found == store.get_run(run.info.run_id)
        assert list(found.inputs.model_inputs) == [LoggedModelInput(used.model_id)]
        assert list(found.outputs.model_outputs) == [
            LoggedModelOutput(made.model_id, 7),
            LoggedModelOutput(made.model_id, 8),
        ]

    def test_unknown_models_and_deleted_runs_are_not_linked(
        self, store: TrackingStore, run: Run, model: LoggedModel
    ) -> None:
        models, run_id = store.logged_models(), run.info.run_id
        with pytest.raises(NotFound):
            models.log_inputs(run_id, [LoggedModelInput(model.model_id), LoggedModelInput("m-no")])
        with pytest.raises(NotFound):
            models.log_outputs("unknown", [LoggedModelOutput(model.model_id)])
        store.delete_run(run_id)
        with pytest.raises(InvalidState):
            models.log_outputs(run_id, [LoggedModelOutput(model.model_id)])
        assert store.get_run(run_id).inputs.model_inputs in ((), [])

    # -- deletion ------------------------------------------------------------------------------

    def test_a_deleted_model_is_shown_no_more_until_it_is_purged(
        self, store: TrackingStore, run: Run, model: LoggedModel
    ) -> None:
        models = store.logged_models()
        _measure(store, run, model, "acc", 1.0)
        models.delete(model.model_id)
        assert models.search(["0"]) == []
        for call in _calls(models, model.model_id):
            with pytest.raises(NotFound):
                call()
        gone = models.get(model.model_id, allow_deleted=True)
        assert gone.lifecycle_stage is LifecycleStage.DELETED
        assert list(models.deleted()) == [gone]
        assert list(models.deleted(deleted_before=1)) == []
        models.purge(model.model_id)
        assert list(models.deleted()) == []
        with pytest.raises(NotFound):
            models.get(model.model_id, allow_deleted=True)

    def test_a_model_in_use_is_not_purged(
        self, models: LoggedModelStore, model: LoggedModel
    ) -> None:
        with pytest.raises(InvalidState):
            models.purge(model.model_id)
        assert models.get(model.model_id) == model

    def test_models_go_with_their_experiment_and_their_points_with_the_run(
        self, store: TrackingStore
    ) -> None:
        models = store.logged_models()
        experiment = store.create_experiment("temporary").experiment_id
        here, there = models.create(experiment), models.create("0")
        run = store.create_run(experiment)
        _measure(store, run, there, "acc", 1.0)
        store.delete_experiment(experiment)
        store.purge_run(run.info.run_id)
        store.purge_experiment(experiment)
        with pytest.raises(NotFound):
            models.get(here.model_id)
        assert list(models.get(there.model_id).metrics) == []

    # -- search --------------------------------------------------------------------------------

    def test_a_filter_finds_the_models_that_match(
        self, store: TrackingStore, run: Run, subtests: pytest.Subtests
    ) -> None:
        _three(store, run)
        for text, found in [
            ("", "abc"),
            ("name = 'a'", "a"),
            ("name != 'a'", "bc"),
            ("name LIKE 'A%'", ""),
            ("name ILIKE 'A%'", "a"),
            ("name IN ('a', 'c')", "ac"),
            ("model_type = 'agent'", "a"),
            ("model_type != 'agent'", ""),
            ("model_type IS NULL", "bc"),
            ("status = 'READY'", "b"),
            ("creation_timestamp > 0 AND last_updated_timestamp > 0", "abc"),
            ("attributes.creation_time < 5", ""),
            ("params.lr = '0.1'", "a"),
            ("params.lr < 0.5", "ab"),
            ("params.unknown = '1'", ""),
            ("params.unknown IS NULL", "abc"),
            ("tags.team = 'blue'", "a"),
            ("tags.`team` != 'blue'", "b"),
            ("NOT tags.team = 'blue'", "bc"),
            ("metrics.acc > 0.55", "ab"),
            ("metrics.acc = 0.9", "a"),
            ("metrics.acc != 0.6", "ac"),
            ("metrics.acc > 0.55 AND tags.team = 'red'", "b"),
            ("metrics.acc > 0.8 OR name = 'c'", "ac"),
            ("name =~ '^[ab]$'", "ab"),
        ]:
            with subtests.test(text=text):
                page = store.logged_models().search(["0"], filter=text)
                assert "".join(sorted(model.name for model in page)) == found

    def test_any_text_is_found_by_its_literal(
        self, store: TrackingStore, subtests: pytest.Subtests
    ) -> None:
        models = store.logged_models()
        for number, text in enumerate(AWKWARD):
            with subtests.test(text=text):
                home = store.create_experiment(f"text {number}").experiment_id
                for name, value in (("a", text), ("b", unlike(text))):
                    models.create(
                        home, name=name, params={"p": value}, tags={"t": value, value: "key"}
                    )
                for where in (
                    *finding("params.p", text),
                    *finding("tags.t", text),
                    f"tags.{quoted_key(text)} = 'key'",
                ):
                    assert [model.name for model in models.search([home], filter=where)] == ["a"], (
                        where
                    )

    def test_metrics_are_looked_for_on_the_datasets_given(
        self, store: TrackingStore, run: Run, subtests: pytest.Subtests
    ) -> None:
        _three(store, run)
        searches: list[tuple[str, list[tuple[str, str | None]], str]] = [
            ("", [("train", None)], "ab"),
            ("", [("train", "1")], "a"),
            ("", [("train", "1"), ("test", None)], "a"),
            ("metrics.acc > 0.55", [("train", None)], "b"),
            ("metrics.acc > 0.55", [("test", None)], "a"),
            ("NOT metrics.acc > 0.55", [("train", None)], "ac"),
            ("name = 'b'", [("test", None)], ""),
        ]
        for text, datasets, found in searches:
            with subtests.test(text=text, datasets=datasets):
                page = store.logged_models().search(
                    ["0"], filter=text, datasets=[DatasetFilter(*item) for item in datasets]
                )
                assert "".join(sorted(model.name for model in page)) == found

    def test_models_are_ordered_page_by_page(
        self, store: TrackingStore, run: Run, subtests: pytest.Subtests
    ) -> None:
        _three(store, run)
        models = store.logged_models()
        for order, names in [
            ([ModelOrder("name")], "abc"),
            ([ModelOrder("attributes.name", ascending=False)], "cba"),
            ([ModelOrder("metrics.acc")], "bac"),
            ([ModelOrder("metrics.acc", ascending=False)], "abc"),
            ([ModelOrder("metrics.acc", True, "train")], "abc"),
            ([ModelOrder("metrics.acc", True, "train", "2")], "b"),
            ([ModelOrder("model_type"), ModelOrder("name", ascending=False)], "acb"),
        ]:
            with subtests.test(order=order):
                whole = models.search(["0"], order_by=order)
                assert whole.token is None
                assert "".join(model.name for model in whole).startswith(names)
                pieces: list[str] = []
                token = None
                for _ in whole:
                    page = models.search(["0"], order_by=order, max_results=1, page_token=token)
                    pieces += [model.model_id for model in page]
                    token = page.token
                assert token is None
                assert pieces == [model.model_id for model in whole]

    def test_the_last_created_model_comes_first(self, models: LoggedModelStore) -> None:
        made = [models.create("0") for _ in range(5)]
        found = models.search(["0"])
        keys = [(-model.creation_timestamp, model.model_id) for model in found]
        assert keys == sorted(keys)
        assert sorted(m.model_id for m in found) == sorted(m.model_id for m in made)

    def test_only_the_experiments_named_are_searched(self, store: TrackingStore) -> None:
        models = store.logged_models()
        other = store.create_experiment("other").experiment_id
        here, there = models.create("0"), models.create(other)
        assert models.search(["0"]) == [here]
        assert models.search([other]) == [there]
        assert models.search([other, "0", "4040"], order_by=[ModelOrder("name")], max_results=9)
        assert models.search([]) == []

    def test_a_wrong_search_is_refused(
        self, models: LoggedModelStore, subtests: pytest.Subtests
    ) -> None:
        models.create("0")
        searches: list[dict[str, Any]] = [
            {"filter": "metrics.acc >"},
            {"filter": "nothing = 'x'"},
            {"filter": "dataset.name = 'x'"},
            {"order_by": [ModelOrder("unknown")]},
            {"order_by": [ModelOrder("params.lr")]},
            {"order_by": [ModelOrder("metrics.")]},
            {"max_results": 0},
            {"max_results": 10**9},
            {"page_token": "rubbish"},
            {"datasets": [DatasetFilter("")]},
        ]
        for wrong in searches:
            with subtests.test(wrong=wrong), pytest.raises(InvalidValue):
                models.search(["0"], **wrong)

    def test_a_token_serves_only_its_own_search(
        self, store: TrackingStore, run: Run, models: LoggedModelStore
    ) -> None:
        _three(store, run)
        token = models.search(["0"], max_results=1).token
        with pytest.raises(InvalidValue):
            models.search(["0"], filter="name = 'a'", page_token=token)


def _measure(
    store: TrackingStore,
    run: Run,
    model: LoggedModel,
    key: str,
    value: float,
    *,
    step: int = 0,
    data: tuple[str | None, str | None] = (None, None),
) -> None:
    point = Metric(key, value, 1, step, model.model_id, *data)
    store.log_batch(run.info.run_id, metrics=[point])


def _three(store: TrackingStore, run: Run) -> None:
    """Create the models a, b and c that the tests of searching speak of."""
    models = store.logged_models()
    a = models.create(
        "0", name="a", model_type="agent", params={"lr": "0.1"}, tags={"team": "blue"}
    )
    b = models.create("0", name="b", params={"lr": "0.2"}, tags={"team": "red"})
    c = models.create("0", name="c", params={"lr": "none"})
    models.finalize(b.model_id, LoggedModelStatus.READY)
    _measure(store, run, a, "acc", 0.5, data=("train", "1"))
    _measure(store, run, a, "acc", 0.9, step=1, data=("test", "1"))
    _measure(store, run, b, "acc", 0.6, data=("train", "2"))
    _measure(store, run, c, "acc", math.nan)


def _calls(models: LoggedModelStore, model_id: str) -> list[Callable[[], object]]:
    return [
        lambda: models.get(model_id),
        lambda: models.finalize(model_id, LoggedModelStatus.READY),
        lambda: models.delete(model_id),
        lambda: models.set_tags(model_id, {"a": "b"}),
        lambda: models.delete_tag(model_id, "a"),
        lambda: models.log_params(model_id, {"a": "b"}),
    ]
