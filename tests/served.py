"""A server in a process of its own, and scripts that MLflow's own client runs against it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import confined

QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_REQUIREMENTS_INFERENCE_TIMEOUT": "0",
}
"""For scripts of MLflow: nobody is told; no process is started to see what a model imports."""


@contextmanager
def serving(place: Path, *options: str) -> Iterator[str]:
    """Serve a new store in a directory, which is all that can be changed; yield the URL."""
    with started(place, "server", "--store", f"sqlite:{place}/s.db", *options) as url:
        yield url


@contextmanager
def started(place: Path, *words: str) -> Iterator[str]:
    """Run a command of pegboard that serves, in and confined to a directory; yield the URL."""
    command = str(Path(sys.executable).with_name("pegboard"))
    with (place / "log").open("w") as log:
        process = subprocess.Popen(
            confined.command([place], command, *words, "--port", "0"),
            cwd=place,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        try:
            assert process.stdout is not None
            first = process.stdout.readline()
            assert "://" in first, (place / "log").read_text()
            yield first[first.index("http") :].strip()
        finally:
            process.terminate()
            process.wait(30)


def run_script(python: Path, url: str, place: Path, code: str) -> Any:
    """Run code with MLflow's client and return what it leaves in ``answer``."""
    with scripts(python, url, place) as run:
        return run(code)


_SCRIPTS = """
import json, sys, traceback, mlflow
out, sys.stdout = sys.stdout, sys.stderr
for line in sys.stdin:
    names = {"__name__": "__main__", "json": json, "mlflow": mlflow}
    try:
        exec(json.loads(line), names)
        said = {"answer": names["answer"]}
    except BaseException:
        said = {"error": traceback.format_exc()}
    print(json.dumps(said), file=out, flush=True)
"""


@contextmanager
def scripts(python: Path, url: str, place: Path) -> Iterator[Callable[[str], Any]]:
    """Yield what runs code with MLflow's client and returns what it leaves in ``answer``.

    All of it runs in one process: to import MLflow takes seconds.
    """
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("MLFLOW", "PEGBOARD"))}
    environment |= {
        **QUIET,
        "MLFLOW_TRACKING_URI": url,
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    }
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(
            [str(python), "-c", _SCRIPTS],
            cwd=place,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )

        def run(code: str) -> Any:
            assert process.stdin is not None and process.stdout is not None
            process.stdin.write(json.dumps(textwrap.dedent(code)) + "\n")
            process.stdin.flush()
            line = process.stdout.readline()
            if not line:
                log.seek(0)
                raise AssertionError(log.read())
            said = json.loads(line)
            assert "error" not in said, said["error"]
            return said["answer"]

        try:
            yield run
        finally:
            process.communicate(timeout=300)
        log.seek(0)
        assert process.returncode == 0, log.read()
