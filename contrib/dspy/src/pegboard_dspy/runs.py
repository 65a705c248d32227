"""Runs of evaluations and optimizations: scores, programs and data."""

from __future__ import annotations

import json
import tempfile
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dspy
import pegboard
from attrs import define, field
from pegboard.tags import LOGGED_TABLES
from pegboard_models.autologging import AUTOLOGGING_TAG

from pegboard_dspy.tracing import INTEGRATION

_SECRETS = {"api_key", "api_base", "azure_ad_token", "client_secret", "azure_password"}
_LM_OPTIONS = ("model", "model_type", "cache", "temperature", "max_tokens")
_NOT_PARAMS = {"metadata", "lm", "traces", "train"}


@define(eq=False)
class _Evaluation:
    """An evaluation under way. ``key`` and ``step`` are those of its score in the run around."""

    key: str
    step: int | None
    has_run: bool


@define(eq=False)
class _Compilations:
    """Which optimizations are under way, one within another, and how often each was evaluated."""

    depth: int = 0
    steps: Counter[str] = field(factory=Counter)
    lock: threading.Lock = field(factory=threading.Lock)


_compilations = _Compilations()
_evaluations: dict[str, _Evaluation] = {}


def compiling() -> bool:
    """Whether a program is being optimized."""
    return _compilations.depth > 0


@contextmanager
def compilation() -> Iterator[None]:
    """Be optimizing a program."""
    with _compilations.lock:
        _compilations.depth += 1
    try:
        yield
    finally:
        with _compilations.lock:
            _compilations.depth -= 1
            if not _compilations.depth:
                _compilations.steps.clear()


def log_compilation(program: Any, given: Mapping[str, Any]) -> None:
    """Log what an optimization was given and came to, to the active run."""
    _log_program(program, "best_model.json")
    plain = {k: v for k, v in given.items() if isinstance(v, (int, float, str, bool))}
    pegboard.log_params(plain)
    _log_lm()
    sets = {name: given[name] for name in ("trainset", "valset") if given.get(name)}
    _log_tables({f"{name}.json": [dict(row.items()) for row in sets[name]] for name in sets})


def begin_evaluation(call_id: str, given: Mapping[str, Any]) -> None:
    """Begin a run, unless the evaluation is to be one of the user's run."""
    about = given.get("callback_metadata") or {}
    if about.get("disable_logging"):
        return
    key, step = about.get("metric_key", "eval"), None
    if compiling():
        with _compilations.lock:
            step = _compilations.steps[key]
            _compilations.steps[key] += 1
    has_run = step is not None or pegboard.active_run() is None
    if has_run:
        name = key if step is None else f"{key}_{step}"
        tags = {**INTEGRATION.switches.extra_tags, AUTOLOGGING_TAG: INTEGRATION.name}
        pegboard.start_run(run_name=name, nested=True, tags=tags)
    _evaluations[call_id] = _Evaluation(key, step, has_run)
    program = given.get("program")
    if program is not None:
        with INTEGRATION.guard("logging a program"):
            _log_program(program, "model.json")
            pegboard.log_params(_params(program))
    with INTEGRATION.guard("logging the model"):
        _log_lm()


def end_evaluation(call_id: str, outputs: Any, error: BaseException | None) -> None:
    """Log the score, and end the run that was begun; the run around gets the score, too."""
    known = _evaluations.pop(call_id, None)
    if known is None:
        return
    score = None
    try:
        if error is None:
            score = _score(outputs)
            if score is not None:
                pegboard.log_metric("eval", score)
            if isinstance(outputs, dspy.Prediction):
                _log_tables({"result_table.json": _results(outputs.results)})
    finally:
        if known.has_run:
            pegboard.end_run("FINISHED" if error is None else "FAILED")
    if score is not None and known.step is not None and pegboard.active_run() is not None:
        pegboard.log_metric(known.key, score, step=known.step)


def _score(outputs: Any) -> float | None:
    if isinstance(outputs, tuple):
        outputs = outputs[0]
    return float(outputs) if isinstance(outputs, (float, int, dspy.Prediction)) else None


def _log_program(program: Any, name: str) -> None:
    with tempfile.TemporaryDirectory() as place:
        file = Path(place) / name
        program.save(file)
        pegboard.log_artifact(str(file))


def _log_lm() -> None:
    lm = dspy.settings.lm
    if lm is None:
        return
    about = {k: v for k, v in (getattr(lm, "kwargs", None) or {}).items() if k not in _SECRETS}
    about |= {k: v for k in _LM_OPTIONS if (v := getattr(lm, k, None)) is not None}
    pegboard.log_param("lm_params", json.dumps(about, sort_keys=True))


def _params(program: Any) -> dict[str, Any]:
    name = type(program).__name__
    return {f"{name}.{key}": value for key, value in _flat(program.dump_state(), "", _NOT_PARAMS)}


def _flat(value: Any, key: str, left_out: Iterable[str] = ()) -> Iterator[tuple[str, Any]]:
    """Yield what is within dicts and lists, by the ways there."""
    if isinstance(value, dspy.Example):
        value = {name: str(each) for name, each in value.items()}
    if isinstance(value, Mapping):
        items: Iterable[tuple[Any, Any]] = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    else:
        if value is not None:
            yield key, value
        return
    for name, each in items:
        if name not in left_out:
            yield from _flat(each, f"{key}.{name}" if key else str(name))


def _results(results: Iterable[Any]) -> list[dict[str, Any]]:
    return [
        {
            "score": score,
            **{f"example_{key}": value for key, value in example.items()},
            **{f"pred_{key}": value for key, value in prediction.items()},
        }
        for example, prediction, score in results
    ]


def _log_tables(tables: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
    """Log tables as ``log_table`` does, which needs pandas; DSPy does without."""
    for file, rows in tables.items():
        names = list(dict.fromkeys(name for row in rows for name in row))
        data = [[row.get(name) for name in names] for row in rows]
        text = json.dumps({"columns": names, "data": data}, default=str, ensure_ascii=False)
        pegboard.log_text(text, file)
    if tables:
        logged = [{"path": file, "type": "table"} for file in tables]
        pegboard.set_tag(LOGGED_TABLES, json.dumps(logged))
