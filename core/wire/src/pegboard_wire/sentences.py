"""MLflow's sentences for the endpoints of a plugin."""

from __future__ import annotations

from collections.abc import Iterable

from attrs import evolve
from pegboard.contracts.http import Endpoint
from pegboard.sentences import SHARED, Sentences

_OUT_OF_BOUNDS = "max_results must be between 1 and {limit}."


BOUNDED_PAGE: Sentences = {
    "page_size": _OUT_OF_BOUNDS,
    "page_size_not_positive": _OUT_OF_BOUNDS,
}
"""Of endpoints that tell both bounds of a page's size."""


def told(endpoints: Iterable[Endpoint], sentences: Sentences) -> list[Endpoint]:
    """Return endpoints that say MLflow's sentences, each with its own before the given ones."""
    known = {**SHARED, **sentences}
    return [evolve(each, sentences={**known, **each.sentences}) for each in endpoints]
