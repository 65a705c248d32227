"""Searching registered models and versions: filters and orders to SQL, with all values bound.

Either indexes lead to the few rows that can match, which are then sorted; or the rows are read in
the wanted order, which an index gives, until the page is full.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence

from attrs import field, frozen
from pegboard_stores.filters import (
    MODEL_VERSIONS,
    REGISTERED_MODELS,
    And,
    Comparison,
    Expr,
    Field,
    Kind,
    Not,
    Operator,
    Or,
    OrderBy,
    SearchSchema,
    parse_filter,
    parse_order_by,
)
from pegboard_stores.paged import Key, page
from pegboard_stores.sql.comparing import compare
from pegboard_stores.sql.patterns import patterns
from pegboard_stores.sql.pieces import ALWAYS, Sql, among, joined
from pegboard_stores.sql.texts import HEAD, split

from pegboard_registry import prompts

_NULLS = (Operator.IS_NULL, Operator.IS_NOT_NULL)
_RANGES = frozenset({*_NULLS, Operator.EQ, Operator.IN}) | {
    Operator.LT,
    Operator.LE,
    Operator.GT,
    Operator.GE,
}
_SCANNED = frozenset({Operator.LIKE, Operator.ILIKE})


@frozen
class Limits:
    """When rows are found in which way; tests make each way happen."""

    few: int = 2000
    """How many rows are sorted rather than read in the order of an index."""
    first: int = 1000
    """How many rows are read before several indexes are intersected."""


@frozen
class Table:
    """What is searched: a table, its columns by attribute, and the indexes that are ordered by it.

    ``descending`` are the indexes for the other direction, where one cannot serve both; ``ties``
    decide between equals.
    """

    name: str
    tags: str
    schema: SearchSchema
    columns: Mapping[str, str]
    indexes: Mapping[str, str]
    default: Sequence[OrderBy]
    ties: Sequence[OrderBy]
    descending: Mapping[str, str] = field(factory=dict)


def _by(key: str, *, ascending: bool = True) -> OrderBy:
    return OrderBy(Field(Kind.ATTRIBUTE, key), ascending)


MODELS = Table(
    name="registered_model",
    tags="registered_model_tag",
    schema=REGISTERED_MODELS,
    columns={
        "name": "name",
        "creation_timestamp": "creation_time",
        "last_updated_timestamp": "last_update_time",
    },
    indexes={
        "name": "registered_model_by_name",
        "creation_timestamp": "registered_model_by_creation",
        "last_updated_timestamp": "registered_model_by_update",
    },
    default=(_by("name"),),
    ties=(_by("name"),),
)

VERSIONS = Table(
    name="model_version",
    tags="model_version_tag",
    schema=MODEL_VERSIONS,
    columns={
        "name": "name",
        "version_number": "version",
        "run_id": "run_id",
        "model_id": "model_id",
        "source_path": "source",
        "creation_timestamp": "creation_time",
        "last_updated_timestamp": "last_update_time",
    },
    indexes={
        "name": "model_version_by_name",
        "version_number": "model_version_by_number",
        "run_id": "model_version_by_run",
        "model_id": "model_version_by_model",
        "source_path": "model_version_by_source",
        "creation_timestamp": "model_version_by_creation",
        "last_updated_timestamp": "model_version_by_update",
    },
    default=(_by("last_updated_timestamp", ascending=False),),
    ties=(_by("name"), _by("version_number", ascending=False)),
    descending={"version_number": "model_version_by_number_down"},
)


@frozen
class Query:
    """A filter and a complete order over a table."""

    table: Table
    expr: Expr
    order: Sequence[OrderBy]


def parse(table: Table, filter: str, order_by: Sequence[str]) -> Query:
    """Return what a filter and an order say; FilterError at the column of a mistake."""
    expr = prompts.apart(parse_filter(filter, table.schema))
    order = parse_order_by(order_by, table.schema) or tuple(table.default)
    named = {each.field for each in order}
    ties = tuple(tie for tie in table.ties if tie.field not in named)
    return Query(table, expr, (*order, *ties))


def find(
    connection: sqlite3.Connection,
    query: Query,
    limit: int,
    page_token: str | None,
    *,
    limits: Limits | None = None,
) -> tuple[list[int], str | None]:
    """Return the ids of up to ``limit`` rows in order, and the token of the next page.

    ``limits`` change how rows are found, not which.
    """
    with patterns():
        return _Search(connection, query, limit, page_token, limits or Limits()).page()


@frozen
class _Search:
    """One search, and the ways to go about it."""

    connection: sqlite3.Connection
    query: Query
    limit: int
    token: str | None
    limits: Limits

    def page(self) -> tuple[list[int], str | None]:
        selects = sorted(_selects(self.query.table, self.query.expr), key=lambda each: each.cost)
        for select in selects:
            ids = self._few(select.sql)
            if ids is not None:
                return self._sorted(ids)
        if len(selects) > 1:
            if self.token is None:
                rows, token = self._ordered(self.limits.first)
                if token is not None:
                    return rows, token
            common = self._common(selects)
            if len(common) <= self.limits.few:
                return self._sorted(common)
        return self._ordered()

    def _few(self, select: Sql) -> list[int] | None:
        """Return what a SELECT finds, None if that is not just a few."""
        found = self.connection.execute(
            f"SELECT id FROM ({select.text}) LIMIT ?",  # noqa: S608
            (*select.values, self.limits.few + 1),
        ).fetchall()
        return None if len(found) > self.limits.few else [row for (row,) in found]

    def _common(self, selects: Sequence[_Select]) -> list[int]:
        """Return what all SELECTs find."""
        common: set[int] | None = None
        for select in selects:
            # As one JSON text they come in a third of the time that rows take.
            text = f"SELECT json_group_array(id) FROM ({select.sql.text})"  # noqa: S608
            ((ids,),) = self.connection.execute(text, select.sql.values).fetchall()
            found = set(json.loads(ids))
            common = found if common is None else common & found
            if len(common) <= self.limits.few:
                break
        return list(common or ())

    def _sorted(self, ids: Sequence[int]) -> tuple[list[int], str | None]:
        """Return the page of these rows, of those that match."""
        # The ids come first: else SQLite would check each row against them.
        table = self.query.table.name
        text = f"json_each(?) d CROSS JOIN {table} m ON m.id = d.value"
        return self._page(Sql(text, (json.dumps(list(ids)),)))

    def _ordered(self, first: int | None = None) -> tuple[list[int], str | None]:
        """Return the page of all rows that match, or of the first ones in the order."""
        table, by = self.query.table, self.query.order[0]
        index = table.indexes[by.field.key]
        if not by.ascending:
            index = table.descending.get(by.field.key, index)
        source = f"{table.name} m INDEXED BY {index}"
        if first is None:
            return self._page(Sql(source))
        order = ", ".join(
            f"m.{table.columns[each.field.key]} {'ASC' if each.ascending else 'DESC'}"
            for each in self.query.order
        )
        text = f"(SELECT m.* FROM {source} ORDER BY {order} LIMIT ?) m"  # noqa: S608
        return self._page(Sql(text, (first,)))

    def _page(self, source: Sql) -> tuple[list[int], str | None]:
        query, table = self.query, self.query.table
        keys = [
            Key(
                Sql(f"m.{table.columns[order.field.key]}"),
                str if order.field.key == "name" else float,
                ascending=order.ascending,
            )
            for order in query.order
        ]
        asked = (query.expr, tuple(query.order))
        wanted = _probe(table, query.expr)
        return page(
            self.connection, table.name, wanted, keys, asked, self.limit, self.token, source
        )


# -- from an index to the rows ---------------------------------------------------------------------


@frozen
class _Select:
    """A SELECT of the ``id`` of rows; ``cost`` is 0 if an index leads to just these."""

    sql: Sql
    cost: int = 0


def _selects(table: Table, expr: Expr) -> Iterator[_Select]:
    """Yield SELECTs each of which finds all rows that match, and maybe more."""
    if isinstance(expr, And):
        for item in expr.items:
            yield from _selects(table, item)
        return
    select = _select(table, expr)
    if select is not None:
        yield select


def _select(table: Table, expr: Expr) -> _Select | None:
    if isinstance(expr, Not):
        return None
    if isinstance(expr, And):
        return min(_selects(table, expr), key=lambda each: each.cost, default=None)
    if isinstance(expr, Or):
        selects = [_select(table, item) for item in expr.items]
        known = [select for select in selects if select is not None]
        if len(known) < len(selects):
            return None
        union = joined(" UNION ", (select.sql for select in known))
        return _Select(union, max(select.cost for select in known))
    if expr.field.kind is Kind.TAG:
        return _select_tag(table, expr)
    return _select_attribute(table, expr)


def _select_attribute(table: Table, expr: Comparison) -> _Select | None:
    if expr.operator not in _RANGES | _SCANNED:
        return None
    column, index = table.columns[expr.field.key], table.indexes[expr.field.key]
    scanned = int(expr.operator in _SCANNED)
    if scanned and table is VERSIONS and expr.field.key == "name":
        # There are fewer names than versions.
        condition = compare("n.name", expr.operator, expr.value)
        text = (
            "SELECT s.id AS id FROM registered_model n INDEXED BY registered_model_by_name"  # noqa: S608
            f" CROSS JOIN model_version s ON s.name = n.name WHERE {condition.text}"
        )
        return _Select(Sql(text, condition.values), scanned)
    condition = Sql(f"s.{column} {expr.operator}")
    if expr.operator not in _NULLS:
        condition = compare(f"s.{column}", expr.operator, expr.value)
    text = (
        f"SELECT s.id AS id FROM {table.name} s INDEXED BY {index}"  # noqa: S608
        f" WHERE {condition.text}"
    )
    return _Select(Sql(text, condition.values), scanned)


def _select_tag(table: Table, expr: Comparison) -> _Select | None:
    operator, value = expr.operator, expr.value
    if operator is Operator.IS_NULL:
        return None
    condition, cost = ALWAYS, 2
    if operator is Operator.EQ:
        condition, cost = Sql("s.value = ?", (str(value)[:HEAD],)), 0
    elif operator is Operator.IN:
        assert isinstance(value, tuple)
        condition, cost = among("s.value", [text[:HEAD] for text in value]), 0
    elif operator in _SCANNED:
        # Only the beginning of a long value is in the index.
        inner = compare("s.value", operator, value)
        condition = Sql(f"(length(s.value) >= {HEAD} OR {inner.text})", inner.values)
        cost = 1
    text = (
        f"SELECT s.owner AS id FROM {table.tags} s INDEXED BY {table.tags}_by_value"  # noqa: S608
        f" WHERE s.key = ? AND {condition.text}"
    )
    return _Select(Sql(text, (expr.field.key, *condition.values)), cost)


# -- whether a row matches -------------------------------------------------------------------------


def _probe(table: Table, expr: Expr) -> Sql:
    """Return the condition on the row ``m``, true or false, never NULL."""
    if isinstance(expr, Not):
        inner = _probe(table, expr.item)
        return Sql(f"NOT ({inner.text})", inner.values)
    if isinstance(expr, (And, Or)):
        word = " AND " if isinstance(expr, And) else " OR "
        inner = joined(word, _probes(table, expr.items))
        return Sql(f"({inner.text})", inner.values)
    if expr.field.kind is Kind.TAG:
        return _probe_tag(table, expr)
    # The plus keeps the column's own index out of it: what leads to the rows is chosen above.
    column = f"+m.{table.columns[expr.field.key]}"
    if expr.operator in _NULLS:
        return Sql(f"{column} {expr.operator}")
    inner = compare(column, expr.operator, expr.value)
    return Sql(f"coalesce({inner.text}, 0)", inner.values)


def _probes(table: Table, items: Iterable[Expr]) -> Iterator[Sql]:
    return (_probe(table, item) for item in items)


def _probe_tag(table: Table, expr: Comparison) -> Sql:
    value = ALWAYS
    if expr.operator is Operator.EQ:
        value = Sql("t.value = ? AND t.rest IS ?", split(str(expr.value)))
    elif expr.operator not in _NULLS:
        whole = "iif(t.rest IS NULL, t.value, t.value || t.rest)"
        value = compare(whole, expr.operator, expr.value)
    negation = "NOT " if expr.operator is Operator.IS_NULL else ""
    return Sql(
        f"{negation}EXISTS (SELECT 1 FROM {table.tags} t"  # noqa: S608
        f" WHERE t.owner = m.id AND t.key = ? AND {value.text})",
        (expr.field.key, *value.values),
    )
