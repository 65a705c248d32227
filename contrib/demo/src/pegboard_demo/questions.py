"""Asks the best model questions in words, and traces how they are answered.

Retrieval, predictions and their times are real. What stands in for a language model only fills in
sentences, at the pace of a fast one; its price is made up.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pegboard
from attrs import frozen
from pegboard.entities.traces import Assessment, AssessmentKind
from sklearn.neighbors import NearestNeighbors

from pegboard_demo.models import Data, load_data
from pegboard_demo.recorder import Recorder, Step
from pegboard_demo.training import EXPERIMENT, MODEL

if TYPE_CHECKING:
    from pegboard.entities import Run

QUESTIONS = (
    "Why is patient 11 expected to get worse?",
    "How will patient 40 be in a year?",
    "And patient 4000?",
)
WRITER = "demo-writer-1"
SYSTEM = "You explain predictions to doctors. Use only the numbers that the tools returned."
FIRST_S, WORD_S = 0.03, 0.002
"""How long the stand-in takes to begin, and for each word."""
DOLLARS_A_TOKEN = 2e-6


@frozen
class Helper:
    """What answers: a model, the data, and a trace to record into."""

    model: Any
    data: Data
    trace: Recorder

    def answer(self, question: str) -> str:
        """Return the answer to a question; LookupError for a patient that is not there."""
        session = {"session.id": "demo", "user.id": "doctor"}
        with self.trace.step("helper", "AGENT", {"question": question}, **session) as whole:
            with self.trace.step("plan", "CHAIN", {"question": question}) as plan:
                number = int(self._ask("understand", question, _number_of(question)))
                plan.returns({"patient": number})
            patient = self._look_up(number)
            alike = self._alike(patient)
            predicted = self._predict(patient)
            reply = self._write(question, number, predicted, alike)
            self._check(reply, predicted)
            whole.returns(reply)
        return reply

    def _look_up(self, number: int) -> pd.DataFrame:
        with self.trace.step("patients.get", "TOOL", {"patient": number}) as step:
            features, _ = self.data.split("test")
            if number not in features.index:
                raise LookupError(f"there are {len(features)} patients, none with number {number}")
            found = features.loc[[number]]
            step.returns(found.round(4).to_dict("records")[0])
        return found

    def _alike(self, patient: pd.DataFrame) -> list[dict[str, float]]:
        """Return patients with the most similar measurements, and how they fared."""
        with self.trace.step("patients.similar", "RETRIEVER", {"k": 5}) as step:
            features, outcome = self.data.split("train")
            nearest = NearestNeighbors(n_neighbors=5).fit(features)
            far, rows = nearest.kneighbors(patient)
            found = [
                {"patient": int(row), "distance": round(float(distance), 3),
                 "outcome": float(outcome.iloc[row])}
                for distance, row in zip(far[0], rows[0], strict=True)
            ]  # fmt: skip
            step.returns(found)
        return found

    def _predict(self, patient: pd.DataFrame) -> float:
        with self.trace.step("model.predict", "TOOL", {"model": MODEL, "rows": 1}) as step:
            predicted = round(float(self.model.predict(patient)[0]), 1)
            step.returns({"progression": predicted})
        return predicted

    def _write(
        self, question: str, number: int, predicted: float, alike: Sequence[dict[str, float]]
    ) -> str:
        mean = float(np.mean([each["outcome"] for each in alike]))
        words = (
            f"Patient {number} is expected to reach {predicted} a year from now. The five patients "
            f"most like them reached {mean:.0f} on average, from "
            f"{min(each['outcome'] for each in alike):.0f} to "
            f"{max(each['outcome'] for each in alike):.0f}. Body mass index and blood pressure "
            "weigh most in this prediction."
        )
        return self._ask("write", question, words, alike)

    def _ask(self, name: str, question: str, words: str, rows: Any = None) -> str:
        """Have the stand-in say these words, as a language model would."""
        messages: list[dict[str, Any]] = [{"role": "system", "content": SYSTEM},
                                          {"role": "user", "content": question}]  # fmt: skip
        if rows is not None:
            messages.append({"role": "tool", "name": "patients.similar", "content": rows})
        given = {"messages": messages, "model": WRITER, "temperature": 0.2}
        with self.trace.step(name, "CHAT_MODEL", given) as step:
            said = " ".join(_spoken(words, step))
            step.returns({"role": "assistant", "content": said})
            _tell_usage(step, given, said)
        return said

    def _check(self, reply: str, predicted: float) -> None:
        with self.trace.step("grounded", "EVALUATOR", {"answer": reply}) as step:
            step.returns({"grounded": str(predicted) in reply})


def _number_of(question: str) -> str:
    return "".join(letter for letter in question if letter.isdigit())


def _spoken(words: str, step: Step) -> Iterator[str]:
    time.sleep(FIRST_S)
    step.answers()
    for word in words.split():
        time.sleep(WORD_S)
        yield word


def _tell_usage(step: Step, given: Any, said: str) -> None:
    asked, answered = len(str(given)) // 4, max(1, len(said) // 4)
    total = asked + answered
    step.attributes |= {
        "mlflow.llm.model": WRITER,
        "mlflow.llm.provider": "pegboard-demo",
        "mlflow.chat.tokenUsage": {
            "input_tokens": asked, "output_tokens": answered, "total_tokens": total,
        },
        "mlflow.llm.cost": {"total_cost": total * DOLLARS_A_TOKEN},
    }  # fmt: skip


def ask_questions(run: Run) -> list[str]:
    """Ask the model of a run, and return the ids of the traces.

    The last question cannot be answered, so its trace fails. NotSupported if the store has no place
    for traces.
    """
    traces = pegboard.Client().store.traces()
    model = pegboard.sklearn.load_model(f"runs:/{run.info.run_id}/{MODEL}")
    data, ids = load_data(), []
    for question in QUESTIONS:
        trace = Recorder(f"{EXPERIMENT}-helper")
        with contextlib.suppress(LookupError):  # The trace tells it.
            Helper(model, data, trace).answer(question)
        ids.append(trace.keep(traces, run.info.experiment_id, run.info.run_id))
    for trace_id, value, reason in (
        (ids[0], 1.0, "Every number comes from a tool."), (ids[1], 0.8, "Says little of why."),
    ):  # fmt: skip
        traces.create_assessment(
            Assessment(trace_id, "helpful", AssessmentKind.FEEDBACK, value, "HUMAN", "doctor",
                       rationale=reason)
        )  # fmt: skip
    return ids
