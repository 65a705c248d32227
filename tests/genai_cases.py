"""Scripts that evaluate language models, run with MLflow and with pegboard: what they leave behind.

Called with the module's name and a store; OPENAI_BASE_URL is a server that always says yes.
"""

from __future__ import annotations

import json
import sys
from importlib import import_module
from typing import Any, Literal

mlflow: Any = import_module(sys.argv[1])
genai, scorer = mlflow.genai, mlflow.genai.scorer
scorers = import_module(f"{sys.argv[1]}.genai.scorers")
Feedback = import_module(f"{sys.argv[1]}.entities").Feedback
mlflow.set_tracking_uri(sys.argv[2])
MODEL = "openai:/gpt-4o-mini"

ROWS = [
    {
        "inputs": {"question": name},
        "expectations": {
            "expected_response": f"{name}!",
            "expected_facts": [name],
            "guidelines": ["Be brief."],
        },
        "tags": {"first": name},
    }
    for name in ("wren", "robin", "siskin")
]


def answer(question: str) -> str:
    return f"{question}, of course"


ANSWERED = [{**row, "outputs": answer(**row["inputs"])} for row in ROWS]


@mlflow.trace(name="agent")
def agent(question: str) -> str:
    with mlflow.start_span("search", span_type="RETRIEVER") as span:
        span.set_outputs([{"page_content": "a bird"}, {"page_content": "a tree"}])
    with mlflow.start_span("look", span_type="TOOL") as span:
        span.set_inputs({"what": question})
        span.set_outputs("found")
    return answer(question)


@scorer
def length(outputs: Any) -> int:
    return len(outputs)


@scorer(aggregations=["min", "max", "mean", "median", "variance", "p90"])
def share(inputs: Any, outputs: Any) -> float:
    return len(inputs["question"]) / len(outputs)


@scorer(name="told", aggregations=[sum])
def named(expectations: Any) -> bool:
    return len(expectations["expected_response"]) > 5


@scorer
def rating(outputs: Any) -> str:
    return "yes" if "wren" in outputs else "no"


@scorer
def mood(outputs: Any) -> str:
    return "calm"


@scorer
def both(outputs: Any) -> list[Any]:
    return [
        Feedback(name="first", value=1),
        Feedback(name="second", value="yes", rationale="It is.", metadata={"a": "b"}),
    ]


@scorer
def one(trace: Any) -> Any:
    return Feedback(value=len(trace.data.spans))


@scorer
def odd(outputs: Any) -> float:
    if "wren" in outputs:
        raise ValueError("odd")
    return 1.5


@scorer
def none(outputs: Any) -> None:
    return None


BETTER = {"own/mean", "worded/mean"}
"""Judges made with ``make_judge`` that say yes or no have a mean with us alone."""
UNLIKE = {"mlflow.assessment.scorerDigest"}
NO_GUIDELINE = {"completeness", "fluency", "summarization"}
"""Judges whose instructions MLflow repeats in the metadata of each verdict."""
ON_THEIR_SPANS = {"retrieval_relevance", "retrieval_sufficiency", "retrieval_groundedness"}
"""What we keep with the span of the retriever, MLflow with the root."""


def assessment(each: Any, root: str) -> dict[str, Any]:
    found = each.to_dictionary()
    source, metadata = each.source, set(each.metadata or {}) - UNLIKE
    error = (found.get("feedback") or {}).get("error") or {}
    if each.name in NO_GUIDELINE:
        metadata.discard("guideline")
    is_human, is_code = source.source_type == "HUMAN", source.source_type == "CODE"
    return {
        "name": each.name,
        "value": each.value,
        "source": [str(source.source_type), "" if is_human else source.source_id],
        "rationale": each.rationale if not is_code or error else "",
        "error": error.get("error_code"),
        "at the root": each.span_id == root or each.name.split("/")[0] in ON_THEIR_SPANS,
        "metadata": sorted(key for key in metadata if not key.startswith("pegboard.")),
    }


def numbers(given: Any) -> dict[str, float]:
    """Return metrics, without the counts of what there is and failed, which MLflow has not."""
    return {
        key: round(value, 9)
        for key, value in given.items()
        if not key.endswith(("/n", "/failed")) and key not in BETTER
    }


def shown(value: Any) -> str:
    return str(float(value)) if isinstance(value, (bool, int, float)) else str(value)


def left(result: Any) -> dict[str, Any]:
    """Return what an evaluation left behind, in a form that can be compared."""
    run = mlflow.get_run(result.run_id)
    traces = mlflow.search_traces(
        run_id=result.run_id, return_type="list", locations=[run.info.experiment_id]
    )
    told = []
    for trace in traces:
        root = next(span for span in trace.data.spans if span.parent_id is None)
        assessments = [assessment(each, root.span_id) for each in trace.info.assessments]
        told.append({
            "root": [root.name, root.span_type, root.inputs, root.outputs],
            "spans": sorted(span.name for span in trace.data.spans),
            "state": str(trace.info.state),
            "tags": {k: v for k, v in trace.info.tags.items() if k == "first"},
            "run": trace.info.trace_metadata.get("mlflow.sourceRun") == result.run_id,
            "assessments": sorted(assessments, key=json.dumps),
        })  # fmt: skip
    table = result.tables["eval_results"]
    # Expectations that are lists are not in MLflow's table, and all of them count as failures.
    scores = [
        column
        for column in sorted(table.columns)
        if column.endswith("/value") and not column.startswith(("expected_", "guidelines/"))
    ]
    return {
        "metrics": numbers(result.metrics),
        "logged": numbers(run.data.metrics),
        "traces": sorted(told, key=json.dumps),
        "run tags": sorted(k for k in run.data.tags if k.startswith("mlflow.genaiEval")),
        "run type": run.data.tags["mlflow.runType"],
        "status": str(run.info.status).rpartition(".")[2],
        "inputs": [each.dataset.name for each in run.inputs.dataset_inputs],
        "passed": None if "expected_facts/value" in table.columns else result.passed,
        "columns": sorted(table.columns),
        "values": {column: sorted(map(shown, table[column])) for column in scores},
    }


CODE = [length, share, named, rating, mood, both, one, odd, none]
RULES = [
    scorers.RegexMatch(pattern="^w"),
    scorers.PIIDetection(),
    scorers.ResponseLength(max_length=16),
    scorers.ResponseLength(name="words", min_length=3, unit="words"),
]


def judges() -> list[Any]:
    made = [
        scorers.RelevanceToQuery(model=MODEL),
        scorers.Safety(model=MODEL),
        scorers.Guidelines(name="english", guidelines="Speak English.", model=MODEL),
        scorers.ExpectationsGuidelines(model=MODEL),
        scorers.Equivalence(model=MODEL),
        scorers.Fluency(model=MODEL),
        scorers.Completeness(model=MODEL),
        scorers.Summarization(model=MODEL),
    ]
    own = genai.make_judge(
        name="own",
        instructions="Is {{ outputs }} a fair answer to {{ inputs }}?",
        model=MODEL,
        feedback_value_type=Literal["yes", "no"],
    )
    text = genai.make_judge(
        name="worded",
        instructions="Judge {{ outputs }}.",
        model=MODEL,
        feedback_value_type=Literal["yes", "good"],
    )
    return [*made, own, text]


def stepwise() -> list[Any]:
    return [
        scorers.RetrievalRelevance(model=MODEL),
        scorers.RetrievalSufficiency(model=MODEL),
        scorers.RetrievalGroundedness(model=MODEL),
        scorers.ToolCallCorrectness(model=MODEL),
        scorers.ToolCallEfficiency(model=MODEL),
    ]


def good(value: Any) -> bool:
    return value < 20


def main() -> None:
    bare = [{key: row[key] for key in ("inputs", "outputs")} for row in ANSWERED]
    short = scorer(name="short", pass_if=good)(lambda outputs: len(outputs))
    found = {
        "a function": left(genai.evaluate(data=ROWS, scorers=CODE, predict_fn=answer)),
        "outputs": left(genai.evaluate(data=ANSWERED, scorers=[length, *RULES])),
        "a traced function": left(genai.evaluate(ROWS, [length, one, *stepwise()], agent)),
        "judges": left(genai.evaluate(ANSWERED, judges())),
        "what passes": left(genai.evaluate(bare, [short, RULES[1]])),
    }
    print(json.dumps(found))


main()
