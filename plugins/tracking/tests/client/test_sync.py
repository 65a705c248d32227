"""``pegboard sync``, and what processes that died left for it."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from click.testing import CliRunner
from pegboard import host
from pegboard.cli.shell import cli
from pegboard_tracking.client import places
from pegboard_tracking.client.messages import BATCH_HEADER
from pegboard_tracking.points import journal

LEFT_BEHIND = """
import os, sys
from pegboard.config import Config, HttpConfig
from pegboard.entities import Param, RunStatus
from pegboard.host import Host
http = HttpConfig(retries=0, backoff_seconds=0.01)
config = Config(http=http, plugins={"tracking": {"journal_wait_seconds": 0.0}})
store = Host(config).tracking_store(sys.argv[1])
run_id = sys.argv[2]
writer = store.metric_writer()
writer.attach(run_id)
for step in range(1500):
    writer.log(run_id, "m", step / 2, step, step)
"""
KILLED = LEFT_BEHIND + "os.kill(os.getpid(), 9)\n"
OUT_OF_REACH = LEFT_BEHIND + 'store.log_batch(run_id, params=[Param("p", "1")])\nstore.close()\n'
STAYS = LEFT_BEHIND + "print('ready', flush=True)\nsys.stdin.read()\nos.kill(os.getpid(), 9)\n"


@pytest.fixture(params=[True, False], ids=["packed", "json"])
def packs(request) -> bool:
    return request.param


@pytest.fixture
def run_id(server) -> str:
    return server.store.create_run("0").info.run_id


@pytest.fixture
def sync(tmp_path, monkeypatch):
    """Return what calls ``pegboard sync``."""
    monkeypatch.chdir(tmp_path)
    # One try, as the servers of these tests do not come back by themselves.
    (tmp_path / "pegboard.toml").write_text("[http]\nretries = 0\n")

    def sync(*arguments: str):
        host.use(None)
        return CliRunner().invoke(cli, ["sync", *arguments], prog_name="pegboard")

    yield sync
    host.use(None)


def leave_behind(code: str, server, run_id: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", code, server.url, run_id], capture_output=True, text=True
    )
    assert done.returncode in (0, -9), done.stderr


def left(server) -> list[str]:
    return journal.names(places.directory_of(server.url))


def test_nothing_to_send_is_no_error(sync):
    for arguments in ((), ("--check",)):
        result = sync(*arguments)
        assert (result.exit_code, result.output) == (0, "There are no journals of servers.\n")


def test_what_a_killed_process_logged_is_sent(server, run_id, sync):
    leave_behind(KILLED, server, run_id)
    already = server.steps(run_id, "m")
    assert already == list(range(len(already)))
    result = sync()
    assert result.exit_code == 0, result.output
    assert f"{server.url}: {1500 - len(already)} points and 0 other requests sent" in result.output
    assert server.steps(run_id, "m") == list(range(1500))
    assert left(server) == []


def test_sending_again_sends_nothing(server, run_id, sync):
    leave_behind(KILLED, server, run_id)
    assert sync().exit_code == 0
    server.seen.clear()
    result = sync()
    assert (result.exit_code, server.seen) == (0, [])
    assert "0 points and 0 other requests sent, from 0 journals" in result.output


def test_what_waited_during_an_outage_is_sent_params_too(server, run_id, sync):
    server.down()
    leave_behind(OUT_OF_REACH, server, run_id)
    server.up()
    [fact] = json.loads(sync("--json").stdout)
    assert (fact["points"], fact["requests"], fact["refused"], fact["error"]) == (1500, 1, 0, "")
    assert server.steps(run_id, "m") == list(range(1500))
    assert server.store.get_run(run_id).data.params == {"p": "1"}


def test_check_only_looks(server, run_id, sync):
    server.down()
    leave_behind(OUT_OF_REACH, server, run_id)
    for _ in range(2):
        result = sync("--check")
        assert result.exit_code == 1
        assert "1500 points and 1 other request left, from 1 journal" in result.output
    server.up()
    assert server.steps(run_id, "m") == []
    assert sync().exit_code == 0
    assert sync("--check").exit_code == 0


def test_a_server_that_is_still_down_keeps_its_journal(server, run_id, sync):
    server.down()
    leave_behind(OUT_OF_REACH, server, run_id)
    result = sync()
    assert result.exit_code == 1
    assert "the rest is kept" in result.output
    assert len(left(server)) == 1
    server.up()
    assert sync().exit_code == 0
    assert server.steps(run_id, "m") == list(range(1500))


def test_a_sync_that_lost_answers_doubles_nothing(server, run_id, sync, fault):
    server.down()
    leave_behind(OUT_OF_REACH, server, run_id)
    server.up()
    answers = iter(range(10))

    def lose(seen):
        is_lost = seen.method == "POST" and next(answers) in (0, 2)
        return fault(drop=True, before=False) if is_lost else None

    server.fault = lose
    results = [sync() for _ in range(3)]
    assert [each.exit_code for each in results] == [1, 1, 0], [each.output for each in results]
    assert server.steps(run_id, "m") == list(range(1500))


def test_journals_of_living_processes_are_left_to_them(server, run_id, sync):
    process = subprocess.Popen(
        [sys.executable, "-c", STAYS, server.url, run_id],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    result = sync()
    assert result.exit_code == 0
    assert "in use by processes that still run" in result.output
    assert len(left(server)) == 1
    process.communicate()
    assert sync().exit_code == 0
    assert server.steps(run_id, "m") == list(range(1500))


def test_one_server_can_be_chosen_and_its_user_named(server, run_id, sync):
    server.down()
    leave_behind(OUT_OF_REACH, server, run_id)
    server.up()
    result = sync("http://127.0.0.1:1")
    assert (result.exit_code, result.output) == (0, "There are no journals of servers.\n")
    assert len(left(server)) == 1
    assert sync(server.url.replace("//", "//ann:secret@")).exit_code == 0
    assert server.seen[-1].headers["authorization"].startswith("Basic ")
    assert left(server) == []


def test_the_user_of_the_configured_uri_is_used_but_never_written_down(
    server, run_id, sync, monkeypatch, home
):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server.url.replace("//", "//ann:secret@"))
    server.down()
    leave_behind(OUT_OF_REACH, server, run_id)
    server.up()
    assert sync().exit_code == 0
    assert server.seen[-1].headers["authorization"].startswith("Basic ")
    files = [path for path in home.rglob("*") if path.is_file()]
    assert files
    assert not any(b"secret" in path.read_bytes() for path in files)


def test_what_is_refused_is_said_and_kept(server, run_id, sync):
    server.down()
    leave_behind(OUT_OF_REACH, server, run_id)
    server.up()
    server.store.delete_run(run_id)
    result = sync()
    assert result.exit_code == 0
    assert "refused" in result.output
    kept = (places.directory_of(server.url) / "refused.jsonl").read_text().splitlines()
    assert sum(len(json.loads(line)["fields"].get("metrics", ())) for line in kept) == 1500


def test_a_record_that_was_cut_off_is_dropped_and_said(server, run_id, sync, caplog):
    server.down()
    leave_behind(OUT_OF_REACH, server, run_id)
    server.up()
    (name,) = left(server)
    path = places.directory_of(server.url) / f"{name}.log"
    with path.open("ab") as file:
        file.write(journal.record(b"x" * 40)[:20])
    assert sync().exit_code == 0
    assert "cut off" in caplog.text
    assert server.steps(run_id, "m") == list(range(1500))
    assert left(server) == []


@pytest.mark.parametrize(
    ("named", "told"),
    [
        ("by nobody", False),
        ("as the argument", True),
        ("in the environment", True),
        ("by an option", True),
        ("in the configuration", True),
        ("by what is allowed", True),
    ],
)
def test_credentials_go_to_no_server_that_only_a_journal_names(
    server, run_id, sync, tmp_path, monkeypatch, named, told
):
    # Nothing of the process that was killed shall arrive afterwards.
    server.down()
    leave_behind(KILLED, server, run_id)
    server.up()
    server.seen.clear()
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "of another")
    elsewhere = "http://127.0.0.1:1"
    monkeypatch.setenv("PEGBOARD_REGISTRY_URI", elsewhere)
    if named == "in the environment":
        monkeypatch.setenv("MLFLOW_TRACKING_URI", server.url)
    if named in ("in the configuration", "by what is allowed"):
        uri = server.url if named == "in the configuration" else elsewhere
        (tmp_path / "pegboard.toml").write_text(
            f'[tracking]\nuri = "{uri}"\n[http]\nretries = 0\n'
            + (f'credentials_allow = ["{server.url}"]\n' if uri == elsewhere else "")
        )
    options = ["--tracking-uri", server.url] if named == "by an option" else []
    assert sync(*([server.url] if named == "as the argument" else options)).exit_code == 0
    assert server.steps(run_id, "m") == list(range(1500))
    assert server.seen
    for seen in server.seen:
        assert seen.headers.get("authorization") == ("Bearer of another" if told else None)


def test_many_that_sync_at_once_send_everything_once(server, run_id, sync, tmp_path):
    server.down()
    for number in range(3):
        # Points that are all alike would be kept once, however often they were sent.
        code = OUT_OF_REACH.replace("step / 2", f"{number} + step / 2")
        leave_behind(code, server, run_id)
    server.up()
    command = "import sys; from pegboard.cli import main; sys.argv[1:] = ['sync']; main()"
    started = [
        subprocess.Popen([sys.executable, "-c", command], cwd=tmp_path, stdout=subprocess.PIPE)
        for _ in range(4)
    ]
    for process in started:
        process.communicate(timeout=120)
        assert process.returncode == 0
    assert sync().exit_code == 0
    assert sorted(server.steps(run_id, "m")) == sorted(list(range(1500)) * 3)
    sent = [seen.headers.get(BATCH_HEADER.lower()) for seen in server.sent_points()]
    batches = [batch for batch in sent if batch is not None]
    assert len(set(batches)) == len(batches) >= 3
    assert left(server) == []
