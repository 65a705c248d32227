"""What calls cost."""

from __future__ import annotations

from datetime import date

import pytest
from pegboard_llm.costs import cost_of
from pegboard_llm.model_data import most_output, read
from pegboard_llm.prices import SOURCES, Price, price, price_of
from pegboard_llm.shapes import usage


@pytest.mark.parametrize(
    ("provider", "model", "dollars"),
    [
        ("openai", "gpt-4o-mini", (0.15, 0.6)),
        ("openai", "gpt-4o-mini-2024-07-18", (0.15, 0.6)),
        ("openai", "gpt-4o-2024-05-13", (5, 15)),
        ("openai", "gpt-5-chat-latest", (1.25, 10)),
        ("azure", "gpt-4.1-2025-04-14", (2, 8)),
        ("anthropic", "claude-sonnet-4-5-20250929", (3, 15)),
        ("anthropic", "claude-3-5-haiku-latest", (0.8, 4)),
        ("gemini", "models/gemini-2.5-flash", (0.3, 2.5)),
        ("bedrock", "us.anthropic.claude-haiku-4-5-20251001-v1:0", (1.1, 5.5)),
        ("bedrock", "global.anthropic.claude-haiku-4-5-20251001-v1:0", (1, 5)),
        ("bedrock", "us.anthropic.claude-sonnet-4-20250514-v1:0", (3, 15)),
        ("vertex-ai", "claude-haiku-4-5@20251001", (1, 5)),
        ("vertex-ai", "gemini-2.5-flash", (0.3, 2.5)),
        ("bedrock", "amazon.titan-embed-text-v2:0", (0.02, 0)),
        ("openrouter", "x-ai/grok-4", (3, 15)),
        ("openrouter", "openai/gpt-4o-mini:free", (0.15, 0.6)),
        ("ollama", "llama3.2", (0, 0)),
    ],
)
def test_a_model_is_found_by_what_vendors_call_it(
    provider: str, model: str, dollars: tuple[float, float]
) -> None:
    found = price_of(provider, model)
    assert found is not None
    assert (found.input, found.output) == dollars


@pytest.mark.parametrize(
    ("provider", "model"),
    [
        ("openai", "gpt-4o-mini-tts"),
        ("openai", "gpt-4"[:3]),
        ("nobody", "gpt-4o"),
        ("vertex-ai", "meta/llama-4-maas"),
        ("sources", "openai"),
    ],
)
def test_what_is_not_known_has_no_price(provider: str, model: str) -> None:
    assert price_of(provider, model) is None
    assert price(provider, model, usage(1, 1)) is None


def test_money_is_nano_dollars_and_rounded_up() -> None:
    assert price("openai", "gpt-4o-mini", usage(1_000_000, 1_000_000)) == 750_000_000
    assert price("openai", "gpt-4o-mini", usage(1_000_000, 0, cached=1_000_000)) == 75_000_000
    written = usage(1_000_000, 0, cached=200_000, cache_write=300_000)
    assert price("anthropic", "claude-sonnet-4-5", written) == 1_500_000_000 + 60_000_000 + (
        1_125_000_000
    )
    assert price("cohere", "command-r7b-12-2024", usage(1)) == 38  # 37.5
    assert price("openai", "gpt-4o", usage(0)) == 0


def test_a_price_of_ones_own_goes_before_the_table() -> None:
    mine = Price(input=1, output=2)
    assert price("openai", "gpt-4o", usage(10, 10), mine) == 30_000
    assert price("nobody", "mine", usage(10, 10, cached=10), mine) == 30_000


def test_a_long_prompt_costs_more() -> None:
    assert price("anthropic", "claude-haiku-5-5", usage(100_000, 100)) == 10_050_000
    assert price("anthropic", "claude-haiku-5-5", usage(100_001, 100)) == 50_250_500


USED = {"input_tokens": 1_000_000, "output_tokens": 1_000_000}
MINI = (0.15, 0.6)
COSTS = [
    ("gpt-4o-mini", "openai", USED, MINI),
    ("gpt-4o-mini-2024-07-18", "OpenAI", USED, MINI),
    ("gpt-4o-mini", "az.ai.openai", USED, MINI),
    ("gpt-4o-mini", None, USED, MINI),
    ("openai/gpt-4o-mini", None, USED, MINI),
    ("gpt-4o-mini", "somebody else", USED, MINI),
    ("gpt-4o-mini", "openai", {**USED, "cache_read_input_tokens": 500_000}, (0.1125, 0.6)),
    ("gpt-4o-mini", "openai", {"output_tokens": 1_000_000}, (0.0, 0.6)),
    ("gpt-4o-mini", "openai", {}, None),
    ("gateway:/gpt-4o-mini", "openai", USED, None),
    ("nobody-knows", None, USED, None),
    ("", None, USED, None),
]


@pytest.mark.parametrize(("model", "provider", "used", "expected"), COSTS)
def test_costs_are_in_dollars_by_the_names_that_traces_have(
    model: str, provider: str | None, used: dict[str, int], expected: tuple[float, float] | None
) -> None:
    found = cost_of(model, provider, used)
    if expected is None:
        assert found is None
    else:
        into, out = expected
        assert found == {"input_cost": into, "output_cost": out, "total_cost": into + out}


def test_the_table_is_sound() -> None:
    table = read("prices.json")
    sources = table[SOURCES]
    used = set()
    for provider, models in table.items():
        if provider == SOURCES:
            continue
        if isinstance(models, list):
            assert all(isinstance(table[vendor], dict) for vendor in models)
            continue
        for model, said in models.items():
            used.add(said["source"])
            found = price_of(provider, model)
            assert found is not None
            if found.cached_input is not None:
                assert found.cached_input < found.input, (provider, model)
            assert found.output == 0 or found.output >= found.input, (provider, model)
            if found.output:
                most = most_output(provider, model)
                assert most is not None and most > 1_000, (provider, model)
    # Each price says where it is from, and when that was looked at.
    assert used == sources.keys()
    for name, source in sources.items():
        assert source.keys() == {"address", "date", "note"}, name
        assert date(2025, 1, 1) <= date.fromisoformat(source["date"]) <= date.today()


@pytest.mark.parametrize(
    ("provider", "model", "tokens"),
    [
        ("openai", "gpt-4o-mini-2024-07-18", 16_384),
        ("openai", "gpt-4o-2024-05-13", 4_096),
        ("azure", "o3", 100_000),
        ("openrouter", "anthropic/claude-3-haiku:beta", 4_096),
        ("bedrock", "us.anthropic.claude-haiku-4-5-20251001-v1:0", 64_000),
        ("openai", "my-own", None),
        ("ollama", "llama3.2", None),
    ],
)
def test_how_long_an_answer_may_be_is_found_like_its_price(
    provider: str, model: str, tokens: int | None
) -> None:
    assert most_output(provider, model) == tokens


def test_the_most_that_a_prompt_may_cost_is_what_writing_it_to_a_cache_costs() -> None:
    assert Price(input=1, output=2, cache_write=1.25).most(1_000, 10) == 1_250_000 + 20_000
    assert Price(input=1, output=2, cached_input=0.1).most(1_000, 10) == 1_000_000 + 20_000
