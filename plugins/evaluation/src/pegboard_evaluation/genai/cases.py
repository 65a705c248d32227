"""The rows that are evaluated: from lists, tables and traces."""

from __future__ import annotations

import functools
import hashlib
import inspect
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

import numpy as np
import pandas as pd
from attrs import define, field
from pegboard.entities.traces import AssessmentKind
from pegboard.errors import InvalidValue, quoted
from pegboard_tracing.api import Trace, table

from pegboard_evaluation.files import plain
from pegboard_evaluation.genai.scoring import Scorer

PARTS = ("inputs", "outputs", "expectations", "tags", "trace")
"""What a row may have, besides columns of the user's own."""


@define
class Case:
    """A row."""

    number: int
    inputs: Any = None
    outputs: Any = None
    expectations: dict[str, Any] = field(factory=dict)
    tags: dict[str, str] = field(factory=dict)
    trace: Trace | None = None
    """The trace that is evaluated, if one was given."""
    extra: dict[str, Any] = field(factory=dict)
    """Other columns, to group rows by."""
    is_answered: bool = False
    """Whether there are outputs, be they None."""
    id: str = ""
    """Tells rows apart by inputs and expectations: the same in another evaluation of them."""
    key: str = ""
    """Tells rows apart by all they hold: what is known of such a row still holds."""


def read(data: Any) -> list[Case]:
    """Return the rows of a list of dicts, a DataFrame, or traces; InvalidValue names what is wrong.

    A table that ``search_traces`` returned has a row for each trace.
    """
    if data is None:
        raise InvalidValue("'data' is missing: there is nothing to evaluate.")
    if isinstance(data, Trace):
        data = [data]
    if hasattr(data, "to_df"):
        data = data.to_df()
    rows = _rows(data)
    if not rows:
        raise InvalidValue("'data' has no rows: there is nothing to evaluate.")
    cases = [_case(number, row) for number, row in enumerate(rows)]
    _identify(cases)
    return cases


def _rows(data: Any) -> list[Mapping[str, Any]]:
    if isinstance(data, pd.DataFrame):
        if data.columns.has_duplicates:
            twice = data.columns[data.columns.duplicated()][0]
            raise InvalidValue(f"'data' has two columns that are called {twice!r}.")
        ours = set(PARTS) if "trace" in data.columns else set()
        found = [name for name in table([]).columns if name in data.columns and name not in ours]
        frame = data.drop(columns=found) if ours else data
        return [dict(zip(map(str, frame.columns), row, strict=True)) for row in _tuples(frame)]
    if isinstance(data, (str, bytes, Mapping)) or not isinstance(data, Sequence):
        raise InvalidValue(
            f"'data' is {quoted(type(data).__name__)}.",
            hint="It is a list of dicts, a pandas DataFrame, or a list of traces.",
        )
    return [{"trace": each} if isinstance(each, Trace) else each for each in data]


def _tuples(frame: pd.DataFrame) -> Any:
    return frame.itertuples(index=False, name=None)


def _is_nothing(value: Any) -> bool:
    return value is None or value is pd.NA or (isinstance(value, float) and value != value)


def _case(number: int, row: Any) -> Case:
    if not isinstance(row, Mapping):
        raise InvalidValue(f"Row {number} is {quoted(row)}, not a dict.")
    for name in row:
        if name not in PARTS and (near := _near(str(name))):
            raise InvalidValue(
                f"Row {number} has {name!r}, which is not a part of a row.",
                hint=f"Is {near!r} meant? Rows have: {', '.join(PARTS)}.",
            )
    given = {name: value for name, value in row.items() if not _is_nothing(value)}
    made = Case(
        number,
        _parsed(given.get("inputs")),
        given.get("outputs"),
        _table(number, "expectations", given.get("expectations")),
        {key: str(value) for key, value in _table(number, "tags", given.get("tags")).items()},
        _trace(number, given.get("trace")),
        {str(name): value for name, value in given.items() if name not in PARTS},
        "outputs" in given,
    )
    if made.trace is not None:
        _take_from_trace(made, made.trace)
    elif not isinstance(made.inputs, Mapping):
        told = "has no 'inputs'" if made.inputs is None else f"has the inputs {quoted(made.inputs)}"
        raise InvalidValue(
            f"Row {number} {told}.", hint="They are a dict, such as {'question': '…'}."
        )
    return made


@functools.lru_cache(1000)
def _near(name: str) -> str | None:
    """Return the part of a row that is all but called so."""
    return next(iter(get_close_matches(name.lower(), PARTS, 1, 0.8)), None)


def _parsed(value: Any) -> Any:
    if isinstance(value, str):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def _table(number: int, name: str, value: Any) -> dict[str, Any]:
    found = {} if value is None else _parsed(value)
    if not isinstance(found, Mapping):
        raise InvalidValue(f"Row {number} has the {name} {quoted(value)}, not a dict.")
    return {str(key): each for key, each in found.items() if not _is_nothing(each)}


def _trace(number: int, given: Any) -> Trace | None:
    if given is None or isinstance(given, Trace):
        return given
    if isinstance(given, str):
        return Trace.from_json(given)
    if isinstance(given, Mapping):
        return Trace.from_dict(given)
    raise InvalidValue(f"Row {number} has the trace {quoted(given)}, which is none.")


def _take_from_trace(case: Case, trace: Trace) -> None:
    root = trace.data.root
    if case.inputs is None and root is not None:
        case.inputs = root.inputs
    if not case.is_answered:
        case.outputs = None if root is None else root.outputs
        case.is_answered = True
    for each in trace.info.assessments:
        if each.kind is AssessmentKind.EXPECTATION and each.valid is not False:
            case.expectations.setdefault(each.name, each.value)


# -- telling rows apart --------------------------------------------------------------------------


def _shown(value: Any) -> Any:
    try:
        return plain(value)
    except TypeError:
        return _text(value, str)


def _text(value: Any, shown: Callable[[Any], str]) -> str:
    try:
        return shown(value)
    except Exception:
        return f"<{type(value).__qualname__}>"


def digest(*parts: Any) -> str:
    """Return what is the same for the same values."""
    try:
        text = json.dumps(parts, default=_shown, sort_keys=True)
    except Exception:
        # They refer to themselves, or have keys that have no order.
        text = "\n".join(_text(part, repr) for part in parts)
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:16]


def _identify(cases: Sequence[Case]) -> None:
    seen: Counter[str] = Counter()
    for case in cases:
        case.id = _numbered(digest(case.inputs, case.expectations), "", seen)
        if case.trace is not None:
            case.key = case.trace.trace_id
        else:
            answer = [case.outputs] if case.is_answered else []
            whole = digest(case.inputs, case.expectations, answer, case.tags)
            case.key = _numbered(whole, "k", seen)


def _numbered(made: str, kind: str, seen: Counter[str]) -> str:
    count = seen[kind + made]
    seen[kind + made] += 1
    return f"{made}-{count}" if count else made


# -- what is missing -----------------------------------------------------------------------------


def check(
    cases: Sequence[Case], scorers: Sequence[Scorer], predict: Callable[..., Any] | None
) -> None:
    """Refuse what could not be scored, before anything is asked or paid."""
    if predict is not None:
        _check_function(cases, predict)
    elif lacking := [case for case in cases if not case.is_answered]:
        raise InvalidValue(
            f"{len(lacking)} of {len(cases)} rows have no 'outputs', and there is no predict_fn; "
            f"the first is row {lacking[0].number}.",
            hint="Give the rows 'outputs', or the function that answers them as predict_fn.",
        )
    for each in scorers:
        _check_expectations(cases, each)


def _check_expectations(cases: Sequence[Case], scorer: Scorer) -> None:
    if scorer.needs:
        if not any(lacks(case, scorer) is None for case in cases):
            raise InvalidValue(
                f"The scorer {scorer.name!r} needs expectations that no row has: "
                f"{' or '.join(map(repr, scorer.needs))}.",
                hint=f"Write them as {{'expectations': {{{scorer.needs[0]!r}: …}}}}.",
            )
        return
    if scorer.insists_on_expectations and not any(case.expectations for case in cases):
        raise InvalidValue(
            f"The scorer {scorer.name!r} takes expectations, and no row has any.",
            hint="Give rows 'expectations', or the parameter of a function a default.",
        )


def lacks(case: Case, scorer: Scorer) -> str | None:
    """Return what a row lacks of the expectations that a scorer needs; None if nothing."""
    if not scorer.needs or any(name in case.expectations for name in scorer.needs):
        return None
    return f"The row has no expectation {' or '.join(map(repr, scorer.needs))}."


def _check_function(cases: Sequence[Case], predict: Any) -> None:
    if not callable(predict):
        raise InvalidValue(f"predict_fn is {quoted(predict)}, which cannot be called.")
    try:
        signature = inspect.signature(predict)
    except (TypeError, ValueError):
        return
    for case in cases:
        if not isinstance(case.inputs, Mapping):
            raise InvalidValue(
                f"Row {case.number} has the inputs {quoted(case.inputs)}; predict_fn takes a dict."
            )
        try:
            signature.bind(**case.inputs)
        except TypeError as error:
            raise InvalidValue(
                f"predict_fn does not take the inputs of row {case.number}: {error}.",
                hint=f"It is called with the keywords {', '.join(map(repr, case.inputs))}.",
            ) from None


def frame_of(cases: Sequence[Case]) -> pd.DataFrame:
    """Return rows as a table, for the description of the data."""
    columns: dict[str, list[Any]] = {"inputs": [case.inputs for case in cases]}
    if all(case.is_answered for case in cases):
        columns["outputs"] = [case.outputs for case in cases]
    if any(case.expectations for case in cases):
        columns["expectations"] = [case.expectations for case in cases]
    return pd.DataFrame({name: _objects(column) for name, column in columns.items()})


def _objects(values: Sequence[Any]) -> Any:
    made = np.empty(len(values), dtype=object)
    for number, value in enumerate(values):
        made[number] = value
    return made
