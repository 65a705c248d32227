"""What a search may cost: limits on clauses, and one budget of steps for all its patterns."""

from __future__ import annotations

import random

import pytest
from pegboard.errors import FilterError, InvalidValue
from pegboard_stores.filters import (
    EXPERIMENTS,
    LOGGED_MODELS,
    MODEL_VERSIONS,
    REGISTERED_MODELS,
    RUNS,
    TRACES,
    SearchSchema,
    parse_filter,
    parse_order_by,
    searching,
    select,
)
from pegboard_stores.filters import budget as budgets
from pegboard_stores.filters.budget import STEPS, Budget
from pegboard_stores.filters.parser import (
    MAX_COMPARISONS,
    MAX_DEPTH,
    MAX_LIKE,
    MAX_LIKE_LENGTH,
    MAX_ORDERS,
)
from pegboard_stores.filters.patterns import like
from pegboard_stores.filters.regex import compile_pattern
from pegboard_stores.mapping_store import MappingStore

SCHEMAS = [RUNS, EXPERIMENTS, LOGGED_MODELS, REGISTERED_MODELS, MODEL_VERSIONS, TRACES]

by_schema = pytest.mark.parametrize("schema", SCHEMAS, ids=lambda schema: schema.name)


def ored(count: int, text: str) -> str:
    return " OR ".join([text] * count)


@by_schema
@pytest.mark.parametrize(
    ("filter", "says"),
    [
        (ored(10_000, "tags.t = 'a'"), f"more than {MAX_COMPARISONS} comparisons"),
        (ored(10_000, "tags.t LIKE 'a'"), f"more than {MAX_COMPARISONS} comparisons"),
        ("(" * 5_000 + "tags.t = 'a'" + ")" * 5_000, f"More than {MAX_DEPTH} levels"),
        ("NOT " * 5_000 + "tags.t = 'a'", f"More than {MAX_DEPTH} levels"),
        (f"tags.t LIKE '{'a' * (MAX_LIKE_LENGTH + 1)}'", f"{MAX_LIKE_LENGTH} are allowed"),
        (f"tags.t LIKE '%{'a' * (MAX_LIKE + 1)}'", f"More than {MAX_LIKE} characters"),
        (f"tags.t ILIKE '%{'a%' * (MAX_LIKE // 2)}b'", f"More than {MAX_LIKE} characters"),
        (ored(200, f"tags.t LIKE '%{'a' * 20}%'"), f"More than {MAX_LIKE} characters"),
        (ored(200, "tags.t =~ 'a{1900}'"), "too large together"),
        (ored(200, "tags.t =~ '(()()()()){900}'"), "too large together"),
        ("tags.t =~ '(((){9999}){9999}){9999}'", "repeats too much"),
        (f"tags.t IN ({', '.join(['a'] * 200_000)})", "are allowed"),
    ],
    ids=lambda text: text[:40],
)
def test_filters_of_too_many_clauses_are_refused_while_they_are_read(
    schema: SearchSchema, filter: str, says: str
) -> None:
    with pytest.raises(FilterError, match=says):
        parse_filter(filter, schema)


@by_schema
def test_what_is_just_within_the_limits_is_accepted(schema: SearchSchema) -> None:
    for text in (
        ored(MAX_COMPARISONS, "tags.t = 'a'"),
        "(" * MAX_DEPTH + "tags.t = 'a'" + ")" * MAX_DEPTH,
        f"tags.t LIKE '{'a' * MAX_LIKE_LENGTH}'",
        f"tags.t LIKE '%{'a' * MAX_LIKE}%'",
        f"tags.t IN ({', '.join(repr(str(n)) for n in range(20_000))})",
        ored(MAX_COMPARISONS, "tags.t =~ '(a+)+N$'"),
    ):
        assert parse_filter(text, schema) is not None


@pytest.mark.parametrize("count", [MAX_ORDERS + 1, 10_000])
def test_orders_by_too_many_fields_are_refused(count: int) -> None:
    clauses = [f"params.p{number}" for number in range(count)]
    with pytest.raises(FilterError, match=f"{count} fields; {MAX_ORDERS} are possible"):
        parse_order_by(clauses, RUNS)
    assert len(parse_order_by(clauses[:MAX_ORDERS], RUNS)) == MAX_ORDERS


# -- the budget ------------------------------------------------------------------------------------


def test_one_character_read_by_one_pattern_is_one_step() -> None:
    budget = Budget()
    pattern = compile_pattern("b", budget)
    pattern.search("a" * 1_000)
    before = budget.left
    pattern.search("a" * 5_000)
    assert before - budget.left == 5_000


def test_what_is_decided_is_not_read_to_the_end() -> None:
    budget = Budget(10_000)
    assert compile_pattern("^b|ab", budget).search("ab" + "a" * 1_000_000)
    assert not compile_pattern("^b", budget).search("a" * 1_000_000)
    assert budget.left > 0


def test_all_patterns_and_values_of_a_search_share_one_budget(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    expr = parse_filter("tags.t =~ 'a+N' OR tags.t LIKE '%aN' OR tags.u !~ 'a'", EXPERIMENTS)
    store = MappingStore({}, {}, artifact_root="memory:x")
    for number in range(10):
        store.create_experiment(str(number), tags={"t": "a" * 1_000, "u": "a"})
    experiments = store.search_experiments(filter="tags.t IS NOT NULL")
    with searching() as budget:
        select(expr, experiments[:1])
        once = STEPS - budget.left
        select(expr, experiments)
        assert 5 * once < STEPS - budget.left < 11 * once + 1
    # As much as nine experiments cost.
    with searching() as budget:
        budget.left = STEPS - budget.left + 5 * once
        with pytest.raises(InvalidValue, match="Narrow the search"):
            select(expr, experiments)
        assert budget.is_exceeded
    # Each search has its own.
    for _ in range(20):
        assert select(expr, experiments) == []


@pytest.mark.parametrize(
    "filter",
    [
        ored(250, "tags.t =~ '(a+)+N$'"),
        f"tags.t LIKE '%{'a' * 1_990}N'",
        f"tags.t LIKE '%{'a' * 990}_{'a' * 990}N%'",
        "tags.r =~ '^(a|b)*a(a|b){400}c'",
    ],
    ids=lambda text: text[:30],
)
def test_a_search_in_memory_that_costs_too_much_is_refused(filter: str) -> None:
    store = MappingStore({}, {}, artifact_root="memory:x")
    for number in range(30):
        mixed = "".join(random.Random(number).choices("ab", k=20_000))
        store.create_experiment(str(number), tags={"t": "ab" * 2_000 + "a" * 16_000, "r": mixed})
    with pytest.raises(InvalidValue, match="take too long"):
        store.search_experiments(filter=filter)
    assert len(store.search_experiments(filter="tags.t =~ '^abab'")) == 30


def test_outside_a_search_each_comparison_has_a_budget_of_its_own() -> None:
    assert budgets.current() is not budgets.current()
    with pytest.raises(InvalidValue, match="take too long"):
        like("a" * 100_000, f"%{'a' * 50_000}b")
    assert like("a" * 100_000, "%a")
