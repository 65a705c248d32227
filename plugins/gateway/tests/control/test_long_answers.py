"""Calls that do not say how long their answers may be, all at one time, and little that is left."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from attrs import frozen
from pegboard.config import Config
from pegboard.contracts.llm import Json, LLMProvider, LLMRequest, LocalProvider, Task
from pegboard.host import Host
from pegboard_gateway.catalog.contract import FixedCatalog, GatewayEndpoint, Target
from pegboard_gateway.control.contract import BudgetSpent, LimitReached
from pegboard_gateway.control.rules import Budget, Limit, Rules, Scope
from pegboard_gateway.entities import Answered, Asked
from pegboard_gateway.path import Calls
from pegboard_gateway.path.local import Local
from pegboard_gateway.settings import Price
from pegboard_gateway.usage.keeping import USAGE, open_keeping
from world import open_ledger, sums

TOKEN = 1_000_000
"""What a token of an answer costs, in nano-dollars."""
BUDGET = Budget.parse("0.05 usd/year", scope=Scope.GLOBAL)
LIMIT = Limit.parse("50 tokens/year", scope=Scope.GLOBAL)
AT_ONCE = 8


@frozen
class _Settings:
    pass


class Long(LocalProvider):
    """Answers with as many tokens as it is let, when all calls have come as far as they can."""

    settings = _Settings
    takes = {Task.CHAT: frozenset({"messages", "max_tokens"})}  # noqa: RUF012

    def __init__(self, longest: int) -> None:
        super().__init__(_Settings())
        self.longest, self.go = longest, threading.Event()
        self.asked: list[int | None] = []

    def output_limit(self, model: str) -> int | None:
        return 30 if model == "limited" else None

    def events(self, request: LLMRequest) -> Iterator[Json]:
        yield {**self.answer(request), "object": "chat.completion.chunk"}

    def answer(self, request: LLMRequest) -> Json:
        self.asked.append(request.body.get("max_tokens"))
        assert self.go.wait(30)
        limit = request.body.get("max_tokens") or self.output_limit(request.model)
        said = min(self.longest, limit or self.longest)
        usage = {"prompt_tokens": 1, "completion_tokens": said, "total_tokens": 1 + said}
        return {"object": "chat.completion", "choices": [], "usage": usage}


async def _all_at_once(calls: Calls, model: Long, body: Json) -> list[Any]:
    model.go.clear()
    model.asked.clear()

    async def ask(stream: bool) -> Json:
        found = await calls.call(Asked("chat", Task.CHAT, {"messages": [], **body}, stream))
        if isinstance(found, Answered):
            return found.body
        bunches = [bunch async for bunch in found]
        return bunches[0][0]

    tasks = [asyncio.ensure_future(ask(stream=bool(n % 2))) for n in range(AT_ONCE)]
    while sum(task.done() for task in tasks) + len(model.asked) < AT_ONCE:
        await asyncio.sleep(0.001)
    model.go.set()
    return await asyncio.gather(*tasks, return_exceptions=True)


CASES = {
    # What the target is, what calls say, the longest answer, what is sent, how many pass.
    "nobody knows": ({}, {}, 2_000, None, 1),
    "the call says": ({}, {"max_tokens": 10}, 2_000, 10, 5),
    "the model has": ({"provider": "openai", "model_name": "gpt-4o"}, {}, 16_384, None, 1),
    "its provider says": ({"model_name": "limited"}, {}, 2_000, None, 2),
    "configured": ({"max_output_tokens": 30}, {}, 2_000, 30, 2),
    "configured for less": ({"max_output_tokens": 30}, {"max_tokens": 90}, 2_000, 30, 2),
    "it says less": ({"max_output_tokens": 30}, {"max_tokens": 20}, 2_000, 20, 3),
    "costs nothing": ({"price": Price(input=0, output=0)}, {}, 2_000, None, AT_ONCE),
}


@pytest.mark.parametrize(
    ("rule", "kind"), [(BUDGET, "memory"), (BUDGET, "sqlite"), (LIMIT, "memory")]
)
@pytest.mark.parametrize("case", CASES)
def test_it_is_exceeded_by_one_call_at_most(
    case: str, rule: Budget | Limit, kind: str, tmp_path: Path
) -> None:
    more, body, longest, sent, passing = CASES[case]
    if rule is LIMIT and "price" in more:
        passing = 1  # What costs nothing takes tokens all the same.
    model = Long(longest)
    given: dict[str, Any] = {"provider": "here", "model_name": "mine", **more}
    price = given.pop("price", Price(input=0, output=1_000))
    target = Target("chat/0", model=model, price=price, **given)
    rules = Rules((), [BUDGET]) if rule is BUDGET else Rules([LIMIT], ())
    keeping = open_keeping(tmp_path, lambda: open_ledger(kind, tmp_path), rules)
    calls = Calls(FixedCatalog(GatewayEndpoint("chat", (target,))), keeping.gate)
    calls.local = Local(AT_ONCE)

    async def work() -> tuple[list[Any], list[Any]]:
        first = await _all_at_once(calls, model, body)
        assert set(model.asked) == {sent}
        await keeping.settle()
        second = await _all_at_once(calls, model, body)
        await keeping.settle()
        return first, second

    try:
        first, second = asyncio.run(work())
    finally:
        calls.close()
        keeping.close()
    refused = [each for each in first if not isinstance(each, dict)]
    assert len(first) - len(refused) == passing
    error = BudgetSpent if rule is BUDGET else LimitReached
    assert all(isinstance(each, error) and each.retry_after == 1 for each in refused)
    assert all(str(rule) + "." in each.message for each in refused)
    assert all("max_tokens" in each.hint for each in refused)
    [spent] = sums(tmp_path / USAGE, rule, keeping.gate.clock()).values()
    if price.output or rule is LIMIT:
        one = min(longest, sent or model.output_limit(target.model_name) or longest)
        one = TOKEN * one if rule is BUDGET else 1 + one
        assert spent == passing * one < rule.amount + one
        # The rest of the year it is spent.
        assert all(isinstance(each, error) and each.retry_after > 60 for each in second)


@pytest.mark.parametrize("limit", [0, 500])
@pytest.mark.parametrize("name", ["claude-3-haiku", "claude-sonnet-4-5-20250929"])
def test_what_a_provider_sends_as_limit_is_what_is_reserved(name: str, limit: int) -> None:
    settings = {"api_key": "sk-none", "max_tokens": limit}
    model = Host(Config()).llm_provider("anthropic", settings, "here")
    assert isinstance(model, LLMProvider)
    call = model.call(LLMRequest(Task.CHAT, name, {"messages": [{"role": "user", "content": "x"}]}))
    longest = Target("chat/0", "anthropic", name, model).longest_answer
    assert orjson.loads(call.body)["max_tokens"] == longest
