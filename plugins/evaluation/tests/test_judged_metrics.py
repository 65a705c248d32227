"""``pegboard.metrics.genai``: what judges are told, what becomes of their scores, what is kept."""

from __future__ import annotations

import json
import re
from typing import Any

import pandas as pd
import pegboard
import pytest
from pegboard.errors import PegboardError
from pegboard_evaluation import rubrics
from pegboard_testing.llm_server import FakeOpenAI, Fault, saying

judged = pegboard.metrics.genai
ROWS = pd.DataFrame(
    {
        "inputs": ["Capital of France?", "Of Peru?", "Of Oman?"],
        "context": ["It is Paris.", "It is Lima.", "It is Muscat."],
        "truth": ["Paris", "Lima", "Muscat"],
        "answer": ["Paris", "Cuzco", "Masqat"],
    }
)
TEXT = {"plots": False, "log_model_explainability": False}


def score(value: Any, why: str = "So it is.") -> Fault:
    return saying(f"score: {value}\njustification: {why}")


def measured(*metrics: Any, **options: Any) -> Any:
    return pegboard.evaluate(
        data=options.pop("data", ROWS),
        targets="truth",
        predictions="answer",
        extra_metrics=list(metrics),
        evaluator_config={**TEXT, **options},
    )


@pytest.mark.parametrize("name", rubrics.RUBRICS)
def test_a_judge_is_shown_what_it_goes_by(server: FakeOpenAI, name: str) -> None:
    metric = getattr(judged, name)()
    server.faults = [score(4), score(1), score(2)]
    result = measured(metric)
    assert result.metrics == pytest.approx(
        {f"{name}/v1/mean": 7 / 3, f"{name}/v1/variance": 14 / 9, f"{name}/v1/p90": 3.6}
    )
    # The first rows are asked for before all of them, and paid for once.
    assert len(server.seen) == 3
    table = result.tables["eval_results_table"]
    assert sorted(table[f"{name}/v1/score"]) == [1, 2, 4]
    assert all("So it is." in why for why in table[f"{name}/v1/justification"])
    rubric = rubrics.RUBRICS[name]
    told = [each.body["messages"][1]["content"] for each in server.seen]
    shown = {"<input>": rubric.include_input}
    shown |= {f"<{each}>": each in rubric.context for each in ("targets", "context")}
    for mark, is_there in {"<output>": True, **shown}.items():
        assert [mark in each for each in told] == [is_there] * 3, mark
    assert {each.body["temperature"] for each in server.seen} == {0}
    form = server.seen[0].body["response_format"]["json_schema"]["schema"]
    assert form["properties"]["result"] == {"enum": [1, 2, 3, 4, 5]}


def test_metrics_are_made_of_definitions_and_of_prompts_and_kept(server: FakeOpenAI) -> None:
    example = judged.EvaluationExample(
        output="Madrid", score=0, justification="Of Spain.", input="Q", grading_context="Paris"
    )
    tone = judged.make_genai_metric(
        name="tone",
        definition="How warm it is.",
        grading_prompt="0 cold, 10 warm",
        examples=[example],
        model="openai:/gpt-4o",
        grading_context_columns="truth",
        parameters={"temperature": 0.5},
        aggregations=["mean", "max"],
        extra_headers={"x-secret": "s"},
    )
    easy = judged.make_genai_metric_from_prompt(
        "easy", 'Is {answer} easy for {who}? {{"a": 1}}', aggregations=["min"], max_workers=1
    )
    # Both metrics are tried on two rows before the third is asked for.
    server.faults = [score(each) for each in (7, 7, 0.5, 0.5, 7, 0.5)]
    result = measured(tone, easy, col_mapping={"who": "inputs"})
    assert result.metrics == {"tone/v1/mean": 7, "tone/v1/max": 7, "easy/min": 0.5}
    assert list(result.tables["eval_results_table"]["tone/v1/score"]) == [7] * 3
    first, last = server.seen[0], server.seen[-1]
    assert (first.body["model"], first.body["temperature"]) == ("gpt-4o", 0.5)
    assert first.headers["x-secret"] == "s"
    assert "Of Spain." in first.body["messages"][0]["content"]
    (told,) = last.body["messages"]
    assert told["content"].startswith(
        'Is Masqat easy for Of Oman?? {"a": 1}\n\n'.replace("??", "??")
    )

    again = judged.retrieve_custom_metrics(result.run_id)
    assert [each.key for each in again] == ["tone/v1", "easy"]
    assert [each.genai_metric_args for each in again] == [
        tone.genai_metric_args,
        easy.genai_metric_args,
    ]
    assert "Of Spain." in again[0].metric_details
    assert "x-secret" not in json.dumps(again[0].genai_metric_args)
    assert judged.retrieve_custom_metrics(result.run_id, name="easy", version="v1") == []
    assert result.artifacts["genai_custom_metrics"].content["columns"][0] == "name"
    with pegboard.start_run() as run:
        pass
    assert judged.retrieve_custom_metrics(run.info.run_id) == []

    server.faults = [score(3)]
    alone = judged.answer_similarity()(predictions="Paris", targets="Paris")
    assert (alone.scores, alone.aggregate_results["mean"]) == ([3], 3)


def test_rows_without_a_score_say_why_and_count(server: FakeOpenAI) -> None:
    metric = judged.answer_similarity(max_workers=1)
    broken = Fault(500, b'{"error": {"message": "down"}}', {"retry-after": "99"})
    server.faults = [score(5), score(4), broken]
    result = measured(metric)
    figure = result.figures["answer_similarity/v1/mean"]
    assert (figure.value, figure.count, figure.failed) == (4.5, 2, 1)
    assert "down" in result.tables["eval_results_table"]["answer_similarity/v1/justification"][2]

    server.faults = [saying("Hm.")] * 12
    result = measured(metric)
    assert "failed on every row, first by: The answer" in result.skipped["answer_similarity/v1"]

    server.faults = [Fault(401, b'{"error": {"message": "no key"}}')] * 2
    before = len(server.seen)
    with pytest.raises(PegboardError, match=r"fail on the first rows.*\n.*refuses the key"):
        measured(metric)
    assert len(server.seen) - before <= 2


def test_what_cannot_be_graded_is_refused_by_name(server: FakeOpenAI) -> None:
    example = judged.EvaluationExample(output="a", score=1, justification="b")
    refused: list[tuple[Any, str]] = [
        (lambda: judged.relevance(metric_version="v2"), "version 'v2'"),
        (lambda: judged.relevance(examples=[example]), "grading_context None.*context"),
        (lambda: judged.relevance(max_workers=0), "max_workers is 0"),
        (lambda: judged.relevance(model=5), "model of 'relevance/v1' is 5"),
        (lambda: judged.make_genai_metric("x", "d", "g", aggregations=["avg"]), "'avg'"),
        (lambda: judged.make_genai_metric_from_prompt("x"), "no judge_prompt"),
        (lambda: judged.make_genai_metric_from_prompt("x", "{a.b}"), r"\{a.b\}"),
        (lambda: judged.make_genai_metric_from_prompt("x", "{a"), "cannot be filled in"),
        (
            lambda: measured(judged.faithfulness(), data=ROWS.drop(columns="context")),
            "'faithfulness' lacks 'context'",
        ),
        (
            lambda: judged.answer_similarity()(predictions=["a"], targets=["a", "b"]),
            "1 predictions, 2 targets",
        ),
    ]
    for call, said in refused:
        with pytest.raises(PegboardError) as raised:
            call()
        assert re.search(said, str(raised.value), re.DOTALL), said
    assert server.seen == []
