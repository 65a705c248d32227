"""The same bodies to MLflow's scoring server and to ours, of the same models: the same answers."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
from served import QUIET

SECONDS = 120.0

SCRIPT = """
import mlflow, numpy, pandas, sys
from mlflow.models import infer_signature
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

random = numpy.random.default_rng(0)
table = pandas.DataFrame(random.normal(size=(200, 3)), columns=["a", "b", "c"])
target = (table["a"] + table["b"] > table["c"]).astype(int)


def save(name, model, example):
    mlflow.sklearn.save_model(
        model,
        name,
        signature=infer_signature(example, model.predict(example)),
        serialization_format="skops",
        pip_requirements=["scikit-learn"],
    )


save("table", LogisticRegression().fit(table, target), table)
save("array", LinearRegression().fit(table.to_numpy(), target), table.to_numpy())
mixed = pandas.DataFrame(
    {"color": ["red", "green", "blue"] * 20, "count": range(60), "size": numpy.arange(60) / 4}
)
mixed["on"] = mixed["count"] % 2 == 0
encode = make_column_transformer((OneHotEncoder(), ["color"]), remainder="passthrough")
save("mixed", make_pipeline(encode, LinearRegression()).fit(mixed, mixed["size"]), mixed)


class Echo(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        if params and params.get("what") == "params":
            return [params]
        return model_input


example = pandas.DataFrame(
    {
        "whole": [1],
        "real": [0.5],
        "text": ["x"],
        "flag": [True],
        "raw": [b"x"],
        "time": pandas.to_datetime(["2024-01-02T03:04:05"]),
    }
)
mlflow.pyfunc.save_model(
    "echo",
    python_model=Echo(),
    signature=infer_signature(example, None, {"what": "", "number": 2}),
    pip_requirements=["pandas"],
)
mlflow.pyfunc.save_model("free", python_model=Echo(), pip_requirements=["pandas"])
"""


@pytest.fixture(scope="module")
def models(mlflow_python: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("models")
    subprocess.run(
        [mlflow_python, "-c", textwrap.dedent(SCRIPT)],
        cwd=place,
        env=environment(),
        check=True,
        timeout=SECONDS,
    )
    return place


def environment() -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("MLFLOW", "PEGBOARD"))}
    return {**kept, **QUIET}


@contextlib.contextmanager
def running(command: list[str], port: int, place: Path) -> Iterator[int]:
    with (place / f"log-{port}").open("wb") as log:
        process = subprocess.Popen(
            [*command, "--port", str(port)],
            cwd=place,
            # MLflow's command looks for the server to run on the path.
            env=environment() | {"PATH": f"{Path(command[0]).parent}:{os.environ['PATH']}"},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            deadline = time.monotonic() + SECONDS
            while not answers(port):
                said = (place / f"log-{port}").read_text()
                assert process.poll() is None and time.monotonic() < deadline, said
                time.sleep(0.05)
            yield port
        finally:
            # MLflow's command leaves the server behind, which only the group finds.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            process.wait(SECONDS)


def answers(port: int) -> bool:
    try:
        return ask(port, b"", None, "GET", "/ping")[0] == 200
    except OSError:
        return False


def ask(
    port: int, body: bytes, kind: str | None, method: str = "POST", path: str = "/invocations"
) -> tuple[int, bytes]:
    with contextlib.closing(HTTPConnection("127.0.0.1", port, timeout=SECONDS)) as connection:
        connection.request(method, path, body, {"Content-Type": kind} if kind else {})
        answer = connection.getresponse()
        return answer.status, answer.read()


def free_ports() -> tuple[int, int]:
    with (
        socket.create_server(("127.0.0.1", 0)) as one,
        socket.create_server(("127.0.0.1", 0)) as two,
    ):
        return one.getsockname()[1], two.getsockname()[1]


@contextlib.contextmanager
def both(python: Path, models: Path, name: str) -> Iterator[tuple[int, int]]:
    first, second = free_ports()
    # What `mlflow models serve` runs, with the model named as it names it.
    theirs = [str(python), "-m", "mlflow", "models", "serve", "--env-manager", "local"]
    ours = [str(Path(sys.executable).with_name("pegboard")), "models", "serve"]
    with (
        running([*theirs, "-m", name], first, models) as their_port,
        running([*ours, "-m", name, "--trust", "pickle"], second, models) as our_port,
    ):
        yield their_port, our_port


TABLE = [[1.0, 2.0, 3.0], [2, 2, -1], [-1, 0.5, 0.25], ["1.5", 0, True]]
RECORDS = [dict(zip("abc", row, strict=True)) for row in TABLE]
MIXED = [
    {"color": "red", "count": 3, "size": 0.5, "on": True},
    {"color": "blue", "count": 4, "size": 2, "on": False},
]
ECHO = {
    "whole": 7,
    "real": 0.25,
    "text": 'é\u2028"',
    "flag": True,
    "raw": "AP8=",
    "time": "2024-05-06T07:08:09",
}
OTHER = {**ECHO, "real": 3, "text": None, "time": "2024-05-06T00:00:00", "flag": False}

BODIES: dict[str, list[Any]] = {
    "table": [
        {"dataframe_split": {"columns": list("abc"), "data": TABLE}},
        {"dataframe_split": {"columns": list("abc"), "data": TABLE, "index": [3, 1, 2, 0]}},
        {"dataframe_split": {"columns": list("cba"), "data": [row[::-1] for row in TABLE]}},
        {"dataframe_split": {"columns": list("dabc"), "data": [[None, *row] for row in TABLE]}},
        {"dataframe_records": RECORDS},
        {"dataframe_records": [{**record, "z": [1]} for record in RECORDS]},
        {"instances": RECORDS[:3]},
        {"inputs": {name: [row[i] for row in TABLE[:3]] for i, name in enumerate("abc")}},
        {"inputs": RECORDS[:3]},
        {"inputs": {"a": 1.5, "b": 2.0, "c": -1.0}},
        {"dataframe_split": {"columns": list("abc"), "data": TABLE}, "params": {}},
        {"dataframe_split": {"columns": list("abc"), "data": TABLE}, "params": None},
        "a,b,c\n1,2,3\n2,2,-1\n-1,0.5,0.25\n",
        "c,z,b,a\n1,,2,3\n-1,x,2,2\n",
        # Refused by both.
        {"dataframe_split": {"columns": list("ab"), "data": [[1, 2]]}},
        {"dataframe_split": {"columns": list("abc"), "data": [[1, 2]]}},
        {"dataframe_split": {"columns": list("abc"), "data": [[1, 2, "x"]]}},
        {"dataframe_split": {"columns": list("abc"), "data": [[1, 2, [3]]]}},
        {"dataframe_split": {"columns": list("abc")}},
        {"dataframe_split": {"columns": list("abc"), "data": TABLE, "more": 1}},
        {"dataframe_split": TABLE},
        {"dataframe_split": {"columns": list("abc"), "data": []}},
        {"dataframe_records": {"a": 1, "b": 2, "c": 3}},
        {"dataframe_records": []},
        {"inputs": TABLE[:3]},
        {"instances": TABLE[:3]},
        {"inputs": {"a": [1.0], "b": [2.0]}},
        {"inputs": 3},
        {"instances": RECORDS[:2], "inputs": RECORDS[:2]},
        {},
        [],
        "a,b\n1,2\n",
        "a,b,c\n1,2,x\n",
        "",
    ],
    "array": [
        {"inputs": [[1.0, 2.0, 3.0], [4, 5, 6]]},
        {"instances": [[1.0, 2.0, 3.0], [4, 5, 6]]},
        {"dataframe_split": {"data": [[1.0, 2.0, 3.0]]}},
        {"dataframe_split": {"columns": list("xyz"), "data": [[1.0, 2.0, 3.0]]}},
        {"dataframe_records": [{"a": 1.0, "b": 2.0, "c": 3.0}]},
        {"inputs": [[1.0, 2.0]]},
        {"inputs": [1.0, 2.0, 3.0]},
        {"inputs": [[1.0, 2.0, "x"]]},
        {"inputs": [[1.0, 2.0], [1.0]]},
        {"inputs": {"a": [1.0]}},
    ],
    "mixed": [
        {"dataframe_records": MIXED},
        {"dataframe_split": {"columns": list(MIXED[0]), "data": [list(m.values()) for m in MIXED]}},
        {"instances": MIXED},
        {"inputs": {name: [each[name] for each in MIXED] for name in MIXED[0]}},
        {"inputs": MIXED},
        "color,count,size,on\nred,3,0.5,True\nblue,4,2,False\n",
        {"dataframe_records": [{**MIXED[0], "color": "unheard of"}]},
        {"dataframe_records": [{**MIXED[0], "count": None}]},
        {"dataframe_records": [{**MIXED[0], "count": "many"}]},
        {"dataframe_records": [{**MIXED[0], "size": "much"}]},
        {"dataframe_records": [{k: v for k, v in MIXED[0].items() if k != "on"}]},
    ],
    "echo": [
        {"dataframe_records": [ECHO]},
        {"dataframe_records": [ECHO, OTHER]},
        {"dataframe_split": {"columns": list(ECHO), "data": [list(ECHO.values())]}},
        {"dataframe_records": [ECHO], "params": {"what": "params"}},
        {"dataframe_records": [ECHO], "params": {"what": "params", "number": 5}},
        {"dataframe_records": [ECHO], "params": {"what": "params", "number": "five"}},
        {"dataframe_records": [ECHO], "params": {"what": "params", "unknown": 1}},
        {"dataframe_records": [{**ECHO, "time": "no time"}]},
        {"dataframe_records": [{**ECHO, "time": "2024-05-06T07:08:09Z"}]},
    ],
    "free": [
        {"dataframe_split": {"columns": ["x", "y"], "data": [[1, "a"], [2.5, None]]}},
        {"dataframe_split": {"data": [[1, 2], [3, 4]]}},
        {"dataframe_records": [{"x": 1}, {"x": 2, "y": "a"}]},
        {"instances": [{"x": 1, "y": [1, 2]}, {"x": 2, "y": [3, 4]}]},
        {"inputs": [[1, 2], [3, 4]]},
        {"inputs": {"x": [1, 2], "y": [["a"], ["b"]]}},
        {"inputs": "text"},
        {"inputs": 3},
        {"instances": [1, 2]},
        {"messages": [{"role": "user", "content": "Hi"}], "temperature": 0.5},
        {"prompt": "Once", "max_tokens": 5},
        {"input": ["a", "b"]},
        "x,y\n1,a\n2,b\n",
    ],
}


@pytest.mark.parametrize("name", BODIES)
def test_bodies_are_answered_as_mlflow_answers_them(
    mlflow_python: Path, models: Path, name: str
) -> None:
    differences = []
    with both(mlflow_python, models, name) as (theirs, ours):
        for body in BODIES[name]:
            is_text = isinstance(body, str)
            sent = body.encode() if is_text else json.dumps(body).encode()
            kind = "text/csv" if is_text else "application/json; charset=utf-8"
            (their_status, they), (our_status, we) = ask(theirs, sent, kind), ask(ours, sent, kind)
            # What MLflow calls a fault of its own is one of the request's.
            expected = 400 if their_status >= 400 else 200
            if our_status != expected:
                differences.append((body, their_status, they[:300], our_status, we[:300]))
            elif expected == 200 and not same(json.loads(they), json.loads(we)):
                differences.append((body, they, we))
            elif expected == 400:
                assert set(json.loads(we)) - {"pegboard"} == {"error_code", "message"}
    assert not differences, "\n".join(map(repr, differences))


def same(theirs: Any, ours: Any) -> bool:
    """Whether two answers say the same; NaN, which JSON does not have, is null in ours."""
    if isinstance(theirs, float) and theirs != theirs:
        return ours is None
    if isinstance(theirs, float) and isinstance(ours, (int, float)):
        return ours == pytest.approx(theirs, rel=1e-9)
    if isinstance(theirs, dict) and isinstance(ours, dict):
        return theirs.keys() == ours.keys() and all(same(theirs[k], ours[k]) for k in theirs)
    if isinstance(theirs, list) and isinstance(ours, list):
        return len(theirs) == len(ours) and all(map(same, theirs, ours))
    return bool(theirs == ours)
