"""Tables of spans, by which autologgers are compared with MLflow's.

A script with cases, ``cases.py``, makes the same calls with either; what MLflow made of them is
``expected.json`` beside it. With an interpreter that has MLflow and the library, it is recorded
anew by ``python -m pegboard_testing.span_tables CASES > EXPECTED``, which needs nothing of ours.
"""

from __future__ import annotations

import contextlib
import json
import re
import runpy
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

_LEFT_OUT = frozenset(
    {
        "mlflow.traceRequestId",
        "mlflow.spanType",
        "mlflow.spanInputs",
        "mlflow.spanOutputs",
        "mlflow.spanStartTimeNs",
        # MLflow's server adds it, ours the script: prices have tests of their own.
        "mlflow.llm.cost",
    }
)
_CHANGING = (
    (re.compile(r"127\.0\.0\.1:\d+"), "HOST"),
    (re.compile(r"0x[0-9a-f]+"), "ADDRESS"),
    (re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"), "ID"),
    (re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d+)?(\+00:00|Z)?"), "TIME"),
)
"""What is other in each run, and what stands for it."""


def table(mlflow: Any, file: Path) -> dict[str, Any]:
    """Run the cases of a script within a span each; return what spans are in it, by their names.

    The script's ``cases`` is a context that takes MLflow or pegboard, and yields functions by name.
    Values that are None are left out, and so are keys that the script has in ``LEFT_OUT``. If the
    script has a function ``reduced``, it returns what is compared of a span's row.
    """
    script = runpy.run_path(str(file))
    left_out = _LEFT_OUT | set(script.get("LEFT_OUT", ()))
    reduced = script.get("reduced", dict)
    made, ids = {}, {}
    with script["cases"](mlflow) as cases:
        for name, call in cases.items():
            with mlflow.start_span(name) as span:
                ids[name] = span.trace_id
                _ended(call)
        getattr(mlflow, "flush_trace_async_logging", lambda: None)()
        for name, trace_id in ids.items():
            spans = mlflow.get_trace(trace_id).data.spans
            names = {span.span_id: span.name for span in spans}
            made[name] = [reduced(_row(span, names, left_out)) for span in spans[1:]]
    return {name: json.loads(json.dumps(rows, sort_keys=True)) for name, rows in made.items()}


def _ended(call: Callable[[], Any]) -> None:
    try:
        call()
    except Exception as error:
        # Of cases that are to fail; the spans say whether it was the right one.
        if "fail" not in str(error) and "none" not in str(error):
            raise


def _row(span: Any, names: Mapping[str, str], left_out: frozenset[str]) -> dict[str, Any]:
    row = {
        "name": span.name,
        "parent": names.get(span.parent_id),
        "type": span.span_type,
        "status": [str(span.status.status_code.value), span.status.description],
        "inputs": span.inputs,
        "outputs": span.outputs,
        "attributes": span.attributes,
        "events": [[event.name, sorted(event.attributes)] for event in span.events],
    }
    found: dict[str, Any] = _plain(row, left_out)
    return found


def _plain(value: Any, left_out: frozenset[str]) -> Any:
    if isinstance(value, Mapping):
        return {
            str(key): _plain(each, left_out)
            for key, each in value.items()
            if each is not None and key not in left_out
        }
    if isinstance(value, (list, tuple)):
        return [_plain(each, left_out) for each in value]
    if isinstance(value, (bool, int)) or value is None:
        return value
    if isinstance(value, float):
        return round(value, 12)
    text = str(value)
    for pattern, stands in _CHANGING:
        text = pattern.sub(stands, text)
    return text


def _record(file: Path) -> None:
    import tempfile
    from importlib import import_module

    mlflow = import_module("mlflow")
    with tempfile.TemporaryDirectory() as place:
        mlflow.set_tracking_uri(f"sqlite:///{place}/runs.db")
        with contextlib.redirect_stdout(sys.stderr):
            made = table(mlflow, file)
    print(json.dumps(made, indent=1, sort_keys=True))


if __name__ == "__main__":
    _record(Path(sys.argv[1]))
