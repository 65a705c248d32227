"""What is left of a process that was killed counts with what was reserved for it."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest
from killing import die
from pegboard_gateway.control.contract import Level
from pegboard_gateway.control.rows import COLUMNS, record_of
from pegboard_gateway.control.rules import Budget, Limit, Rules, Scope, counter_prefix
from pegboard_gateway.entities import Attempt, Estimate, Outcome, Spent, Tokens, UsageRecord
from pegboard_gateway.usage.keeping import JOURNALS, USAGE, Keeping, open_keeping
from world import LEDGERS, asked, open_ledger, record, value

MONEY = Budget.parse("1 usd/year", scope=Scope.GLOBAL)
TOKENS = Limit.parse("1000 tokens/year", scope=Scope.KEY)
RULES = Rules([TOKENS], [MONEY])


def _open(kind: str, directory: Path) -> Keeping:
    return open_keeping(directory, lambda: open_ledger(kind, directory), RULES)


def journals(directory: Path) -> list[Path]:
    return sorted((directory / JOURNALS).glob("*/*"))


def records(directory: Path) -> list[UsageRecord]:
    connection = sqlite3.connect(directory / USAGE)
    rows = connection.execute(
        f"SELECT {', '.join(COLUMNS)} FROM gateway_call ORDER BY number"
    ).fetchall()
    connection.close()
    return [record_of(row) for row in rows]


async def _levels(keeping: Keeping) -> list[Level]:
    counters = [
        (counter_prefix(MONEY), MONEY.window),
        (counter_prefix(TOKENS) + "k1", TOKENS.window),
    ]
    ledger = keeping.gate.ledger
    return list(await value(ledger.levels(counters, keeping.gate.clock())))


@pytest.mark.parametrize("kind", LEDGERS)
def test_a_call_that_ran_counts_with_what_was_reserved(kind: str, tmp_path: Path) -> None:
    async def act() -> list[Level]:
        keeping = _open(kind, tmp_path)
        permit = await value(keeping.gate.admit(asked(), Estimate(10, 30)))
        await value(permit.reserve("chat/0", 700))
        permit.settle(Spent("chat/0", Tokens(), 50))
        await value(permit.reserve("chat/1", 900))
        die(keeping)
        keeping = _open(kind, tmp_path)
        assert keeping.recovered == 1
        levels = await _levels(keeping)
        await keeping.settle()
        keeping.close()
        return levels

    assert asyncio.run(act()) == [Level(950, 0), Level(40, 0)]
    (found,) = records(tmp_path)
    assert (found.outcome, found.cost, found.tokens.total) == (Outcome.LOST, 950, 40)
    assert (found.endpoint, found.caller.key_id) == ("chat", "k1")


@pytest.mark.parametrize("kind", LEDGERS)
def test_a_call_that_was_over_is_kept_as_it_was(kind: str, tmp_path: Path) -> None:
    one = asked(stream=True)
    attempt = Attempt(target="chat/0", provider="p", model="m", seconds=0.5, cost=7)
    ended = record(one, tokens=9, cost=7, attempts=(attempt,), tags={"a": "b"}, seconds=1.5)

    async def act() -> list[Level]:
        keeping = _open(kind, tmp_path)
        permit = await value(keeping.gate.admit(one, Estimate(10, 30)))
        await value(permit.reserve("chat/0", 700))
        permit.settle(Spent("chat/0", Tokens(), 7))
        permit.close(ended)
        die(keeping)
        keeping = _open(kind, tmp_path)
        levels = await _levels(keeping)
        await keeping.settle()
        keeping.close()
        return levels

    assert asyncio.run(act()) == [Level(7, 0), Level(9, 0)]
    assert records(tmp_path) == [ended]


@pytest.mark.parametrize("kind", LEDGERS)
def test_what_ends_in_order_leaves_nothing(kind: str, tmp_path: Path) -> None:
    async def act() -> None:
        keeping = _open(kind, tmp_path)
        permit = await value(keeping.gate.admit(asked(), Estimate(1, 1)))
        permit.close(record(asked(), tokens=2))
        keeping.gate.note(record(asked(), Outcome.REFUSED))
        await keeping.settle()
        keeping.close()

    asyncio.run(act())
    assert journals(tmp_path) == []
    outcomes = {each.outcome for each in records(tmp_path)}
    assert outcomes == {Outcome.REFUSED, Outcome.DONE}


def test_an_entry_that_was_cut_harms_none_before_it(tmp_path: Path) -> None:
    async def act() -> None:
        keeping = _open("memory", tmp_path)
        for _ in range(3):
            permit = await value(keeping.gate.admit(asked(), Estimate(1, 1)))
            await value(permit.reserve("chat/0", 5))
            permit.close(record(asked(), tokens=2))
        die(keeping)
        (file,) = journals(tmp_path)
        file.write_bytes(file.read_bytes()[:-3])
        keeping = _open("memory", tmp_path)
        keeping.close()

    asyncio.run(act())
    # The last one's end is gone, so it counts as lost.
    outcomes = [each.outcome for each in records(tmp_path)]
    assert outcomes == [Outcome.DONE, Outcome.DONE, Outcome.LOST]


def test_a_journal_goes_on_in_a_new_file_with_the_calls_that_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pegboard_gateway.control.journal.ROTATE_BYTES", 5_000)

    async def act() -> list[Level]:
        keeping = _open("memory", tmp_path)
        long = await value(keeping.gate.admit(asked(), Estimate(0, 3)))
        await value(long.reserve("chat/0", 500))
        for _ in range(100):
            permit = await value(keeping.gate.admit(asked(), Estimate(1, 1)))
            permit.close(record(asked(), tokens=2))
            keeping.writer.flush()
        assert len(journals(tmp_path)) == 1
        die(keeping)
        keeping = _open("memory", tmp_path)
        levels = await _levels(keeping)
        keeping.close()
        return levels

    assert asyncio.run(act()) == [Level(500, 0), Level(203, 0)]
    assert len(records(tmp_path)) == 101


def test_two_processes_do_not_count_in_memory_beside_each_other(tmp_path: Path) -> None:
    from pegboard.errors import StoreBusy

    first = _open("memory", tmp_path)
    for kind in LEDGERS:
        with pytest.raises(StoreBusy, match="its own memory"):
            _open(kind, tmp_path)
    first.close()
    shared = [_open("sqlite", tmp_path), _open("sqlite", tmp_path)]
    with pytest.raises(StoreBusy, match="its own memory"):
        _open("memory", tmp_path)
    for each in shared:
        each.close()


def test_what_was_counted_elsewhere_is_left_to_what_counts_there(tmp_path: Path) -> None:
    async def act() -> list[Level]:
        shared = _open("sqlite", tmp_path)
        permit = await value(shared.gate.admit(asked(), Estimate(10, 30)))
        await value(permit.reserve("chat/0", 700))
        die(shared)
        memory = _open("memory", tmp_path)
        assert memory.recovered == 0
        assert await _levels(memory) == [Level(0, 0), Level(0, 0)]
        memory.close()
        shared = _open("sqlite", tmp_path)
        assert shared.recovered == 1
        levels = await _levels(shared)
        shared.close()
        return levels

    assert asyncio.run(act()) == [Level(700, 0), Level(40, 0)]
