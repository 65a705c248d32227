"""The filters of aggregated figures as SQL."""

from __future__ import annotations

from pegboard.entities.traces import SOURCE_RUN, TRACE_NAME
from pegboard_stores.sql.pieces import Sql
from pegboard_stores.trace_figures import MetricViewType
from pegboard_stores.traces.figure_filters import FigureFilter, parse

_COLUMNS = {
    ("trace", "status"): "t.state = ?",
    ("span", "name"): "n.text = ?",
    ("span", "status"): "s.status = ?",
    ("span", "type"): "s.type = ?",
    ("assessment", "name"): "n.text = ?",
    ("assessment", "type"): "a.kind = ?",
}
_TEXTS = {"tag": "trace_tag", "metadata": "trace_metadata"}


def condition(text: str, view: MetricViewType) -> Sql:
    """Return the condition that a filter such as ``trace.tag.team = 'blue'`` stands for."""
    wanted = parse(text, view)
    if wanted.key is None:
        return Sql(_COLUMNS[wanted.about, wanted.what], (wanted.value,))
    return _of_text(wanted)


def _of_text(wanted: FigureFilter) -> Sql:
    if wanted.what == "tag" and wanted.key == TRACE_NAME:
        return Sql("t.name = ?", (wanted.value,))
    has = Sql(
        f"EXISTS (SELECT 1 FROM {_TEXTS[wanted.what]} w WHERE w.trace = t.id AND w.value = ?"  # noqa: S608
        " AND w.name = (SELECT id FROM name WHERE text = ?))",
        (wanted.value, wanted.key),
    )
    if wanted.what == "metadata" and wanted.key == SOURCE_RUN:
        linked = (
            "EXISTS (SELECT 1 FROM trace_of_run l JOIN run r ON r.id = l.run"
            " WHERE l.trace = t.id AND r.run_id = ?)"
        )
        return Sql(f"({has.text} OR {linked})", (*has.values, wanted.value))
    return has
