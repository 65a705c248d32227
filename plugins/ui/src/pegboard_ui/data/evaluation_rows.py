"""The rows of an evaluation, wherever its run keeps them.

pegboard keeps them in ``evaluation/rows.json``; MLflow 2 in ``eval_results_table.json``; MLflow 3
in the traces of the run, as assessments. Any other table that a run logged is shown as well.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from attrs import define, field
from pegboard.contracts.traces import TraceStore
from pegboard.entities import Run
from pegboard.entities.traces import Assessment, AssessmentKind, TraceInfo, TraceState
from pegboard.errors import InvalidValue, NotFound, PegboardError
from pegboard.literals import literal
from pegboard_stores import cancellation, evaluations
from pegboard_stores.evaluations import FIGURES, ROWS, TABLE, Rows
from pegboard_wire.http import Call
from pegboard_wire.requests import store_of

from pegboard_ui.data import cells, files, tables

MOST = 10_000
"""How many rows are shown; of more, the first ones."""
MOST_BYTES = 64 << 20

INPUT, TARGET, OUTPUT = "input", "target", "output"
"""What a column is to a row."""

_LOGGED = "mlflow.loggedArtifacts"
_SOURCE_RUN = "mlflow.assessment.sourceRunId"
_PIECE = 500
_MOST_KEYS = 8
"""Dicts of so many keys have a column for each of them."""
_OUTPUTS = ("output", "outputs", "prediction", "predictions", "response")
_TARGETS = ("target", "targets", "ground_truth", "label", "expected", "expected_response")
_BARE = ("latency", "token_count")
"""Scores whose column in a table is called as they are."""
_VALUES, _REASONS, _ERRORS = ("score", "value"), ("justification", "rationale"), ("error_message",)


@define
class Column:
    """Something of each row."""

    name: str
    role: str
    values: Sequence[Any]


@define
class Score:
    """What a metric or a scorer says of each row, why, and where it failed."""

    name: str
    values: list[Any]
    why: dict[int, str] = field(factory=dict)
    errors: dict[int, str] = field(factory=dict)


@define
class Evaluation:
    """Rows with what is known of each; ``source`` is rows, table, traces, or "" for nothing."""

    source: str = ""
    kind: str = ""
    ids: list[str] = field(factory=list)
    columns: list[Column] = field(factory=list)
    scores: list[Score] = field(factory=list)
    traces: list[str | None] = field(factory=list)
    broken: list[int] = field(factory=list)
    """Rows whose trace says that what was evaluated failed."""
    total: int = 0
    figures: list[dict[str, Any]] = field(factory=list)
    skipped: Mapping[str, str] = field(factory=dict)

    def score(self, name: str) -> Score:
        """Return a score of this name, a new one if there is none."""
        for each in self.scores:
            if each.name == name:
                return each
        self.scores.append(Score(name, [None] * len(self.ids)))
        return self.scores[-1]


def tables_of(run: Run) -> list[str]:
    """Return the paths of the tables that a run logged."""
    try:
        found = json.loads(run.data.tags.get(_LOGGED, "[]"))
        return [str(each["path"]) for each in found if each.get("type") == "table"]
    except (ValueError, TypeError, KeyError, AttributeError):
        return []


def read(call: Call, run: Run, table: str = "") -> Evaluation:
    """Return the rows of a run's evaluation, or of a table that it logged."""
    logged = tables_of(run)
    own = [path for path in logged if path.endswith(f"{TABLE}.json")]
    run_id = run.info.run_id
    if table:
        return _first(of_table(*_table(call, run_id, table)))
    found = Evaluation()
    if (content := _content(call, run_id, ROWS)) is not None:
        found = of_rows(Rows.read(content))
        _join(store_of(call).traces(), found, run_id)
        if own and found.kind != "genai":
            _explain(found, of_table(*_table(call, run_id, own[0])))
    elif own:
        found = of_table(*_table(call, run_id, own[0]))
    else:
        infos = _infos_of_run(store_of(call).traces(), run)
        if infos:
            found = of_traces(infos, run_id)
        elif logged:
            found = of_table(*_table(call, run_id, logged[0]))
    _measure(found, _content(call, run_id, FIGURES))
    return _first(found)


def _measure(found: Evaluation, content: bytes | None) -> None:
    """Add the figures of the whole table; what is no such file is passed over."""
    try:
        told = json.loads(content or b"{}")
        figures = [each for each in told["figures"] if each["value"] is not None]
        found.skipped = {str(name): str(why) for name, why in told["skipped"].items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        return
    found.figures = [each for each in figures if isinstance(each.get("name"), str)]


def _content(call: Call, run_id: str, path: str) -> bytes | None:
    try:
        file = files.find(call, run_id, "", path)
    except (NotFound, InvalidValue):
        return None
    content = file.read(0, MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise InvalidValue(f"{path} of {run_id} has more than {MOST_BYTES >> 20} MiB.")
    return content


def _table(call: Call, run_id: str, path: str) -> tuple[list[str], list[list[Any]]]:
    return tables.whole(files.find(call, run_id, "", path))


def _first(found: Evaluation) -> Evaluation:
    """Return the first rows, as many as are shown."""
    found.total = len(found.ids)
    if found.total > MOST:
        found.ids, found.traces = found.ids[:MOST], found.traces[:MOST]
        parts: list[Column | Score] = [*found.columns, *found.scores]
        for each in parts:
            each.values = list(each.values[:MOST])
    return found


# -- pegboard's own ------------------------------------------------------------------------------


def of_rows(rows: Rows) -> Evaluation:
    """Return what pegboard kept of the rows."""
    made = Evaluation("rows", rows.kind, rows.ids, traces=rows.traces or [None] * len(rows.ids))
    made.columns = [Column(name, INPUT, values) for name, values in rows.columns.items()]
    made.columns += [Column(name, INPUT, values) for name, values in rows.groups.items()]
    if rows.targets is not None and any(each not in (None, {}) for each in rows.targets):
        made.columns += _split("target", TARGET, rows.targets)
    if rows.outputs is not None:
        made.columns.append(Column("output", OUTPUT, rows.outputs))
    judged = evaluations.judged(rows)
    made.scores = [Score(name, list(values)) for name, values in {**rows.scores, **judged}.items()]
    return made


def _split(name: str, role: str, values: Sequence[Any]) -> list[Column]:
    """Return a column for each key where all values are dicts of a few, else one column."""
    dicts = [each for each in values if isinstance(each, dict)]
    keys = dict.fromkeys(str(key) for each in dicts for key in each)
    if len(dicts) < sum(each is not None for each in values) or not 0 < len(keys) <= _MOST_KEYS:
        return [Column(name, role, values)]
    return [
        Column(key, role, [each.get(key) if isinstance(each, dict) else None for each in values])
        for key in keys
    ]


def _join(traces: TraceStore, found: Evaluation, run_id: str) -> None:
    """Add what the traces of the rows say: why, what failed, and what people think."""
    rows: dict[str, list[int]] = {}
    for row, each in enumerate(found.traces):
        if each is not None:
            rows.setdefault(each, []).append(row)
    ids = list(rows)
    for start in range(0, len(ids), _PIECE):
        cancellation.check()
        for info in traces.infos(ids[start : start + _PIECE]):
            for row in rows[info.trace_id]:
                _assess(found, row, info, run_id)


def _explain(found: Evaluation, table: Evaluation) -> None:
    """Add inputs and justifications of the table of the same rows: the last ones of it."""
    before = len(table.ids) - len(found.ids)
    if before < 0:
        return
    known = {column.name for column in found.columns}
    if not known - {"target", "output"}:
        found.columns[:0] = [
            Column(each.name, INPUT, each.values[before:])
            for each in table.columns
            if each.role == INPUT
        ]
    for each in table.scores:
        own = found.score(each.name)
        if each.why:
            own.why = {row - before: text for row, text in each.why.items() if row >= before}
        if all(value is None for value in own.values):
            own.values = each.values[before:]


# -- tables --------------------------------------------------------------------------------------


def of_table(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> Evaluation:
    """Return a table of MLflow's, or any other, as rows with scores."""
    columns = {
        name: [row[place] if place < len(row) else None for row in rows]
        for place, name in enumerate(cells.unique(names))
    }
    made = Evaluation("table", "", [""] * len(rows), traces=[None] * len(rows))
    for name, values in columns.items():
        metric, _, part = name.rpartition("/")
        if metric and part in _VALUES:
            made.score(metric).values = _numbers(values)
        elif metric and part in _REASONS + _ERRORS:
            texts = {row: str(v) for row, v in enumerate(values) if v is not None}
            setattr(made.score(metric), "why" if part in _REASONS else "errors", texts)
        elif name in _BARE:
            made.score(name).values = _numbers(values)
        else:
            made.columns.append(Column(name, _role(name), values))
    known = [column.values for column in made.columns if column.role != OUTPUT]
    made.ids = _ids([values[row] for values in known] for row in range(len(rows)))
    return made


def _numbers(values: list[Any]) -> list[Any]:
    """Return numbers where all values are texts of some: tables of prompts hold texts alone."""
    try:
        found = [float(each) if each not in ("", None) else None for each in values]
    except (ValueError, TypeError):
        return values
    return found if any(isinstance(each, str) and each for each in values) else values


def _role(name: str) -> str:
    lower = name.lower()
    return OUTPUT if lower in _OUTPUTS else TARGET if lower in _TARGETS else INPUT


def _ids(rows: Iterable[Any]) -> list[str]:
    """Return what tells rows apart by their content; the same ones are numbered."""
    seen: Counter[str] = Counter()
    found = []
    for row in rows:
        made = hashlib.blake2b(json.dumps(row, default=str).encode(), digest_size=8).hexdigest()
        found.append(f"{made}-{seen[made]}" if seen[made] else made)
        seen[made] += 1
    return found


# -- traces --------------------------------------------------------------------------------------


def _infos_of_run(traces: TraceStore, run: Run) -> list[TraceInfo]:
    found: list[TraceInfo] = []
    token: str | None = None
    asked = f"trace.run_id = {literal(run.info.run_id)}"
    while len(found) <= MOST:
        cancellation.check()
        try:
            page = traces.search(
                [run.info.experiment_id], filter=asked, order_by=["timestamp ASC"],
                max_results=_PIECE, page_token=token,
            )  # fmt: skip
        except PegboardError:
            return found
        found += page
        token = page.token
        if token is None:
            break
    return found


def of_traces(infos: Sequence[TraceInfo], run_id: str) -> Evaluation:
    """Return traces with their assessments as rows."""
    expected = [_expected(info, run_id) for info in infos]
    asked = [_parsed(info.request_preview) for info in infos]
    made = Evaluation("traces", "genai", _ids(asked), traces=[info.trace_id for info in infos])
    made.columns = _split("request", INPUT, asked)
    if any(expected):
        made.columns += _split("expected", TARGET, expected)
    made.columns.append(Column("response", OUTPUT, [info.response_preview for info in infos]))
    for row, info in enumerate(infos):
        _assess(made, row, info, run_id)
    return made


def _of_run(info: TraceInfo, run_id: str) -> Iterable[Assessment]:
    """Yield what this run or people say of a trace, but not what other evaluations do."""
    for each in info.assessments:
        if each.valid and each.metadata.get(_SOURCE_RUN) in (None, run_id):
            yield each


def _parsed(preview: str | None) -> Any:
    """Return the dict that a preview is, or the text: long ones are cut, and are no JSON."""
    try:
        found = json.loads(preview or "")
    except ValueError:
        return preview
    return found if isinstance(found, dict) else preview


def _expected(info: TraceInfo, run_id: str) -> dict[str, Any] | None:
    found = {
        each.name: each.value
        for each in _of_run(info, run_id)
        if each.kind is AssessmentKind.EXPECTATION
    }
    return found or None


def _assess(made: Evaluation, row: int, info: TraceInfo, run_id: str) -> None:
    if info.state is TraceState.ERROR and row < MOST:
        made.broken.append(row)
    for each in _of_run(info, run_id):
        if each.kind is not AssessmentKind.FEEDBACK:
            continue
        score = made.score(each.name)
        score.values[row] = each.value
        if each.rationale:
            score.why[row] = each.rationale
        if each.error is not None:
            score.values[row] = None
            score.errors[row] = each.error.error_message or each.error.error_code
