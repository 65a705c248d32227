"""Questions and queues as scripts and the command line use them."""

from __future__ import annotations

import json
from typing import Any

import pegboard
import pytest
from click.testing import CliRunner
from pegboard.cli.shell import cli
from pegboard.errors import AlreadyExists, InvalidValue, NotFound, NotSupported
from pegboard.genai import label_schemas as labels
from pegboard.genai import review_queues as reviews

pytestmark = pytest.mark.usefixtures("place")


def traced(name: str = "asked") -> str:
    with pegboard.start_span(name) as span:
        pass
    return str(span.trace_id)


def command(*words: str, code: int = 0) -> str:
    done = CliRunner().invoke(
        cli,
        ["--tracking-uri", pegboard.get_tracking_uri(), "reviews", *words],
        catch_exceptions=False,
    )
    assert done.exit_code == code, done.output
    return done.output


def test_a_script_asks_and_fills_a_queue() -> None:
    forms = [
        labels.InputPassFail("Right", "Wrong"),
        labels.InputCategorical(["a", "b"]),
        labels.InputNumeric(1, 5),
        labels.InputText(10),
    ]
    made = [
        labels.create_label_schema(f"q{n}", type="feedback", input=form, title="So?")
        for n, form in enumerate(forms)
    ]
    assert [(each.input, each.instruction) for each in made] == [(form, "So?") for form in forms]
    assert labels.get_label_schema("q1") == labels.get_label_schema(schema_id=made[1].schema_id)
    several = labels.create_label_schema(
        "some", type="feedback", input=labels.InputCategoricalList(["a", "b"])
    )
    assert several.input == labels.InputCategorical(["a", "b"], multi_select=True)
    with pytest.raises(AlreadyExists):
        labels.create_label_schema("q0", type="feedback", input=forms[0])
    again = labels.create_label_schema(
        "q1", type="feedback", input=labels.InputCategorical(["a", "c"]), overwrite=True
    )
    assert (again.schema_id, again.input.options) == (made[1].schema_id, ["a", "c"])
    labels.delete_label_schema("q3")
    assert {each.name for each in labels.list_label_schemas()} == {
        "q0", "q1", "q2", "some", "Feedback",
    }  # fmt: skip
    queue = reviews.create_review_queue("hard", users=["Ann"], schema_ids=[again.schema_id])
    trace = traced()
    [item] = reviews.add_items_to_review_queue(queue.queue_id, item_ids=[trace])
    assert (item.item_id, item.status, item.item_type) == (trace, "pending", "trace")
    done = reviews.set_review_queue_item_status(queue.queue_id, item_id=trace, status="complete")
    assert done.completed_by == queue.created_by
    assert [*reviews.list_review_queue_items(queue.queue_id, status="complete")] == [done]
    assert reviews.get_or_create_user_queue("ann").users == ["ann"]
    assert len(reviews.list_review_queues(user="ann")) == 2
    changed = reviews.update_review_queue(queue.queue_id, name="harder")
    assert reviews.get_review_queue(name="HARDER") == changed


def test_a_labeling_session_is_a_queue() -> None:
    genai = pegboard.genai
    labels.create_label_schema("answer", type="expectation", input=labels.InputText())
    made = genai.create_labeling_session("hard", assigned_users=["ann"], label_schemas=["answer"])
    assert (made.name, made.assigned_users, made.label_schemas) == ("hard", ["ann"], ["answer"])
    ids = [traced(name) for name in "abc"]
    kept = genai.datasets.create_dataset("kept").merge_records([pegboard.get_trace(ids[2])])
    made.add_traces(ids[:1]).add_traces([pegboard.get_trace(ids[1])]).add_dataset(kept.name)
    items = reviews.list_review_queue_items(made.labeling_session_id)
    assert {each.item_id for each in items} == {*ids}
    pegboard.log_expectation(trace_id=ids[0], name="answer", value="Paris")
    reviews.set_review_queue_item_status(made.mlflow_run_id, item_id=ids[0], status="complete")
    made.sync("answers")
    [record] = genai.datasets.get_dataset("answers").to_df().to_dict("records")
    assert (record["expectations"], record["source_id"]) == ({"answer": "Paris"}, ids[0])
    changed = made.set_assigned_users(["bob"])
    assert genai.get_labeling_session(made.mlflow_run_id) == changed
    assert genai.get_labeling_sessions() == [changed]
    genai.delete_labeling_session(made)
    assert genai.get_labeling_sessions() == []
    with pytest.raises(NotSupported):
        genai.create_labeling_session("chat", agent="bot")


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: labels.create_label_schema("q", type="opinion", input=labels.InputText()),
        lambda: labels.create_label_schema("q", type="feedback", input="text"),  # type: ignore[arg-type]
        lambda: labels.get_label_schema(),
        lambda: labels.delete_label_schema(),
        lambda: reviews.create_review_queue("q", queue_type="group"),
        lambda: reviews.get_review_queue(),
        lambda: reviews.list_review_queue_items("rq-1", status="done"),
    ],
)
def test_wrong_calls_say_what_is_wrong(wrong: Any) -> None:
    with pytest.raises(InvalidValue):
        wrong()


def test_the_command_line_asks_and_shows_how_far_it_is() -> None:
    trace = traced()
    command("ask", "Is it right?", "--pass", "Right", "--fail", "Wrong")
    command("ask", "tone", "--option", "kind", "--option", "curt", "--several")
    command("ask", "stars", "--min", "1", "--max", "5", "--comment")
    for words in (["--pass", "a"], ["--several"], ["--min", "1", "--option", "a"]):
        command("ask", "wrong", *words, code=2)
    shown = command("questions")
    for said in ("Right / Wrong", "some of kind, curt", "number, 1 to 5", "words"):
        assert said in shown
    said = command("create", "hard", "--user", "ann", "--question", "tone", "--filter", "")
    assert "1 trace, 1 of them open" in said
    queue = reviews.get_review_queue(name="hard")
    assert queue.schema_ids == [labels.get_label_schema("tone").schema_id]
    traced()
    assert "2 traces, 2 of them open" in command("create", "hard", "--filter", "")
    reviews.set_review_queue_item_status(
        queue.queue_id, item_id=trace, status="declined", completed_by="Bob"
    )
    [line] = [each for each in command("list").splitlines() if "hard" in each]
    assert line.split()[:5] == ["hard", "ann", "1", "0", "1"]
    found = json.loads(command("show", "hard", "--status", "declined", "--json"))
    assert [(each["item_id"], each["completed_by"]) for each in found] == [(trace, "bob")]
    with pytest.raises(NotFound):
        reviews.get_review_queue("rq-1")
