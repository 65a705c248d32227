"""The scoring server beside MLflow's: one worker each, with the same scikit-learn model."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path

from attrs import define, field
from processes import OURS, available, folder, python_of
from rows import Row
from server_load import load, tool

_CONNECTIONS = (1, 8, 32)
_BATCHES = (1, 100, 1000)
_MANY = 32
_FEATURES = [f"feature_{i}" for i in range(10)]
_SYSTEMS = (OURS, "mlflow")
_SECONDS = 120.0


@define
class _Figures:
    """What one server showed, by connections and rows in a request."""

    started: float = 0.0
    rate: dict[tuple[int, int], float] = field(factory=dict)
    p99: dict[tuple[int, int], float] = field(factory=dict)


def measure(quick: bool) -> list[Row]:
    """Load one server after the other."""
    systems = [system for system in _SYSTEMS if available(system)]
    with folder() as place:
        _save_model(place / "model")
        figures = {system: _figures(system, place, quick) for system in systems}
    return _rows(figures)


def _save_model(place: Path) -> None:
    """Train and save a small classifier behind a scaler."""
    import numpy as np
    import pandas as pd
    from pegboard_models.saving import save_model
    from pegboard_models.signature import infer_signature
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    table = pd.DataFrame(np.random.default_rng(0).normal(size=(500, 10)), columns=_FEATURES)
    target = (table.sum(axis=1) > 0).astype(int)
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(table, target)
    signature = infer_signature(table, model.predict(table))
    save_model("sklearn", model, place, signature=signature, pip_requirements=["scikit-learn"])


def _figures(system: str, place: Path, quick: bool) -> _Figures:
    seconds = 1 if quick else 5
    found = _Figures()
    with _serving(system, place) as (url, started):
        found.started = started
        for batch in _BATCHES:
            body = _body(batch)
            for connections in _CONNECTIONS:
                result = load(f"{url}/invocations", body, connections, seconds, place)
                found.rate[connections, batch] = result.rate
                found.p99[connections, batch] = result.p99
    return found


def _body(rows: int) -> str:
    numbers = random.Random(rows)
    data = [[round(numbers.gauss(0, 1), 6) for _ in _FEATURES] for _ in range(rows)]
    return json.dumps({"dataframe_split": {"columns": _FEATURES, "data": data}})


@contextlib.contextmanager
def _serving(system: str, place: Path) -> Iterator[tuple[str, float]]:
    """Serve the model of a folder; yield the URL and the seconds to the first answer."""
    with socket.create_server(("127.0.0.1", 0)) as chosen:
        port: int = chosen.getsockname()[1]
    programs = python_of(system).parent
    command = {
        OURS: [str(programs / "pegboard"), "models", "serve", "--no-access-log"],
        "mlflow": [str(programs / "mlflow"), "models", "serve", "--env-manager", "local"],
    }[system]
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("MLFLOW_", "PEGBOARD_"))}
    # MLflow's command looks for the server to run on the path.
    kept |= {"PATH": f"{programs}{os.pathsep}{kept['PATH']}", "MLFLOW_DISABLE_TELEMETRY": "true"}
    begin = time.perf_counter()
    with (place / f"{system}.log").open("wb") as log:
        process = subprocess.Popen(
            [*command, "--model-uri", "model", "--port", str(port)],
            cwd=place,
            env=kept,
            stdout=log,
            stderr=log,
            # MLflow's command leaves a child behind that only its group finds.
            start_new_session=True,
        )
    try:
        _wait(process, port, place / f"{system}.log")
        yield f"http://127.0.0.1:{port}", time.perf_counter() - begin
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        process.wait(_SECONDS)


def _wait(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + _SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        connection = HTTPConnection("127.0.0.1", port, timeout=_SECONDS)
        try:
            connection.request("GET", "/ping")
            if connection.getresponse().status == 200:
                return
        except OSError:
            time.sleep(0.01)
        finally:
            connection.close()
    raise RuntimeError(log.read_text()[-2000:])


def _rows(figures: dict[str, _Figures]) -> list[Row]:
    ours = figures.pop(OURS)
    rows = Row(
        "scoring server: start to first answer",
        "s",
        ours.started,
        better="less",
    ).beside({peer: their.started for peer, their in figures.items()})
    for key in ours.rate:
        connections, batch = key
        goal = 5.0 if connections == _MANY else None
        what = f"scoring, {connections} connections, {batch} rows a request"
        rows += Row(
            what,
            "rows/s",
            ours.rate[key] * batch,
            goal_ratio=goal,
            note=f"p99 {ours.p99[key]:.1f} ms; load from {tool()}",
        ).beside({peer: their.rate[key] * batch for peer, their in figures.items()})
    return rows
