"""A server in a process of its own, and scripts that MLflow's own client runs against it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import confined


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
    whole = f"import json, mlflow\n{textwrap.dedent(code)}\nprint(json.dumps(answer))\n"
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("MLFLOW", "PEGBOARD"))}
    environment |= {
        "MLFLOW_TRACKING_URI": url,
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
        "DO_NOT_TRACK": "true",
    }
    done = subprocess.run(
        [str(python), "-c", whole],
        cwd=place,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stdout.splitlines() if line.startswith(("{", "["))]
    return json.loads(lines[-1])
