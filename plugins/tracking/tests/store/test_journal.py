"""The journal's file format: what is written comes back, and damage costs only what it must."""

from __future__ import annotations

import os
import struct
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pegboard.config import Config
from pegboard.host import Host
from pegboard_tracking.points import journal
from pegboard_tracking.points.journal_points import Points
from pegboard_tracking.points.journal_reader import JournalReader

NUMBERS = st.floats(allow_nan=True, allow_infinity=True, width=64)
STEPS = st.integers(-(2**63), 2**63 - 1)


def write(path: Path, bodies: list[bytes]) -> None:
    path.write_bytes(journal.MAGIC + b"".join(map(journal.record, bodies)))


def points(found: Points, run: str, key: str) -> list[tuple[int, int, float]]:
    packed = b"".join(found.by_series.get((run, key), []))
    return list(struct.iter_unpack("<qqd", packed))


def point(series: int, step: int, timestamp: int, value: float) -> bytes:
    return journal.pack_point(journal.POINT, series, step, timestamp, value)


def row(group: int, step: int, timestamp: int, *values: float) -> bytes:
    return journal.row_struct(len(values)).pack(journal.ROW, group, step, timestamp, *values)


LOSS = journal.series_body(0, "run", "loss")
ACCURACY = journal.series_body(1, "run", "acc/überall")
BOTH = journal.group_body(7, [0, 1])


@given(st.lists(st.tuples(st.integers(0, 1), STEPS, STEPS, NUMBERS)))
def test_points_come_back_by_series_in_order(tmp_path_factory, logged) -> None:
    path = tmp_path_factory.mktemp("journal") / "a.log"
    write(path, [LOSS, ACCURACY, *(point(*item) for item in logged)])
    found = JournalReader(path).read(0)
    for number, key in enumerate(["loss", "acc/überall"]):
        expected = [struct.pack("<qqd", *item[1:]) for item in logged if item[0] == number]
        assert b"".join(found.by_series.get(("run", key), [])) == b"".join(expected)
    assert found.end == path.stat().st_size


def test_rows_become_columns_and_keep_their_place_among_points(tmp_path) -> None:
    path = tmp_path / "a.log"
    write(
        path,
        [
            LOSS,
            point(0, 0, 10, 0.5),
            ACCURACY,
            BOTH,
            row(7, 1, 11, 1.0, 2.0),
            row(7, 2, 12, 3.0, 4.0),
            point(1, 3, 13, 5.0),
            row(7, 4, 14, 6.0, 7.0),
        ],
    )
    found = JournalReader(path).read(0)
    assert points(found, "run", "loss") == [(0, 10, 0.5), (1, 11, 1.0), (2, 12, 3.0), (4, 14, 6.0)]
    assert points(found, "run", "acc/überall") == [
        (1, 11, 2.0), (2, 12, 4.0), (3, 13, 5.0), (4, 14, 7.0),
    ]  # fmt: skip


def test_two_groups_that_share_a_series_keep_its_order(tmp_path) -> None:
    path = tmp_path / "a.log"
    alone = journal.group_body(8, [0])
    write(
        path,
        [
            LOSS,
            ACCURACY,
            BOTH,
            alone,
            row(7, 1, 1, 1.0, 9.0),
            row(8, 2, 2, 2.0),
            row(7, 3, 3, 3.0, 9.0),
        ],
    )
    steps = [step for step, _, _ in points(JournalReader(path).read(0), "run", "loss")]
    assert steps == [1, 2, 3]


def test_reading_goes_on_where_it_stopped(tmp_path) -> None:
    path = tmp_path / "a.log"
    write(path, [LOSS, point(0, 1, 1, 1.0)])
    reader = JournalReader(path)
    first = reader.read(0)
    with path.open("ab") as file:
        file.write(journal.record(point(0, 2, 2, 2.0)))
    assert points(reader.read(first.end), "run", "loss") == [(2, 2, 2.0)]


def test_another_reader_can_take_over_in_the_middle(tmp_path) -> None:
    path = tmp_path / "a.log"
    write(path, [LOSS, ACCURACY, BOTH, row(7, 1, 1, 1.0, 2.0)])
    middle = path.stat().st_size
    with path.open("ab") as file:
        file.write(journal.record(row(7, 2, 2, 3.0, 4.0)))
    found = JournalReader(path).read(middle)
    assert points(found, "run", "acc/überall") == [(2, 2, 4.0)]


SEGMENTS = st.lists(
    st.tuples(st.sampled_from(["loss", "both in turn", "row", "batch"]), st.integers(1, 90)),
    max_size=12,
)


def segment(kind: str, start: int, length: int) -> Iterator[tuple[bytes, list[tuple[int, int]]]]:
    """Yield records, each with the series and the steps of its points."""
    for step in range(start, start + length):
        if kind == "row":
            yield row(7, step, step, 0.5, 0.5), [(0, step), (1, step)]
        elif kind == "batch":
            columns = {0: [(step, step, 0.5)], 1: [(step, step, 0.5)]}
            yield journal.batch_body(columns), [(0, step), (1, step)]
        else:
            number = step % 2 if kind == "both in turn" else 0
            yield point(number, step, step, 0.5), [(number, step)]


@given(SEGMENTS, st.randoms(use_true_random=False))
def test_long_stretches_are_read_in_order_up_to_the_damage(tmp_path_factory, chosen, random):
    path, written = tmp_path_factory.mktemp("journal") / "a.log", []
    for kind, length in chosen:
        written += segment(kind, len(written), length)
    write(path, [LOSS, ACCURACY, BOTH, *(body for body, _ in written)])
    content = bytearray(path.read_bytes())
    starts = [len(content) - sum(len(body) + 8 for body, _ in written)]
    for body, _ in written:
        starts.append(starts[-1] + len(body) + 8)
    good = random.randint(0, len(written))
    if good < len(written):
        content[starts[good] + 8 + random.randrange(len(written[good][0]))] ^= 1
        path.write_bytes(content)
    reader = JournalReader(path)
    found = reader.read(0)
    for number, key in enumerate(["loss", "acc/überall"]):
        expected = [step for _, pairs in written[:good] for n, step in pairs if n == number]
        assert [step for step, _, _ in points(found, "run", key)] == expected
    assert reader.damaged_at == (starts[good] if good < len(written) else None)


@pytest.mark.parametrize("limit", [1, 16, 64, 1000])
def test_a_small_reading_limit_loses_nothing(tmp_path, limit) -> None:
    path = tmp_path / "a.log"
    group = journal.group_body(9, [0] * 50)
    write(path, [LOSS, *(point(0, i, i, float(i)) for i in range(30)), group])
    reader, position, steps = JournalReader(path), 0, []
    while True:
        found = reader.read(position, limit)
        if found.end <= position:
            break
        steps += [step for step, _, _ in points(found, "run", "loss")]
        position = found.end
    assert steps == list(range(30))
    assert position == path.stat().st_size


def test_every_cut_off_tail_costs_at_most_the_last_record(tmp_path) -> None:
    path = tmp_path / "a.log"
    write(path, [LOSS, point(0, 1, 1, 1.0), point(0, 2, 2, 2.0)])
    whole = path.read_bytes()
    last = len(whole) - len(journal.record(point(0, 2, 2, 2.0)))
    for size in range(last, len(whole)):
        path.write_bytes(whole[:size])
        reader = JournalReader(path)
        assert points(reader.read(0), "run", "loss") == [(1, 1, 1.0)]
        assert reader.damaged_at is None


def test_a_flipped_bit_is_found_and_what_is_before_it_kept(tmp_path) -> None:
    path = tmp_path / "a.log"
    write(path, [LOSS, point(0, 1, 1, 1.0), point(0, 2, 2, 2.0)])
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    reader = JournalReader(path)
    assert points(reader.read(0), "run", "loss") == [(1, 1, 1.0)]
    assert reader.damaged_at == len(content) - len(journal.record(point(0, 2, 2, 2.0)))


@given(st.binary(max_size=200))
def test_garbage_never_becomes_points_nor_breaks_the_reader(tmp_path_factory, garbage) -> None:
    path = tmp_path_factory.mktemp("journal") / "a.log"
    good = journal.MAGIC + journal.record(LOSS) + journal.record(point(0, 1, 1, 1.0))
    path.write_bytes(good + garbage)
    found = JournalReader(path).read(0)
    assert points(found, "run", "loss") == [(1, 1, 1.0)]


def test_a_record_carries_its_length_and_check_sum() -> None:
    body = point(3, 1, 2, 0.25)
    assert journal.record(body) == struct.pack("<II", len(body), zlib.crc32(body)) + body


def test_a_journal_is_locked_from_the_moment_it_has_its_name(tmp_path) -> None:
    descriptor = journal.create(tmp_path / "deep" / "journal", "w-0")
    assert journal.names(tmp_path / "deep" / "journal") == ["w-0"]
    other = os.open(tmp_path / "deep" / "journal" / "w-0.log", os.O_RDONLY)
    assert not journal.try_lock(other)
    os.close(descriptor)
    assert journal.try_lock(other)
    os.close(other)


def test_what_a_killed_process_began_to_create_is_removed_once_it_is_old(tmp_path, monkeypatch):
    store = tmp_path / "store.db"
    host = Host(Config())
    run_id = host.tracking_store(f"sqlite:{store}").create_run("0").info.run_id
    host.tracking_store(f"sqlite:{store}").metric_writer().log(run_id, "m", 1.0, 1, 1)
    host.close()
    left = tmp_path / "store.db.journal" / "abc-00000000.new"
    left.write_bytes(journal.MAGIC)
    for hours, remains in ((0, True), (2, False)):
        now = time.time() + hours * 3600
        with monkeypatch.context() as patch:
            patch.setattr(time, "time", lambda now=now: now)
            again = Host(Config())
            assert again.tracking_store(f"sqlite:{store}").get_run(run_id).data.metrics == {"m": 1}
            again.close()
        assert left.exists() is remains
