"""``runs/table``: a page of the table of runs, in columns; or groups of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import StrEnum
from functools import wraps
from typing import Annotated, Any, TypeVar

import orjson
from attrs import frozen
from pegboard.errors import FilterError, InvalidValue
from pegboard_stores.filters import Field
from pegboard_stores.run_table import (
    Group,
    Groups,
    RunScope,
    TablePage,
    TableQuery,
    Within,
    column_name,
    parse_column,
    parse_sort,
)
from pegboard_stores.run_table.bounds import MOST_ROWS
from pegboard_wire.http import Answer, Call, Permission, Result
from pegboard_wire.shapes import BOOLEAN, NUMBER, TEXT, array, mapping, record
from pegboard_wire.typed import AtMost, Between, typed

from pegboard_ui.data.answers import json_answer, number
from pegboard_ui.data.run_tables import VIEWS, of_call

R = TypeVar("R")


class View(StrEnum):
    """Which runs are in view."""

    ACTIVE = "active"
    DELETED = "deleted"
    ALL = "all"


@frozen
class Wanted:
    """What ``runs/table`` is asked for."""

    experiment_ids: Annotated[list[str], AtMost(1000)]
    q: Annotated[str, AtMost(20_000)] = ""
    sort: Annotated[str, AtMost(300)] = ""
    group: Annotated[str, AtMost(300)] = ""
    within: Annotated[str, AtMost(20_000)] = ""
    cols: Annotated[tuple[str, ...], AtMost(200)] = ()
    offset: Annotated[int, Between(0, 10**9)] = 0
    limit: Annotated[int, Between(1, MOST_ROWS)] = 100
    since: int | None = None
    view: View = View.ACTIVE
    tree: bool = False
    open: Annotated[tuple[str, ...], AtMost(1000)] = ()
    spark: Annotated[str, AtMost(300)] = ""

    def scope(self) -> RunScope:
        """Return the runs in view."""
        within = _within(self.group, self.within) if self.within else None
        return RunScope(tuple(self.experiment_ids), self.q, VIEWS[self.view], within)

    def query(self) -> TableQuery:
        """Return the page that is wanted."""
        return TableQuery(
            scope=self.scope(),
            columns=[parse_column(each) for each in self.cols],
            sort=parse_sort(self.sort),
            offset=self.offset,
            limit=self.limit,
            tree=self.tree,
            opened=self.open,
            spark=self.spark.removeprefix("metrics."),
        )


def _within(group: str, value: str) -> Within:
    try:
        found = json.loads(value)
    except ValueError:
        found = value
    if not isinstance(found, str | int | float | None) or isinstance(found, bool):
        raise InvalidValue("The field 'within' is not the value of a group.")
    return Within(parse_column(group), float(found) if isinstance(found, int) else found)


def pointing(handle: Callable[[Call, R], Result]) -> Callable[[Call, R], Result]:
    """Have a filter that is wrong answered with the place where it is."""

    @wraps(handle)
    def answer(call: Call, wanted: R) -> Result:
        try:
            return handle(call, wanted)
        except FilterError as error:
            told = {
                "error_code": error.error_code,
                "message": error.reason,
                "hint": error.hint,
                "position": error.column,
            }
            return Answer(orjson.dumps(told), 400, {"cache-control": "no-store"})

    return answer


def table(call: Call, wanted: Wanted) -> Result:
    """Answer with a page, or with groups."""
    runs, query = of_call(call), wanted.query()
    if wanted.since is not None:
        changes = runs.changed_since(wanted.since)
        if changes.runs is not None and not set(changes.runs.values()) & {*wanted.experiment_ids}:
            return json_answer(call, {"revision": changes.revision, "unchanged": True})
    if wanted.group and not wanted.within:
        return json_answer(call, groups_json(runs.groups(query, parse_column(wanted.group))))
    return json_answer(call, page_json(runs.page(query)))


def page_json(page: TablePage) -> Mapping[str, Any]:
    """Return a page as JSON."""
    return {
        **_heads(page),
        "rows": page.rows,
        "ids": list(page.ids),
        "names": list(page.names),
        "status": list(page.status),
        "experiments": list(page.experiments),
        "parents": list(page.parents),
        "depth": list(page.depth),
        "children": list(page.children),
        "dimmed": list(page.dimmed),
        "cols": {column_name(each): values(page.columns[each]) for each in page.chosen},
        "spark": {run: [*map(_short, each)] for run, each in page.sparks.items()},
    }


def _short(value: float) -> float:
    # More than a line of a few pixels can show.
    return float(f"{value:.4g}")


def groups_json(found: Groups) -> Mapping[str, Any]:
    """Return groups as JSON."""
    return {**_heads(found), "rows": found.count, "groups": [*map(_group, found.groups)]}


def _heads(found: TablePage | Groups) -> dict[str, Any]:
    return {
        "total": found.total,
        "matched": found.matched,
        "live": found.live,
        "revision": found.revision,
        "asked": names(found.asked),
        "chosen": names(found.chosen),
    }


def _group(group: Group) -> Mapping[str, Any]:
    figures = {
        column_name(each): {"count": of.count, "min": of.min, "mean": of.mean, "max": of.max}
        for each, of in group.figures.items()
    }
    return {
        "value": value_json(group.value),
        "runs": group.runs,
        "live": group.live,
        "cols": figures,
    }


def names(columns: Iterable[Field]) -> list[str]:
    """Return the names of columns."""
    return [column_name(each) for each in columns]


def value_json(value: float | str | None) -> float | str | None:
    """Return a value as JSON can hold it."""
    return number(value) if isinstance(value, float) else value


def values(column: Sequence[float | str | None]) -> list[float | str | None]:
    """Return the values of a column as JSON can hold them."""
    return [value_json(each) for each in column]


_VALUE = {"type": ["number", "string", "null"]}
_WHOLE = {"type": "integer"}
_ANSWER = record(
    "revision",
    total=_WHOLE,
    matched=_WHOLE,
    live=_WHOLE,
    revision=_WHOLE,
    rows=_WHOLE,
    unchanged=BOOLEAN,
    asked=array(TEXT),
    chosen=array(TEXT),
    ids=array(TEXT),
    names=array(TEXT),
    status=array(TEXT),
    experiments=array(TEXT),
    parents=array({"type": ["string", "null"]}),
    depth=array(_WHOLE),
    children=array(_WHOLE),
    dimmed=array(BOOLEAN),
    cols=mapping(array(_VALUE)),
    spark=mapping(array(NUMBER)),
    groups=array(
        record(
            value=_VALUE,
            runs=_WHOLE,
            live=_WHOLE,
            cols=mapping(record(count=_WHOLE, min=NUMBER, mean=NUMBER, max=NUMBER)),
        )
    ),
)

ENDPOINTS = [
    typed(
        "GET",
        "/api/pegboard/1.0/runs/table",
        pointing(table),
        Permission.READ,
        "Return a page of the table of runs, in columns, or groups of runs.",
        Wanted,
        _ANSWER,
        tags=("Pages",),
    )
]
