"""The contracts of label schemas and review queues, as tests."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from pegboard.contracts.tracking import TrackingStore
from pegboard.errors import AlreadyExists, Deleted, InvalidValue, NotFound
from pegboard_stores.reviews import (
    Categorical,
    FreeText,
    Input,
    LabelSchemas,
    LabelType,
    Numeric,
    PassFail,
    QueueKind,
    ReviewQueues,
    ReviewStatus,
)

from pegboard_testing._base import WRONG_IDS, StoreTests
from pegboard_testing._scorers import traced

FEEDBACK, EXPECTATION = LabelType.FEEDBACK, LabelType.EXPECTATION
PENDING, COMPLETE, DECLINED = ReviewStatus
INPUTS: list[Input] = [
    PassFail("Right", "Wrong"),
    Categorical(("a", "b, c", "ü")),
    Categorical(("a", "b"), multi_select=True),
    Numeric(1, 5),
    Numeric(),
    Numeric(max_value=-0.5),
    FreeText(),
    FreeText(10),
]
WRONG_INPUTS: list[Input] = [
    PassFail("", "b"),
    PassFail("a", "a"),
    PassFail("a", "x" * 65),
    Categorical(()),
    Categorical(("a", "a")),
    Categorical(("",)),
    Categorical(tuple(map(str, range(11)))),
    Numeric(5, 5),
    Numeric(5, 1),
    FreeText(0),
]


def _uses(*uses: Callable[[], object]) -> Sequence[Callable[[], object]]:
    return uses


class LabelSchemasContract(StoreTests):
    """What every store does that keeps label schemas. Derive from it beside the main suite."""

    @pytest.fixture
    def schemas(self, store: TrackingStore) -> LabelSchemas:
        found = store.ability(LabelSchemas)
        assert found is not None
        return found

    def test_questions_are_kept(
        self, schemas: LabelSchemas, reopen: Callable[[], TrackingStore]
    ) -> None:
        made = [
            schemas.create(
                "0",
                f"Question {number}?",
                type=(FEEDBACK, EXPECTATION)[number % 2],
                input=each,
                instruction=(None, "", "Look twice.")[number % 3],
                enable_comment=number % 2 == 0,
            )
            for number, each in enumerate(INPUTS)
        ]
        assert [each.input for each in made] == INPUTS
        first, last = made[0], made[-1]
        assert (first.experiment_id, first.name, first.type) == ("0", "Question 0?", FEEDBACK)
        assert [each.instruction for each in made[:3]] == [None, "", "Look twice."]
        assert [each.enable_comment for each in made[:2]] == [True, False]
        assert first.created_time == first.last_update_time > 1_600_000_000_000
        found = reopen().ability(LabelSchemas)
        assert found is not None
        assert found.get(first.schema_id) == found.by_name("0", first.name) == first
        listed = found.list("0")
        [default] = [each for each in listed if each.is_default]
        assert (default.name, default.type, default.input) == ("Feedback", FEEDBACK, FreeText())
        assert sorted(each.schema_id for each in listed if each is not default) == sorted(
            each.schema_id for each in made
        )
        times = [each.created_time for each in listed]
        assert times == sorted(times, reverse=True)
        pages, token = list[str](), None
        for _ in range(3):
            page = found.list("0", max_results=4, page_token=token)
            pages += [each.schema_id for each in page]
            token = page.token
        assert token is None
        assert pages == [each.schema_id for each in listed]
        found.delete(last.schema_id)
        found.delete(last.schema_id)
        with pytest.raises(NotFound):
            found.get(last.schema_id)

    def test_questions_change_without_a_new_meaning(self, schemas: LabelSchemas) -> None:
        one = schemas.create("0", "one", type=FEEDBACK, input=Categorical(("a", "b")))
        schemas.create("0", "two", type=FEEDBACK, input=FreeText())
        wider = Categorical(("a", "b", "c"))
        changed = schemas.update(one.schema_id, name="uno", instruction="So.", input=wider)
        assert (changed.name, changed.instruction, changed.input) == ("uno", "So.", wider)
        changed = schemas.update(one.schema_id, instruction="", enable_comment=True)
        assert (changed.name, changed.instruction, changed.input) == ("uno", "", wider)
        assert changed.enable_comment
        assert schemas.get(one.schema_id) == changed
        for taken in _uses(
            lambda: schemas.update(one.schema_id, name="two"),
            lambda: schemas.create("0", "two", type=EXPECTATION, input=FreeText()),
        ):
            with pytest.raises(AlreadyExists):
                taken()
        [default] = [each for each in schemas.list("0") if each.is_default]
        for refused in _uses(
            lambda: schemas.update(one.schema_id, input=FreeText()),
            lambda: schemas.update(one.schema_id, input=Categorical(("a",), multi_select=True)),
            lambda: schemas.update(one.schema_id, name="feedback"),
            lambda: schemas.update(default.schema_id, instruction="Another."),
            lambda: schemas.delete(default.schema_id),
        ):
            with pytest.raises(InvalidValue):
                refused()
        assert {each.name for each in schemas.list("0")} == {"uno", "two", "Feedback"}

    def test_what_is_no_question_is_refused(
        self, store: TrackingStore, schemas: LabelSchemas
    ) -> None:
        def create(name: str = "q", home: str = "0", **more: Any) -> object:
            return schemas.create(home, name, **{"type": FEEDBACK, "input": FreeText(), **more})

        for wrong in WRONG_INPUTS:
            with pytest.raises(InvalidValue):
                create(input=wrong)
        for name in ("", "x" * 251, "Feedback", " FEEDBACK "):
            with pytest.raises(InvalidValue):
                create(name)
        with pytest.raises(InvalidValue):
            create(instruction="x" * 1001)
        assert [each.name for each in schemas.list("0")] == ["Feedback"]
        for wrong_id in WRONG_IDS:
            schemas.delete(wrong_id)
            uses: list[Callable[[str], object]] = [
                schemas.get,
                schemas.update,
                lambda name: schemas.by_name("0", name),
            ]
            for use in uses:
                with pytest.raises(NotFound):
                    use(wrong_id)
        gone = store.create_experiment("gone").experiment_id
        store.delete_experiment(gone)
        for home, error in (("4711", NotFound), (gone, (Deleted, NotFound))):
            with pytest.raises(error):
                create(home=home)
            with pytest.raises(error):
                schemas.list(home)


class ReviewQueuesContract(StoreTests):
    """What every store does that keeps review queues. Derive from it beside the main suite."""

    @pytest.fixture
    def queues(self, store: TrackingStore) -> ReviewQueues:
        found = store.ability(ReviewQueues)
        assert found is not None
        return found

    def test_queues_have_users_and_questions(
        self, store: TrackingStore, queues: ReviewQueues
    ) -> None:
        schemas = store.ability(LabelSchemas)
        assert schemas is not None
        ids = [
            schemas.create("0", name, type=FEEDBACK, input=FreeText()).schema_id for name in "ab"
        ]
        made = queues.create(
            "0", " Hard ones ", QueueKind.CUSTOM, users=["Zoe", " ann ", "ANN"], schema_ids=ids
        )
        assert (made.experiment_id, made.name, made.kind) == ("0", "Hard ones", QueueKind.CUSTOM)
        assert (list(made.users), list(made.schema_ids)) == (["ann", "zoe"], sorted(ids))
        assert queues.get(made.queue_id) == queues.by_name("0", "HARD ones") == made
        own = queues.of_user("0", "Ann ")
        assert (own.name, own.kind, list(own.users), own.created_by) == (
            "ann", QueueKind.USER, ["ann"], "ann",
        )  # fmt: skip
        assert queues.of_user("0", "ANN") == own
        for user, expected in (("ann", {"ann", "Hard ones"}), ("Zoe", {"Hard ones"}), ("x", set())):
            assert {each.name for each in queues.list("0", user=user)} == expected
        changed = queues.update(made.queue_id, name="Hard", users=[], schema_ids=ids[:1])
        assert (changed.name, list(changed.users), list(changed.schema_ids)) == (
            "Hard", [], ids[:1],
        )  # fmt: skip
        assert queues.update(made.queue_id, owner="Bea").created_by == "Bea"
        pages, token = list[str](), None
        for _ in range(2):
            page = queues.list("0", max_results=1, page_token=token)
            pages += [each.name for each in page]
            token = page.token
        assert (sorted(pages), token) == (["Hard", "ann"], None)
        queues.delete(made.queue_id)
        queues.delete(made.queue_id)
        assert [each.name for each in queues.list("0")] == ["ann"]

    def test_wrong_queues_are_refused(self, queues: ReviewQueues) -> None:
        custom, user = QueueKind.CUSTOM, QueueKind.USER
        made = queues.create("0", "one", custom)
        own = queues.of_user("0", "ann")
        other = queues.create("0", "two", custom)
        for taken in _uses(
            lambda: queues.create("0", "ONE", custom),
            lambda: queues.update(other.queue_id, name="One"),
            lambda: queues.of_user("0", "one"),
        ):
            with pytest.raises(AlreadyExists):
                taken()
        for refused in _uses(
            lambda: queues.create("0", " ", custom),
            lambda: queues.create("0", "x" * 251, custom),
            lambda: queues.create("0", "Default", custom),
            lambda: queues.create("0", "many", custom, users=list("abcdefghijk")),
            lambda: queues.create("0", "unknown", custom, schema_ids=["ls-unknown"]),
            lambda: queues.create("0", "bob", user, users=["ann"]),
            lambda: queues.update(own.queue_id, name="bob"),
            lambda: queues.update(made.queue_id, schema_ids=["ls-unknown"]),
            lambda: queues.add(made.queue_id, []),
        ):
            with pytest.raises(InvalidValue):
                refused()
        assert {each.name for each in queues.list("0")} == {"one", "ann", "two"}
        for wrong in WRONG_IDS:
            queues.delete(wrong)
            uses: list[Callable[[str], object]] = [
                queues.get,
                queues.items,
                lambda wrong: queues.add(wrong, ["tr-1"]),
                lambda wrong: queues.remove(wrong, ["tr-1"]),
                lambda wrong: queues.set_status(wrong, "tr-1", PENDING),
                lambda wrong: queues.by_name("0", wrong),
            ]
            for use in uses:
                with pytest.raises(NotFound):
                    use(wrong)
        with pytest.raises(NotFound):
            queues.create("4711", "q", custom)

    def test_a_queue_holds_traces(
        self,
        store: TrackingStore,
        queues: ReviewQueues,
        reopen: Callable[[], TrackingStore],
    ) -> None:
        other = store.create_experiment("other").experiment_id
        for name in ("tr-a", "tr-b", "tr-c"):
            traced(store, "0", name)
        traced(store, other, "tr-elsewhere")
        queue = queues.create("0", "hard", QueueKind.CUSTOM).queue_id
        added = queues.add(queue, ["tr-b", " tr-a", "tr-b"])
        assert [(each.item_id, each.status) for each in added] == [
            ("tr-b", PENDING), ("tr-a", PENDING),
        ]  # fmt: skip
        for unknown in ("tr-unknown", "tr-elsewhere"):
            with pytest.raises(NotFound):
                queues.add(queue, ["tr-c", unknown])
        done = queues.set_status(queue, "tr-a", COMPLETE, " Ann")
        assert (done.status, done.completed_by, done.item_id) == (COMPLETE, "ann", "tr-a")
        assert done.completed_time == done.last_update_time >= done.created_time
        # It stays the one's who was first, and as it is when it is added again.
        assert queues.set_status(queue, "tr-a", COMPLETE, "zoe") == done
        assert list(queues.add(queue, ["tr-a"])) == [done]
        assert queues.set_status(queue, "tr-b", DECLINED, "zoe").completed_by == "zoe"
        found = reopen().ability(ReviewQueues)
        assert found is not None
        for status, expected in (
            (None, ["tr-a", "tr-b"]), (COMPLETE, ["tr-a"]), (DECLINED, ["tr-b"]), (PENDING, []),
        ):  # fmt: skip
            assert sorted(each.item_id for each in found.items(queue, status=status)) == expected
        again = found.set_status(queue, "tr-b", PENDING)
        assert (again.completed_by, again.completed_time) == (None, None)
        for refused in _uses(
            lambda: found.set_status(queue, "tr-b", COMPLETE),
            lambda: found.set_status(queue, "tr-b", COMPLETE, "  "),
            lambda: found.set_status(queue, "tr-b", PENDING, "ann"),
            lambda: found.update(queue, schema_ids=[]),
        ):
            with pytest.raises(InvalidValue):
                refused()
        with pytest.raises(NotFound):
            found.set_status(queue, "tr-c", COMPLETE, "ann")
        assert [each.queue_id for each in found.list("0", item_id="tr-a")] == [queue]
        assert list(found.list("0", item_id="tr-c")) == []
        first = found.items(queue, max_results=1)
        second = found.items(queue, max_results=1, page_token=first.token)
        assert (first[0].item_id, second[0].item_id) == ("tr-a", "tr-b")
        assert second.token is None
        found.remove(queue, ["tr-a", "tr-c"])
        assert [each.item_id for each in found.items(queue)] == ["tr-b"]

    def test_traces_that_are_gone_are_in_no_queue(
        self, store: TrackingStore, queues: ReviewQueues
    ) -> None:
        for name in ("tr-a", "tr-b"):
            traced(store, "0", name)
        queue = queues.create("0", "hard", QueueKind.CUSTOM).queue_id
        queues.add(queue, ["tr-a", "tr-b"])
        store.traces().delete("0", trace_ids=["tr-a"])
        assert [each.item_id for each in queues.items(queue)] == ["tr-b"]
