"""What forked children and other workers log to a run is on the server when the run has ended."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
from pegboard_tracking.client import places
from pegboard_tracking.points import journal

COUNT = 3

WORK = """
import os, signal, sys
import pegboard

def log(number):
    pegboard.log_metric("child", number, step=number)

def log_and_leave(number):
    log(number)
    os._exit(0)

def log_and_be_killed(number):
    log(number)
    os.kill(os.getpid(), signal.SIGKILL)

def log_in_a_grandchild(number):
    if os.fork() == 0:
        log_and_leave(number)
    os.wait()

def log_by_id(run_id, number):
    pegboard.log_metric("child", number, step=number, run_id=run_id)

def log_by_id_and_be_killed(run_id, number):
    log_by_id(run_id, number)
    os.kill(os.getpid(), signal.SIGKILL)

def log_in_a_thread_that_outlives_the_function(number):
    import threading
    def late():
        threading.main_thread().join()
        log(number)
    threading.Thread(target=late).start()

def flush(number):
    log(number)
    pegboard.flush_async_logging()
    os._exit(0)
"""
MAIN = """
import multiprocessing, os, sys
sys.path.insert(0, "")
import pegboard, work
fork, spawn = map(multiprocessing.get_context, ("fork", "spawn"))

def processes(context, target, *arguments):
    started = [context.Process(target=target, args=(*arguments, n)) for n in range(3)]
    for each in started:
        each.start()
    for each in started:
        each.join()

if __name__ == "__main__":
{block}
    print(run_id, flush=True)
    sys.stdin.readline()
"""
BEGIN = """\
with pegboard.start_run() as run:
    run_id = run.info.run_id
    pegboard.log_metric("parent", 1.0)
"""
WAYS = {
    "joined processes": "processes(fork, work.log)",
    "os._exit": "processes(fork, work.log_and_leave)",
    "kill -9": "processes(fork, work.log_and_be_killed)",
    "a pool that is terminated": "with fork.Pool(3) as pool: pool.map(work.log, range(3))",
    "a pool that is closed": (
        "pool = fork.Pool(3); pool.map(work.log, range(3)); pool.close(); pool.join()"
    ),
    "a pool that lives on": "pool = fork.Pool(3); pool.map(work.log, range(3))",
    "os.fork": (
        "for n in range(3):\n"
        "    if os.fork() == 0: work.log(n); sys.exit(0)\n"
        "for n in range(3): os.wait()"
    ),
    "grandchildren": "processes(fork, work.log_in_a_grandchild)",
    "threads of children": "processes(fork, work.log_in_a_thread_that_outlives_the_function)",
    "spawned": "processes(spawn, work.log_by_id, run_id)",
    "spawned, kill -9": "processes(spawn, work.log_by_id_and_be_killed, run_id)",
}


class Scripts:
    """Starts scripts with the module ``work`` that track to a server."""

    def __init__(self, place: Path, url: str) -> None:
        self.place, self.url = place, url
        self.started: list[subprocess.Popen[str]] = []
        (place / "work.py").write_text(WORK)

    def start(self, block: str, *, begin: str = BEGIN) -> subprocess.Popen[str]:
        indent = " " * 4 * (1 + begin.count("with"))
        code = MAIN.format(block=textwrap.indent(begin, " " * 4) + textwrap.indent(block, indent))
        (self.place / "main.py").write_text(f"import os\n{code}")
        process = subprocess.Popen(
            [sys.executable, "main.py", self.url],
            cwd=self.place,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.started.append(process)
        return process

    def stop(self) -> None:
        for process in self.started:
            process.kill()
            process.communicate()


@pytest.fixture
def scripts(server, tmp_path, monkeypatch) -> Iterator[Scripts]:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server.url)
    made = Scripts(tmp_path, server.url)
    yield made
    made.stop()


def first_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    assert process.stderr is not None
    return process.stdout.readline().strip() or pytest.fail(process.stderr.read())


@pytest.mark.parametrize("way", WAYS)
def test_points_of_workers_are_on_the_server_when_the_run_has_ended(server, scripts, way) -> None:
    run_id = first_line(scripts.start(WAYS[way]))
    run = server.store.get_run(run_id)
    assert run.info.status == "FINISHED"
    assert sorted(server.steps(run_id, "child")) == list(range(COUNT))
    assert run.data.metrics["parent"] == 1.0


@pytest.mark.parametrize("way", WAYS)
def test_nothing_is_left_of_workers_when_all_have_ended(server, scripts, way) -> None:
    process = scripts.start(WAYS[way])
    run_id = first_line(process)
    process.communicate("\n", timeout=60)
    # A pool's workers are ended after the run: what they left is for the next process.
    first_line(scripts.start("pass"))
    process = scripts.started[-1]
    process.communicate("\n", timeout=60)
    assert journal.names(places.directory_of(server.url)) == []
    assert sorted(server.steps(run_id, "child")) == list(range(COUNT))


def test_a_run_ended_by_a_client_that_logged_nothing_is_complete_too(server, scripts) -> None:
    block = (
        "run_id = pegboard.Client().create_run('0').info.run_id\n"
        "processes(spawn, work.log_by_id_and_be_killed, run_id)\n"
        "pegboard.Client().set_terminated(run_id)"
    )
    run_id = first_line(scripts.start(block, begin=""))
    assert server.store.get_run(run_id).info.status == "FINISHED"
    assert sorted(server.steps(run_id, "child")) == list(range(COUNT))


def test_flush_in_a_child_means_that_readers_of_the_server_see_it(server, scripts) -> None:
    block = "processes(fork, work.flush)\nprint(run_id, flush=True)\nsys.stdin.readline()"
    run_id = first_line(scripts.start(block))
    assert server.store.get_run(run_id).info.status == "RUNNING"
    assert sorted(server.steps(run_id, "child")) == list(range(COUNT))


def test_flush_in_the_parent_brings_what_living_children_logged(server, scripts) -> None:
    block = (
        "pool = fork.Pool(3); pool.map(work.log, range(3))\n"
        "pegboard.flush_async_logging()\n"
        "print(run_id, flush=True)\n"
        "sys.stdin.readline()"
    )
    run_id = first_line(scripts.start(block))
    assert sorted(server.steps(run_id, "child")) == list(range(COUNT))


def test_a_child_that_outlives_its_killed_parent_does_not_keep_the_parents_journal(
    server, scripts, open_store
) -> None:
    block = (
        "for n in range(100): pegboard.log_metric('parent', n, step=n + 1)\n"
        "child = fork.Process(target=sys.stdin.read)\n"
        "child.start()\n"
        "os.write(1, f'{run_id}\\n'.encode())\n"
        "os.kill(os.getpid(), 9)"
    )
    process = scripts.start(block)
    run_id = first_line(process)
    assert process.wait(30) == -9
    store = open_store()
    other = server.store.create_run("0").info.run_id
    store.metric_writer().log(other, "m", 1.0, 1, 0)
    store.metric_writer().settle(run_id)
    assert server.steps(run_id, "parent") == list(range(101))
