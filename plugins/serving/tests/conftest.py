"""Models of several kinds, and real scoring servers in processes of their own."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from attrs import define, field
from pegboard_testing.isolation import forget

SECONDS = 60.0
"""No step of a test takes longer than this."""

COMMAND = [sys.executable, "-c", "from pegboard.cli import main; main()", "models"]


# -- models ----------------------------------------------------------------------------------------


def training_data() -> tuple[pd.DataFrame, Any]:
    random = np.random.default_rng(0)
    table = pd.DataFrame(random.normal(size=(200, 3)), columns=["a", "b", "c"])
    return table, (table["a"] + table["b"] > table["c"]).astype(int)


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of models: ``table``, ``array``, ``mixed`` and ``echo``."""
    from pegboard_models import pyfunc, signature
    from pegboard_models.saving import save_model
    from sklearn.linear_model import LinearRegression, LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    place = tmp_path_factory.mktemp("models")
    table, target = training_data()

    def save(name: str, model: Any, example: Any) -> None:
        found = signature.infer_signature(example, model.predict(example))
        save_model("sklearn", model, place / name, signature=found, pip_requirements=["numpy"])

    save("table", LogisticRegression().fit(table, target), table)
    save("array", LinearRegression().fit(table.to_numpy(), target), table.to_numpy())
    mixed = pd.DataFrame({"color": ["red", "green", "blue"] * 20, "count": range(60)})
    encoder = OneHotEncoder(handle_unknown="ignore")
    save("mixed", make_pipeline(encoder, LinearRegression()).fit(mixed, mixed["count"]), mixed)

    example = pd.DataFrame(
        {
            "whole": [1],
            "real": [0.5],
            "text": ["x"],
            "flag": [True],
            "raw": [b"\x00\xff"],
            "time": pd.to_datetime(["2024-01-02T03:04:05"]),
        }
    )
    pyfunc.save_model(
        place / "echo",
        python_model=Echo(),
        signature=signature.infer_signature(example, None, {"fail": "", "until": ""}),
        pip_requirements=["numpy"],
    )
    return place


def _make_echo() -> type[Any]:
    # The class is made here so that its code, not a reference to this file, is saved with it.
    from pegboard_models.pyfunc import PythonModel

    class Echo(PythonModel):
        """Returns its rows, and fails, waits for a file or answers oddly when it is told to."""

        def predict(self, context: Any, model_input: Any, params: Any = None) -> Any:
            import pathlib
            import time

            params = params or {}
            while params.get("until") and not pathlib.Path(params["until"]).exists():
                time.sleep(0.01)
            kind = params.get("fail")
            if kind == "error":
                raise RuntimeError("out of luck\nsecond line at /secret/path")
            if kind == "object":
                return object()
            if kind == "odd":
                import numpy

                return {
                    "nan": float("nan"),
                    "array": numpy.array([1.5, numpy.inf]),
                    "single": numpy.float32(0.5),
                    "huge": 2**70,
                    1: b"bytes",
                }
            return model_input

    return Echo


def Echo() -> Any:
    return _make_echo()()


ECHO_ROW = {
    "whole": 7,
    "real": 0.25,
    "text": "é",
    "flag": True,
    "raw": "AP8=",
    "time": "2024-05-06T07:08:09",
}

# -- servers ---------------------------------------------------------------------------------------


@define
class Reply:
    """An answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def predictions(self) -> Any:
        assert self.status == 200, self.body
        return self.json["predictions"]

    @property
    def error(self) -> str:
        """The message of an error, which has to have MLflow's form and no traceback."""
        assert self.status >= 400
        assert self.headers["content-type"] == "application/json"
        assert set(self.json) - {"pegboard"} == {"error_code", "message"}, self.body
        assert b"Traceback" not in self.body and b"File " not in self.body, self.body
        return str(self.json["message"])


@define
class Server:
    """A running server."""

    process: subprocess.Popen[str]
    port: int
    _errors: list[str] = field(factory=list)
    _reader: threading.Thread | None = None

    def __call__(
        self, method: str, path: str, body: bytes | None = None, headers: Any = None
    ) -> Reply:
        with contextlib.closing(HTTPConnection("127.0.0.1", self.port, timeout=SECONDS)) as made:
            made.request(method, path, body, headers or {})
            answer = made.getresponse()
            names = {name.lower(): value for name, value in answer.getheaders()}
            return Reply(answer.status, names, answer.read())

    def invoke(self, body: Any, content_type: str | None = "application/json") -> Reply:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self(
            "POST", "/invocations", content, content_type and {"Content-Type": content_type}
        )

    def stop(self, number: int = signal.SIGTERM) -> int:
        if self.process.poll() is None:
            self.process.send_signal(number)
        code = self.process.wait(SECONDS)
        assert self._reader is not None
        self._reader.join(SECONDS)
        return code

    @property
    def log(self) -> str:
        """What it wrote to stderr; complete when it has stopped."""
        return "".join(self._errors)


def environment(place: Path, **more: str) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PEGBOARD_", "MLFLOW_"))}
    return {**kept, "XDG_CONFIG_HOME": str(place / "home"), **more}


def launch(place: Path, model: Path, *options: str, config: str = "", **variables: str) -> Server:
    place.mkdir(exist_ok=True)
    (place / "pegboard.toml").write_text(config)
    process = subprocess.Popen(
        [*COMMAND, "serve", "-m", str(model), "--port", "0", *options],
        cwd=place,
        env=environment(place, **variables),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None and process.stderr is not None
    line = process.stdout.readline()
    if not line.startswith("Listening on "):
        process.kill()
        raise AssertionError(process.stderr.read())
    server = Server(process, int(line.rstrip().rpartition(":")[2].partition("/")[0]))
    stderr = process.stderr
    server._reader = threading.Thread(target=lambda: server._errors.extend(stderr), daemon=True)
    server._reader.start()
    return server


def run(*arguments: str, place: Path, stdin: str = "", **variables: str) -> Any:
    """Run ``pegboard models …`` to its end."""
    return subprocess.run(
        [*COMMAND, *arguments],
        cwd=place,
        env=environment(place, **variables),
        input=stdin,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Return what starts a server with a model and options."""
    running: list[Server] = []

    def begin(model: Path, *options: str, **named: str) -> Server:
        server = launch(tmp_path, model, *options, **named)
        running.append(server)
        return server

    yield begin
    for server in running:
        server.stop(signal.SIGKILL)


@pytest.fixture(scope="session")
def table(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Serve ``table``, with low limits."""
    config = "[plugins.server]\nmax_body_mib = 1\n"
    running = launch(tmp_path_factory.mktemp("table"), models / "table", config=config)
    yield running
    assert running.stop() == 0


@pytest.fixture(scope="session")
def echo(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Serve ``echo``."""
    place = tmp_path_factory.mktemp("echo")
    running = launch(place, models / "echo", "--trust", "pickle")
    yield running
    assert running.stop() == 0


@pytest.fixture(scope="module", autouse=True)
def forgotten() -> None:
    """Keep what the tests of another file left behind from those of this one."""
    forget()
