"""How runs of real processes end, in a real store."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pegboard
import pytest
from pegboard.entities import Run

WAITING = "print('ready', flush=True)\ntime.sleep(60)\n"


class Scripts:
    """Runs scripts that track to one store, and finds the runs they made."""

    def __init__(self, place: Path) -> None:
        self.uri = f"sqlite:{place / 'runs.db'}"
        self.started: list[subprocess.Popen[str]] = []
        self.environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith(("MLFLOW_", "PEGBOARD_"))},
            "PEGBOARD_TRACKING_URI": self.uri,
        }
        self.place = place

    def start(self, code: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", f"import os, signal, sys, threading, time, pegboard\n{code}"],
            cwd=self.place,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.started.append(process)
        return process

    def run(self, code: str) -> tuple[int, str]:
        """Run a script to its end; return its exit code and what it wrote to stderr."""
        process = self.start(code)
        _, errors = process.communicate(timeout=60)
        return process.returncode, errors

    def terminate(self, code: str) -> tuple[int, str]:
        """Run a script until it says that it is ready, then send SIGTERM."""
        process = self.start(code)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n", process.communicate(timeout=60)[1]
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=60)
        return process.returncode, errors

    def found(self) -> list[Run]:
        """Return all runs, the first one first."""
        return pegboard.Client(self.uri).search_runs(["0"], order_by=["start_time ASC"])

    def only(self) -> Run:
        (run,) = self.found()
        return run


@pytest.fixture
def scripts(tmp_path: Path) -> Iterator[Scripts]:
    scripts = Scripts(tmp_path)
    yield scripts
    for process in scripts.started:
        if process.poll() is None:
            process.kill()
            process.communicate()


def test_a_script_that_ends_finishes_all_its_runs(scripts: Scripts) -> None:
    code, errors = scripts.run(
        "pegboard.start_run()\npegboard.start_run(nested=True)\npegboard.log_metric('a', 1)"
    )
    assert (code, errors) == (0, "")
    outer, inner = scripts.found()
    assert [outer.info.status, inner.info.status] == ["FINISHED", "FINISHED"]
    assert inner.data.metrics == {"a": 1.0}
    assert inner.info.end_time is not None


@pytest.mark.parametrize(
    ("last_line", "status", "code"),
    [
        ("raise ValueError('boom')", "FAILED", 1),
        ("raise KeyboardInterrupt", "KILLED", -signal.SIGINT),
        ("os.kill(os.getpid(), signal.SIGINT); time.sleep(5)", "KILLED", -signal.SIGINT),
    ],
)
def test_an_exception_that_no_one_catches_ends_the_run(
    scripts: Scripts, last_line: str, status: str, code: int
) -> None:
    assert scripts.run(f"pegboard.start_run()\n{last_line}")[0] == code
    assert scripts.only().info.status == status


def test_the_traceback_is_shown_as_ever(scripts: Scripts) -> None:
    _, errors = scripts.run("pegboard.start_run()\nraise ValueError('boom')")
    assert errors.startswith("Traceback")
    assert errors.endswith("ValueError: boom\n")


def test_an_exit_code_counts_in_a_with_block(scripts: Scripts) -> None:
    code, _ = scripts.run("with pegboard.start_run():\n    sys.exit(3)")
    assert code == 3
    assert scripts.only().info.status == "FAILED"


def test_an_exception_that_was_caught_fails_nothing(scripts: Scripts) -> None:
    scripts.run("pegboard.start_run()\ntry:\n    1 / 0\nexcept ZeroDivisionError:\n    pass")
    assert scripts.only().info.status == "FINISHED"


@pytest.mark.parametrize(
    "code",
    [
        f"pegboard.start_run()\n{WAITING}",
        f"with pegboard.start_run():\n    {WAITING.replace(chr(10), chr(10) + '    ')}pass",
        f"threading.Thread(target=pegboard.start_run).run()\n{WAITING}",
    ],
)
def test_sigterm_kills_the_run_and_the_process(scripts: Scripts, code: str) -> None:
    assert scripts.terminate(code) == (-signal.SIGTERM, "")
    run = scripts.only()
    assert run.info.status == "KILLED"
    assert run.info.end_time is not None


def test_sigterm_amid_logging_loses_no_point_and_never_hangs(scripts: Scripts) -> None:
    code, errors = scripts.terminate(
        "pegboard.start_run()\n"
        "step = 0\n"
        "while True:\n"
        "    pegboard.log_metric('a', step, step=step)\n"
        "    step += 1\n"
        "    if step == 1000: print('ready', flush=True)\n"
    )
    assert (code, errors) == (-signal.SIGTERM, "")
    run = scripts.only()
    assert run.info.status == "KILLED"
    history = pegboard.Client(scripts.uri).get_metric_history(run.info.run_id, "a")
    assert len(history) >= 1000
    assert [point.step for point in history] == list(range(len(history)))


def test_sigterm_without_a_run_ends_the_process_as_ever(scripts: Scripts) -> None:
    code, _ = scripts.terminate(f"with pegboard.start_run():\n    pass\n{WAITING}")
    assert code == -signal.SIGTERM
    assert scripts.only().info.status == "FINISHED"


def test_a_handler_of_the_user_decides_what_sigterm_does(scripts: Scripts) -> None:
    code, _ = scripts.terminate(
        "stop = []\n"
        "signal.signal(signal.SIGTERM, lambda *_: stop.append(1))\n"
        "with pegboard.start_run():\n"
        "    print('ready', flush=True)\n"
        "    while not stop: time.sleep(0.01)\n"
        "    pegboard.log_metric('saved', 1)\n"
    )
    assert code == 0
    assert scripts.only().info.status == "FINISHED"
    assert scripts.only().data.metrics == {"saved": 1.0}


def test_a_handler_of_the_user_that_exits_kills_the_run(scripts: Scripts) -> None:
    code, _ = scripts.terminate(
        f"signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))\npegboard.start_run()\n{WAITING}"
    )
    assert code == 0
    assert scripts.only().info.status == "KILLED"


def test_sigterm_that_is_ignored_stays_ignored(scripts: Scripts) -> None:
    process = scripts.start(
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "pegboard.start_run()\n"
        "print('ready', flush=True)\n"
        "sys.stdin.read(); time.sleep(0.2)\n"
        "pegboard.log_metric('a', 1)\n"
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0
    assert scripts.only().info.status == "FINISHED"
    assert scripts.only().data.metrics == {"a": 1.0}


def test_a_forked_child_logs_to_its_parents_run_and_does_not_end_it(scripts: Scripts) -> None:
    code, errors = scripts.run(
        "run = pegboard.start_run()\n"
        "pegboard.log_metric('parent', 1)\n"
        "child = os.fork()\n"
        "if child == 0:\n"
        "    pegboard.log_metric('child', 2)\n"
        "    sys.exit(0)\n"
        "assert os.waitpid(child, 0)[1] == 0\n"
        "assert pegboard.get_run(run.info.run_id).info.status == 'RUNNING'\n"
        "pegboard.log_metric('parent', 3)\n"
    )
    assert (code, errors) == (0, "")
    run = scripts.only()
    assert run.info.status == "FINISHED"
    assert run.data.metrics == {"parent": 3.0, "child": 2.0}


def test_a_forked_child_that_leaves_the_with_block_does_not_end_the_run(scripts: Scripts) -> None:
    code, errors = scripts.run(
        "with pegboard.start_run() as run:\n"
        "    child = os.fork()\n"
        "    if child:\n"
        "        os.waitpid(child, 0)\n"
        "        assert pegboard.get_run(run.info.run_id).info.status == 'RUNNING'\n"
    )
    assert (code, errors) == (0, "")
    assert scripts.only().info.status == "FINISHED"


@pytest.mark.parametrize("method", ["fork", "spawn"])
@pytest.mark.parametrize(("last", "status"), [("pass", "FINISHED"), ("1 / 0", "FAILED")])
def test_a_worker_process_ends_the_run_it_left_open(
    scripts: Scripts, tmp_path: Path, method: str, last: str, status: str
) -> None:
    (tmp_path / "work.py").write_text(
        "import multiprocessing, pegboard\n"
        "def work():\n"
        "    pegboard.start_run()\n"
        "    pegboard.log_metric('a', 1)\n"
        f"    {last}\n"
    )
    scripts.run(
        "sys.path.insert(0, '')\n"
        "import work\n"
        f"worker = work.multiprocessing.get_context('{method}').Process(target=work.work)\n"
        "worker.start(); worker.join()\n"
    )
    assert scripts.only().info.status == status
    assert scripts.only().data.metrics == {"a": 1.0}


def test_terminating_a_worker_process_kills_its_run_only(scripts: Scripts, tmp_path: Path) -> None:
    (tmp_path / "work.py").write_text(
        "import pegboard, time\n"
        "def work(ready):\n"
        "    pegboard.start_run(nested=True, run_name='worker')\n"
        "    ready.set()\n"
        "    time.sleep(60)\n"
    )
    code, errors = scripts.run(
        "sys.path.insert(0, '')\n"
        "import multiprocessing, work\n"
        "pegboard.start_run(run_name='main')\n"
        "context = multiprocessing.get_context('fork')\n"
        "ready = context.Event()\n"
        "worker = context.Process(target=work.work, args=(ready,))\n"
        "worker.start(); ready.wait(30); worker.terminate(); worker.join()\n"
        "assert worker.exitcode == -signal.SIGTERM, worker.exitcode\n"
    )
    assert (code, errors) == (0, "")
    assert {run.info.run_name: run.info.status for run in scripts.found()} == {
        "main": "FINISHED",
        "worker": "KILLED",
    }


def test_an_exception_in_a_thread_fails_the_run_of_the_thread(scripts: Scripts) -> None:
    scripts.run(
        "def work():\n"
        "    pegboard.start_run(run_name='thread')\n"
        "    raise ValueError\n"
        "pegboard.start_run(run_name='main')\n"
        "thread = threading.Thread(target=work)\n"
        "thread.start(); thread.join()\n"
    )
    assert {run.info.run_name: run.info.status for run in scripts.found()} == {
        "main": "FINISHED",
        "thread": "FAILED",
    }


def test_a_spawned_worker_that_logs_without_a_run_is_warned_of_the_one_it_gets(
    scripts: Scripts, tmp_path: Path
) -> None:
    (tmp_path / "work.py").write_text(
        "import pegboard\n"
        "def work():\n"
        "    pegboard.log_metric('a', 1)\n"
        "def work_by_id(run_id):\n"
        "    pegboard.log_metric('b', 2, run_id=run_id)\n"
    )
    code, errors = scripts.run(
        "sys.path.insert(0, '')\n"
        "import multiprocessing, work\n"
        "context = multiprocessing.get_context('spawn')\n"
        "with pegboard.start_run(run_name='main') as run:\n"
        "    for target, given in ((work.work, ()), (work.work_by_id, (run.info.run_id,))):\n"
        "        worker = context.Process(target=target, args=given, name='Worker')\n"
        "        worker.start(); worker.join()\n"
    )
    assert code == 0, errors
    main, stray = scripts.found()
    assert (main.data.metrics, stray.data.metrics) == ({"b": 2.0}, {"a": 1.0})
    assert (main.info.status, stray.info.status) == ("FINISHED", "FINISHED")
    (line,) = errors.splitlines()
    assert stray.info.run_id in line
    assert "'Worker'" in line
    assert "run_id=" in line


def test_threads_of_a_script_and_of_its_forked_child_log_to_its_run(scripts: Scripts) -> None:
    code, errors = scripts.run(
        "def log(key):\n"
        "    thread = threading.Thread(target=pegboard.log_metric, args=(key, 1))\n"
        "    thread.start(); thread.join()\n"
        "with pegboard.start_run() as run:\n"
        "    log('thread')\n"
        "    child = os.fork()\n"
        "    if child == 0:\n"
        "        log('child')\n"
        "        sys.exit(0)\n"
        "    assert os.waitpid(child, 0)[1] == 0\n"
    )
    assert (code, errors) == (0, "")
    assert scripts.only().data.metrics == {"thread": 1.0, "child": 1.0}


@pytest.mark.parametrize("own", [False, True])
def test_a_child_that_was_just_forked_heeds_sigterm(scripts: Scripts, own: bool) -> None:
    handler = "signal.signal(signal.SIGTERM, lambda *_: os._exit(9))\n" if own else ""
    code, errors = scripts.run(
        f"{handler}"
        "with pegboard.start_run():\n"
        "    ends = set()\n"
        "    for _ in range(20):\n"
        "        child = os.fork()\n"
        "        if child == 0:\n"
        "            time.sleep(30)\n"
        "            os._exit(7)\n"
        "        os.kill(child, signal.SIGTERM)\n"
        "        ends.add(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))\n"
        f"assert ends == {{{'9' if own else '-signal.SIGTERM'}}}, ends\n"
    )
    assert (code, errors) == (0, "")
    assert scripts.only().info.status == "FINISHED"


def test_a_run_that_a_forked_child_starts_is_killed_with_it(scripts: Scripts) -> None:
    code, errors = scripts.run(
        "with pegboard.start_run(run_name='main'):\n"
        "    readable, writable = os.pipe()\n"
        "    child = os.fork()\n"
        "    if child == 0:\n"
        "        pegboard.start_run(nested=True, run_name='child')\n"
        "        os.write(writable, b'x')\n"
        "        time.sleep(30)\n"
        "    os.read(readable, 1)\n"
        "    os.kill(child, signal.SIGTERM)\n"
        "    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGTERM\n"
    )
    assert (code, errors) == (0, "")
    ends = {run.info.run_name: run.info.status for run in scripts.found()}
    assert ends == {"main": "FINISHED", "child": "KILLED"}
