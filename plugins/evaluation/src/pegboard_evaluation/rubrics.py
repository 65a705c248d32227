"""What the judges of ``pegboard.metrics.genai`` are told: what deserves which score."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import frozen


@frozen(kw_only=True)
class Rubric:
    """One kind of score, from 1 to 5."""

    about: str
    """For people, in a sentence."""
    definition: str
    grading_prompt: str
    context: tuple[str, ...] = ()
    """The columns that the judge is shown beside the output."""
    include_input: bool = True


def _scores(*told: str) -> str:
    return "\n".join(f"{score}: {text}" for score, text in enumerate(told, 1))


RUBRICS: Mapping[str, Rubric] = {
    "answer_similarity": Rubric(
        about="how much outputs mean the same as their targets",
        definition=(
            "How far <output> and <targets>, which is right, mean the same. Wording does not "
            "matter."
        ),
        grading_prompt=_scores(
            "they have nothing of weight in common.",
            "they agree here and there.",
            "they agree in about half of what they say.",
            "they agree in nearly everything; what differs is minor.",
            "a reader learns the same from both.",
        ),
        context=("targets",),
        include_input=False,
    ),
    "answer_correctness": Rubric(
        about="how right outputs are, by their targets",
        definition=(
            "How right <output> is as an answer to <input>, where <targets> is the truth: that its "
            "facts are there, and that nothing contradicts them."
        ),
        grading_prompt=_scores(
            "wrong: it contradicts <targets>, or has none of it.",
            "mostly wrong: something is right, but a main fact is missing or false.",
            "half right: some facts are there, others are missing or inexact.",
            "right but for a detail that is missing or inexact.",
            "right: all facts of <targets> are there, and none is contradicted.",
        ),
        context=("targets",),
    ),
    "faithfulness": Rubric(
        about="how far the context supports what outputs say",
        definition=(
            "How much of what <output> claims follows from <context>. Whether it is true, answers "
            "the question, or leaves out parts of the context does not matter."
        ),
        grading_prompt=_scores(
            "no claim follows from <context>.",
            "a few claims follow; most are not in it, or contradict it.",
            "at least half of the claims follow.",
            "nearly all claims follow; what does not is minor.",
            "every claim follows, and none contradicts it.",
        ),
        context=("context",),
        include_input=False,
    ),
    "answer_relevance": Rubric(
        about="how much to the point outputs are",
        definition=(
            "How far <output> deals with what <input> asks, wholly and without straying. Whether "
            "it is true does not matter."
        ),
        grading_prompt=_scores(
            "it is about something else.",
            "it touches on the question, but hardly answers it.",
            "it answers a part, or strays a good deal.",
            "it answers all but a detail, or strays a little.",
            "it answers all that was asked, and nothing else.",
        ),
    ),
    "relevance": Rubric(
        about="how well outputs answer, with what the context offers",
        definition=(
            "How well <output> answers <input> by means of <context>: that it picks from it what "
            "the question is about, and brings the main points."
        ),
        grading_prompt=_scores(
            "it does not answer the question, and uses nothing of <context> that fits.",
            "it is near the question, but has little of what <context> offers on it.",
            "it answers in part; main points of <context> are missing, or much is beside it.",
            "it answers well; a minor point is missing or beside the question.",
            "it answers wholly, with all main points of <context> and nothing beside them.",
        ),
        context=("context",),
    ),
}
