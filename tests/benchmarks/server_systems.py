"""Servers in processes of their own: pegboard's, MLflow's and FastTrackML's, with SQLite each."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from attrs import define, field
from processes import OURS, python_of

SYSTEMS = (OURS, "fasttrackml", "mlflow")
API = "/api/2.0/mlflow"
_SECONDS = 120.0
_PAUSE = 0.005
_KEPT = 2.0
"""Servers close a connection that was idle for some seconds."""


@define
class Server:
    """A running server; ``started`` is the seconds from its start to its first answer."""

    system: str
    port: int
    process: subprocess.Popen[bytes]
    started: float
    _connection: HTTPConnection | None = field(default=None, init=False)
    _used: float = field(default=0.0, init=False)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def post(self, path: str, fields: Any) -> Any:
        """Send JSON and return the answer's."""
        return json.loads(self.call("POST", f"{API}/{path}", json.dumps(fields).encode()))

    def call(self, method: str, path: str, body: bytes | None = None) -> bytes:
        """Send a request on a connection that is kept and return the body of the answer."""
        if self._connection is None or time.monotonic() - self._used > _KEPT:
            self._connection = HTTPConnection("127.0.0.1", self.port, timeout=_SECONDS)
        self._connection.request(method, path, body, {"Content-Type": "application/json"})
        answer = self._connection.getresponse()
        content = answer.read()
        self._used = time.monotonic()
        if answer.status != 200:
            raise RuntimeError(f"{self.system} answered {answer.status}: {content[:500]!r}")
        return content

    def create_run(self) -> str:
        """Create a run and return its id."""
        fields = {"experiment_id": "0", "start_time": 1, "tags": []}
        return str(self.post("runs/create", fields)["run"]["info"]["run_id"])

    def memory(self) -> float:
        """Return the MB that the server holds: of pages shared by n processes the nth part."""
        return sum(_kib(pid, "smaps_rollup", "Pss") for pid in self.pids()) / 1024

    def forget_peaks(self) -> None:
        """Begin to measure peaks from what is held now."""
        for pid in self.pids():
            Path(f"/proc/{pid}/clear_refs").write_text("5")

    def peak(self) -> float:
        """Return the sum of the most MB that each process held since ``forget_peaks``."""
        return sum(_kib(pid, "status", "VmHWM") for pid in self.pids()) / 1024

    def pids(self) -> list[int]:
        """Return the server's processes."""
        found = [self.process.pid]
        for pid in found:
            with contextlib.suppress(FileNotFoundError):
                for task in Path(f"/proc/{pid}/task").iterdir():
                    found += map(int, (task / "children").read_text().split())
        return found


def _kib(pid: int, file: str, name: str) -> int:
    try:
        found = re.search(rf"^{name}:\s+(\d+) kB", Path(f"/proc/{pid}/{file}").read_text(), re.M)
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return int(found[1]) if found else 0


@contextlib.contextmanager
def serving(system: str, place: Path) -> Iterator[Server]:
    """Serve the store ``runs.db`` of a folder with one worker, and stop it after."""
    with socket.create_server(("127.0.0.1", 0)) as chosen:
        port: int = chosen.getsockname()[1]
    begin = time.perf_counter()
    with (place / "server.log").open("wb") as log:
        process = subprocess.Popen(
            _command(system, place, port),
            cwd=place,
            env=_environment(),
            stdout=log,
            stderr=log,
            # MLflow's server leaves children behind that only their group finds.
            start_new_session=True,
        )
    try:
        _wait(process, port, place / "server.log")
        yield Server(system, port, process, time.perf_counter() - begin)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(30)


def _command(system: str, place: Path, port: int) -> list[str]:
    store = place / "runs.db"
    programs = python_of(system).parent
    if system == OURS:
        program = [str(programs / "pegboard"), "server", "--no-access-log"]
        return [*program, "--store", f"sqlite:{store}", "--port", str(port)]
    if system == "mlflow":
        program = [str(programs / "python"), "-m", "mlflow", "server", "--workers", "1"]
        program += ["--backend-store-uri", f"sqlite:///{store}", "--port", str(port)]
        return [*program, "--artifacts-destination", str(place / "artifacts")]
    program = [str(programs / "fml"), "server", "--log-level", "error"]
    program += ["--database-uri", f"sqlite://{store}", "--listen-address", f"127.0.0.1:{port}"]
    return [*program, "--default-artifact-root", str(place / "artifacts")]


def _environment() -> dict[str, str]:
    own = ("MLFLOW_", "PEGBOARD_", "FML_")
    kept = {key: value for key, value in os.environ.items() if not key.startswith(own)}
    return kept | {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}


def _wait(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + _SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        connection = HTTPConnection("127.0.0.1", port, timeout=_SECONDS)
        try:
            connection.request("GET", f"{API}/experiments/get?experiment_id=0")
            if connection.getresponse().status < 500:
                return
        except OSError:
            pass
        finally:
            connection.close()
        time.sleep(_PAUSE)
    raise RuntimeError(log.read_text()[-2000:])
