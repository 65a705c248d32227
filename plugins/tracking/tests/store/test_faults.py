"""Nothing acknowledged is lost: killed processes, full disks, many writers, damaged files."""

from __future__ import annotations

import fcntl
import logging
import os
import signal
import time
from pathlib import Path

import pytest
from pegboard.config import Config
from pegboard.entities import RunStatus
from pegboard.errors import (
    ConfigError,
    InvalidState,
    InvalidValue,
    NotFound,
    StoreCorrupt,
    StoreError,
    StoreGone,
)
from pegboard.host import Host
from pegboard_tracking.points import journal
from pegboard_tracking.tables.liveness import LOST_TAG


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "store.db"


@pytest.fixture
def host():
    made = Host(Config())
    yield made
    made.close()


def reopen(path: Path, **settings: object):
    made = Host(Config(plugins={"tracking": dict(settings)}))
    return made.tracking_store(f"sqlite:{path}")


def steps(store, run_id: str, key: str) -> list[int]:
    return [point.step for point in store.metric_history(run_id, key)]


LOG_FOR_EVER = """
run_id = store.create_run("0").info.run_id
writer.attach(run_id)
print(run_id, flush=True)
for step in range(10**9):
    writer.log(run_id, "loss", step / 2, 1, step)
    writer.log_many(run_id, {"a": step, "b": -step}, 1, step)
    os.write(1, b"%d\\n" % step)
"""


@pytest.mark.parametrize("after", [0.05, 0.5, 2.5])
def test_kill_9_loses_no_point_whose_call_had_returned(path, host, after, children) -> None:
    process = children.start(LOG_FOR_EVER, path)
    run_id = children.read_line(process)
    deadline = time.monotonic() + after
    acknowledged = -1
    while time.monotonic() < deadline:
        acknowledged = int(process.stdout.readline())
    process.kill()
    # The line after the last line break may be cut off.
    rest = process.stdout.read().split("\n")[:-1]
    acknowledged = max(acknowledged, *map(int, rest), -1)
    process.wait()

    store = host.tracking_store(f"sqlite:{path}")
    for key in ("loss", "a", "b"):
        found = steps(store, run_id, key)
        assert found == list(range(len(found))), key
        # The point after the last acknowledged one may or may not have been written.
        assert acknowledged < len(found) <= acknowledged + 2
    assert store.get_run(run_id).data.metrics["loss"] == steps(store, run_id, "loss")[-1] / 2


def test_a_killed_process_leaves_its_run_lost_and_no_journal(path, host, children) -> None:
    process = children.start(LOG_FOR_EVER, path)
    run_id = children.read_line(process)
    children.read_line(process)
    process.kill()
    process.communicate()
    run = host.tracking_store(f"sqlite:{path}").get_run(run_id)
    assert run.info.status is RunStatus.LOST
    assert run.info.end_time is not None
    assert run.data.tags[LOST_TAG].startswith("20")
    assert journal.names(path.with_name("store.db.journal")) == []


def test_a_reader_sees_what_a_living_process_has_logged(path, host, children) -> None:
    process = children.start(
        """
        run_id = store.create_run("0").info.run_id
        writer.log(run_id, "loss", 1.5, 1, 0)
        print(run_id, flush=True)
        for line in sys.stdin:
            writer.log(run_id, "loss", 2.5, 1, int(line))
            print("logged", flush=True)
        """,
        path,
    )
    run_id = children.read_line(process)
    store = host.tracking_store(f"sqlite:{path}")
    assert steps(store, run_id, "loss") == [0]
    for step in range(1, 4):
        print(step, file=process.stdin, flush=True)
        assert children.read_line(process) == "logged"
        assert steps(store, run_id, "loss") == list(range(step + 1))
    process.communicate()
    assert process.returncode == 0
    assert steps(store, run_id, "loss") == [0, 1, 2, 3]


def test_a_silent_writer_makes_its_runs_lost_and_late_data_opens_them_again(path, children) -> None:
    process = children.start(
        """
        run_id = store.create_run("0").info.run_id
        writer.attach(run_id)
        print(run_id, flush=True)
        sys.stdin.readline()
        writer.log(run_id, "loss", 2.5, 1, 7)
        print("logged", flush=True)
        sys.stdin.readline()
        """,
        path,
    )
    run_id = children.read_line(process)
    store = reopen(path, lost_after_seconds=0.2)
    # A stopped process gives no signs of life, as one on a machine that was put to sleep.
    os.kill(process.pid, signal.SIGSTOP)
    time.sleep(1.3)
    assert store.get_run(run_id).info.status is RunStatus.LOST
    os.kill(process.pid, signal.SIGCONT)
    print(file=process.stdin, flush=True)
    assert children.read_line(process) == "logged"
    patient = reopen(path, lost_after_seconds=60.0)
    run = patient.get_run(run_id)
    assert run.info.status is RunStatus.RUNNING
    assert run.info.end_time is None
    assert LOST_TAG not in run.data.tags
    assert run.data.metrics == {"loss": 2.5}
    process.communicate("\n")
    patient.close()
    store.close()


def test_a_run_that_ended_stays_as_it_ended(path, host, children) -> None:
    run_id = children.run(
        """
        run_id = store.create_run("0").info.run_id
        writer.attach(run_id)
        store.update_run(run_id, status="FINISHED", end_time=5)
        print(run_id, flush=True)
        os._exit(0)
        """,
        path,
    ).strip()
    assert host.tracking_store(f"sqlite:{path}").get_run(run_id).info.status is RunStatus.FINISHED


def test_32_processes_log_10_000_points_each_into_one_store(path, host, children) -> None:
    host.tracking_store(f"sqlite:{path}")
    code = """
    run_id = store.create_run("0").info.run_id
    writer.attach(run_id)
    sys.stdin.readline()
    for step in range(10_000):
        writer.log(run_id, "loss", step, 1, step)
    store.update_run(run_id, status="FINISHED")
    writer.detach(run_id)
    store.close()
    print(run_id)
    """
    processes = [children.start(code, path) for _ in range(32)]
    for process in processes:
        print(file=process.stdin, flush=True)
    results = [process.communicate(timeout=500) for process in processes]
    assert [err for _, err in results if err] == []
    store = host.tracking_store(f"sqlite:{path}")
    for out, _ in results:
        assert steps(store, out.strip(), "loss") == list(range(10_000))
    assert journal.names(path.with_name("store.db.journal")) == []


def test_two_processes_create_one_store_at_once(path, children) -> None:
    code = "print(store.get_experiment('0').name)"
    for _ in range(3):
        processes = [children.start(code, path) for _ in range(4)]
        assert [p.communicate(timeout=60) for p in processes] == [("Default\n", "")] * 4
        for file in path.parent.glob("store.db*"):
            if file.is_file():
                file.unlink()


def test_threads_of_one_process_log_together(path, host) -> None:
    from concurrent.futures import ThreadPoolExecutor

    store = host.tracking_store(f"sqlite:{path}")
    run_id, writer = store.create_run("0").info.run_id, store.metric_writer()

    def log(thread: int) -> None:
        for step in range(2000):
            writer.log(run_id, f"t{thread}", step, 1, step)
            writer.log(run_id, "shared", step, 1, thread * 2000 + step)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(log, range(8)))
    for thread in range(8):
        assert steps(store, run_id, f"t{thread}") == list(range(2000))
    assert sorted(steps(store, run_id, "shared")) == list(range(16_000))


def test_a_forked_child_logs_to_a_journal_of_its_own(path, host, children) -> None:
    out = children.run(
        """
        run_id = store.create_run("0").info.run_id
        writer.attach(run_id)
        for step in range(1000):
            writer.log(run_id, "parent", step, 1, step)
        forked = []
        for child in range(4):
            pid = os.fork()
            if pid == 0:
                for step in range(500):
                    writer.log(run_id, f"child{child}", step, 1, step)
                assert store.get_run(run_id).data.metrics[f"child{child}"] == 499
                store.close()
                os._exit(0)
            forked.append(pid)
            for step in range(1000):
                writer.log(run_id, "parent", step, 1, 1000 * (child + 1) + step)
        assert [os.waitpid(pid, 0)[1] for pid in forked] == [0] * 4
        print(run_id)
        store.close()
        """,
        path,
    )
    store = host.tracking_store(f"sqlite:{path}")
    assert steps(store, out.strip(), "parent") == list(range(5000))
    for child in range(4):
        assert steps(store, out.strip(), f"child{child}") == list(range(500))


def test_a_full_disk_is_an_error_and_keeps_what_was_acknowledged(path, children) -> None:
    """A limit on file sizes stands in for the disk: the system call fails the same way."""
    out = children.run(
        """
        import resource
        from pegboard.errors import StoreFull
        run_id = store.create_run("0").info.run_id
        writer.log(run_id, "loss", 0, 1, 0)
        resource.setrlimit(resource.RLIMIT_FSIZE, (2**18, resource.RLIM_INFINITY))
        step = 0
        try:
            for step in range(1, 10**6):
                writer.log(run_id, "loss", step, 1, step)
        except StoreFull as error:
            print(run_id, step)
            print(error)
            os._exit(0)
        """,
        path,
    )
    first, message = out.split("\n", 1)
    run_id, failed = first.split()
    assert "no space left" in message
    store = reopen(path)
    assert steps(store, run_id, "loss") == list(range(int(failed)))
    store.close()


def test_logging_goes_on_when_there_is_space_again(path, children) -> None:
    out = children.run(
        """
        import resource
        from pegboard.errors import StoreFull
        run_id = store.create_run("0").info.run_id
        writer.log(run_id, "loss", 0, 1, 0)
        resource.setrlimit(resource.RLIMIT_FSIZE, (2**16 + 13, resource.RLIM_INFINITY))
        acknowledged, failures = [0], 0
        for step in range(1, 3000):
            try:
                writer.log(run_id, "loss", step, 1, step)
                acknowledged.append(step)
            except StoreFull:
                failures += 1
                if failures == 5:
                    resource.setrlimit(
                        resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        store.close()
        print(run_id, failures, *acknowledged)
        """,
        path,
    )
    run_id, failures, *acknowledged = out.split()
    assert failures == "5"
    store = reopen(path)
    assert steps(store, run_id, "loss") == [int(step) for step in acknowledged]
    store.close()


def test_a_torn_journal_tail_is_dropped_and_said(path, caplog, children) -> None:
    run_id = children.run(
        """
        run_id = store.create_run("0").info.run_id
        for step in range(100):
            writer.log(run_id, "loss", step, 1, step)
        print(run_id, flush=True)
        os._exit(0)
        """,
        path,
    ).strip()
    (left,) = path.with_name("store.db.journal").glob("*.log")
    with left.open("r+b") as file:
        file.truncate(left.stat().st_size - 5)
    with caplog.at_level(logging.WARNING):
        store = reopen(path)
    assert steps(store, run_id, "loss") == list(range(99))
    assert "it was dropped" in caplog.text
    assert not left.exists()
    store.close()


def test_a_damaged_journal_is_set_aside_and_said(path, caplog, children) -> None:
    run_id = children.run(
        """
        run_id = store.create_run("0").info.run_id
        for step in range(100):
            writer.log(run_id, "loss", step, 1, step)
        print(run_id, flush=True)
        os._exit(0)
        """,
        path,
    ).strip()
    (left,) = path.with_name("store.db.journal").glob("*.log")
    content = bytearray(left.read_bytes())
    content[len(content) // 2] ^= 0xFF
    left.write_bytes(content)
    with caplog.at_level(logging.WARNING):
        store = reopen(path)
    found = steps(store, run_id, "loss")
    assert found == list(range(len(found)))
    assert 40 < len(found) < 60
    assert "is damaged" in caplog.text
    assert left.with_suffix(".damaged").stat().st_size == len(content)
    store.close()


def test_a_file_that_is_no_database_is_an_error_of_its_own(path, host) -> None:
    path.write_bytes(b"this is not a database, but long enough to look like one" * 100)
    with pytest.raises(StoreCorrupt, match="damaged or not a pegboard store"):
        host.tracking_store(f"sqlite:{path}")


def test_a_store_of_a_newer_version_is_refused(path, host) -> None:
    store = host.tracking_store(f"sqlite:{path}")
    with store._database.writing() as connection:
        connection.execute(
            "INSERT INTO _sqlite_migrations (migration_set, name, applied_at)"
            " VALUES ('tracking', 'from the future', '')"
        )
    with pytest.raises(StoreError, match="newer version"):
        reopen(path)


def test_a_read_only_store_can_be_read_but_not_written(path, tmp_path, children) -> None:
    run_id = children.run("print(store.create_run('0').info.run_id); store.close()", path).strip()
    code = """
    from pegboard.errors import StoreReadOnly
    print(store.get_run(sys.argv[2]).info.status)
    for change in (
        lambda: store.create_experiment("x"),
        lambda: writer.log(sys.argv[2], "loss", 1, 1, 1),
    ):
        try:
            change()
        except StoreReadOnly as error:
            print("refused")
    """
    _freeze(path)
    answers = children.run(code, path, run_id, as_nobody=True).split()
    assert answers == ["RUNNING", "refused", "refused"]


def _freeze(path: Path) -> None:
    for file in (path, *path.parent.iterdir()):
        file.chmod(0o555 if file.is_dir() else 0o444)
    directory = path.parent
    directory.chmod(0o555)
    for parent in directory.parents:
        if parent.stat().st_mode & 0o005 != 0o005:
            parent.chmod(parent.stat().st_mode | 0o005)


@pytest.mark.parametrize(
    ("uri", "error", "words"),
    [
        ("sqlite:{}?colour=red", ConfigError, "unknown parameter colour"),
        ("sqlite:{}?synchronous=maybe", ConfigError, "synchronous = 'maybe'"),
        ("sqlite:{}?patience=long", ConfigError, "patience = 'long'"),
        ("sqlite://elsewhere/x.db", InvalidValue, "names the host 'elsewhere'"),
    ],
)
def test_a_wrong_uri_says_what_is_wrong(path, host, uri, error, words) -> None:
    with pytest.raises(error, match=words):
        host.tracking_store(uri.format(path))


def test_logging_to_unknown_and_deleted_runs_is_refused(path, host) -> None:
    store = host.tracking_store(f"sqlite:{path}")
    writer = store.metric_writer()
    with pytest.raises(NotFound):
        writer.log("nobody", "loss", 1.0, 1, 0)
    run_id = store.create_run("0").info.run_id
    writer.log(run_id, "loss", 1.0, 1, 0)
    store.delete_run(run_id)
    with pytest.raises(InvalidState):
        writer.log(run_id, "loss", 1.0, 1, 0)
    store.restore_run(run_id)
    writer.log(run_id, "loss", 1.0, 1, 1)
    assert steps(store, run_id, "loss") == [0, 1]


def test_a_closed_store_says_so(path, host) -> None:
    store = host.tracking_store(f"sqlite:{path}")
    run_id = store.create_run("0").info.run_id
    store.metric_writer().log(run_id, "loss", 1.0, 1, 0)
    store.close()
    with pytest.raises(StoreError, match="was closed"):
        store.metric_writer().log(run_id, "loss", 1.0, 1, 1)


def test_a_long_log_rotates_its_journals_and_leaves_none(path, host, monkeypatch) -> None:
    from pegboard_tracking.points import journal_writer as writer_module

    monkeypatch.setattr(writer_module, "ROTATE_BYTES", 4000)
    store = host.tracking_store(f"sqlite:{path}")
    run_id, writer = store.create_run("0").info.run_id, store.metric_writer()
    for step in range(1000):
        writer.log(run_id, "loss", step, 1, step)
        writer.log_many(run_id, {"a": 1.0, "b": 2.0}, 1, step)
    assert len(journal.names(path.with_name("store.db.journal"))) > 10
    assert steps(store, run_id, "loss") == list(range(1000))
    assert steps(store, run_id, "b") == list(range(1000))
    store.close()
    assert journal.names(path.with_name("store.db.journal")) == []


@pytest.mark.parametrize("rotate", range(100, 400, 50))
def test_a_rotation_may_come_at_any_record(path, host, monkeypatch, rotate) -> None:
    from pegboard_tracking.points import journal_writer as writer_module

    monkeypatch.setattr(writer_module, "ROTATE_BYTES", rotate)
    store = host.tracking_store(f"sqlite:{path}")
    run_id, writer = store.create_run("0").info.run_id, store.metric_writer()
    for step in range(60):
        writer.log(run_id, f"single{step % 7}", step, 1, step)
        writer.log_many(run_id, {f"a{step % 3}": 1.0, f"b{step % 5}": 2.0}, 1, step)
    for key in range(7):
        assert steps(store, run_id, f"single{key}") == list(range(key, 60, 7))
    for key in range(3):
        assert steps(store, run_id, f"a{key}") == list(range(key, 60, 3))


def test_purged_data_gives_its_space_back(path, host) -> None:
    store = host.tracking_store(f"sqlite:{path}")
    run_id, writer = store.create_run("0").info.run_id, store.metric_writer()
    for step in range(50_000):
        writer.log(run_id, "loss", step, 1, step)
    writer.flush()
    store.delete_run(run_id)
    store.purge_run(run_id)
    assert store.reclaim() > 1_000_000
    assert store.reclaim() == 0


def test_a_store_whose_folder_was_removed_says_so_and_takes_nothing(path, children) -> None:
    """It used to take points into files without a name, with a warning each second."""
    out, err = children.start(
        """
        import logging, shutil
        from pegboard.entities import Metric
        from pegboard.errors import StoreGone
        logging.basicConfig()
        run_id = store.create_run("0").info.run_id
        writer.log(run_id, "loss", 0, 1, 0)
        shutil.rmtree(os.path.dirname(sys.argv[1].removeprefix("sqlite:")))
        writer.move()
        for call in (
            lambda: writer.log(run_id, "loss", 1, 1, 1),
            lambda: writer.log_many(run_id, {"loss": 1}, 1, 1),
            lambda: store.create_run("0"),
            lambda: store.search_runs(["0"]),
            lambda: store.metric_history(run_id, "loss"),
            lambda: store.log_batch(run_id, metrics=[Metric("loss", 1.0, 1, 1)]),
        ):
            try:
                call()
            except StoreGone as error:
                print(error.message)
        """,
        f"sqlite:{path.parent / 'place' / 'store.db'}",
    ).communicate(timeout=60)
    expected = (
        f"The store {path.parent / 'place' / 'store.db'} was removed, or replaced by another, "
        "while this process used it."
    )
    assert out.splitlines() == [expected] * 6, err
    assert list(path.parent.iterdir()) == []


def test_a_store_that_is_replaced_is_not_taken_for_the_old_one(path, host) -> None:
    store = host.tracking_store(f"sqlite:{path}")
    store.create_run("0")
    for file in path.parent.glob("store.db*"):
        if file.is_file():
            file.unlink()
    new = reopen(path)
    with pytest.raises(StoreGone):
        store.create_run("0")
    assert len(new.search_runs(["0"])) == 0
    new.close()


def test_trouble_that_stays_is_said_once(path, host, caplog) -> None:
    store = host.tracking_store(f"sqlite:{path}?patience=0.01")
    run_id, writer = store.create_run("0").info.run_id, store.metric_writer()
    descriptor = os.open(path.with_name("store.db.lock"), os.O_RDWR)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    writer.log(run_id, "loss", 1.0, 1, 1)
    for _ in range(5):
        writer.move()
    assert caplog.text.count("wait in the journal") == 1
    os.close(descriptor)
    writer.move()
    assert steps(store, run_id, "loss") == [1]
