"""Searching traces: filters and orders to SQL, with all values bound.

A condition on a value that few traces have is answered from the index of values first; others are
asked of each trace, in the order wanted, until a page is full.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence

from attrs import frozen
from pegboard.entities import ViewType
from pegboard.entities.traces import SOURCE_RUN, TRACE_NAME
from pegboard.errors import InvalidValue
from pegboard_stores.filters import And, Comparison, Expr, Field, Kind, Not, Operator, Or, OrderBy
from pegboard_stores.paged import Key, page
from pegboard_stores.sql.comparing import compare
from pegboard_stores.sql.patterns import patterns
from pegboard_stores.sql.pieces import ALWAYS, NEVER, Sql, among, joined

from pegboard_tracking.search.scope import Scope
from pegboard_tracking.traces import content
from pegboard_tracking.traces.candidates import Candidates, demands

FEW = 2000
"""How many traces a condition may fit to be answered from its index."""

FEW_TEXTS = 500
"""How many traces may have the words to be read whatever the order is."""

_COLUMNS = {
    "trace_id": "m.trace_id",
    "client_request_id": "m.client_request_id",
    "name": "m.name",
    "status": "m.state",
    "timestamp": "m.request_time",
    "execution_time": "m.duration",
    "end_time": "(m.request_time + coalesce(m.duration, 0))",
    "experiment_id": "CAST(m.experiment AS TEXT)",
}
_NUMBERS = frozenset({"timestamp", "execution_time", "end_time"})
_NULLABLE = frozenset({"client_request_id", "name", "execution_time"})
_TABLES = {Kind.TAG: "trace_tag", Kind.METADATA: "trace_metadata"}
_SPAN_COLUMNS = ("type", "status")
_TIME, _ID = Field(Kind.ATTRIBUTE, "timestamp"), Field(Kind.ATTRIBUTE, "trace_id")
_NULL = (Operator.IS_NULL, Operator.IS_NOT_NULL)


def find(
    connection: sqlite3.Connection,
    experiments: Sequence[int],
    expr: Expr | None,
    order_by: Sequence[OrderBy],
    limit: int,
    page_token: str | None,
) -> tuple[list[int], str | None]:
    """Return the rows of up to ``limit`` traces in order, and the token of the next page."""
    scope = Scope.of(connection, experiments, ViewType.ALL)
    if not scope.experiments:
        return [], None
    search = _Search.of(scope)
    inside = Sql("m.experiment = ?", (scope.experiments[0],))
    if len(scope.experiments) > 1:
        every = json.dumps(list(scope.experiments))
        inside = Sql("m.experiment IN (SELECT value FROM json_each(?))", (every,))
    with patterns():
        parts = [inside] if expr is None else [inside, search.condition(expr, outermost=True)]
        wanted = joined(" AND ", parts)
        query = (scope.experiments, expr, tuple(order_by))
        keys = search.keys(order_by)
        return page(connection, "trace", wanted, keys, query, limit, page_token)


def condition(scope: Scope, expr: Expr) -> Sql:
    """Return the condition, true or false, that a trace ``m`` within a scope fits a filter."""
    return _Search.of(scope).condition(expr, outermost=True)


@frozen
class _Search:
    scope: Scope

    @classmethod
    def of(cls, scope: Scope) -> _Search:
        """Return a search, for which the connection gets its functions."""
        for name, count, function in (
            ("pegboard_content", 1, content.text),
            ("pegboard_attribute", 2, content.attribute_text),
        ):
            scope.connection.create_function(name, count, function, deterministic=True)
        scope.connection.create_function(
            "pegboard_may_have",
            3,
            lambda number, span, trace: scope.candidates[number].may_have(span, trace),
        )
        return cls(scope)

    # -- orders --------------------------------------------------------------------------------

    def keys(self, order_by: Sequence[OrderBy]) -> list[Key]:
        """Return what is sorted by: in the end the last first, then the id."""
        keys = {order.field: self._key(order) for order in order_by}
        keys.setdefault(_TIME, Key(Sql("m.request_time"), float, ascending=False))
        # What comes last tells each from each.
        last = keys.pop(_ID, Key(Sql("m.trace_id"), str))
        return [*keys.values(), last]

    def _key(self, order: OrderBy) -> Key:
        kind, name = order.field.kind, order.field.key
        if kind is Kind.ATTRIBUTE and name == "run_id":
            kind, name = Kind.METADATA, SOURCE_RUN
        if kind is Kind.ATTRIBUTE and name in _COLUMNS:
            value = float if name in _NUMBERS else str
            return Key(Sql(_COLUMNS[name]), value, name in _NULLABLE, order.ascending)
        if kind not in _TABLES:
            raise InvalidValue(f"Traces cannot be ordered by {name!r}.")
        number = self.scope.name(name)
        if number is None:
            return Key(Sql("CAST(NULL AS TEXT)"), str, True, order.ascending)
        text = f"(SELECT v.value FROM {_TABLES[kind]} v WHERE v.trace = m.id AND v.name = ?)"  # noqa: S608
        return Key(Sql(text, (number,)), str, True, order.ascending)

    # -- filters -------------------------------------------------------------------------------

    def condition(self, expr: Expr, *, outermost: bool = False) -> Sql:
        """Return a condition that is true or false, never NULL.

        Where it is one of those that must all hold, the index may be asked what fits.
        """
        if isinstance(expr, Not):
            inner = self.condition(expr.item)
            return Sql(f"NOT ({inner.text})", inner.values)
        if isinstance(expr, Or):
            inner = joined(" OR ", [self.condition(item) for item in expr.items])
            return Sql(f"({inner.text})", inner.values)
        items = expr.items if isinstance(expr, And) else (expr,)
        spans = [item for item in items if _is_of_span(item)]
        rest = [item for item in items if not _is_of_span(item)]
        parts = [
            self._comparison(item, outermost)
            if isinstance(item, Comparison)
            else self.condition(item)
            for item in rest
        ]
        if spans:
            parts.append(self._span(spans, outermost))  # type: ignore[arg-type]
        inner = joined(" AND ", parts)
        return Sql(f"({inner.text})", inner.values)

    def _comparison(self, item: Comparison, outermost: bool) -> Sql:
        field = item.field
        if field.kind is Kind.ATTRIBUTE and field.key == "run_id":
            return self._run(item)
        if field.kind is Kind.ATTRIBUTE and field.key == "prompt":
            return self._prompt(item)
        if field.kind is Kind.TAG and field.key == TRACE_NAME:
            field = Field(Kind.ATTRIBUTE, "name")
        if field.kind is Kind.ATTRIBUTE:
            column = _COLUMNS[field.key]
            if item.operator in _NULL:
                return Sql(f"{column} {item.operator}")
            inner = compare(column, item.operator, item.value)
            if field.key not in _NULLABLE:
                return inner
            return Sql(f"coalesce({inner.text}, 0)", inner.values)
        number = self.scope.name(field.key)
        lacks = item.operator is Operator.IS_NULL
        if number is None:
            return ALWAYS if lacks else NEVER
        table, key = "assessment", Sql("v.name = ?", (number,))
        value = _value("v.value", item)
        if field.kind in _TABLES:
            table = _TABLES[field.kind]
        else:
            key = Sql("v.kind = ? AND v.name = ? AND v.valid", (str(field.kind), number))
            value = _assessed(item)
        wanted = joined(" AND ", [key, value])
        if outermost and not lacks and self._is_rare(table, wanted):
            return _among(table, wanted)
        return _exists(table, wanted, lacks)

    def _run(self, item: Comparison) -> Sql:
        """A trace is of the run that made it, and of those it was linked to."""
        made = self._comparison(
            Comparison(Field(Kind.METADATA, SOURCE_RUN), item.operator, item.value), False
        )
        if item.operator is not Operator.EQ:
            return made
        linked = (
            "m.id IN (SELECT l.trace FROM trace_of_run l JOIN run r ON r.id = l.run"
            " WHERE r.run_id = ?)"
        )
        return Sql(f"({made.text} OR {linked})", (*made.values, item.value))

    @staticmethod
    def _prompt(item: Comparison) -> Sql:
        """A trace has any number of prompts; one that fits is enough."""
        inner = _value("n.text", item)
        has = "NOT EXISTS" if item.operator is Operator.IS_NULL else "EXISTS"
        linked = (
            f"{has} (SELECT 1 FROM prompt_of_trace p JOIN name n ON n.id = p.prompt"  # noqa: S608
            f" WHERE p.trace = m.id AND {inner.text})"
        )
        return Sql(linked, inner.values)

    def _span(self, items: Sequence[Comparison], outermost: bool) -> Sql:
        lacking = [item for item in items if item.operator is Operator.IS_NULL]
        if lacking:
            raise InvalidValue(
                "IS NULL cannot be used with spans.", hint="Use NOT before another comparison."
            )
        conditions = [self._span_condition(item) for item in items]
        quick = [each for each in conditions if not _is_slow(each)]
        slow = [each for each in conditions if _is_slow(each)]
        every = joined(" AND ", [*quick, *slow])
        if outermost and quick and self._is_rare("span", joined(" AND ", quick)):
            return _among("span", every)
        wanted = [demand for item in items for demand in demands(item)]
        if not wanted:
            return _exists("span", every)
        candidates = Candidates(self.scope.connection, wanted)
        rows = candidates.few(FEW_TEXTS)
        if rows is not None:
            return joined(" AND ", [among("m.id", rows), _exists("span", every)])
        self.scope.candidates.append(candidates)
        may = Sql("pegboard_may_have(?, v.id, v.trace)", (len(self.scope.candidates) - 1,))
        return _exists("span", joined(" AND ", [*quick, may, *slow]))

    def _span_condition(self, item: Comparison) -> Sql:
        key = item.field.key
        if item.field.kind is Kind.ATTRIBUTE or key == "content":
            return _value("pegboard_content(v.content)", item)
        if key == "name":
            if item.operator is Operator.EQ:
                number = self.scope.name(str(item.value))
                return NEVER if number is None else Sql("v.name = ?", (number,))
            inner = _value("n.text", item)
            named = f"v.name IN (SELECT n.id FROM name n WHERE {inner.text})"  # noqa: S608
            return Sql(named, inner.values)
        if key in _SPAN_COLUMNS:
            return _of_few_values(key, item)
        if key.startswith("attributes."):
            name = key.removeprefix("attributes.").strip("`")
            if item.operator is Operator.IS_NOT_NULL:
                return Sql("pegboard_attribute(v.content, ?) IS NOT NULL", (name,))
            inner = compare("pegboard_attribute(v.content, ?)", item.operator, item.value)
            return Sql(f"coalesce({inner.text}, 0)", _with_name(inner, item, name))
        raise InvalidValue(
            f"Spans have no attribute {key!r} to search by.",
            hint="Possible are name, type, status, content and attributes.KEY.",
        )

    def _is_rare(self, table: str, condition: Sql) -> bool:
        if _is_slow(condition):
            return False
        (count,) = self.scope.connection.execute(
            f"SELECT count(*) FROM (SELECT 1 FROM {table} v WHERE {condition.text} LIMIT ?)",  # noqa: S608
            (*condition.values, FEW + 1),
        ).fetchone()
        return bool(count <= FEW)


def _is_slow(condition: Sql) -> bool:
    """Whether a condition calls functions of ours."""
    return "pegboard_" in condition.text


def _among(table: str, condition: Sql) -> Sql:
    text = f"m.id IN (SELECT v.trace FROM {table} v WHERE {condition.text})"  # noqa: S608
    return Sql(text, condition.values)


def _exists(table: str, condition: Sql, lacks: bool = False) -> Sql:
    # Written so that SQLite has no index to choose but that of the trace.
    text = f"EXISTS (SELECT 1 FROM {table} v WHERE v.trace = m.id AND {condition.text})"  # noqa: S608
    return Sql(f"NOT {text}" if lacks else text, condition.values)


def _is_of_span(item: Expr) -> bool:
    return isinstance(item, Comparison) and (
        item.field.kind is Kind.SPAN or item.field == Field(Kind.ATTRIBUTE, "text")
    )


def _value(column: str, item: Comparison) -> Sql:
    if item.operator in _NULL:
        return ALWAYS
    return compare(column, item.operator, item.value)


def _of_few_values(column: str, item: Comparison) -> Sql:
    """Return the comparison of an indexed column of spans that has few different values."""
    if item.operator in (Operator.EQ, Operator.IN, Operator.IS_NOT_NULL):
        return _value(f"v.{column}", item)
    inner = _value("x", item)
    values = (
        f"WITH RECURSIVE known (x) AS (SELECT min({column}) FROM span UNION ALL"  # noqa: S608
        f" SELECT (SELECT min({column}) FROM span WHERE {column} > x) FROM known"
        f" WHERE x IS NOT NULL) SELECT x FROM known WHERE x IS NOT NULL AND {inner.text}"
    )
    return Sql(f"v.{column} IN ({values})", inner.values)


def _with_name(inner: Sql, item: Comparison, name: str) -> tuple[object, ...]:
    """Return the values with the attribute's name where the comparison has its column."""
    if item.operator in (Operator.MATCHES, Operator.MATCHES_NOT):
        return (*inner.values, name)
    return (name, *inner.values)


def _assessed(item: Comparison) -> Sql:
    """Return the comparison of an assessment, whose value is JSON."""
    if item.operator in _NULL:
        return ALWAYS
    if isinstance(item.value, (int, float)):
        return compare("v.number", item.operator, item.value)
    text = "iif(json_type(v.value) = 'text', v.value ->> '$', v.value)"
    return compare(text, item.operator, item.value)
