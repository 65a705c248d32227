"""Files and journals that older versions have left."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pegboard_gateway.control.journal import Journal
from pegboard_gateway.control.ledgers.memory import MemoryLedger
from pegboard_gateway.control.rows import row_of
from pegboard_gateway.control.settling import Closed
from pegboard_gateway.entities import Attempt, Outcome, Tokens, UsageRecord
from pegboard_gateway.usage import queries, tables
from pegboard_gateway.usage.keeping import open_keeping
from pegboard_gateway.usage.queries import Filter
from pegboard_gateway.usage.writer import UsageWriter, open_database

FIRST = """
CREATE TABLE gateway_call (
    number INTEGER PRIMARY KEY, call TEXT NOT NULL UNIQUE, id TEXT NOT NULL,
    started_ms INTEGER NOT NULL, endpoint TEXT NOT NULL, task TEXT NOT NULL, face TEXT NOT NULL,
    outcome TEXT NOT NULL, status INTEGER NOT NULL, key_id TEXT NOT NULL, user TEXT NOT NULL,
    address TEXT NOT NULL, team TEXT NOT NULL, workspace TEXT NOT NULL, stream INTEGER NOT NULL,
    trouble TEXT NOT NULL, provider TEXT NOT NULL, model TEXT NOT NULL, target TEXT NOT NULL,
    tokens_in INTEGER NOT NULL, tokens_out INTEGER NOT NULL, tokens_cached INTEGER NOT NULL,
    tokens_reasoning INTEGER NOT NULL, estimated INTEGER NOT NULL, cost INTEGER NOT NULL,
    seconds REAL NOT NULL, first_token_seconds REAL NOT NULL, upstream_seconds REAL NOT NULL,
    attempts TEXT NOT NULL, tags TEXT NOT NULL, admitted INTEGER NOT NULL
) STRICT;
CREATE INDEX gateway_call_time ON gateway_call (started_ms, number);
CREATE INDEX gateway_call_key ON gateway_call (key_id, started_ms, number);
CREATE INDEX gateway_call_endpoint ON gateway_call (endpoint, started_ms, number);
CREATE INDEX gateway_call_id ON gateway_call (id);
CREATE TABLE gateway_total (
    endpoint TEXT NOT NULL, provider TEXT NOT NULL, model TEXT NOT NULL, outcome TEXT NOT NULL,
    status INTEGER NOT NULL, calls INTEGER NOT NULL, tokens_in INTEGER NOT NULL,
    tokens_out INTEGER NOT NULL, tokens_cached INTEGER NOT NULL, tokens_reasoning INTEGER NOT NULL,
    cost INTEGER NOT NULL, seconds REAL NOT NULL, upstream_seconds REAL NOT NULL,
    streams INTEGER NOT NULL, first_token_seconds REAL NOT NULL, le_0 INTEGER NOT NULL,
    le_1 INTEGER NOT NULL, le_2 INTEGER NOT NULL, le_3 INTEGER NOT NULL, le_4 INTEGER NOT NULL,
    le_5 INTEGER NOT NULL, le_6 INTEGER NOT NULL, le_7 INTEGER NOT NULL, le_8 INTEGER NOT NULL,
    le_9 INTEGER NOT NULL, le_10 INTEGER NOT NULL, le_11 INTEGER NOT NULL, le_12 INTEGER NOT NULL,
    PRIMARY KEY (endpoint, provider, model, outcome, status)
) STRICT, WITHOUT ROWID;
CREATE TABLE gateway_level (
    counter TEXT NOT NULL, start INTEGER NOT NULL, end INTEGER NOT NULL, level INTEGER NOT NULL,
    PRIMARY KEY (counter, start, end)
) STRICT, WITHOUT ROWID;
CREATE INDEX gateway_level_over ON gateway_level (end);
CREATE TABLE "_sqlite_migrations" (
    "id" INTEGER PRIMARY KEY, "migration_set" TEXT, "name" TEXT, "applied_at" TEXT
);
CREATE UNIQUE INDEX "idx__sqlite_migrations_migration_set_name"
    ON "_sqlite_migrations" ("migration_set", "name");
INSERT INTO _sqlite_migrations VALUES (1, 'gateway-usage', 'first', '2026-11-20 10:00:00+00:00');
"""
SECOND = """
CREATE TABLE gateway_attempt_total (
    endpoint TEXT NOT NULL, target TEXT NOT NULL, provider TEXT NOT NULL, model TEXT NOT NULL,
    trouble TEXT NOT NULL, status INTEGER NOT NULL, attempts INTEGER NOT NULL,
    seconds REAL NOT NULL,
    PRIMARY KEY (endpoint, target, provider, model, trouble, status)
) STRICT, WITHOUT ROWID;
INSERT INTO gateway_attempt_total VALUES
    ('chat', 'chat/0', 'p', 'a', 'server_error', 500, 1, 0.5),
    ('chat', 'chat/1', 'q', 'b', '', 200, 3, 4.0);
INSERT INTO _sqlite_migrations VALUES (2, 'gateway-usage', 'second', '2026-11-25 10:00:00+00:00');
"""
SCHEMAS = {1: FIRST, 2: FIRST + SECOND}
"""What the file of each older version holds before its first call."""

FAILED = ["chat/0", "p", "a", "server_error", 500, 0.5, 0, 0, 0, 0, 0, False]
DONE = ["chat/1", "q", "b", "", 200, 1.5, 40, 7, 6, 2, 1, False]
ALONE = ["chat/1", "q", "b", "", 200, 1.25, 30, 5, 4, 0, 0, True]
CALLS = {
    "fell back": ("done", "q", "b", [FAILED, DONE]),
    "one": ("done", "q", "b", [ALONE]),
    "another": ("done", "q", "b", [ALONE]),
    "refused": ("refused", "", "", []),
}


def old_row(number: int, call: str) -> tuple[Any, ...]:
    outcome, provider, model, attempts = CALLS[call]
    last = attempts[-1] if attempts else [""] + [0] * 11
    return (
        *(number, call, f"id-{number}", 1000 * number, "chat", "llm/v1/chat", "openai"),
        *(outcome, 200 if attempts else 429, "k", "ann", "::1", "lab", "", 0, "", provider, model),
        *(last[0], *last[7:11], int(last[11]), last[6], 2.0, 0.0, 1.75),
        *(json.dumps(attempts, separators=(",", ":")) if attempts else "", '{"a":"b"}', 1),
    )


@pytest.fixture(params=SCHEMAS)
def old(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    file = tmp_path / "usage.db"
    connection = sqlite3.connect(file)
    connection.executescript(SCHEMAS[request.param])
    rows = [old_row(number, call) for number, call in enumerate(CALLS, 1)]
    with connection:
        connection.executemany(f"INSERT INTO gateway_call VALUES ({'?,' * 30}?)", rows)
        sums = (4, 17, 14, 2, 1, 100, 8.0, 7.0, 0, 0.0)
        total = ("chat", "q", "b", "done", 200, *sums, *([0] * 5), *([3] * 8))
        connection.execute(f"INSERT INTO gateway_total VALUES ({'?,' * 27}?)", total)
        connection.execute("INSERT INTO gateway_level VALUES ('money', 0, 9, 100)")
    connection.close()
    return file


def new_record() -> UsageRecord:
    attempt = Attempt(
        target="chat/1", provider="q", model="b", status=200, tokens=Tokens(1, 1), is_unpriced=True
    )
    return UsageRecord(
        id="new",
        started_ms=9_000,
        endpoint="chat",
        task="llm/v1/chat",
        face="openai",
        outcome=Outcome.DONE,
        status=200,
        provider="q",
        model="b",
        target="chat/1",
        tokens=Tokens(1, 1),
        attempts=(attempt,),
        is_unpriced=True,
    )


def check(file: Path) -> None:
    """Compare what an old file says with what it said, and go on with it."""
    database = open_database(file)
    page = queries.calls(database, Filter())
    found = {each.id: each for each in page.records}
    assert list(found) == ["id-4", "id-3", "id-2", "id-1"]
    assert [each.model for each in found["id-1"].attempts] == ["a", "b"]
    assert (found["id-1"].cost, found["id-1"].tokens) == (40, Tokens(7, 6, 2, False, 1))
    assert found["id-2"].tokens.estimated and not found["id-2"].is_unpriced
    assert found["id-4"].outcome is Outcome.REFUSED and found["id-4"].attempts == ()
    query = "SELECT target, trouble, attempts, seconds FROM gateway_attempt_total ORDER BY 1"
    with database.reading() as connection:
        tried = connection.execute(query).fetchall()
    assert tried == [("chat/0", "server_error", 1, 0.5), ("chat/1", "", 3, 4.0)]
    journal = Journal(file.parent / "journal")
    writer = UsageWriter(database, journal, keeps_levels=True)
    assert writer.levels(0) == [("money", 0, 9, 100)]
    writer.add(Closed("new", row_of(new_record(), "new", admitted=True)))
    writer.close()
    groups = queries.grouped(database, ("target",), Filter())
    shown = ("target", "calls", "attempts", "attempts_failed", "cost", "unpriced")
    assert [tuple(group[name] for name in shown) for group in groups] == [
        ("chat/1", 4, 4, 0, 100, 1),
        ("", 1, 0, 0, 0, 0),
        ("chat/0", 0, 1, 1, 0, 0),
    ]
    with database.reading() as connection:
        [total] = connection.execute("SELECT calls, cost, unpriced FROM gateway_total").fetchall()
        assert connection.execute(query).fetchall()[1][2] == 4
    assert total == (5, 100, 1)
    journal.close()
    database.close()


KILLED = """
import os, signal, sys
from pathlib import Path
from pegboard_gateway.usage import tables, writer

def prepare(connection, before=writer.prepare):
    before(connection)
    connection.create_function("killed", 0, lambda: os.kill(os.getpid(), signal.SIGKILL))

writer.prepare = prepare
tables._THIRD = tables._THIRD.replace(";", "; SELECT killed();", 1)
writer.open_database(Path(sys.argv[1]))
"""


def test_an_old_file_is_brought_up_to_date_though_a_process_was_killed_amid_that(old: Path) -> None:
    def kept(file: Path) -> list[Any]:
        connection = sqlite3.connect(file)
        tables = connection.execute("SELECT name, sql FROM sqlite_master ORDER BY 1").fetchall()
        calls = connection.execute("SELECT * FROM gateway_call").fetchall()
        connection.close()
        return [tables, calls]

    before = kept(old)
    command = [sys.executable, "-c", KILLED, str(old)]
    assert subprocess.run(command, check=False, timeout=60).returncode == -signal.SIGKILL
    assert kept(old) == before
    check(old)
    backups = list(old.parent.glob("usage.db.backup-*gateway-usage"))
    assert backups and [kept(each) for each in backups] == [before] * len(backups)


def test_calls_of_an_old_journal_are_recovered(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal" / "memory")
    row = row_of(new_record(), "c", admitted=True)[: tables.COLUMNS.index("unpriced")]
    journal.begin("ran", ["ran", *row[1:]], [], now=True)
    journal.more("ran", None, 70, [])
    journal.end("over", ["over", *row[1:]], [])
    for file in journal._files:
        os.close(file.descriptor)
    keeping = open_keeping(tmp_path, MemoryLedger)
    assert keeping.recovered == 2
    found = queries.calls(keeping.writer.database, Filter()).records
    assert sorted(each.cost for each in found) == [0, 70]
    keeping.close()
