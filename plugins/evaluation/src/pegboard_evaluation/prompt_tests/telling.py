"""Tests of a prompt in words and numbers, for people who see no form."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from attrs import asdict
from pegboard.entities.registry import ModelVersion
from pegboard_wire.scalars import number_json

from pegboard_evaluation.prompt_tests.records import Outcome, Tests, outcome_of

_NOT = "not-"
_DATA_SET = "datasets:/"
_WORDS = {
    "equals": "is {}",
    "contains": "contains {}",
    "icontains": "contains {}, in whatever case",
    "contains-all": "contains all of {}",
    "contains-any": "contains one of {}",
    "icontains-all": "contains all of {}, in whatever case",
    "icontains-any": "contains one of {}, in whatever case",
    "regex": "matches {}",
    "starts-with": "starts with {}",
    "latency": "takes at most {}",
    "cost": "costs at most {} USD",
}
_MEASURED = ("latency", "cost")
_FIELDS = ("value", "threshold", "weight", "name", "metric", "experiment_id")
"""Fields of an assertion beside its kind."""
_MOST_TEXT = 200


def told(tests: Tests) -> dict[str, Any]:
    """Return the tests of a prompt: the form, and what it says in words."""
    form = tests.form
    defaults = _table(form.get("defaults") or form.get("defaultTest"))
    cases = form.get("cases") or form.get("tests")
    listed = [] if cases is None else cases if isinstance(cases, list) else [cases]
    named = [each for each in listed if isinstance(each, str)]
    written = [each for each in listed if not isinstance(each, str)]
    own = sum(bool(_table(each).get("assert")) for each in written)
    return {
        "form": dict(form),
        "fail_under": tests.fail_under,
        "data_sets": [_data_set(each) for each in named],
        "written": len(written),
        "models": [*_models(form)],
        "judge": str(form.get("judge") or ""),
        "asserted": _named([_assertion(each) for each in _asserted(defaults)]),
        "cases_with_own": own,
    }


def _table(given: Any) -> Mapping[str, Any]:
    return given if isinstance(given, Mapping) else {}


def _data_set(named: str) -> dict[str, str]:
    name, at, version = named.removeprefix(_DATA_SET).rpartition("@")
    return {"name": name, "version": version} if at else {"name": version, "version": ""}


def _models(form: Mapping[str, Any]) -> Iterator[str]:
    given = form.get("models") or form.get("providers") or form.get("targets") or []
    for each in given if isinstance(given, list) else [given]:
        table = _table(each)
        yield str(table.get("model") or table.get("id") or "") if table else str(each)


def _asserted(defaults: Mapping[str, Any]) -> Sequence[Any]:
    given = defaults.get("assert") or defaults.get("assertions") or []
    return given if isinstance(given, list) else [given]


def _assertion(given: Any) -> dict[str, Any]:
    """Return an assertion: its kind, what it is compared with, and both in words."""
    table = _table(given)
    kind, value = str(table.get("type") or given), table.get("value")
    if table and "type" not in table:
        kind = next((key for key in table if key not in _FIELDS), "")
        value = table.get(kind)
    least = table.get("threshold")
    if not isinstance(least, (int, float)) or isinstance(least, bool):
        least = None
    bare = kind.removeprefix(_NOT)
    said = _words(bare, least if value is None and bare in _MEASURED else value, least, table)
    if kind.startswith(_NOT):
        said = said.replace(" contains ", " does not contain ", 1)
        said = said if " does not " in said else f"not so: {said}"
    return {
        "name": str(table.get("name") or table.get("metric") or ""),
        "kind": kind,
        "words": said,
        "threshold": None if least is None else number_json(least),
    }


def _named(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Give assertions the names that their outcomes have."""
    taken: set[str] = set()
    for each in found:
        name, count = each["name"] or each["kind"], 1
        while name in taken:
            count += 1
            name = f"{each['name'] or each['kind']}-{count}"
        taken.add(name)
        each["name"] = name
    return found


def _words(kind: str, value: Any, least: float | None, table: Mapping[str, Any]) -> str:
    if kind in _WORDS:
        shown = f"{value}" if kind in _MEASURED else f"“{_cut(value)}”"
        return f"the answer {_WORDS[kind].format(shown)}"
    if kind == "is-json":
        return "the answer is JSON" + ("" if value is None else " that fits a schema")
    if kind == "length":
        bounds = [f"at least {table['min']}"] if "min" in table else []
        most = table.get("max", value)
        bounds += [] if most is None else [f"at most {most}"]
        unit = "words" if table.get("unit") == "words" else "characters"
        return f"the answer has {' and '.join(bounds)} {unit}"
    name = str(value) if kind == "registered" else kind
    said = f"{_cut(name)} says yes" if least is None else f"{_cut(name)} gives at least {least:g}"
    return f"{said}: “{_cut(value)}”" if value is not None and kind != "registered" else said


def _cut(value: Any) -> str:
    text = "”, “".join(map(str, value)) if isinstance(value, list) else str(value)
    return text if len(text) <= _MOST_TEXT else f"{text[:_MOST_TEXT]}…"


# -- outcomes --------------------------------------------------------------------------------------


def outcome(version: ModelVersion, tests: Tests | None) -> dict[str, Any]:
    """Return what the last tests of a version came to.

    Its ``state`` is ``untested``, ``passed``, ``failed``, or ``changed``: the tests or the text are
    others by now.
    """
    found = outcome_of(version)
    if found is None:
        return {"state": "untested"}
    is_of_now = tests is not None and found.digest == tests.digest(version)
    state = ("passed" if found.passed else "failed") if is_of_now else "changed"
    return {"state": state, "passed": found.passed, **_plain(found)}


def _plain(found: Outcome) -> dict[str, Any]:
    return {
        "run_id": found.run_id,
        "why": list(found.why),
        "columns": [{"model": model, "run_id": run} for model, run in found.columns.items()],
        "measured": [
            {
                key: number_json(value) if isinstance(value, float) else value
                for key, value in asdict(each).items()
            }
            for each in found.measured
        ],
    }
