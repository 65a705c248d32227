"""MLflow's sentences for errors, made from the facts that the errors carry.

MLflow's clients, and scripts and log searches written for them, look for parts of these sentences:
so a server that speaks MLflow's protocol says them first, and only then what helps a person. They
are used on the wire alone; errors of the Python interface keep their own words.

A table has a sentence for each fault, with its facts in braces: ``{run_id}`` as it is,
``{value!j}`` as JSON, ``{name!r}`` as Python writes it. SHARED has those for faults that several
kinds of entities share; a plugin adds its own.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from string import Formatter
from types import MappingProxyType
from typing import Any, TypeAlias

from attrs import evolve
from pegboard.errors import FilterError, PegboardError

from pegboard_wire.http import Endpoint

Sentences: TypeAlias = Mapping[str, str]

LONGEST_FACT = 300
"""Facts are cut to this many characters, so that no request is sent back in full."""

ALONE = frozenset({"unsafe_path"})
"""Faults that are answered with MLflow's sentence alone: clients compare it whole, and who tries
such a path needs no advice."""

_NAMED = {
    "metric": ("{at}name", "Metric name"),
    "param": ("{at}key", "Param key"),
    "tag": ("{at}key", "{at}key"),
    "experiment_tag": ("{at}key", "{at}key"),
}
"""What MLflow calls the name of a metric, param or tag: as a field, and as something with a limit.
``at`` is the item of a batch: ``metrics[0].``, or nothing."""

SHARED: Sentences = MappingProxyType(
    {
        **{
            f"bad_{kind}_name": f"Invalid value {{name!j}} for parameter '{field}' supplied: "
            "Names may only contain alphanumerics, underscores (_), dashes (-), periods (.), "
            "spaces ( ), colon(:) and slashes (/)."
            for kind, (field, _) in _NAMED.items()
        },
        **{
            f"twisted_{kind}_name": f"Invalid value {{name!j}} for parameter '{field}' supplied: "
            "Names may be treated as files in certain cases, and must not resolve to other names "
            "when treated as such."
            for kind, (field, _) in _NAMED.items()
        },
        **{
            f"long_{kind}_name": f"'{label}' exceeds the maximum length of {{limit}} characters."
            for kind, (_, label) in _NAMED.items()
        },
        "bad_direction": "Invalid ordering key in order_by clause {text!r}.",
        "bad_filter": "Invalid clause(s) in filter string: {text!r}.",
        "bad_order": "Invalid order_by clause {text!r}. Could not be parsed.",
        "bad_page_token": "Invalid page token.",
        "long_text": "'{field}' exceeds the maximum length of {limit} characters.",
        "missing_field": "Missing value for required parameter '{field}'.",
        "no_attribute": "Invalid attribute key {name!r} specified.",
        "no_entity_type": "Invalid entity type {name!r}.",
        "no_operator": "Invalid comparator {found!r}.",
        "not_a_number": "Expected numeric value type for {kind}. Found {found}.",
        "not_quoted": "Parameter value is either not quoted or unidentified quote types used for "
        "string value {found}. Use either single or double quotes.",
        "page_size": "Invalid value {value!j} for parameter 'max_results' supplied.",
        "page_size_not_positive": "Invalid value {wanted} for parameter 'max_results' supplied. "
        "It must be a positive integer.",
        "unsafe_path": "Invalid path",
        "wrong_field": "Invalid value {value!j} for parameter '{field}' supplied.",
    }
)

_OUT_OF_BOUNDS = "max_results must be between 1 and {limit}."


BOUNDED_PAGE: Sentences = {
    "page_size": _OUT_OF_BOUNDS,
    "page_size_not_positive": _OUT_OF_BOUNDS,
}
"""For endpoints that name both bounds of a page's size."""


def sentence(error: PegboardError, sentences: Sentences = SHARED) -> str:
    """Return what MLflow's server says in place of an error; empty if nothing is known."""
    template = sentences.get(error.fault, "")
    try:
        return _FORMATTER.vformat(template, (), error.facts)
    except KeyError:
        # The error came over the wire, where not all facts go.
        return ""


def spoken(error: PegboardError, sentences: Sentences = SHARED) -> str:
    """Return MLflow's sentence, and then what the error says itself."""
    said = sentence(error, sentences)
    if not said:
        return str(error)
    if error.fault in ALONE:
        return said
    return f"{said}{'' if said.endswith('.') else '.'} {error}"


def told(endpoints: Iterable[Endpoint], sentences: Sentences) -> list[Endpoint]:
    """Return endpoints that say MLflow's sentences, each with its own before the given ones."""
    known = {**SHARED, **sentences}
    return [evolve(each, sentences={**known, **each.sentences}) for each in endpoints]


def own_words(error: PegboardError) -> dict[str, Any]:
    """Return what our own clients receive of an error, beside the message for MLflow's.

    That is ``message``, ``hint``, ``fault`` and ``facts``: of these, texts that are not too long,
    and numbers. Empty if the message says it all.
    """
    if error.fault in ALONE or not (error.fault or error.hint):
        return {}
    facts = {
        name: _short(value)
        for name, value in error.facts.items()
        if value is None or isinstance(value, str | int | float)
    }
    message = error.reason if isinstance(error, FilterError) else error.message
    return {"message": message, "hint": error.hint, "fault": error.fault, "facts": facts}


def _short(value: Any) -> Any:
    if isinstance(value, str) and len(value) > LONGEST_FACT:
        return f"{value[:LONGEST_FACT]}…"
    return value


def _json(value: Any) -> str:
    made = ""
    encoder = json.JSONEncoder(sort_keys=True, separators=(",", ":"), default=repr)
    # Piece by piece, as a long one is not made in full.
    for piece in encoder.iterencode(value):
        made += piece
        if len(made) > LONGEST_FACT:
            break
    return str(_short(made))


class _Formatter(Formatter):
    def convert_field(self, value: Any, conversion: Any) -> Any:
        if conversion == "j":
            return _json(value)
        return super().convert_field(_short(value), conversion or "s")


_FORMATTER = _Formatter()
