"""Usage is found again: call by call, in pages, and summed up."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pegboard.contracts.llm import Task
from pegboard.errors import InvalidValue
from pegboard_gateway.control.journal import Journal
from pegboard_gateway.control.rows import row_of
from pegboard_gateway.control.rules import Budget, Limit, Rules, Scope
from pegboard_gateway.control.settling import Closed
from pegboard_gateway.entities import Attempt, Caller, Outcome, Tokens, UsageRecord
from pegboard_gateway.usage import queries
from pegboard_gateway.usage.queries import Filter, Percentiles
from pegboard_gateway.usage.standing import standing
from pegboard_gateway.usage.writer import UsageWriter, open_database
from pegboard_stores.sqlite import Database

HOUR = 3_600_000
NOON = 1_700_049_600_000


def call(number: int, **more: object) -> UsageRecord:
    fields: dict[str, object] = {
        "id": f"r{number}",
        "started_ms": NOON + number,
        "endpoint": "chat",
        "task": Task.CHAT.value,
        "face": "openai",
        "outcome": Outcome.DONE,
        "status": 200,
        "provider": "p",
        "model": "m",
    }
    return UsageRecord(**(fields | more))  # type: ignore[arg-type]


@pytest.fixture
def usage(tmp_path: Path) -> Iterator[UsageWriter]:
    journal = Journal(tmp_path / "journal")
    writer = UsageWriter(open_database(tmp_path / "usage.db"), journal, keeps_levels=True)
    yield writer
    writer.close()
    journal.close()


def keep(writer: UsageWriter, records: Sequence[UsageRecord], *, admitted: bool = True) -> Database:
    for record in records:
        name = f"{record.id} {record.started_ms}"
        writer.add(Closed(name, row_of(record, name, admitted=admitted)))
    writer.flush()
    return writer.database


def test_a_record_comes_back_as_it_was(usage: UsageWriter) -> None:
    record = call(
        1,
        caller=Caller("k", "ann", "::1", "lab", "w"),
        stream=True,
        trouble="overloaded",
        target="chat/1",
        tokens=Tokens(10, 20, 5, True, 7),
        cost=2**60,
        seconds=1.25,
        first_token_seconds=0.5,
        upstream_seconds=1.0,
        attempts=(
            Attempt(target="chat/0", provider="q", model="n", trouble="overloaded", status=503),
            Attempt(target="chat/1", provider="p", model="m", status=200, cost=2**60, seconds=1.0),
        ),
        tags={"a": "ключ"},
    )
    page = queries.calls(keep(usage, [record]), Filter())
    assert list(page.records) == [record]
    assert page.next == ""


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(0, 5), max_size=30), st.integers(1, 7))
def test_pages_hold_every_call_once_the_newest_first(
    tmp_path_factory: pytest.TempPathFactory, times: list[int], size: int
) -> None:
    place = tmp_path_factory.mktemp("usage")
    journal = Journal(place / "journal")
    writer = UsageWriter(open_database(place / "usage.db"), journal, keeps_levels=False)
    records = [call(n, started_ms=NOON + time) for n, time in enumerate(times)]
    database = keep(writer, records)
    found: list[UsageRecord] = []
    token = ""
    while True:
        page = queries.calls(database, Filter(), limit=size, token=token)
        assert len(page.records) <= size
        found += page.records
        token = page.next
        if not token:
            break
    writer.close()
    journal.close()
    assert [each.started_ms for each in found] == sorted(
        (each.started_ms for each in records), reverse=True
    )
    assert {each.id for each in found} == {each.id for each in records}
    assert len(found) == len(records)


def test_conditions_are_met_by_all_that_is_found(usage: UsageWriter) -> None:
    records = [
        call(n, endpoint=endpoint, caller=Caller(key), outcome=outcome)
        for n, (endpoint, key, outcome) in enumerate(
            (e, k, o)
            for e in ("chat", "' OR 1=1--")
            for k in ("k1", "k2")
            for o in (Outcome.DONE, Outcome.FAILED)
        )
    ]
    database = keep(usage, records)

    def ids(where: Filter) -> list[str]:
        return sorted(each.id for each in queries.calls(database, where).records)

    assert ids(Filter(endpoint="' OR 1=1--")) == ["r4", "r5", "r6", "r7"]
    assert ids(Filter(key_id="k1", outcome="failed")) == ["r1", "r5"]
    assert ids(Filter(since_ms=NOON + 2, until_ms=NOON + 4)) == ["r2", "r3"]
    assert ids(Filter(id="r6")) == ["r6"]


def test_sums_are_those_of_each_group(usage: UsageWriter) -> None:
    records = [
        call(0, cost=5, tokens=Tokens(1, 2), seconds=1.0),
        call(1, cost=7, tokens=Tokens(3, 4), seconds=3.0, outcome=Outcome.FAILED),
        call(2, cost=0, outcome=Outcome.CACHED, model="", seconds=0.5),
        call(3, cost=100, model="n", started_ms=NOON + HOUR, first_token_seconds=0.25),
    ]
    database = keep(usage, records)
    hours = queries.grouped(database, ["hour"], Filter())
    assert [(row["hour"], row["calls"], row["cost"]) for row in hours] == [
        (NOON, 3, 12),
        (NOON + HOUR, 1, 100),
    ]
    (first, *_) = hours
    assert (first["failed"], first["cached"], first["tokens_in"], first["tokens_out"]) == (
        1,
        1,
        4,
        6,
    )
    assert first["seconds"] == {"p50": 1.0, "p95": 3.0, "p99": 3.0}
    assert first["first_token_seconds"]["p50"] is None
    models = queries.grouped(database, ["model", "endpoint"], Filter())
    assert [(row["model"], row["cost"]) for row in models] == [("n", 100), ("m", 12), ("", 0)]
    assert queries.grouped(database, [], Filter())[0]["calls"] == 4


def test_each_attempt_counts_where_it_was_made_and_a_call_once(usage: UsageWriter) -> None:
    def attempt(target: str, trouble: str, cost: int, seconds: float) -> Attempt:
        provider, model = f"p{target[-1]}", f"m{target[-1]}"
        tokens = Tokens(cost, 2 * cost, estimated=bool(trouble))
        return Attempt(
            target=target, provider=provider, model=model, trouble=trouble, cost=cost,
            seconds=seconds, tokens=tokens,
        )  # fmt: skip

    def fell(number: int, *attempts: Attempt, **more: object) -> UsageRecord:
        last, costs = attempts[-1], sum(each.cost for each in attempts)
        at = {"target": last.target, "provider": last.provider, "model": last.model}
        took = {"cost": costs, "tokens": Tokens(costs, 2 * costs), "seconds": 9.0}
        return call(number, attempts=attempts, **at, **took, **more)

    lost = attempt("chat/0", "upstream_timeout", 5, 3.0)
    database = keep(
        usage,
        [
            fell(0, lost, lost, attempt("chat/1", "", 7, 1.0)),
            fell(1, attempt("chat/0", "", 10, 2.0), id="wanted"),
            fell(2, lost, outcome=Outcome.FAILED),
            call(3, outcome=Outcome.CACHED, provider="", model=""),
            call(4, outcome=Outcome.LOST, provider="", model="", cost=100, tokens=Tokens(1, 1)),
        ],
    )
    shown = (
        "target", "calls", "failed", "cached", "attempts", "attempts_failed", "cost", "tokens_out"
    )  # fmt: skip
    found = queries.grouped(database, ["target"], Filter())
    assert [tuple(row[name] for name in shown) for row in found] == [
        ("", 2, 0, 1, 0, 0, 100, 1),
        ("chat/0", 2, 1, 0, 4, 3, 25, 50),
        ("chat/1", 1, 0, 0, 1, 0, 7, 14),
    ]
    assert found[1]["upstream_seconds"] == {"p50": 3.0, "p95": 3.0, "p99": 3.0}
    assert (found[2]["seconds"]["p50"], found[2]["upstream_seconds"]["p50"]) == (9.0, 1.0)
    [all_] = queries.grouped(database, [], Filter())
    for by in ("target", "provider", "model"):
        rows = queries.grouped(database, [by, "endpoint"], Filter())
        for name in ("calls", "cost", "tokens_in", "failed", "cached", "gone"):
            assert sum(row[name] for row in rows) == all_[name], (by, name)
    # Conditions are those of calls.
    [one] = queries.grouped(database, ["target"], Filter(id="wanted", model="m0"))
    assert (one["calls"], one["attempts"]) == (1, 1)


@settings(deadline=None)
@given(st.lists(st.floats(0, 1000, width=32), min_size=1, max_size=200))
def test_percentiles_are_values_that_came(values: list[float]) -> None:
    aggregate = Percentiles()
    for value in values:
        aggregate.step(value)
    aggregate.step(None)
    text = aggregate.finalize()
    assert text is not None
    for percent, found in zip((50, 95, 99), map(float, text.split()), strict=True):
        exact = min(v for v in values if sum(w <= v for w in values) * 100 >= percent * len(values))
        assert found == pytest.approx(exact, rel=1e-5)


@pytest.mark.parametrize("token", ["nonsense", "AAAA", "MTox", "'; DROP TABLE", "9" * 200, "é"])
def test_a_token_that_is_not_ours_is_refused(usage: UsageWriter, token: str) -> None:
    database = keep(usage, [])
    if token == "MTox":  # 1:1, which might be
        assert queries.calls(database, Filter(), token=token).records == []
    else:
        with pytest.raises(InvalidValue, match="not one of ours"):
            queries.calls(database, Filter(), token=token)


def test_what_cannot_be_asked_for_is_refused(usage: UsageWriter) -> None:
    database = keep(usage, [])
    with pytest.raises(InvalidValue, match="grouped by"):
        queries.grouped(database, ["cost; DROP TABLE gateway_call"], Filter())
    for limit in (0, 1_001):
        with pytest.raises(InvalidValue, match="At most"):
            queries.calls(database, Filter(), limit=limit)


def test_old_calls_go_and_sums_stay(usage: UsageWriter, tmp_path: Path) -> None:
    keep(usage, [call(n, started_ms=NOON + n * HOUR) for n in range(48)])
    journal = Journal(tmp_path / "other")
    cleaner = UsageWriter(usage.database, journal, keeps_levels=True, retention_days=1)
    cleaner.sweep(NOON + 48 * HOUR)
    journal.close()
    page = queries.calls(usage.database, Filter())
    assert [each.started_ms for each in page.records] == [
        NOON + n * HOUR for n in range(47, 23, -1)
    ]
    with usage.database.reading() as connection:
        assert connection.execute("SELECT sum(calls) FROM gateway_total").fetchone() == (48,)


def test_what_is_used_of_rules_is_shown_the_fullest_first(usage: UsageWriter) -> None:
    records = [
        call(n, cost=10**8, caller=Caller(f"k{n % 2}"), tokens=Tokens(5, 5)) for n in range(5)
    ]
    database = keep(usage, records)
    keep(usage, [call(9, cost=0, outcome=Outcome.REFUSED)], admitted=False)
    rules = Rules(
        [
            Limit.parse("10/day", scope=Scope.KEY),
            Limit.parse("3/day", scope=Scope.KEY, subject="k0"),
            Limit.parse("100 tokens/day", scope=Scope.GLOBAL),
            Limit.parse("9/day", scope=Scope.ENDPOINT, endpoint="other"),
        ],
        [Budget.parse("1 USD/month", scope=Scope.GLOBAL)],
    )
    found = standing(database, [*rules.limits, *rules.budgets], NOON)
    assert [(row["measure"], row["subject"], row["used"], row["amount"]) for row in found] == [
        ("money", "", 5 * 10**8, 10**9),
        ("calls", "k0", 3, 3),
        ("tokens", "", 50, 100),
        ("calls", "k1", 2, 10),
        ("calls", "", 0, 9),
    ]
    assert standing(None, rules.budgets, NOON)[0]["used"] == 0
