"""``pegboard exec``: a command against a server of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from pegboard_server.commands import execute

from .conftest import COMMAND, SECONDS, environment
from .test_dispatch import wait_for

CALL = """
import json, os, sys, urllib.request
base = os.environ["MLFLOW_TRACKING_URI"]
token = os.environ["MLFLOW_TRACKING_TOKEN"]
def call(method, path, headers):
    request = urllib.request.Request(base + path, method=method, headers=headers)
    try:
        with urllib.request.urlopen(request) as answer:
            return json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code
good = call("GET", "/api/probe/quick", {"Authorization": f"Bearer {token}"})
bad = call("GET", "/api/probe/quick", {})
print(json.dumps({"good": good, "bad": bad, "env": dict(os.environ)}))
"""


@pytest.fixture
def begin(plugins: Path, tmp_path: Path) -> Any:
    """Return what starts ``pegboard exec`` in an empty folder."""

    def start(*words: str, **variables: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*COMMAND, "--tracking-uri", "probe:store", "exec", *words],
            cwd=tmp_path,
            env={**environment(plugins, tmp_path), **variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return start


STUCK_IN = ("wait", "hold", "elsewhere")
"""Where a call can be stuck: in a thread of the server's, in its loop, in a thread of asyncio's."""
STUCK = """
import os, pathlib, sys, threading, time, urllib.request
base, token = os.environ["MLFLOW_TRACKING_URI"], os.environ["MLFLOW_TRACKING_TOKEN"]
headers = {"Authorization": f"Bearer {token}"}
request = urllib.request.Request(base + "/api/probe/ENDPOINT?file=never", headers=headers)
threading.Thread(target=urllib.request.urlopen, args=(request,), daemon=True).start()
while not pathlib.Path("never.begun").exists():
    time.sleep(0.01)
sys.exit(7)
"""


@pytest.mark.parametrize("endpoint", STUCK_IN)
def test_a_call_that_is_stuck_keeps_neither_the_process_nor_its_code(
    begin: Any, tmp_path: Path, endpoint: str
) -> None:
    config = "[plugins.server]\nstop_timeout_seconds = 1.0\n"
    (tmp_path / "pegboard.toml").write_text(config)
    code, _, errors = finish(begin("--", sys.executable, "-c", STUCK.replace("ENDPOINT", endpoint)))
    assert code == 7, errors
    assert "after the server was asked to stop" in errors


def finish(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    output, errors = process.communicate(timeout=SECONDS)
    return process.returncode, output, errors


def test_the_command_reaches_the_store(begin: Any) -> None:
    code, output, errors = finish(begin("--", sys.executable, "-c", CALL))
    assert code == 0, errors
    found = json.loads(output)
    assert found["good"]["store"] == "probe:store"
    assert found["good"]["user"] == "token"


def test_the_store_is_closed_at_the_end(begin: Any, tmp_path: Path) -> None:
    assert finish(begin("--", sys.executable, "-c", ""))[0] == 0
    assert (tmp_path / "store.closed").exists()


def test_nobody_else_can_use_its_server(begin: Any) -> None:
    found = json.loads(finish(begin("--", sys.executable, "-c", CALL))[1])
    assert found["bad"] == 401


def test_the_registry_and_proxies_are_set_too(begin: Any) -> None:
    words = ("--", sys.executable, "-c", CALL)
    variables = {
        "HTTP_PROXY": "http://127.0.0.1:9",
        "no_proxy": "example.org",
        "MLFLOW_TRACKING_USERNAME": "somebody",
        "MLFLOW_TRACKING_AUTH": "other",
    }
    code, output, errors = finish(begin(*words, **variables))
    assert code == 0, errors
    env = json.loads(output)["env"]
    assert env["MLFLOW_REGISTRY_URI"] == env["MLFLOW_TRACKING_URI"]
    assert env["MLFLOW_TRACKING_URI"].startswith("http://127.0.0.1:")
    assert env["no_proxy"] == "example.org,127.0.0.1"
    assert env["MLFLOW_TRACKING_PASSWORD"] == env["MLFLOW_TRACKING_TOKEN"]
    assert "MLFLOW_TRACKING_AUTH" not in env


def test_options_of_the_command_are_left_to_it(begin: Any) -> None:
    code, output, _ = finish(
        begin(sys.executable, "-c", "import sys; print(sys.argv)", "-h", "--x")
    )
    assert (code, output.strip()) == (0, "['-c', '-h', '--x']")


@pytest.mark.parametrize("code", [0, 1, 3, 255])
def test_the_exit_code_is_the_commands(begin: Any, code: int) -> None:
    assert finish(begin("--", sys.executable, "-c", f"raise SystemExit({code})"))[0] == code


def test_a_command_that_a_signal_ends_is_told_as_shells_do(begin: Any) -> None:
    suicide = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    assert finish(begin("--", sys.executable, "-c", suicide))[0] == 128 + signal.SIGKILL


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_signals_are_passed_on(begin: Any, tmp_path: Path, number: int) -> None:
    script = (
        "import signal, sys, time, pathlib\n"
        f"signal.signal({int(number)}, lambda *_: sys.exit(42))\n"
        "pathlib.Path('ready').touch()\n"
        "time.sleep(60)\n"
    )
    process = begin("--", sys.executable, "-c", script)
    wait_for(tmp_path / "ready")
    process.send_signal(number)
    assert finish(process)[0] == 42


def test_a_signal_that_comes_before_the_command_is_passed_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Popen(subprocess.Popen[bytes]):
        def __init__(self, *args: Any, **more: Any) -> None:
            os.kill(os.getpid(), signal.SIGUSR1)
            super().__init__(*args, **more)

    monkeypatch.setattr(subprocess, "Popen", Popen)
    assert execute._run(("sleep", "60"), os.environ) == 128 + signal.SIGUSR1


def test_a_signal_that_does_not_wake_the_wait_is_passed_on() -> None:
    # As one that comes just before the wait: it breaks off no call of the main thread.
    before = signal.getsignal(signal.SIGUSR1)

    def kill() -> None:
        while signal.getsignal(signal.SIGUSR1) == before:
            time.sleep(0.01)
        signal.pthread_kill(threading.get_ident(), signal.SIGUSR1)

    threading.Timer(0.5, kill).start()
    assert execute._run(("sleep", "60"), os.environ) == 128 + signal.SIGUSR1


def test_a_command_that_is_not_there_is_told(begin: Any, tmp_path: Path) -> None:
    code, _, errors = finish(begin("--", "no-such-command"))
    assert code == 127
    assert "no-such-command" in errors
    (tmp_path / "plain").write_text("no program")
    assert finish(begin("--", "./plain"))[0] == 126


def test_a_remote_store_needs_no_server(plugins: Path, tmp_path: Path) -> None:
    show = "import os; print(os.environ['MLFLOW_TRACKING_URI'])"
    uri = "http://tracking.example:5000"
    output = subprocess.check_output(
        [*COMMAND, "--tracking-uri", uri, "exec", "--", sys.executable, "-c", show],
        cwd=tmp_path,
        env=environment(plugins, tmp_path),
        text=True,
    )
    assert output.strip() == uri


GOING_ON = """
import pathlib, sys, threading, time, urllib.request
from pegboard.config import load
from pegboard.host import Host
from pegboard_server import loopback
host = Host(load())
with loopback.serving(host, "probe:store") as server:
    headers = {"Authorization": f"Bearer {server.token}"}
    request = urllib.request.Request(server.address + "/api/probe/PATH", headers=headers)
    call = threading.Thread(target=lambda: urllib.request.urlopen(request).read(), daemon=True)
    call.start()
    while call.is_alive() and not pathlib.Path("never.begun").exists():
        time.sleep(0.01)
time.sleep(0.5)
print("here", flush=True)
sys.exit(7)
"""


@pytest.mark.parametrize("path", ["quick", *(f"{each}?file=never" for each in STUCK_IN)])
def test_a_process_that_served_for_a_while_goes_on_to_its_own_end(
    plugins: Path, tmp_path: Path, path: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", GOING_ON.replace("PATH", path)],
        cwd=tmp_path,
        env={**environment(plugins, tmp_path), "PEGBOARD_SERVER_STOP_TIMEOUT_SECONDS": "0.3"},
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
    )
    assert (done.stdout, done.returncode) == ("here\n", 7), done.stderr
    assert ("after the server was asked to stop" in done.stderr) is (path != "quick")
