"""Properties of the filter grammar, for filters of any shape."""

from __future__ import annotations

from hypothesis import example, given, settings
from hypothesis import strategies as st
from pegboard.errors import FilterError
from pegboard.literals import literal
from pegboard_stores.filters import (
    EXPERIMENTS,
    RUNS,
    And,
    Comparison,
    Expr,
    Field,
    Kind,
    Not,
    Operator,
    Or,
    OrderBy,
    parse_filter,
    parse_order_by,
)
from pegboard_stores.filters.patterns import like
from pegboard_stores.literals import escape_like, quoted_key

_NUMERIC = [Operator(o) for o in ("=", "!=", "<", "<=", ">", ">=")]
_TEXTUAL = [Operator(o) for o in ("=", "!=", "LIKE", "ILIKE", "=~", "!~")]

_any = st.characters(exclude_categories=["Cs"]) | st.sampled_from("'\"`\\%_")
_texts = st.text(_any)
_patterns = st.from_regex(r"[a-z0-9 ]*", fullmatch=True)
_keys = st.text(_any, min_size=1)
_numbers = st.floats(allow_nan=False, allow_infinity=False)


def _write_key(field: Field) -> str:
    return f"{field.kind}.{quoted_key(field.key)}"


def _write_value(value: object) -> str:
    if isinstance(value, tuple):
        return f"({', '.join(map(_write_value, value))})"
    return literal(value) if isinstance(value, str) else repr(value)


def write(expr: Expr) -> str:
    """Return the text of a filter."""
    if isinstance(expr, Not):
        return f"NOT {_group(expr.item)}"
    if isinstance(expr, (And, Or)):
        word = " AND " if isinstance(expr, And) else " OR "
        return word.join(map(_group, expr.items))
    if expr.value is None:
        return f"{_write_key(expr.field)} {expr.operator}"
    return f"{_write_key(expr.field)} {expr.operator} {_write_value(expr.value)}"


def _group(expr: Expr) -> str:
    return write(expr) if isinstance(expr, Comparison) else f"({write(expr)})"


_text_fields = st.one_of(
    st.builds(Field, st.sampled_from([Kind.PARAM, Kind.TAG]), _keys),
    st.builds(Field, st.just(Kind.ATTRIBUTE), st.sampled_from(["run_id", "status", "user_id"])),
    st.builds(Field, st.just(Kind.DATASET), st.sampled_from(["name", "digest", "context"])),
)
_comparisons = st.one_of(
    st.builds(
        Comparison,
        st.builds(Field, st.sampled_from([Kind.METRIC, Kind.PARAM]), _keys),
        st.sampled_from(_NUMERIC),
        _numbers,
    ),
    st.builds(
        Comparison,
        st.builds(Field, st.just(Kind.ATTRIBUTE), st.sampled_from(["start_time", "end_time"])),
        st.sampled_from(_NUMERIC),
        st.integers(-(2**63), 2**63 - 1),
    ),
    st.builds(Comparison, _text_fields, st.sampled_from(_TEXTUAL[:4]), _texts),
    st.builds(Comparison, _text_fields, st.sampled_from(_TEXTUAL[4:]), _patterns),
    st.builds(
        Comparison,
        _text_fields,
        st.sampled_from([Operator.IN, Operator.NOT_IN]),
        st.lists(_texts, min_size=1, max_size=4).map(tuple),
    ),
    st.builds(
        Comparison,
        _text_fields,
        st.sampled_from([Operator.IS_NULL, Operator.IS_NOT_NULL]),
    ),
)
_exprs = st.recursive(
    _comparisons,
    lambda inner: st.one_of(
        st.builds(Not, inner),
        st.builds(And, st.lists(inner, min_size=2, max_size=4).map(tuple)),
        st.builds(Or, st.lists(inner, min_size=2, max_size=4).map(tuple)),
    ),
    max_leaves=12,
)


@given(_exprs)
def test_a_written_filter_is_read_as_what_it_was(expr: Expr) -> None:
    assert parse_filter(write(expr), RUNS) == expr


@given(st.lists(st.builds(OrderBy, st.builds(Field, st.just(Kind.METRIC), _keys)), max_size=3))
def test_a_written_order_is_read_as_what_it_was(order: list[OrderBy]) -> None:
    unique = list({by.field: by for by in order}.values())
    clauses = [
        f"metrics.{quoted_key(by.field.key)} {'ASC' if by.ascending else 'DESC'}" for by in unique
    ]
    assert list(parse_order_by(clauses, RUNS)) == unique


@given(_texts, st.sampled_from("'\""))
def test_any_text_is_written_in_either_quotes(text: str, quote: str) -> None:
    written = f"{quote}{text.replace(quote, quote * 2)}{quote}"
    expected = Comparison(Field(Kind.TAG, "a"), Operator.EQ, text)
    assert parse_filter(f"tags.a = {written}", RUNS) == expected
    assert parse_filter(f"tags.a = {literal(text)}", RUNS) == expected


@given(_texts, _texts)
def test_an_escaped_text_is_liked_by_itself_alone(text: str, other: str) -> None:
    assert like(text, escape_like(text))
    assert like(f"{other}{text}{other}", f"%{escape_like(text)}%")
    assert like(other, escape_like(text)) == (other == text)


_WORDS = [
    "metrics.a", "params.`b`", "tags.", ".", "status", "AND", "or", "NOT", "(", ")", ",", "IN",
    "IS", "NULL", "LIKE", "=~", "!=", "=", "<", "==", "1", "-2.5e3", "1e999", "'x'", '"x"', "'",
    '"', "`", "\\", "'(a|b'", " ", "\n", "DESC", "dataset.name", "é", "\0", "--", "\ud800",
]  # fmt: skip


@given(st.one_of(st.text(), st.lists(st.sampled_from(_WORDS)).map(" ".join)))
@example("(" * 10_000)
@example("NOT " * 10_000)
@example("params.a IN (" + "'x', " * 10_000)
@example("status = 'x' AND " * 300)
@example("x" * 300_000)
@settings(max_examples=500, deadline=None)
def test_any_text_is_a_filter_or_a_filter_error(text: str) -> None:
    for schema in (RUNS, EXPERIMENTS):
        for parse in (
            lambda: parse_filter(text, schema),  # noqa: B023
            lambda: parse_order_by([text], schema),  # noqa: B023
        ):
            try:
                parse()
            except FilterError as error:
                assert 0 <= error.column <= len(text)
                assert str(error)
