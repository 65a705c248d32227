"""Cases: variables and what is asserted of the answer, from the form, a file or a data set."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from attrs import frozen

from pegboard_evaluation.genai.cases import digest
from pegboard_evaluation.suites import assertions, templates
from pegboard_evaluation.suites.assertions import Assertion
from pegboard_evaluation.suites.checks import Check
from pegboard_evaluation.suites.source import At, fields, number, rows, text

DATA_SET = "datasets:/"
_VERSIONED = re.compile(r"(.+)@([1-9]\d*)")
_FIELDS = ("vars", "assert", "expectations", "name", "threshold")
_SPELLINGS = {
    "inputs": "vars",
    "assertions": "assert",
    "expected": "expectations",
    "description": "name",
}
_EXPECTED, _NAME = "__expected", "__description"
"""Columns of a CSV file that are no variables, as promptfoo has them."""


@frozen(kw_only=True)
class Case:
    """A case: what is asked, and what the answer should be."""

    name: str
    variables: Mapping[str, Any]
    checks: Sequence[Check]
    expectations: Mapping[str, Any]
    threshold: float | None
    """The least score that passes; None: every assertion has to pass."""


@frozen(kw_only=True)
class Defaults:
    """What holds for all cases."""

    at: At
    variables: Mapping[str, Any] = {}
    asserted: Sequence[Assertion] = ()
    expectations: Mapping[str, Any] = {}
    threshold: float | None = None
    judge: str | None = None
    """The model of judges that name none."""


def defaults(at: At, given: Any, judge: str | None) -> Defaults:
    """Return what holds for all cases; InvalidValue names what is wrong."""
    table = fields(at, given or {}, _FIELDS, _SPELLINGS)
    return Defaults(
        at=at,
        variables=_table(at / "vars", table.get("vars")),
        asserted=_asserted(at / "assert", table.get("assert")),
        expectations=_table(at / "expectations", table.get("expectations")),
        threshold=_threshold(at, table),
        judge=judge,
    )


def read(at: At, given: Any, common: Defaults) -> list[Case]:
    """Return the cases of a form; InvalidValue names what is wrong."""
    found = []
    for where, each in rows(at, given):
        for place, row in _given(where, each):
            found.append(_case(place, row, common))
    if not found:
        raise at.wrong("There is no case.")
    return found


def _given(at: At, given: Any) -> Iterator[tuple[At, Mapping[str, Any]]]:
    """Yield cases as tables: that which is written, or those of a file or a data set."""
    if isinstance(given, Mapping) and set(given) == {"file"}:
        at, given = at / "file", given["file"]
    if not isinstance(given, str):
        yield at, given
    elif given.startswith(DATA_SET):
        for row in _of_data_set(at, given.removeprefix(DATA_SET)):
            yield at, row
    else:
        path = at.file(given)
        if path.suffix == ".csv":
            yield from _of_csv(at, path)
        elif path.suffix == ".jsonl":
            yield from _of_lines(at, path)
        else:
            raise at.wrong(
                f"Cases are not read from {path.suffix!r}.",
                "Give a .csv or .jsonl file, or datasets:/NAME.",
            )


def _of_csv(at: At, path: Path) -> Iterator[tuple[At, Mapping[str, Any]]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        for row in reader:
            if None in row or None in row.values():
                raise at.wrong(
                    f"{path.name}, line {reader.line_num}: the row has not as many cells as the "
                    "heading."
                )
            of_row = {key: value for key, value in row.items() if not key.startswith("__")}
            asserted = [
                assertions.of_text(at, value)
                for key, value in row.items()
                if key.startswith(_EXPECTED) and value
            ]
            named = {"name": row[_NAME]} if row.get(_NAME) else {}
            yield at, {"vars": of_row, "assert": asserted, **named}


def _of_lines(at: At, path: Path) -> Iterator[tuple[At, Mapping[str, Any]]]:
    for count, line in enumerate(path.read_text(encoding="utf-8-sig").splitlines(), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise at.wrong(f"{path.name}, line {count}: {error}.") from None
        if not isinstance(row, Mapping):
            raise at.wrong(f"{path.name}, line {count}: expected an object.")
        yield at, row if {"vars", "inputs"} & set(row) else {"vars": row}


def split_version(name: str) -> tuple[str, None, str | None]:
    """Return what ``NAME`` or ``NAME@VERSION`` means to ``get_dataset``."""
    found = _VERSIONED.fullmatch(name)
    return (name, None, None) if found is None else (found[1], None, found[2])


def _of_data_set(at: At, name: str) -> Iterator[Mapping[str, Any]]:
    from pegboard.errors import PegboardError

    from pegboard_evaluation import data_sets

    try:
        records = data_sets.get_dataset(*split_version(name)).records
    except PegboardError as error:
        raise at.wrong(error.message, error.hint) from None
    for record in records:
        yield {"vars": dict(record.inputs), "expectations": dict(record.expectations or {})}


def _case(at: At, given: Any, common: Defaults) -> Case:
    table = fields(at, given, _FIELDS, _SPELLINGS)
    variables = {**common.variables, **_table(at / "vars", table.get("vars"))}
    expected = _table(at / "expectations", table.get("expectations"))
    templates.check(at / "expectations", expected)
    own = _asserted(at / "assert", table.get("assert"))
    asserted = [*common.asserted, *own]
    if not asserted:
        raise at.wrong("Nothing is asserted of this case: it would pass whatever is answered.")
    known = {**variables, "expectations": {**common.expectations, **expected}}
    threshold = _threshold(at, table)
    checks = _checks(asserted, known, common.judge)
    for each in checks:
        if each.needs and not set(each.needs) & set(known["expectations"]):
            raise at.wrong(
                f"{each.name!r} needs an expectation: {' or '.join(map(repr, each.needs))}.",
                f"Write it as expectations: {{{each.needs[0]}: …}}",
            )
    return Case(
        name=text(at / "name", table["name"]) if table.get("name") else _short(variables),
        variables=variables,
        checks=checks,
        expectations=known["expectations"],
        threshold=common.threshold if threshold is None else threshold,
    )


def _checks(
    asserted: Sequence[Assertion], known: Mapping[str, Any], judge: str | None
) -> list[Check]:
    found: dict[str, Check] = {}
    for each in asserted:
        base = each.name or ("not-" if each.negated else "") + each.kind
        name, count = base, 1
        while name in found:
            if each.name:
                raise each.at.wrong(f"Two assertions about a case are called {name!r}.")
            count += 1
            name = f"{base}-{count}"
        found[name] = each.check(name, known, judge)
    return list(found.values())


def _asserted(at: At, given: Any) -> list[Assertion]:
    if given is None:
        return []
    return [
        each if isinstance(each, Assertion) else assertions.read(where, each)
        for where, each in rows(at, given)
    ]


def _table(at: At, given: Any) -> dict[str, Any]:
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise at.wrong("expected a table, such as {name: value}.")
    return {str(key): value for key, value in given.items()}


def _threshold(at: At, table: Mapping[str, Any]) -> float | None:
    given = table.get("threshold")
    return None if given is None else number(at / "threshold", given)


def _short(variables: Mapping[str, Any]) -> str:
    """Return how a case is called that has no name: by its first short variable."""
    for value in variables.values():
        if isinstance(value, (str, int, float)) and str(value).strip():
            line = " ".join(str(value).split())
            return line if len(line) <= 40 else f"{line[:37]}…"
    return digest(dict(variables))[:8]
