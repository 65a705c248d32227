"""The gateway beside LiteLLM's proxy and MLflow's gateway: one worker each, one fast upstream.

Ours runs with what it has on by default: records of usage, limits and budgets; and once more with
a limit and a budget in force.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from attrs import define, field
from processes import OURS, WORKLOADS, available, folder, python_of
from rows import Row
from server_load import load, tool

LITELLM, MLFLOW = "litellm", "mlflow-2"
CONTROLLED = "with a limit and a budget"
_UPSTREAM = Path(__file__).resolve().parent / "gateway_upstream.py"
_CONNECTIONS = (1, 32)
_STREAMS = 8
_TURNS = 5
_SECONDS = 120.0
_MESSAGES = [
    {"role": "system", "content": "You are a helpful assistant."},
    {"role": "user", "content": "Tell me about the city that I live in, in a few words."},
]
_HEADERS = {"Content-Type": "application/json", "Authorization": "Bearer sk-1234"}


@define
class _Figures:
    """What one system showed, by connections."""

    started: float = 0.0
    rate: dict[int, float] = field(factory=dict)
    p50: dict[int, float] = field(factory=dict)
    p99: dict[int, float] = field(factory=dict)
    chunks: float = 0.0
    """A second, on several connections."""
    first: float = 0.0
    """The ms to the first chunk, on one connection."""
    memory: float = 0.0
    """In MB, after all."""
    processor: float = 0.0
    """The µs of processor time that a call takes, on many connections: others on the machine change
    it little."""


def measure(quick: bool) -> list[Row]:
    """Load one after the other."""
    seconds = 1 if quick else 5
    peers = [system for system in (LITELLM, MLFLOW) if available(system)]
    with folder() as place, upstream() as url:
        bare = _Figures()
        _load(bare, f"{url}/v1/chat/completions", body_of("fast"), seconds, place)
        figures = {system: _figures(system, place, url, seconds) for system in (OURS, *peers)}
        controlled = _side_by_side(place / "beside", url, seconds)
    return _rows(figures, bare, controlled)


@define
class _Beside:
    """Calls a second with a limit and a budget, and of that without; on many connections."""

    rate: float
    part: float


def _side_by_side(place: Path, upstream: str, seconds: int) -> _Beside:
    """Load one with rules and one without in turn: what else the machine does is as bad for both.

    The median of the turns counts.
    """
    place.mkdir()
    body = json.dumps(body_of("chat"))
    with contextlib.ExitStack() as running:
        urls = [
            running.enter_context(serving(system, place, upstream))[0]
            for system in (CONTROLLED, OURS)
        ]
        turns = [
            [load(url, body, _CONNECTIONS[-1], seconds, place).rate for url in urls]
            for _ in range(_TURNS)
        ]
    parts = sorted(turns, key=lambda turn: turn[0] / turn[1])
    rate, without = parts[_TURNS // 2]
    return _Beside(rate, rate / without)


@contextlib.contextmanager
def upstream() -> Iterator[str]:
    process = subprocess.Popen(
        [sys.executable, str(_UPSTREAM), "0"], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        yield process.stdout.readline().split()[-1]
    finally:
        process.terminate()
        process.wait()


def _figures(system: str, place: Path, upstream: str, seconds: int) -> _Figures:
    found = _Figures()
    with serving(system, place, upstream) as (url, started, process):
        found.started = started
        body = body_of("" if system == MLFLOW else "chat")
        _load(found, url, body, seconds, place)
        found.memory = memory_of(process.pid)
        before, begin = _processor(process.pid), time.perf_counter()
        result = load(url, json.dumps(body), _CONNECTIONS[-1], seconds, place)
        # The load takes a little longer than it says, and what it had sent is answered.
        calls = result.rate * min(time.perf_counter() - begin, seconds + 0.1)
        found.processor = (_processor(process.pid) - before) / calls * 1e6
    return found


def _load(found: _Figures, url: str, body: dict[str, Any], seconds: int, place: Path) -> None:
    for connections in _CONNECTIONS:
        result = load(url, json.dumps(body), connections, seconds, place)
        found.rate[connections] = result.rate
        found.p50[connections], found.p99[connections] = result.p50, result.p99
    streaming = json.dumps({**body, "stream": True})
    slowly = streaming.replace("few words", "few words, slowly")
    found.first = _streams(url, slowly, 1, seconds)["first"]
    found.chunks = _streams(url, streaming, _STREAMS, seconds)["rate"]


def body_of(model: str) -> dict[str, Any]:
    named = {"model": model} if model else {}
    return {**named, "messages": _MESSAGES, "temperature": 0.5, "max_tokens": 100}


def _streams(url: str, body: str, connections: int, seconds: int) -> dict[str, float]:
    asked = {"url": url, "body": body, "connections": connections, "seconds": seconds}
    done = subprocess.run(
        [sys.executable, str(WORKLOADS / "stream_load.py"), json.dumps(asked)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    found: dict[str, float] = json.loads(done.stdout)
    return found


@contextlib.contextmanager
def serving(
    system: str, place: Path, upstream: str
) -> Iterator[tuple[str, float, subprocess.Popen[bytes]]]:
    """Start a system; yield where a chat is answered, and the seconds to the first answer."""
    with socket.create_server(("127.0.0.1", 0)) as chosen:
        port: int = chosen.getsockname()[1]
    home = place / re.sub(r"\W", "-", system)
    home.mkdir()
    command, path = _command(system, home, port, upstream)
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("MLFLOW_", "PEGBOARD_"))}
    programs = Path(command[0]).parent
    # MLflow's command looks for the server to run on the path.
    kept |= {"PATH": f"{programs}{os.pathsep}{kept['PATH']}", "MLFLOW_DISABLE_TELEMETRY": "true"}
    kept |= {"LITELLM_LOG": "ERROR", "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    # It asks for no key, as the others do.
    kept["LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY"] = "true"
    kept.pop("PYTHONDONTWRITEBYTECODE", None)
    begin = time.perf_counter()
    with (home / "log").open("wb") as log:
        process = subprocess.Popen(
            command, cwd=home, env=kept, stdout=log, stderr=log, start_new_session=True
        )
    try:
        _wait(process, port, path, system, home / "log")
        yield f"http://127.0.0.1:{port}{path}", time.perf_counter() - begin, process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(30)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def _command(system: str, home: Path, port: int, upstream: str) -> tuple[list[str], str]:
    base = f"{upstream}/v1"
    programs = python_of(OURS if system == CONTROLLED else system).parent
    listen = ["--host", "127.0.0.1", "--port", str(port)]
    if system == LITELLM:
        (home / "config.yaml").write_text(_LITELLM.format(base=base))
        told = ["--config", "config.yaml", "--num_workers", "1", *listen]
        return [str(programs / "litellm"), *told], "/v1/chat/completions"
    if system == MLFLOW:
        (home / "config.yaml").write_text(_MLFLOW.format(base=base))
        told = ["gateway", "start", "--config-path", "config.yaml", "--workers", "1", *listen]
        return [str(programs / "mlflow"), *told], "/endpoints/chat/invocations"
    more = _RULES if system == CONTROLLED else ""
    (home / "pegboard.toml").write_text(_OURS.format(base=base) + more)
    told = ["gateway", "start", "--no-access-log", *listen]
    return [str(programs / "pegboard"), *told], "/v1/chat/completions"


_OURS = """
[server]
max_connections = 1200

[[gateway.endpoints]]
name = "chat"
provider = "openai"
model = "fast"
base_url = "{base}"
api_key = "sk-none"
"""
_RULES = """
limit = { calls = 1000000000, per = "hour", by = "address" }
budget = { usd = 1000000, per = "day" }
price = { input = 1.0, output = 2.0 }
"""
_LITELLM = """
model_list:
  - model_name: chat
    litellm_params:
      model: openai/fast
      api_base: {base}
      api_key: sk-none
"""
_MLFLOW = """
endpoints:
  - name: chat
    endpoint_type: llm/v1/chat
    model:
      provider: openai
      name: fast
      config:
        openai_api_key: sk-none
        openai_api_base: {base}
"""


def _wait(process: subprocess.Popen[bytes], port: int, path: str, system: str, log: Path) -> None:
    body = json.dumps(body_of("" if system == MLFLOW else "chat"))
    deadline = time.monotonic() + _SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        connection = HTTPConnection("127.0.0.1", port, timeout=_SECONDS)
        try:
            connection.request("POST", path, body, _HEADERS)
            if connection.getresponse().status == 200:
                return
            time.sleep(0.05)
        except OSError:
            time.sleep(0.01)
        finally:
            connection.close()
    raise RuntimeError(f"{system} did not answer: {log.read_text()[-2000:]}")


def _tree(pid: int) -> list[int]:
    """Return a process and its children."""
    pids = [pid]
    for each in pids:
        with contextlib.suppress(FileNotFoundError):
            for task in Path(f"/proc/{each}/task").iterdir():
                pids += map(int, (task / "children").read_text().split())
    return pids


def memory_of(pid: int) -> float:
    """Return the MB that a process and its children hold."""
    total = 0
    for each in _tree(pid):
        with contextlib.suppress(FileNotFoundError):
            text = Path(f"/proc/{each}/smaps_rollup").read_text()
            total += int(re.search(r"^Pss:\s+(\d+)", text, re.M)[1])  # type: ignore[index]
    return total / 1024


def _processor(pid: int) -> float:
    """Return the seconds of processor time that a process and its children have taken."""
    total = 0
    for each in _tree(pid):
        with contextlib.suppress(FileNotFoundError):
            fields = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
            total += int(fields[11]) + int(fields[12])
    return total / os.sysconf("SC_CLK_TCK")


def _rows(figures: dict[str, _Figures], bare: _Figures, controlled: _Beside) -> list[Row]:
    ours = figures.pop(OURS)
    rows: list[Row] = []

    def add(row: Row, name: str, key: int | None = None) -> None:
        values = {peer: getattr(found, name) for peer, found in figures.items()}
        rows.extend(row.beside(values if key is None else {p: v[key] for p, v in values.items()}))

    start = Row("gateway: start to first answer", "s", ours.started, 1.0, better="less")
    add(start, "started")
    for connections in _CONNECTIONS:
        what = f"gateway: chats on {connections} connection{'s' * (connections > 1)}"
        note = (
            f"p99 {ours.p99[connections]:.1f} ms; the bare upstream "
            f"{bare.rate[connections]:.0f}/s; load from {tool()}"
        )
        goal = 2.5 if connections > 1 else None
        add(
            Row(what, "calls/s", ours.rate[connections], goal_ratio=goal, note=note),
            "rate",
            connections,
        )
    note = f"p99 {ours.p99[1]:.1f} ms, goal 3 ms; the bare upstream {bare.p50[1]:.2f} ms"
    half = Row("gateway: a chat, median", "ms", ours.p50[1], 0.7, better="less", note=note)
    add(half, "p50", 1)
    note = f"the bare upstream {bare.chunks:.0f}/s"
    add(Row(f"gateway: {_STREAMS} streams", "chunks/s", ours.chunks, note=note), "chunks")
    note = f"the bare upstream {bare.first:.2f} ms; the goal is 1 ms more"
    goal_first = bare.first + 1.0
    add(
        Row("gateway: first chunk, median", "ms", ours.first, goal_first, better="less", note=note),
        "first",
    )
    processor = Row("gateway: processor time a chat", "µs", ours.processor, 300, better="less")
    add(processor, "processor")
    add(Row("gateway: memory after it", "MB", ours.memory, 100, better="less"), "memory")
    name = f"gateway: chats on {_CONNECTIONS[-1]} connections {CONTROLLED}"
    note = f"{controlled.rate:.0f} calls/s; the median of {_TURNS} turns side by side"
    rows.append(Row(name, "of the rate", controlled.part, 2 / 3, note=note))
    return rows
