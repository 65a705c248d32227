"""Searching texts of traces through the index of words finds what looking at each span finds."""

from __future__ import annotations

import itertools
import re
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pegboard.entities.traces import Span, TraceInfo
from pegboard_stores.filters import And, Comparison, Expr, Field, Kind, Not, Operator, Or, OrderBy
from pegboard_tracking.store.sqlite import SqliteStore
from pegboard_tracking.traces import content as traces_content
from pegboard_tracking.traces import index
from pegboard_tracking.traces import search as search_traces
from pegboard_tracking.traces.index import Postings
from pegboard_tracking.traces.words import END, LONG, words_of

numbers = itertools.count(1)
TEXT = Field(Kind.ATTRIBUTE, "text")
CONTENT = Field(Kind.SPAN, "content")
DURATION = Field(Kind.ATTRIBUTE, "execution_time")
STATUS = Field(Kind.ATTRIBUTE, "status")
KEYS = ("k", "llm.model", 'qu"ote', "a b", "退款")

# Few characters, so that patterns are found, but some of each sort that words are made of.
letters = st.sampled_from("aAbBzZ09éßжאa退款政🙂\u2019~-_%\\\"' \n\t{}[]:,.\ud800")
texts = st.text(letters, max_size=30) | st.text(max_size=8)
long_texts = st.builds(lambda part: part * 40, st.text(letters, min_size=1, max_size=9))
values = texts | long_texts | st.integers() | st.floats() | st.booleans() | st.none()
attributes = st.dictionaries(
    st.sampled_from(KEYS),
    values | st.lists(values, max_size=3) | st.dictionaries(texts, values, max_size=2),
    max_size=3,
)
traces = st.lists(st.lists(attributes, min_size=1, max_size=3), min_size=1, max_size=8)


@pytest.fixture(scope="module", autouse=True)
def small_segments() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(index, "SPANS", 4)
        patch.setattr(index, "_STEP", 1)
        yield


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqliteStore]:
    made = SqliteStore(tmp_path_factory.mktemp("store") / "runs.db")
    yield made
    made.close()


@pytest.fixture
def own(tmp_path: Path) -> Iterator[SqliteStore]:
    made = SqliteStore(tmp_path / "runs.db")
    yield made
    made.close()


def connection_of(store: SqliteStore) -> sqlite3.Connection:
    return store._database.connection()


def log(store: SqliteStore, *said: Mapping[str, Any] | str, trace: str = "") -> list[str]:
    """Log a span of a trace of its own for each; return the traces' ids."""
    found = []
    for each in said:
        trace_id = trace or f"tr-{next(numbers):032x}"
        given = {"k": each} if isinstance(each, str) else dict(each)
        span = Span(trace_id, f"{next(numbers):016x}", "work", 1, 2, attributes=given)
        store.traces().log_spans("0", [span])
        found.append(trace_id)
    return found


def search(store: SqliteStore, expr: Expr) -> list[str]:
    connection = connection_of(store)
    rows, _ = search_traces.find(connection, [0], expr, (), 1000, None)
    ids = dict(connection.execute("SELECT id, trace_id FROM trace"))
    return [ids[row] for row in rows]


def by_looking(store: SqliteStore, expr: Expr) -> list[str]:
    """Search as if there were no index."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(search_traces, "demands", lambda item: [])
        return search(store, expr)


def like(pattern: str, field: Field = TEXT) -> Comparison:
    return Comparison(field, Operator.LIKE, pattern)


def holds(word: str) -> Comparison:
    return like(f"%{word}%")


def indexed(store: SqliteStore) -> set[bytes]:
    """Return all words of the index."""
    connection = connection_of(store)
    found = (text.split(END) for (text,) in connection.execute("SELECT words FROM span_segment"))
    return {word for words in found for word in words}


@st.composite
def patterns(draw: st.DrawFn, contents: Sequence[str]) -> str:
    """Return a part of a text, or any text, with wildcards in it."""
    text = draw(st.sampled_from(contents) | texts)
    begin = draw(st.integers(0, len(text)))
    part = list(text[begin : begin + draw(st.integers(0, 90))])
    for place in draw(st.lists(st.integers(0, max(len(part) - 1, 0)), max_size=3)):
        if part:
            part[place] = draw(st.sampled_from("%_aA退\\"))
    # SQLite takes no halves of characters.
    inner = "".join(part).encode("utf-8", "replace").decode()
    return draw(st.sampled_from(("%", ""))) + inner + draw(st.sampled_from(("%", "%", "")))


@st.composite
def comparisons(draw: st.DrawFn, contents: Sequence[str], attributes: Sequence[str]) -> Expr:
    key = Field(Kind.SPAN, f"attributes.{draw(st.sampled_from(KEYS))}")
    if draw(st.booleans()):
        field, of = draw(st.sampled_from((TEXT, CONTENT))), contents
        operator = draw(st.sampled_from((Operator.LIKE, Operator.ILIKE)))
    else:
        field, of = key, attributes
        operator = draw(st.sampled_from([o for o in Operator if o not in _NO_COMPARISONS]))
    if operator in (Operator.IN, Operator.NOT_IN):
        one, other = draw(patterns(of)), draw(st.sampled_from(of)).encode("utf-8", "replace")
        return Comparison(field, operator, (one, other.decode()))
    if operator in (Operator.EQ, Operator.NE):
        value = draw(st.sampled_from(of)).encode("utf-8", "replace").decode()
        return Comparison(field, operator, value)
    return Comparison(field, operator, draw(patterns(of)))


_NO_COMPARISONS = {
    Operator.IS_NULL,
    Operator.MATCHES,
    Operator.MATCHES_NOT,
}


@given(data=st.data(), made=traces, few=st.sampled_from((0, 1, 1000)))
@settings(deadline=None)
def test_the_index_changes_nothing_about_what_is_found(
    store: SqliteStore, data: st.DataObject, made: list[list[dict[str, Any]]], few: int
) -> None:
    connection = connection_of(store)
    connection.execute("BEGIN")
    try:
        for spans in made:
            (trace,) = log(store, spans[0])
            log(store, *spans[1:], trace=trace)
        packed = [content for (content,) in connection.execute("SELECT content FROM span")]
        contents = [traces_content.text(content) for content in packed]
        known = [
            text
            for content in packed
            for key in KEYS
            if (text := traces_content.attribute_text(content, key)) is not None
        ] or ["a"]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(search_traces, "FEW_TEXTS", few)
            for _ in range(6):
                one, other = (data.draw(comparisons(contents, known)) for _ in range(2))
                for expr in (one, And((one, other)), Or((one, Not(other)))):
                    assert search(store, expr) == by_looking(store, expr), expr
    finally:
        connection.execute("ROLLBACK")


@given(text=st.text(letters, max_size=300), begin=st.integers(0, 300), length=st.integers(1, 99))
def test_words_are_short_and_each_part_of_a_word_is_in_one(
    text: str, begin: int, length: int
) -> None:
    raw = text.encode("utf-8", "replace")
    words = words_of([raw])
    assert all(len(word) <= LONG and word and END not in word for word in words)
    for word in text[begin : begin + length].encode("ascii", "replace").split():
        if word.isalnum():
            assert any(word[: LONG // 2] in each for each in words)


def test_each_trace_is_found_by_its_words_in_segments_and_behind_them(own: SqliteStore) -> None:
    said = [f"number{n} of {'odd' if n % 2 else 'even'}" for n in range(11)]
    ids = log(own, *said)
    ranges = index.ranges(connection_of(own))
    assert ranges == [(1, 4), (5, 8)]
    for number, trace_id in enumerate(ids):
        assert search(own, like(f"%number{number} %")) == [trace_id]
    assert sorted(search(own, holds("odd"))) == sorted(ids[1::2])
    assert search(own, holds("absent")) == []
    assert search(own, holds("umber1 of even")) == []


def test_common_parts_make_no_absent_word_found(
    own: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[bytes] = []
    monkeypatch.setattr(traces_content, "text", lambda content: looked.append(content) or "{}")
    log(own, *["starter interest state rent"] * 8)
    assert search(own, holds("staterent")) == []
    assert looked == []


def test_a_removed_trace_leaves_no_words(own: SqliteStore) -> None:
    ids = log(own, "alpha shared", "beta shared", "gamma", "delta gamma", "tail")
    assert {b"alpha", b"beta", b"gamma", b"delta", b"shared"} <= indexed(own)
    traces = own.traces()
    assert traces.delete("0", trace_ids=[ids[0], ids[3]]) == 2
    left = indexed(own)
    assert not left & {b"alpha", b"delta"}
    assert {b"beta", b"gamma", b"shared"} <= left
    assert search(own, holds("alpha")) == []
    assert search(own, holds("shared")) == [ids[1]]
    assert search(own, holds("gamma")) == [ids[2]]
    assert traces.delete("0", trace_ids=ids) == 3
    assert indexed(own) == set()
    for table in ("span_segment", "span_posting"):
        assert connection_of(own).execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)


def test_an_experiment_leaves_no_words_when_it_is_removed_for_good(own: SqliteStore) -> None:
    experiment = own.create_experiment("short-lived").experiment_id
    spans = [
        Span(f"tr-{next(numbers):032x}", f"{next(numbers):016x}", "work", 1, 2, attributes={"k": t})
        for t in ("secret one", "secret two", "secret three", "secret four")
    ]
    own.traces().log_spans(experiment, spans)
    assert b"secret" in indexed(own)
    own.delete_experiment(experiment)
    own.purge_experiment(experiment)
    assert b"secret" not in indexed(own)


def test_rows_that_are_given_out_again_are_found(own: SqliteStore) -> None:
    first = log(own, "one", "two", "three", "four")
    assert index.ranges(connection_of(own)) == [(1, 4)]
    own.traces().delete("0", trace_ids=first[2:])
    again = log(own, "five", "six")
    assert connection_of(own).execute("SELECT max(id) FROM span").fetchone() == (4,)
    assert search(own, holds("five")) == again[:1]
    assert search(own, holds("six")) == again[1:]
    assert search(own, holds("two")) == first[1:2]


def test_a_changed_span_is_found_by_what_it_says_now(own: SqliteStore) -> None:
    ids = log(own, "one", "two", "three", "four")
    span = own.traces().get(ids[1]).spans[0]
    changed = Span(ids[1], span.span_id, "work", 1, 2, attributes={"k": "later"})
    own.traces().log_spans("0", [changed])
    assert search(own, holds("later")) == [ids[1]]
    assert search(own, holds("two")) == []
    assert [s.attributes["k"] for s in own.traces().get(ids[1]).spans] == ["later"]


def test_a_segment_is_not_added_when_its_spans_were_replaced_meanwhile(
    own: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    collect = index._segment

    def interrupted(spans: Sequence[tuple[int, int, str, bytes]]) -> tuple[bytes, Postings]:
        made = collect(spans)
        monkeypatch.setattr(index, "_segment", collect)
        monkeypatch.setattr(index, "extend", lambda database: None)
        other = threading.Thread(target=replace)
        other.start()
        other.join()
        return made

    def replace() -> None:
        own.traces().delete("0", trace_ids=ids[-2:])
        ids[-2:] = log(own, "other", "words")

    ids = log(own, "one", "two", "three")
    monkeypatch.setattr(index, "_segment", interrupted)
    ids.append(f"tr-{next(numbers):032x}")
    log(own, "four", trace=ids[-1])
    assert connection_of(own).execute("SELECT max(id) FROM span").fetchone() == (4,)
    assert index.ranges(connection_of(own)) == []
    assert search(own, holds("other")) == ids[2:3]
    assert search(own, holds("words")) == ids[3:]


def test_large_spans_are_indexed_before_they_are_many(
    own: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index, "SPANS", 1000)
    monkeypatch.setattr(index, "BYTES", 500)
    log(own, *(f"{n} " * 50 for n in range(10)))
    assert index.ranges(connection_of(own))


def test_an_old_store_is_indexed_when_it_is_opened(tmp_path: Path) -> None:
    path = tmp_path / "runs.db"
    new = SqliteStore(path)
    ids = log(new, *(f"old{n}" for n in range(9)))
    new.close()
    old = sqlite3.connect(path)
    old.executescript(
        "DROP TABLE span_posting; DROP TABLE span_segment;"
        "DELETE FROM _sqlite_migrations WHERE name = 'words_of_spans';"
    )
    old.close()
    opened = SqliteStore(path)
    assert index.ranges(connection_of(opened)) == [(1, 4), (5, 8)]
    for number, trace_id in enumerate(ids):
        assert search(opened, holds(f"old{number}")) == [trace_id]
    opened.close()


def plans(
    store: SqliteStore,
    expr: Expr | None,
    order: Sequence[OrderBy] = (),
    homes: Sequence[int] = (0,),
    token: str | None = None,
) -> str:
    """Return how SQLite goes about the statements of a search."""
    connection, statements = connection_of(store), []
    connection.set_trace_callback(statements.append)
    search_traces.find(connection, homes, expr, order, 10 if token is None else 2, token)
    connection.set_trace_callback(None)
    steps = [
        step
        for statement in statements
        if statement.startswith("SELECT")
        for *_, step in connection.execute(f"EXPLAIN QUERY PLAN {statement}")
    ]
    return "\n".join(steps)


@pytest.mark.parametrize(
    ("expr", "order", "wanted"),
    [
        (holds("rare"), (), "SEARCH m USING COVERING INDEX trace_by_time"),
        (
            holds("odd"),
            (OrderBy(DURATION, ascending=False),),
            "USING COVERING INDEX trace_by_duration",
        ),
        (Comparison(Field(Kind.SPAN, "name"), Operator.LIKE, "%x%"), (), "span_by_name (name=?"),
        (Comparison(Field(Kind.SPAN, "type"), Operator.NE, "LLM"), (), "span_by_type (type=?"),
        (Comparison(Field(Kind.SPAN, "status"), Operator.EQ, "OK"), (), "span_by_status (status="),
    ],
    ids=str,
)
def test_searches_go_through_indexes(
    own: SqliteStore,
    monkeypatch: pytest.MonkeyPatch,
    expr: Expr,
    order: Sequence[OrderBy],
    wanted: str,
) -> None:
    monkeypatch.setattr(search_traces, "FEW_TEXTS", 3)
    log(own, *["odd"] * 9, "rare odd")
    found = plans(own, expr, order)
    assert wanted in found, found
    assert not re.search(r"SCAN (span|v|m)\b", found), found


@pytest.mark.parametrize(
    ("order", "index"),
    [
        ((), "trace_by_time"),
        ((OrderBy(DURATION, ascending=False),), "trace_by_duration"),
        ((OrderBy(STATUS), OrderBy(DURATION, ascending=False)), "trace_by_failure"),
    ],
    ids=["time", "duration", "failed first"],
)
def test_each_page_of_several_experiments_is_in_the_order_of_an_index(
    own: SqliteStore, order: Sequence[OrderBy], index: str
) -> None:
    homes = [0, int(own.create_experiment("other").experiment_id)]
    for number in range(6):
        home = str(homes[number % 2])
        own.traces().start(TraceInfo(f"tr-{number}", home, number, execution_duration=number))
    connection = connection_of(own)
    first, token = search_traces.find(connection, homes, None, order, 2, None)
    assert token is not None
    found = plans(own, None, order, homes, token)
    assert f"INDEX {index}" in found, found
    assert "MULTI-INDEX" not in found, found
    second, _ = search_traces.find(connection, homes, None, order, 2, token)
    assert [*first, *second] == [6, 5, 4, 3]


@pytest.mark.parametrize("ascending", [True, False])
def test_traces_without_a_duration_come_last_on_any_page(own: SqliteStore, ascending: bool) -> None:
    traces = own.traces()
    durations = [None, 5, 1, None, 9, 5]
    for number, duration in enumerate(durations):
        traces.start(TraceInfo(f"tr-{number}", "0", number, execution_duration=duration))
    order = [f"execution_time {'ASC' if ascending else 'DESC'}"]
    found, token = [], None
    while True:
        page = traces.search(["0"], order_by=order, max_results=1, page_token=token)
        found += [info.execution_duration for info in page]
        token = page.token
        if token is None:
            break
    assert found == [*sorted((1, 5, 5, 9), reverse=not ascending), None, None]


K = Field(Kind.SPAN, "attributes.k")


@pytest.mark.parametrize(
    ("said", "expr"),
    [
        ("one\ntwo", like("%one\ntwo%", K)),
        ("one\ntwo", Comparison(K, Operator.EQ, "one\ntwo")),
        ("one\ntwo", holds("one\\ntwo")),
        ('a "word" said', Comparison(K, Operator.IN, ("x", 'a "word" said'))),
        ("a" * 61 + "needle" + "b" * 30, holds("needle")),
        ("a" * 61 + "needle" + "b" * 30, like("%" + "a" * 40 + "needleb%")),
        ("ab" * 100, like("ab" * 100, K)),
        ("把退款政策告诉我", holds("款政策")),
        ("把退款政策告诉我", holds("款")),
        ("say 款 alone", holds("款")),
        ("größer Привет", Comparison(TEXT, Operator.ILIKE, "%GRößER привет%".replace("п", "П"))),
        ("a-b.c~d", holds("b.c~")),
        ("half \ud800 pair", holds("pair")),
        ("many words", Comparison(K, Operator.IS_NOT_NULL)),
    ],
    ids=str,
)
def test_what_is_in_a_segment_is_found(own: SqliteStore, said: str, expr: Expr) -> None:
    ids = log(own, said, {}, {}, {})
    assert index.ranges(connection_of(own)) == [(1, 4)]
    assert search(own, expr) == ids[:1]
