"""The filters of aggregated figures: each is one comparison for equality."""

from __future__ import annotations

import re

from attrs import frozen
from pegboard.errors import InvalidValue

from pegboard_stores.trace_figures import MetricViewType

MAX_FILTER = 10_000
"""How long a filter may be, in characters."""

_FORM = re.compile(
    r"""\s*`?(trace|span|assessment)`?\s*\.\s*(\w+)"""
    r"""(?:\.(?:`([^`]+)`|"([^"]+)"|'([^']+)'|([^\s='"`]+)))?"""
    r"""\s*=\s*(?:'([^']*)'|"([^"]*)")\s*"""
)
_OWN = {
    "span": (MetricViewType.SPANS, ("name", "status", "type")),
    "assessment": (MetricViewType.ASSESSMENTS, ("name", "type")),
}
_TEXTS = ("tag", "metadata")


@frozen
class FigureFilter:
    """What must be equal to a value: ``about`` is trace, span or assessment.

    ``what`` of it is compared; of a trace the ``tag`` or the ``metadata`` of a ``key``, too.
    """

    about: str
    what: str
    key: str | None
    value: str


def parse(text: str, view: MetricViewType) -> FigureFilter:
    """Return the filter that a text such as ``trace.tag.team = 'blue'`` stands for."""
    found = _FORM.fullmatch(text) if len(text) <= MAX_FILTER else None
    if found is None:
        raise InvalidValue(
            f"{text[:60]!r} is not a filter for metrics of traces.",
            hint="Give comparisons like trace.status = 'OK' or trace.tag.team = 'blue', "
            "each on its own.",
        )
    about, what, *keys, single, double = found.groups()
    key = next((each for each in keys if each is not None), None)
    if about == "trace":
        if not ((what == "status" and key is None) or (what in _TEXTS and key is not None)):
            raise _unknown("trace", what, key, ["status", "tag.KEY", "metadata.KEY"])
    else:
        only, known = _OWN[about]
        if view is not only:
            raise InvalidValue(f"Only metrics of {only} can be filtered by {about!r}.")
        if what not in known or key is not None:
            raise _unknown(about, what, key, list(known))
    return FigureFilter(about, what, key, single if single is not None else double)


def _unknown(about: str, what: str, key: str | None, known: list[str]) -> InvalidValue:
    given = what if key is None else f"{what}.{key}"
    return InvalidValue(
        f"Metrics of traces cannot be filtered by '{about}.{given[:60]}'.",
        hint=f"Possible are {', '.join(f'{about}.{each}' for each in known)}.",
    )
