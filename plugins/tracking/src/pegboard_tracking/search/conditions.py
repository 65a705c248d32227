"""Comparisons of filters as SQL, in two forms.

A *probe* is asked of one run, whose row is ``r``; a *select* finds all runs of the experiments that
match, from an index alone. Both agree with ``pegboard_stores.filters.matches``.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum, auto

from attrs import frozen
from pegboard_stores.filters import (
    And,
    Comparison,
    Expr,
    Field,
    Kind,
    Not,
    Operator,
    Or,
    patterns,
)
from pegboard_stores.filters.schema import CONTEXT_TAG, RUN_NAME_TAG
from pegboard_stores.sql.comparing import compare
from pegboard_stores.sql.pieces import ALWAYS, NEVER, Sql, any_of, joined
from pegboard_stores.sql.texts import HEAD, split

from pegboard_tracking.search.scope import Scope

COLUMNS = {
    "run_id": ("run_id", "run_by_id"),
    "run_name": ("name", "run_by_name"),
    "user_id": ("user", "run_by_user"),
    "status": ("status", "run_by_status"),
    "start_time": ("start_time", "run_by_start"),
    "end_time": ("end_time", "run_by_end"),
    "artifact_uri": ("artifact_uri", "run_by_artifacts"),
}
"""The column of each attribute of a run, and the index that is ordered by it."""

COMPUTED = {
    "duration": "r.end_time - r.start_time",
    # As ``pegboard_stores.run_table.datasets_text`` has it.
    "datasets": "(SELECT group_concat(text, ', ') FROM (SELECT d.name || '@' || d.digest"  # noqa: S608
    " || iif(t.value IS NULL, '', ' (' || t.value || ')') AS text FROM input i"
    " CROSS JOIN dataset d ON d.id = i.dataset LEFT JOIN input_tag t ON t.run = i.run"
    f" AND t.dataset = i.dataset AND t.key = '{CONTEXT_TAG}' WHERE i.run = r.id ORDER BY 1))",
}
"""The expressions of attributes that only tables have."""

TABLES = {Kind.METRIC: "series", Kind.PARAM: "param", Kind.TAG: "tag"}

_RANGES = frozenset({"=", "<", "<=", ">", ">=", "IN"})
_LAST = chr(0x10FFFF)


class State(Enum):
    """What the runs of a tie have in the field they are ordered by."""

    VALUE = auto()
    NAN = auto()
    MISSING = auto()


@frozen
class Tie:
    """The condition that a field, in the sense of an order, has a value, is NaN or is missing."""

    field: Field
    state: State
    value: float | str | None = None


Condition = Expr | Tie


def attribute(key: str) -> str:
    """Return the expression of an attribute of the run ``r``."""
    return COMPUTED.get(key) or f"r.{COLUMNS[key][0]}"


# -- probes ----------------------------------------------------------------------------------------


def probe(scope: Scope, condition: Condition) -> Sql:
    """Return the condition on the run ``r``, true or false, never NULL."""
    if isinstance(condition, Tie):
        return _probe_tie(scope, condition)
    if isinstance(condition, Not):
        inner = probe(scope, condition.item)
        return Sql(f"NOT ({inner.text})", inner.values)
    if isinstance(condition, (And, Or)):
        word = " AND " if isinstance(condition, And) else " OR "
        inner = joined(word, (probe(scope, item) for item in condition.items))
        return Sql(f"({inner.text})", inner.values)
    field, operator = condition.field, condition.operator
    if field.kind is Kind.ATTRIBUTE and field.key == "run_name":
        field = Field(Kind.TAG, RUN_NAME_TAG)
    if field.kind is Kind.ATTRIBUTE:
        return _probe_attribute(attribute(field.key), operator, condition.value)
    if operator in (Operator.IS_NULL, Operator.IS_NOT_NULL):
        inner = _exists(scope, field, ALWAYS)
        return inner if operator is Operator.IS_NOT_NULL else Sql(f"NOT {inner.text}", inner.values)
    if field.kind is Kind.DATASET:
        column = "t.value" if field.key == "context" else f"d.{field.key}"
        return _exists(scope, field, compare(column, operator, condition.value))
    return _exists(scope, field, _data(field, operator, condition.value))


def _probe_attribute(column: str, operator: Operator, value: object) -> Sql:
    if operator in (Operator.IS_NULL, Operator.IS_NOT_NULL):
        return Sql(f"{column} {operator}")
    inner = compare(column, operator, value)
    return Sql(f"coalesce({inner.text}, 0)", inner.values)


def _probe_tie(scope: Scope, tie: Tie) -> Sql:
    if tie.field.kind is Kind.ATTRIBUTE:
        return Sql(f"{attribute(tie.field.key)} IS ?", (tie.value,))
    if tie.state is State.VALUE:
        return _exists(scope, tie.field, Sql("v.value = ?", (tie.value,)))
    if tie.state is State.NAN:
        return _exists(scope, tie.field, Sql("v.value IS NULL"))
    inner = _exists(scope, tie.field, ALWAYS)
    return Sql(f"NOT {inner.text}", inner.values)


def _exists(scope: Scope, field: Field, condition: Sql) -> Sql:
    if field.kind is Kind.DATASET:
        if field.key == "context":
            return Sql(
                "EXISTS (SELECT 1 FROM input_tag t WHERE t.run = r.id AND t.key = ?"  # noqa: S608
                f" AND {condition.text})",
                (CONTEXT_TAG, *condition.values),
            )
        return Sql(
            "EXISTS (SELECT 1 FROM input i CROSS JOIN dataset d ON d.id = i.dataset"  # noqa: S608
            f" WHERE i.run = r.id AND {condition.text})",
            condition.values,
        )
    name = scope.name(field.key)
    if name is None:
        return NEVER
    return Sql(
        f"EXISTS (SELECT 1 FROM {TABLES[field.kind]} v WHERE v.run = r.id"  # noqa: S608
        f" AND v.name = ? AND {condition.text})",
        (name, *condition.values),
    )


def _data(field: Field, operator: Operator, value: object) -> Sql:
    """Return the comparison of a metric, param or tag whose row is ``v``."""
    if field.kind is Kind.METRIC:
        return _metric(operator, value)
    if not isinstance(value, (str, tuple)):
        return compare("v.number", operator, value)
    if operator is Operator.EQ:
        return Sql("v.value = ? AND v.rest IS ?", split(str(value)))
    if operator is Operator.NE:
        return Sql("NOT (v.value = ? AND v.rest IS ?)", split(str(value)))
    return compare("iif(v.rest IS NULL, v.value, v.value || v.rest)", operator, value)


def _metric(operator: Operator, value: object) -> Sql:
    if operator is Operator.NE:
        return Sql("v.value IS NOT ?", (value,))  # NaN, which is NULL, differs from all
    return compare("v.value", operator, value)


# -- selects ---------------------------------------------------------------------------------------


def is_positive(comparison: Comparison) -> bool:
    """Whether the runs that match can be found by what they have, not by what they lack."""
    return comparison.operator is not Operator.IS_NULL


def is_indexed(comparison: Comparison) -> bool:
    """Whether an index leads to just the runs that match."""
    if comparison.operator is Operator.LIKE:
        return bool(_prefix(str(comparison.value)))
    return comparison.operator in _RANGES


def is_range(condition: Condition, field: Field) -> bool:
    """Whether a condition leaves a range of the numbers that a field is ordered by."""
    return (
        isinstance(condition, Comparison)
        and condition.field == field
        and condition.operator in _RANGES
        and field.kind in (Kind.METRIC, Kind.ATTRIBUTE)
        and isinstance(condition.value, (int, float))
    )


def compare_range(column: str, condition: Condition) -> Sql:
    """Return a condition for which ``is_range`` holds, on the column that is ordered by."""
    assert isinstance(condition, Comparison)
    return compare(column, condition.operator, condition.value)


def select(scope: Scope, comparisons: Sequence[Comparison]) -> Sql:
    """Return the SELECT of the ``id`` of all runs of the experiments that match.

    Several comparisons are of one field, of which a run has at most one value, and all positive.
    Runs of every lifecycle stage may be among them.
    """
    field = comparisons[0].field
    if field.kind is Kind.ATTRIBUTE and field.key == "run_name":
        field = Field(Kind.TAG, RUN_NAME_TAG)
    if field.kind is Kind.ATTRIBUTE:
        return _select_attribute(scope, field.key, comparisons)
    if field.kind is Kind.DATASET:
        return _select_dataset(scope, comparisons[0])
    conditions = [_covered(field, each.operator, each.value) for each in comparisons]
    return select_data(scope, field, joined(" AND ", conditions))


def select_tie(scope: Scope, tie: Tie) -> Sql:
    """Return the SELECT of the ``id`` of all runs of a tie in which something is not missing."""
    if tie.field.kind is Kind.ATTRIBUTE:
        condition = Sql(f"{attribute(tie.field.key)} IS ?", (tie.value,))
        return _select_run(scope, _index(tie.field.key), condition)
    return select_data(scope, tie.field, Sql("v.value IS ?", (tie.value,)))


def select_all(scope: Scope, stages: Sequence[str] | None = None) -> Sql:
    """Return the SELECT of the ``id`` of all runs, or those of other lifecycle stages."""
    return _select_run(scope, "run_by_start", ALWAYS, stages)


def select_data(scope: Scope, field: Field, condition: Sql) -> Sql:
    """Return the SELECT of the ``id`` of runs with a metric, param or tag for which it holds."""
    name = scope.name(field.key)
    if name is None:
        return Sql("SELECT 0 AS id WHERE 0")
    table = TABLES[field.kind]
    index = "series_by_value" if field.kind is Kind.METRIC else f"{table}_by_value"
    if "v.number" in condition.text:
        index = "param_by_number"
    inside = scope.in_experiments("v.experiment")
    return Sql(
        f"SELECT v.run AS id FROM {table} v {scope.indexed(table, index)}"  # noqa: S608
        f" WHERE {inside.text} AND v.name = ? AND {condition.text}",
        (*inside.values, name, *condition.values),
    )


def _select_run(
    scope: Scope, index: str, condition: Sql, stages: Sequence[str] | None = None
) -> Sql:
    inside = scope.in_experiments("r.experiment")
    shown = any_of("r.lifecycle", scope.stages if stages is None else stages)
    return Sql(
        f"SELECT r.id AS id FROM run r INDEXED BY {index}"  # noqa: S608
        f" WHERE {inside.text} AND {shown.text} AND {condition.text}",
        (*inside.values, *shown.values, *condition.values),
    )


def _index(key: str) -> str:
    return "run_by_start" if key in COMPUTED else COLUMNS[key][1]


def _select_attribute(scope: Scope, key: str, comparisons: Sequence[Comparison]) -> Sql:
    value = attribute(key)
    conditions = [
        Sql(f"{value} {each.operator}")
        if each.operator is Operator.IS_NOT_NULL
        else _with_prefix(value, each.operator, each.value, None)
        for each in comparisons
    ]
    return _select_run(scope, _index(key), joined(" AND ", conditions))


def _select_dataset(scope: Scope, comparison: Comparison) -> Sql:
    key, operator = comparison.field.key, comparison.operator
    if key == "context":
        condition = ALWAYS
        if operator is not Operator.IS_NOT_NULL:
            condition = compare("t.value", operator, comparison.value)
        inside = scope.in_experiments("r.experiment")
        return Sql(
            "SELECT t.run AS id FROM input_tag t INDEXED BY input_tag_by_value"  # noqa: S608
            " CROSS JOIN run r ON r.id = t.run"
            f" WHERE t.key = ? AND {condition.text} AND {inside.text}",
            (CONTEXT_TAG, *condition.values, *inside.values),
        )
    condition = ALWAYS
    if operator is not Operator.IS_NOT_NULL:
        condition = compare(f"d.{key}", operator, comparison.value)
    inside = scope.in_experiments("d.experiment")
    return Sql(
        "SELECT i.run AS id FROM dataset d CROSS JOIN input i ON i.dataset = d.id"  # noqa: S608
        f" WHERE {inside.text} AND {condition.text}",
        (*inside.values, *condition.values),
    )


def _covered(field: Field, operator: Operator, value: object) -> Sql:
    """Return the comparison of ``v`` in a form that its index can answer alone."""
    if operator is Operator.IS_NOT_NULL:
        return ALWAYS
    if field.kind is Kind.METRIC:
        return _metric(operator, value)
    if not isinstance(value, (str, tuple)):
        inner = compare("v.number", operator, value)
        return Sql(f"v.number IS NOT NULL AND {inner.text}", inner.values)
    if operator in (Operator.EQ, Operator.NE) and len(str(value)) < HEAD:
        return Sql(f"v.value {operator} ?", (value,))
    if operator is Operator.EQ:
        return Sql("v.value = ? AND v.rest IS ?", split(str(value)))
    if isinstance(value, tuple) and all(len(item) < HEAD for item in value):
        return compare("v.value", operator, value)
    table = TABLES[field.kind]
    whole = (
        f"iif(length(v.value) < {HEAD}, v.value, (SELECT w.value || coalesce(w.rest, '')"  # noqa: S608
        f" FROM {table} w WHERE w.run = v.run AND w.name = v.name))"
    )
    return _with_prefix("v.value", operator, value, whole)


def _with_prefix(column: str, operator: Operator, value: object, whole: str | None) -> Sql:
    """Return a comparison of a text whose index is by ``column``, perhaps its head only."""
    condition = compare(whole or column, operator, value)
    prefix = _prefix(str(value))[:HEAD] if operator is Operator.LIKE else ""
    if not prefix:
        return condition
    return Sql(
        f"{column} >= ? AND {column} < ? AND {condition.text}",
        (prefix, prefix + _LAST, *condition.values),
    )


def _prefix(pattern: str) -> str:
    """Return what every text begins with that a LIKE pattern fits."""
    first = next(iter(patterns.parts(pattern)), "")
    return first if isinstance(first, str) else ""
