"""Sums of a span say what a plain recount of the records says, and so does the tail of calls."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pegboard.contracts.llm import Task
from pegboard.errors import InvalidValue
from pegboard_gateway.control.journal import Journal
from pegboard_gateway.control.rows import row_of
from pegboard_gateway.control.settling import Closed
from pegboard_gateway.control.windows import Window
from pegboard_gateway.entities import Attempt, Outcome, Tokens, UsageRecord
from pegboard_gateway.usage import tail
from pegboard_gateway.usage.memo import Memo
from pegboard_gateway.usage.summary import SPANS, span_of, spent, summary
from pegboard_gateway.usage.writer import UsageWriter, open_database
from pegboard_stores.sqlite import Database

NOON = 1_700_049_600_000
HOUR = 3_600_000


@pytest.fixture
def usage(tmp_path: Path) -> Iterator[UsageWriter]:
    journal = Journal(tmp_path / "journal")
    writer = UsageWriter(open_database(tmp_path / "usage.db"), journal, keeps_levels=True)
    yield writer
    writer.close()
    journal.close()


def keep(writer: UsageWriter, records: list[UsageRecord]) -> Database:
    for record in records:
        writer.add(Closed(record.id, row_of(record, record.id, admitted=True)))
    writer.flush()
    return writer.database


def call(number: int, ago_ms: int = 1, **more: object) -> UsageRecord:
    fields: dict[str, object] = {
        "id": f"r{number}",
        "started_ms": NOON - ago_ms,
        "endpoint": "chat",
        "task": Task.CHAT.value,
        "face": "openai",
        "outcome": Outcome.DONE,
        "status": 200,
        "provider": "p",
        "model": "m",
    }
    return UsageRecord(**(fields | more))  # type: ignore[arg-type]


def attempts(*targets: str) -> tuple[Attempt, ...]:
    return tuple(Attempt(target=each, provider="p", model='],["') for each in targets)


calls = st.lists(
    st.tuples(
        st.integers(0, 15 * 24 * HOUR),
        st.sampled_from(["chat", "embed"]),
        st.sampled_from([each for each in Outcome if each is not Outcome.LOST]),
        st.integers(0, 5_000_000_000),
        st.floats(0, 100),
        st.floats(0, 10),
        st.lists(st.sampled_from(["a/0", "a/1"]), max_size=3),
    ),
    max_size=40,
)


@settings(max_examples=40, deadline=None)
@given(calls, st.sampled_from(SPANS))
def test_sums_are_those_of_a_recount(
    given_calls: list[tuple[int, str, Outcome, int, float, float, list[str]]], name: str
) -> None:
    records = [
        call(
            n, ago, endpoint=endpoint, outcome=outcome, cost=cost, seconds=seconds,
            first_token_seconds=first, tokens=Tokens(3, 4), attempts=attempts(*targets),
        )
        for n, (ago, endpoint, outcome, cost, seconds, first, targets) in enumerate(given_calls)
    ]  # fmt: skip
    span = span_of(name, NOON)
    with TemporaryDirectory() as place:
        journal = Journal(Path(place, "journal"))
        writer = UsageWriter(open_database(Path(place, "u.db")), journal, keeps_levels=False)
        found = summary(keep(writer, records), span)
        writer.close()
        journal.close()
    within = [each for each in records if span.since <= each.started_ms < span.until]
    length = span.until - span.since
    assert found.before == sum(span.since - length <= r.started_ms < span.since for r in records)
    for sums, wanted in [
        (found.total, within),
        *((found.endpoints[e], [r for r in within if r.endpoint == e]) for e in found.endpoints),
    ]:
        times = sorted(r.seconds for r in wanted if r.outcome in ("done", "cached", "failed"))
        shown = sums.json()
        assert shown["calls"] == len(wanted)
        for key in ("cached", "failed", "refused", "gone"):
            assert shown[key] == sum(r.outcome == key for r in wanted)
        assert shown["fell_back"] == sum(r.fell_back for r in wanted)
        assert shown["tokens"] == 7 * len(wanted)
        assert shown["usd"] == pytest.approx(sum(r.cost for r in wanted) / 1e9)
        for key, percent in (("p50", 50), ("p95", 95)):
            place_of = max(math.ceil(len(times) * percent / 100) - 1, 0)
            assert shown[key] == (pytest.approx(times[place_of], rel=5e-3) if times else None)
    assert {name: sum(counts) for name, counts in found.counts.items()} == {
        name: sums.calls for name, sums in found.endpoints.items()
    }
    series = found.series()
    assert all(len(values) == span.steps for values in series.values())
    assert sum(count or 0 for count in series["calls"]) == len(within)


def test_a_fallback_that_is_asked_at_once_is_one_too(usage: UsageWriter) -> None:
    database = keep(usage, [call(n, target=f"chat/{n}", model=f"m{n}") for n in range(3)])
    assert summary(database, span_of("1h", NOON)).total.fell_back == 0
    found = summary(database, span_of("1h", NOON), {"chat/2"})
    assert (found.total.fell_back, dict(found.instead)) == (1, {"m2": 1})


def test_a_span_ends_with_the_step_that_now_is_in() -> None:
    assert [(s.steps, s.step) for s in (span_of(name, NOON) for name in SPANS)] == [
        (60, 60_000),
        (96, 900_000),
        (84, 7_200_000),
    ]
    for name in SPANS:
        for now in (NOON - 1, NOON, NOON + 1):
            span = span_of(name, now)
            assert span.until - span.step <= now < span.until
            assert span.until % span.step == 0
    with pytest.raises(InvalidValue, match="1h, 24h, 7d"):
        span_of("1d", NOON)


def test_the_model_that_answered_instead_is_known(usage: UsageWriter) -> None:
    fell = {"attempts": attempts("a/0", "a/1")}
    records = [call(1, model="b", **fell), call(2, model="b", **fell), call(3, model="c", **fell)]
    lost = call(4, outcome=Outcome.FAILED, model="z", **fell)
    found = summary(keep(usage, [*records, lost]), span_of("1h", NOON))
    assert found.instead.most_common() == [("b", 2), ("c", 1)]
    assert found.total.fell_back == 4


@pytest.mark.parametrize(
    ("window", "step", "steps"),
    [("hour", 60_000, 1), ("day", HOUR, 13), ("month", 24 * HOUR, 15), ("year", 7 * 24 * HOUR, 46)],
)
def test_money_is_told_by_steps_of_its_window(
    usage: UsageWriter, window: str, step: int, steps: int
) -> None:
    begins, _ = Window.parse(window).span(NOON)
    records = [
        call(1, NOON - begins, cost=10**9),
        call(2, NOON - begins + 1, cost=5 * 10**9),
        call(3, 0, cost=25 * 10**7),
        call(4, -1, cost=10**9),
    ]
    found = spent(keep(usage, records), Window.parse(window), NOON)
    assert (found["step_ms"], len(found["usd"])) == (step, steps)
    assert found["usd"][0] == (1.25 if steps == 1 else 1.0)
    assert sum(found["usd"]) == 1.25


def test_without_a_database_there_is_nothing() -> None:
    found = summary(None, span_of("24h", NOON))
    assert found.total.json()["calls"] == 0
    assert found.endpoints == {}
    assert sum(spent(None, Window.parse("month"), NOON)["usd"]) == 0


def test_the_tail_goes_on_where_it_was(usage: UsageWriter) -> None:
    database = keep(usage, [call(n) for n in range(5)])
    found, after = tail.last(database, after=0, limit=3)
    assert [each.record.id for each in found] == ["r4", "r3", "r2"]
    assert tail.last(database, after=after, limit=3) == ([], after)
    keep(usage, [call(5), call(6)])
    found, after = tail.last(database, after=after, limit=3)
    assert [each.record.id for each in found] == ["r6", "r5"]
    assert [each.number for each in found] == [7, 6]
    # A table that has begun anew.
    assert tail.last(database, after=after + 100, limit=1)[0][0].record.id == "r6"
    assert [each.record for each in tail.of_request(database, "r3")] == [call(3)]
    assert tail.of_request(database, "r99") == []


def test_an_answer_is_kept_for_as_long_as_it_cost() -> None:
    now = [0.0]
    made: list[str] = []
    memo = Memo(lambda: now[0])

    def make(took: float, name: str) -> str:
        made.append(name)
        now[0] += took
        return name

    assert memo.get("a", lambda: make(0.5, "first")) == "first"
    now[0] = 0.5 + 9.9
    assert memo.get("a", lambda: make(0, "second")) == "first"
    assert memo.get("b", lambda: make(0, "other")) == "other"
    now[0] = 0.5 + 10
    assert memo.get("a", lambda: make(0, "third")) == "third"
    now[0] += 0.9
    assert memo.get("a", lambda: make(0, "fourth")) == "third"
    now[0] += 0.1
    assert memo.get("a", lambda: make(0, "fifth")) == "fifth"
    assert made == ["first", "other", "third", "fifth"]
