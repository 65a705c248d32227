"""Evaluations with something to see: a classifier, answers, pictures, and MLflow's."""

from __future__ import annotations

import json
import time
from typing import Any

import numpy as np
import pandas as pd
import pegboard
from pegboard.entities.traces import (
    Assessment,
    AssessmentError,
    AssessmentKind,
    Span,
    SpanStatusCode,
)
from pegboard_scripting.client import Client
from PIL import Image

EXPERIMENT = "support-answers"
N = 240
BIG = 10_000
MARKUP = "<img src=x onerror=alert(1)>"
QUESTIONS = {
    "How do I reset my password?": "Open Settings, then Security, and choose Reset.",
    "Where is my invoice for March?": "Under Billing, in the list of invoices.",
    "Can I pay by bank transfer?": "Yes, from the yearly plan on.",
    "How many seats does the team plan have?": "Ten.",
    "Is there an API?": "Yes, it is described at /docs.",
    MARKUP: "Nothing to see.",
}
"""What is asked, and what is expected."""


def fill(store: str) -> dict[str, str]:
    """Fill a store with evaluations; return ids of runs by name."""
    client = Client(store)
    pegboard.set_tracking_uri(store)
    pegboard.set_experiment(EXPERIMENT)
    ids = {"experiment": client.get_experiment_by_name(EXPERIMENT).experiment_id}
    # south goes wrong in the second one, two of the north get right.
    ids["tree"] = classified("tree", np.arange(0, N, 12))
    ids["forest"] = classified("forest", np.arange(4, N, 8))
    ids["prompt-v1"] = answered("prompt-v1", lambda text: text)
    ids["prompt-v2"] = answered("prompt-v2", lambda text: text.replace("Yes, ", "No, ").upper())
    ids["table"] = table(client, ids["experiment"])
    ids["big"] = big(client, ids["experiment"])
    ids["traced"] = traced(client, ids["experiment"])
    return ids


def classified(name: str, wrong: Any) -> str:
    """Evaluate predictions of a classifier, some of them wrong, and look for its worst slices."""
    rows = np.arange(N)
    frame = pd.DataFrame({"age": 20 + rows % 50, "region": np.where(rows % 4, "north", "south")})
    frame["churned"] = rows % 2
    frame["out"] = np.where(np.isin(rows, wrong), 1 - frame.churned, frame.churned)
    with pegboard.start_run(run_name=name) as run:
        pegboard.evaluate(
            data=frame, targets="churned", predictions="out", model_type="classifier",
            evaluators=["default", "cohorts"],
            evaluator_config={"default": {"plots": False}, "cohorts": {"ranges": 2}},
        )  # fmt: skip
    return str(run.info.run_id)


def answered(name: str, change: Any) -> str:
    """Evaluate answers by two scorers; one of them fails on a row."""
    from pegboard.genai import scorer

    @scorer
    def exact(outputs: Any, expectations: Any) -> bool:
        return bool(outputs == expectations["answer"])

    @scorer
    def brevity(outputs: Any) -> Any:
        from pegboard.entities import Feedback

        if outputs.lower() == "ten.":
            raise ValueError("one word is no answer")
        return Feedback(value=1 / len(outputs.split()), rationale=f"{len(outputs.split())} words")

    rows = [
        {"inputs": {"question": asked}, "expectations": {"answer": wanted},
         "topic": "billing" if "pay" in asked or "invoice" in asked else "other"}
        for asked, wanted in QUESTIONS.items()
    ]  # fmt: skip
    with pegboard.start_run(run_name=name) as run:
        pegboard.genai.evaluate(
            rows, [exact, brevity], lambda question: change(QUESTIONS[question])
        )
    return str(run.info.run_id)


def table(client: Client, experiment: str) -> str:
    """Log a table as MLflow 2 does, with a column of pictures."""
    run = client.create_run(experiment, run_name="mlflow-2").info.run_id
    pictures = [Image.new("RGB", (48, 32), (40 * n, 90, 160)) for n in range(4)]
    frame = pd.DataFrame(
        {
            "photo": pictures,
            "inputs": [f"What is shown in photo {n}?" for n in range(4)],
            "ground_truth": ["a wren", "a rail", "a heron", "an owl"],
            "outputs": ["a wren", "a crake", "a heron", "an owl"],
            "answer_similarity/v1/score": [5, 2, 5, 4],
            "answer_similarity/v1/justification": ["the same", "another bird", "the same", "right"],
            "latency": [0.5, 0.75, 0.25, 0.5],
        }
    )
    client.log_table(run, frame, "eval_results_table.json")
    client.set_terminated(run)
    return str(run)


def big(client: Client, experiment: str) -> str:
    """Log a table of very many rows."""
    run = client.create_run(experiment, run_name="many").info.run_id
    rows = [[f"question {n}", f"answer {n}", n % 7 != 3, n / BIG] for n in range(BIG)]
    names = ["inputs", "outputs", "right/v1/score", "closeness/v1/score"]
    client.log_text(run, json.dumps({"columns": names, "data": rows}), "eval_results_table.json")
    client.set_tag(
        run, "mlflow.loggedArtifacts", '[{"path": "eval_results_table.json", "type": "table"}]'
    )
    client.set_terminated(run)
    return str(run)


def traced(client: Client, experiment: str) -> str:
    """Leave traces and assessments as MLflow 3 does, and nothing else."""
    run = client.create_run(experiment, run_name="mlflow-3").info.run_id
    client.set_tag(run, "mlflow.runType", "genai_evaluate")
    traces = client.store.traces()
    began = time.time_ns() - 10**12
    for number, (asked, wanted) in enumerate(QUESTIONS.items()):
        trace = f"tr-{number + 1:032x}"
        failed = number == 3
        root = Span(
            trace, f"{number + 1:016x}", "predict", began + number * 10**9,
            began + number * 10**9 + 10**8,
            status=SpanStatusCode.ERROR if failed else SpanStatusCode.OK,
            attributes={"mlflow.spanInputs": {"question": asked},
                        "mlflow.spanOutputs": None if failed else wanted},
        )  # fmt: skip
        traces.log_spans(experiment, [root])
        mark = {"mlflow.assessment.sourceRunId": run}
        traces.create_assessment(
            Assessment(trace, "answer", AssessmentKind.EXPECTATION, wanted, "HUMAN", metadata=mark)
        )
        traces.create_assessment(
            Assessment(trace, "grounded", AssessmentKind.FEEDBACK, None if failed else "yes",
                       "LLM_JUDGE", "judge", metadata=mark, rationale="All of it is in the docs.",
                       error=AssessmentError("JUDGE", "no answer") if failed else None)
        )  # fmt: skip
        other = {"mlflow.assessment.sourceRunId": "0" * 32}
        traces.create_assessment(
            Assessment(trace, "of_others", AssessmentKind.FEEDBACK, 1, "CODE", metadata=other)
        )
    traces.link_to_run([f"tr-{number + 1:032x}" for number in range(len(QUESTIONS))], run)
    client.set_terminated(run)
    return str(run)
