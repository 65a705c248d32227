"""The filters of aggregated figures: each is one comparison for equality."""

from __future__ import annotations

import re

from pegboard.entities.traces import SOURCE_RUN, TRACE_NAME, MetricViewType
from pegboard.errors import InvalidValue
from pegboard_stores.sql.pieces import Sql

MAX_FILTER = 10_000
"""How long a filter may be, in characters."""

_FORM = re.compile(
    r"""\s*`?(trace|span|assessment)`?\s*\.\s*(\w+)"""
    r"""(?:\.(?:`([^`]+)`|"([^"]+)"|'([^']+)'|([^\s='"`]+)))?"""
    r"""\s*=\s*(?:'([^']*)'|"([^"]*)")\s*"""
)
_SPAN = {"name": "n.text = ?", "status": "s.status = ?", "type": "s.type = ?"}
_ASSESSMENT = {"name": "n.text = ?", "type": "a.kind = ?"}
_TEXTS = {"tag": "trace_tag", "metadata": "trace_metadata"}
_OWN = {
    "span": (MetricViewType.SPANS, _SPAN),
    "assessment": (MetricViewType.ASSESSMENTS, _ASSESSMENT),
}


def condition(text: str, view: MetricViewType) -> Sql:
    """Return the condition that a filter such as ``trace.tag.team = 'blue'`` stands for."""
    found = _FORM.fullmatch(text) if len(text) <= MAX_FILTER else None
    if found is None:
        raise InvalidValue(
            f"{text[:60]!r} is no filter for metrics of traces.",
            hint="Give comparisons like trace.status = 'OK' or trace.tag.team = 'blue', "
            "each on its own.",
        )
    about, what, *keys, single, double = found.groups()
    key = next((each for each in keys if each is not None), None)
    value = single if single is not None else double
    if about == "trace":
        return _of_trace(what, key, value)
    only, known = _OWN[about]
    if view is not only:
        raise InvalidValue(f"Only metrics of {only} can be filtered by {about!r}.")
    if what not in known or key is not None:
        raise _unknown(about, what, key, list(known))
    return Sql(known[what], (value,))


def _of_trace(what: str, key: str | None, value: str) -> Sql:
    if what == "status" and key is None:
        return Sql("t.state = ?", (value,))
    if what not in _TEXTS or key is None:
        raise _unknown("trace", what, key, ["status", "tag.KEY", "metadata.KEY"])
    if what == "tag" and key == TRACE_NAME:
        return Sql("t.name = ?", (value,))
    has = Sql(
        f"EXISTS (SELECT 1 FROM {_TEXTS[what]} w WHERE w.trace = t.id AND w.value = ?"  # noqa: S608
        " AND w.name = (SELECT id FROM name WHERE text = ?))",
        (value, key),
    )
    if what == "metadata" and key == SOURCE_RUN:
        linked = (
            "EXISTS (SELECT 1 FROM trace_of_run l JOIN run r ON r.id = l.run"
            " WHERE l.trace = t.id AND r.run_id = ?)"
        )
        return Sql(f"({has.text} OR {linked})", (*has.values, value))
    return has


def _unknown(about: str, what: str, key: str | None, known: list[str]) -> InvalidValue:
    given = what if key is None else f"{what}.{key}"
    return InvalidValue(
        f"Metrics of traces cannot be filtered by '{about}.{given[:60]}'.",
        hint=f"Possible are {', '.join(f'{about}.{each}' for each in known)}.",
    )
