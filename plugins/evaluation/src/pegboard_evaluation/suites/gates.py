"""Whether a form's outcome is good enough: by the share that passes, and beside another run."""

from __future__ import annotations

from collections.abc import Mapping

from pegboard.errors import InvalidValue
from pegboard_scripting.client import Client

from pegboard_evaluation import comparing
from pegboard_evaluation.comparing import WORSE, Comparison
from pegboard_evaluation.suites import running
from pegboard_evaluation.suites.running import MODEL, PASSED, PROMPT, SCORE, Outcomes


def too_few(found: Outcomes, least: float | None) -> list[str]:
    """Return the columns of which too few rows passed; ``least`` is a share, None: all have to."""
    wanted = 1.0 if least is None else least
    return [each.label for each in found.columns if not each.share >= wanted]


def compared(client: Client, earlier: str, found: Outcomes) -> dict[str, Comparison]:
    """Return how each column changed since another run of a form, or of ``genai.evaluate``.

    Columns are paired by prompt and model; where the other run has one only, all are compared with
    that.
    """
    before = _columns(client, earlier)
    compared = {}
    for column in found.columns:
        key = (column.prompt, column.model)
        other = before.get(key) or (next(iter(before.values())) if len(before) == 1 else None)
        if other is not None:
            compared[column.label] = comparing.compare(other, column.run_id, client=client)
    if not compared:
        labels = ", ".join(f"{prompt} × {model}" for prompt, model in before)
        raise InvalidValue(
            f"The run {earlier!r} has none of these prompts with these models.",
            hint=f"It has: {labels}.",
        )
    return compared


def worse(found: Mapping[str, Comparison]) -> list[str]:
    """Return the columns that are surely worse: fewer rows pass, or with a lower score."""
    return [
        label
        for label, comparison in found.items()
        if any(
            each.verdict == WORSE
            for name, each in comparison.metrics.items()
            if name in (PASSED, SCORE)
        )
    ]


def _columns(client: Client, name: str) -> dict[tuple[str, str], str]:
    """Return the runs that another run's columns are; the run itself if it is no form's."""
    run_id = comparing.run_id_of(client, name)
    if not running.is_form(client, run_id):
        return {("", ""): run_id}
    return {
        (tags.get(PROMPT, ""), tags.get(MODEL, "")): child
        for child, tags in running.children(client, run_id)
    }
