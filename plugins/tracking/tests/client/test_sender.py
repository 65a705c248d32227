"""The sender: what a killed client left is delivered by nobody's help, once, and as its user."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from attrs import evolve
from click.testing import CliRunner
from pegboard import host
from pegboard.cli.shell import cli
from pegboard.config import HttpConfig
from pegboard_tracking.client import left, marks, places
from pegboard_tracking.points import journal
from pegboard_wire.client.connection import connect
from pegboard_wire.client.options import options_for

POINTS = 500

CLIENT = """
import os, sys
import pegboard
run = pegboard.start_run()
for step in range(500):
    pegboard.log_metric("m", step / 2, step=step)
os.write(1, f"{run.info.run_id}\\n".encode())
"""
KILLED = CLIENT + "os.kill(os.getpid(), 9)\n"
STAYS = CLIENT + "sys.stdin.readline(); os.kill(os.getpid(), 9)\n"
LATE = CLIENT + (
    "sys.stdin.readline()\n"
    "for step in range(500):\n"
    "    pegboard.log_metric('m', step, step=step)\n"
    "os.kill(os.getpid(), 9)\n"
)
TRACES = (
    CLIENT.replace(
        "os.write(",
        """from pegboard_scripting.fluent import experiments
line = '["s","0","tr-%032x","%016x",null,"n",1,2,"OK","",{},[],[]]' % (1, 1)
experiments.client().writer.log_spans(line.encode())
os.write(""",
    )
    + "os.kill(os.getpid(), 9)\n"
)
ENDS = CLIENT + "pegboard.end_run()\n"
FAMILY = CLIENT + (
    "children = open(f'/proc/self/task/{os.getpid()}/children').read()\n"
    "print('children', children.split(), flush=True)\n"
)


def eventually(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never came to be"
        time.sleep(0.02)


class Clients:
    """Starts clients of a server with a sender, and sees to it that no sender is left."""

    def __init__(self, server, place: Path) -> None:
        self.server, self.place = server, place
        self.started: list[subprocess.Popen[str]] = []
        self.configure(sender_idle_seconds=0.2)

    def configure(self, **settings: object) -> None:
        given = {"journal_wait_seconds": 0.0, **settings}
        lines = [f"{key} = {str(value).lower()}" for key, value in given.items()]
        tables = ["[http]", "retries = 0", "[plugins.tracking]", *lines, ""]
        (self.place / "pegboard.toml").write_text("\n".join(tables))

    @property
    def directory(self) -> Path:
        return places.directory_of(self.server.url)

    def start(self, code: str, **variables: str) -> subprocess.Popen[str]:
        environment = {
            **os.environ,
            "MLFLOW_TRACKING_URI": self.server.url,
            "PEGBOARD_TRACKING_SENDER": "on",
            **variables,
        }
        process = subprocess.Popen(
            [sys.executable, "-c", code],
            cwd=self.place,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.started.append(process)
        return process

    def run(self, code: str, **variables: str) -> str:
        """Run a client to its end and return the id of its run."""
        process = self.start(code, **variables)
        out, err = process.communicate(timeout=120)
        assert process.returncode in (0, -9), err
        return out.splitlines()[0]

    def lock_files(self) -> list[Path]:
        return list(self.directory.glob("sender-*.lock"))

    def senders(self) -> list[int]:
        """Return the ids of the senders of this test's clients."""
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            try:
                words = (process / "cmdline").read_bytes()
                environment = (process / "environ").read_bytes()
            except OSError:
                continue
            if b"client.sending" in words and os.fsencode(self.place) in environment:
                found.append(int(process.name))
        return found

    def wait_for_the_end(self) -> None:
        """Wait until the senders have ended: the lock of each is theirs while they live."""
        for file in self.lock_files():
            with file.open() as opened:
                fcntl.flock(opened, fcntl.LOCK_EX)
        eventually(lambda: not self.senders())

    def stop(self) -> None:
        for process in self.started:
            process.kill()
            process.communicate()
        for sender in self.senders():
            os.kill(sender, 9)
        eventually(lambda: not self.senders())

    def left(self) -> list[str]:
        return journal.names(self.directory)


@pytest.fixture
def clients(server, tmp_path) -> Iterator[Clients]:
    made = Clients(server, tmp_path)
    yield made
    made.stop()


def test_what_a_killed_client_left_is_delivered_by_itself_and_nothing_stays(
    server, clients
) -> None:
    run_id = clients.run(TRACES)
    eventually(lambda: len(server.steps(run_id, "m")) == POINTS)
    eventually(lambda: bool(server.store.traces().traces([f"tr-{1:032x}"])))
    assert server.steps(run_id, "m") == list(range(POINTS))
    clients.wait_for_the_end()
    assert {path.name for path in clients.directory.iterdir()} == {"server"}


def test_a_sender_that_ends_never_leaves_a_new_client_without_one(server, clients) -> None:
    clients.configure(sender_idle_seconds=0.0)
    runs = [clients.run(KILLED) for _ in range(8)]
    eventually(lambda: all(len(server.steps(run_id, "m")) == POINTS for run_id in runs))


def test_clients_that_start_at_once_share_one_sender(server, clients) -> None:
    processes = [clients.start(STAYS) for _ in range(4)]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline()
    eventually(lambda: len(clients.senders()) == 1)
    (file,) = clients.lock_files()
    eventually(lambda: file.read_text().split() == [str(pid) for pid in clients.senders()])


def test_a_server_that_is_down_when_the_client_is_killed_gets_it_later(server, clients) -> None:
    process = clients.start(LATE)
    assert process.stdout is not None
    run_id = process.stdout.readline().strip()
    eventually(lambda: len(server.steps(run_id, "m")) == POINTS)
    server.down()
    _, err = process.communicate("\n", timeout=60)
    assert process.returncode == -9, err
    assert server.steps(run_id, "m") == list(range(POINTS))
    server.up()
    eventually(lambda: len(server.steps(run_id, "m")) == 2 * POINTS)
    assert server.steps(run_id, "m") == [*range(POINTS), *range(POINTS)]


def test_answers_that_are_lost_double_nothing(server, clients, fault) -> None:
    losses = iter(range(10**6))
    server.fault = lambda seen: (
        fault(drop=True, before=False)
        if server.is_of_points(seen) and next(losses) in (0, 1)
        else None
    )
    run_id = clients.run(KILLED)
    eventually(lambda: clients.left() == [])
    assert server.steps(run_id, "m") == list(range(POINTS))
    assert next(losses) >= 3


def test_a_run_that_may_not_be_written_any_more_does_not_hold_up_the_others(
    server, clients, fault
) -> None:
    runs = [killed_before_a_point_arrived(server, clients, fault) for _ in range(2)]
    # The journals are sent in the order of their names: the first of them is refused.
    first = clients.left()[0]
    server.fault = lambda seen: fault(403) if first in str(seen.headers) else None
    clients.run(KILLED)
    eventually(lambda: clients.left() == [first])
    clients.wait_for_the_end()
    assert sorted(len(server.steps(run_id, "m")) for run_id in runs) == [0, POINTS]
    server.fault = lambda _: None
    clients.run(ENDS)
    eventually(lambda: clients.left() == [])
    assert [server.steps(run_id, "m") for run_id in runs] == [list(range(POINTS))] * 2


def test_a_sender_that_is_killed_amid_its_work_is_succeeded(server, clients, fault) -> None:
    import threading

    held, go = threading.Event(), threading.Event()

    def hold(seen):
        if server.is_of_points(seen) and not go.is_set():
            held.set()
            go.wait(60)
        return

    server.fault = hold
    process = clients.start(STAYS)
    assert process.stdout is not None
    run_id = process.stdout.readline().strip()
    process.kill()
    assert held.wait(60)
    eventually(lambda: bool(clients.senders()))
    for sender in clients.senders():
        os.kill(sender, 9)
    go.set()
    other = clients.run(ENDS)
    eventually(lambda: clients.left() == [])
    for each in (run_id, other):
        assert server.steps(each, "m") == list(range(POINTS))


def test_a_sender_is_nobodys_child_and_holds_none_of_the_scripts_streams(server, clients) -> None:
    clients.configure(sender_idle_seconds=600.0)
    process = clients.start(FAMILY)
    # It would not return if the sender held the ends of these pipes.
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert out.splitlines()[1] == "children []"
    eventually(lambda: len(clients.senders()) == 1)
    (sender,) = clients.senders()
    assert os.getsid(sender) not in (os.getsid(0), process.pid)
    streams = [str(Path(f"/proc/{sender}/fd/{number}").readlink()) for number in (1, 2)]
    assert streams == ["/dev/null"] * 2
    eventually(lambda: Path(f"/proc/{sender}/cwd").readlink() == Path("/"))


@pytest.mark.parametrize("way", ["environment", "setting"])
def test_a_sender_can_be_switched_off(server, clients, way) -> None:
    if way == "setting":
        clients.configure(sender=False)
    run_id = clients.run(KILLED, PEGBOARD_TRACKING_SENDER="off" if way == "environment" else "")
    assert clients.senders() == []
    assert clients.lock_files() == []
    # Then the next process takes it over.
    clients.run(ENDS, PEGBOARD_TRACKING_SENDER="off")
    assert server.steps(run_id, "m") == list(range(POINTS))
    assert clients.left() == []


def killed_before_a_point_arrived(server, clients, fault, **variables: str) -> str:
    """Return a run whose points all wait: nobody knows of those that were on their way."""
    server.fault = lambda seen: fault(503) if server.is_of_points(seen) else None
    run_id = clients.run(KILLED, PEGBOARD_TRACKING_SENDER="off", **variables)
    server.fault = lambda _: None
    return run_id


# -- whose it is -----------------------------------------------------------------------------------


def as_user(name: str) -> dict[str, str]:
    return {"MLFLOW_TRACKING_USERNAME": name, "MLFLOW_TRACKING_PASSWORD": f"secret-of-{name}"}


def test_a_sender_delivers_only_what_was_logged_with_its_credentials(
    server, clients, fault
) -> None:
    mine = killed_before_a_point_arrived(server, clients, fault, **as_user("ann"))
    (name,) = clients.left()
    server.seen.clear()
    other = clients.run(KILLED, **as_user("bob"))
    eventually(lambda: len(server.steps(other, "m")) == POINTS)
    clients.wait_for_the_end()
    assert clients.left() == [name]
    assert server.steps(mine, "m") == []
    bob = {seen.headers["authorization"] for seen in server.sent_points()}
    assert len(bob) == 1
    # Another process of the same user takes it over, whatever the password is now.
    clients.run(ENDS, **{**as_user("ann"), "MLFLOW_TRACKING_PASSWORD": "a new one"})
    eventually(lambda: clients.left() == [])
    assert server.steps(mine, "m") == list(range(POINTS))
    assert bob.isdisjoint(
        seen.headers["authorization"] for seen in server.sent_points() if name in str(seen.headers)
    )


def test_credentials_stand_in_no_file_and_on_no_command_line(server, clients, home) -> None:
    clients.configure(sender_idle_seconds=600.0)
    clients.run(ENDS, MLFLOW_TRACKING_URI=server.url.replace("//", "//ann:secret@"))
    eventually(lambda: len(clients.senders()) == 1)
    (sender,) = clients.senders()
    assert b"secret" not in Path(f"/proc/{sender}/cmdline").read_bytes()
    files = [path for path in home.rglob("*") if path.is_file()]
    assert files
    assert not any(b"secret" in path.read_bytes() for path in files)
    modes = [path.stat().st_mode & path.parent.stat().st_mode & 0o077 for path in files]
    assert modes == [0] * len(files)


def test_a_mark_tells_callers_and_machines_apart_and_not_passwords(server, monkeypatch) -> None:
    def mark(uri: str = server.url, http: HttpConfig | None = None, **variables: str) -> str:
        return marks.mark_of(options_for(uri, http or HttpConfig(), variables))

    ann = mark(**as_user("ann"))
    assert ann == mark(**{**as_user("ann"), "MLFLOW_TRACKING_PASSWORD": "other"})
    assert ann == mark(server.url.replace("//", "//ann:pw@"))
    others = [
        mark(),
        mark(**as_user("bob")),
        mark(MLFLOW_TRACKING_TOKEN="ann"),
        mark(MLFLOW_TRACKING_TOKEN="t"),
        mark(http=HttpConfig(headers={"X-Key": "k"})),
        mark(MLFLOW_TRACKING_CLIENT_CERT_PATH="/c.pem"),
    ]
    monkeypatch.setattr("socket.gethostname", lambda: "elsewhere")
    others.append(mark(**as_user("ann")))
    assert ann not in others
    assert len(set(others)) == len(others)


def test_a_mark_needs_the_key_that_lies_beside_the_journals(server, home) -> None:
    options = options_for(server.url, HttpConfig(), {"MLFLOW_TRACKING_TOKEN": "t"})
    first = marks.mark_of(options)
    key = places.root() / "key"
    assert key.stat().st_mode & 0o777 == 0o600
    assert marks.mark_of(evolve(options, timeout=1.0)) == first
    key.unlink()
    assert marks.mark_of(options) != first


# -- what is said of it ----------------------------------------------------------------------------


def test_doctor_and_show_say_what_waits_and_where(
    server, clients, store, monkeypatch, fault
) -> None:
    run_id = killed_before_a_point_arrived(server, clients, fault)
    found = store.waiting(run_id)
    assert (found.points, found.requests, found.place) == (POINTS, 0, str(clients.directory))
    assert store.waiting("0" * 32) is None
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server.url)
    host.use(None)
    words = CliRunner().invoke(cli, ["runs", "show", run_id]).output
    shown = json.loads(CliRunner().invoke(cli, ["runs", "show", run_id, "--json"]).stdout)
    host.use(None)
    assert (
        f"Not shown: {POINTS} points and 0 other requests wait in {clients.directory}"
        in " ".join(words.split())
    )
    assert shown["waiting"] == {"points": POINTS, "requests": 0, "place": str(clients.directory)}
    ((what, advice),) = store.faults()
    assert f"{POINTS} points and 0 other requests of ended processes wait in" in what
    assert "pegboard sync" in advice
    (name,) = clients.left()
    for ending in (".log", ".sent"):
        writer, _, number = name.split("-")
        file = clients.directory / f"{name}{ending}"
        if file.exists():
            file.rename(file.with_name(f"{writer}-{'0' * 12}-{number}{ending}"))
    ((what, _),) = store.faults()
    assert "another machine or as another user" in what


def test_a_living_client_that_has_sent_everything_is_no_fault(server, store) -> None:
    run_id = server.store.create_run("0").info.run_id
    store.metric_writer().log(run_id, "m", 1.0, 1, 0)
    assert [what for what, _ in store.faults() if "still run" in what]
    store.metric_writer().flush()
    assert list(store.faults()) == []
    connection = connect(server.url, HttpConfig())
    assert list(left.faults(places.directory_of(server.url), connection.options)) == []
