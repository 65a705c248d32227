"""``evaluations/scorers`` and ``evaluations/score``: scorers for one answer, for pages.

The server asks no model: whoever wants a score puts a judge's questions to a gateway himself (see
``genai.trying``), so that each call has the rights, the budget and the record of the one who asks.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import attrs
from attrs import frozen
from pegboard.errors import InvalidValue, PegboardError
from pegboard_stores import refusals
from pegboard_stores.scorers import Scorers
from pegboard_wire.http import Call, Permission
from pegboard_wire.requests import store_of
from pegboard_wire.shapes import TEXT, array, record
from pegboard_wire.typed import AtMost, typed

if TYPE_CHECKING:
    from pegboard_tracing.api import Feedback

    from pegboard_evaluation.genai.scoring import Scorer

MOST_LISTED = 200
MOST_ANSWERS = 40
"""To how many questions of one scorer answers may be given: an ensemble has several judges."""
_MOST_TEXT = 1 << 20


@frozen
class ListRequest:
    """Nothing is asked for but all of them."""


@frozen
class AnswerGiven:
    """What a model said to the question of a key, or why it said nothing."""

    key: str
    text: Annotated[str, AtMost(_MOST_TEXT)] = ""
    error: Annotated[str, AtMost(10_000)] = ""


@frozen
class ScoreRequest:
    """Which scorer, of what answer.

    ``scorer_id`` names a registered one, whose latest version scores; ``builtin`` the class of one
    that comes with pegboard; ``guidelines`` are the lines of ``Guidelines``. ``inputs`` and
    ``expectations`` are JSON in a text.
    """

    outputs: Annotated[str, AtMost(_MOST_TEXT)] = ""
    inputs: Annotated[str, AtMost(_MOST_TEXT)] = "{}"
    expectations: Annotated[str, AtMost(_MOST_TEXT)] = "{}"
    scorer_id: Annotated[str, AtMost(64)] = ""
    builtin: Annotated[str, AtMost(64)] = ""
    guidelines: Annotated[str, AtMost(10_000)] = ""
    endpoint: Annotated[str, AtMost(250)] = ""
    """Of the gateway, that the judges' questions are put to; "": their own models are named."""
    answers: Annotated[list[AnswerGiven], AtMost(MOST_ANSWERS)] = attrs.field(factory=list)


def scorers(call: Call, wanted: ListRequest) -> dict[str, Any]:
    """Return registered scorers, and those that come with pegboard."""
    del wanted
    from pegboard_evaluation.genai import builtin, trying

    found: list[dict[str, Any]] = []
    registered = store_of(call).ability(Scorers)
    for each in () if registered is None else registered.latest()[:MOST_LISTED]:
        told: dict[str, Any] = {
            "scorer_id": each.scorer_id,
            "name": each.name,
            "experiment_id": each.experiment_id,
            "version": each.version,
        }
        try:
            found.append({**told, **_about(trying.loaded(each.name, each.serialized))})
        except PegboardError as error:
            found.append({**told, **_ABOUT, "refused": error.message})
    for name, kind in trying.BUILTIN.items():
        own = kind(guidelines="-") if kind is builtin.Guidelines else kind()
        found.append({"builtin": name, "name": own.name, **_about(own)})
    return {"scorers": found}


_ABOUT: Mapping[str, Any] = {
    "description": "", "judge": False, "endpoint": "", "needs": [], "refused": "",
}  # fmt: skip


def _about(scorer: Scorer) -> dict[str, Any]:
    from pegboard_evaluation.genai import trying

    return {
        "description": scorer.description or "",
        "judge": any(True for _ in trying.judges_in(scorer)),
        "endpoint": trying.endpoint_of(scorer),
        "needs": trying.needs(scorer),
        "refused": trying.refusal(scorer),
    }


def score(call: Call, wanted: ScoreRequest) -> dict[str, Any]:
    """Return what a scorer says of an answer, or the question that it has first."""
    from pegboard_evaluation.genai import elsewhere, trying

    scorer, marks = _scorer(call, wanted)
    if why := trying.refusal(scorer):
        raise InvalidValue(f"The scorer {scorer.name!r} cannot score an answer: {why}")
    said = trying.score(
        scorer,
        inputs=_object(wanted.inputs, "inputs"),
        outputs=wanted.outputs,
        expectations=_object(wanted.expectations, "expectations"),
        endpoint=wanted.endpoint,
        answers={each.key: elsewhere.Answered(text=each.text, error=each.error)
                 for each in wanted.answers},
    )  # fmt: skip
    if isinstance(said, elsewhere.Question):
        asked = {"key": said.key, "messages": list(said.messages), "fields": dict(said.fields)}
        return {"question": asked, "feedback": []}
    return {"feedback": [_plain(each, marks) for each in said]}


def _scorer(call: Call, wanted: ScoreRequest) -> tuple[Scorer, Mapping[str, str]]:
    from pegboard_evaluation.genai import scheduled, trying

    if bool(wanted.scorer_id) == bool(wanted.builtin):
        raise InvalidValue("Name one scorer: a 'scorer_id', or a 'builtin'.")
    if wanted.builtin:
        return trying.made(wanted.builtin, wanted.guidelines), {}
    registered = store_of(call).ability(Scorers)
    if registered is None:
        raise refusals.unsupported("registered scorers", store_of(call))
    found = registered.by_id(wanted.scorer_id)
    return trying.loaded(found.name, found.serialized), {scheduled.VERSION: str(found.version)}


def _object(text: str, what: str) -> dict[str, Any]:
    try:
        found = json.loads(text or "{}")
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise InvalidValue(f"The field {what!r} is not a JSON object.")
    return found


def _plain(feedback: Feedback, marks: Mapping[str, str]) -> dict[str, Any]:
    made = feedback.to_stored("")
    return {
        "name": made.name,
        "value": made.value,
        "rationale": made.rationale or "",
        "error": "" if made.error is None else made.error.error_message,
        "source_type": made.source_type,
        "source_id": made.source_id,
        "metadata": dict(marks),
    }


_OBJECTS: Any = array({"type": "object"})
ENDPOINTS: Sequence[Any] = [
    typed(
        "GET", "/api/pegboard/1.0/evaluations/scorers", scorers, Permission.READ,
        "Scorers that answers can be scored with: registered ones, and those of pegboard.",
        ListRequest, record(scorers=_OBJECTS), tags=("Evaluations",),
    ),
    typed(
        "POST", "/api/pegboard/1.0/evaluations/score", score, Permission.INVOKE,
        "Score one answer; a judge's questions are the caller's to ask, and come back answered.",
        ScoreRequest, record(feedback=_OBJECTS, question={"type": "object", "properties": {
            "key": TEXT, "messages": _OBJECTS, "fields": {"type": "object"}}}),
        tags=("Evaluations",),
    ),
]  # fmt: skip
