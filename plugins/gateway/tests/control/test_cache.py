"""Answers are kept for the same request, and for no other."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from pegboard.contracts.llm import Json, Task
from pegboard_gateway.control.cache import AnswerCache
from pegboard_gateway.entities import Asked, Caller
from pegboard_gateway.settings import Cache

ENDPOINT = object()
ASKED = Asked("chat", Task.CHAT, {"messages": ["a"], "n": 1}, False, Caller("k1", "ann"))
ANSWER: Json = {"choices": [{"message": {"content": "yes"}}]}


async def found(cache: AnswerCache, asked: Asked, **more: Any) -> Any:
    slot = cache.slot(more.get("endpoint", ENDPOINT), more.get("settings", Cache()), asked)
    try:
        return await slot.found()
    finally:
        slot.leave()


async def keep(cache: AnswerCache, asked: Asked = ASKED, answer: Any = ANSWER, **more: Any) -> None:
    slot = cache.slot(more.get("endpoint", ENDPOINT), more.get("settings", Cache()), asked)
    assert await slot.found() is None
    slot.keep(answer)
    slot.leave()


@pytest.mark.parametrize(
    "other",
    [
        evolve(ASKED, body={"messages": ["a"], "n": 2}),
        evolve(ASKED, body={"messages": ["a"], "n": 1.0}),
        evolve(ASKED, body={"messages": ["a"], "n": True}),
        evolve(ASKED, body={"messages": ["a"]}),
        evolve(ASKED, body={"messages": [["a"]], "n": 1}),
        evolve(ASKED, stream=True),
        evolve(ASKED, task=Task.COMPLETION),
        evolve(ASKED, endpoint="other"),
        evolve(ASKED, caller=Caller("k2", "ann")),
        evolve(ASKED, caller=Caller("", "ann")),
        evolve(ASKED, headers={"x-pegboard-repeat": "1"}),
        evolve(ASKED, headers={"cache-control": "no-cache"}),
    ],
)
def test_what_differs_in_anything_that_matters_is_asked_anew(other: Asked) -> None:
    async def act() -> None:
        cache = AnswerCache()
        await keep(cache)
        assert await found(cache, ASKED) == ANSWER
        assert await found(cache, other) is None

    asyncio.run(act())


def test_what_does_not_matter_does_not() -> None:
    async def act() -> None:
        cache = AnswerCache()
        await keep(cache)
        same = evolve(
            ASKED,
            body={"n": 1, "messages": ["a"]},
            headers={"user-agent": "x"},
            caller=Caller("k1", "ann", "10.0.0.9"),
            face="anthropic",
        )
        assert await found(cache, same) == ANSWER

    asyncio.run(act())


def test_an_endpoint_that_was_changed_begins_anew() -> None:
    async def act() -> None:
        cache = AnswerCache()
        await keep(cache)
        assert await found(cache, ASKED, endpoint=object()) is None

    asyncio.run(act())


def test_answers_are_shared_where_that_is_wanted() -> None:
    async def act() -> None:
        cache, shared = AnswerCache(), Cache(shared=True)
        await keep(cache, settings=shared)
        other = evolve(ASKED, caller=Caller("k2", "bob"))
        assert await found(cache, other, settings=shared) == ANSWER

    asyncio.run(act())


def test_an_answer_is_kept_for_its_time() -> None:
    now = [0.0]

    async def act() -> None:
        cache, settings = AnswerCache(lambda: now[0]), Cache(ttl_seconds=10)
        await keep(cache, settings=settings)
        now[0] = 9.9
        assert await found(cache, ASKED, settings=settings) == ANSWER
        now[0] = 10.0
        assert await found(cache, ASKED, settings=settings) is None

    asyncio.run(act())


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 30), st.integers(1, 300_000)), max_size=60))
def test_memory_stays_in_its_bound(calls: list[tuple[int, int]]) -> None:
    async def act() -> None:
        cache, settings = AnswerCache(), Cache(max_mib=1)
        for number, size in calls:
            slot = cache.slot(ENDPOINT, settings, evolve(ASKED, body={"n": number}))
            await slot.found()
            slot.keep({"text": "x" * size})
            slot.leave()
            (room,) = cache._rooms.values()
            held = sum(len(each.content) for each in room.answers.values())
            assert held <= room.size <= 1 << 20
            if size < (1 << 17) - 20:
                assert slot._key in room.answers

    asyncio.run(act())


def test_what_was_used_last_stays_longest() -> None:
    async def act() -> None:
        cache, settings = AnswerCache(), Cache(max_mib=1)
        big = {"text": "x" * 120_000}
        many = [evolve(ASKED, body={"n": number}) for number in range(8)]
        for one in many:
            await keep(cache, one, big, settings=settings)
        assert await found(cache, many[0], settings=settings) == big
        await keep(cache, evolve(ASKED, body={"n": 99}), big, settings=settings)
        assert await found(cache, many[0], settings=settings) == big
        assert await found(cache, many[1], settings=settings) is None

    asyncio.run(act())


def test_no_store_keeps_nothing() -> None:
    async def act() -> None:
        cache = AnswerCache()
        await keep(cache, evolve(ASKED, headers={"cache-control": "no-store"}))
        assert await found(cache, ASKED) is None

    asyncio.run(act())


def test_no_cache_renews_what_is_kept() -> None:
    async def act() -> None:
        cache = AnswerCache()
        await keep(cache)
        renewed = {"choices": []}
        await keep(cache, evolve(ASKED, headers={"cache-control": "no-cache"}), renewed)
        assert await found(cache, ASKED) == renewed

    asyncio.run(act())


def test_equal_calls_at_one_time_wait_for_the_first() -> None:
    async def act() -> list[Any]:
        cache = AnswerCache()
        first = cache.slot(ENDPOINT, Cache(), ASKED)
        assert await first.found() is None
        others = [asyncio.ensure_future(found(cache, ASKED)) for _ in range(5)]
        await asyncio.sleep(0)
        assert not any(each.done() for each in others)
        first.keep(ANSWER)
        first.leave()
        return await asyncio.gather(*others)

    assert asyncio.run(act()) == [ANSWER] * 5


def test_where_the_first_comes_to_nothing_each_asks_for_itself() -> None:
    async def act() -> list[Any]:
        cache = AnswerCache()
        first = cache.slot(ENDPOINT, Cache(), ASKED)
        assert await first.found() is None
        others = [asyncio.ensure_future(found(cache, ASKED)) for _ in range(5)]
        await asyncio.sleep(0)
        others[0].cancel()
        first.leave()
        return await asyncio.gather(*others[1:])

    assert asyncio.run(act()) == [None] * 4


def test_nobody_waits_for_ever_for_a_call_that_does_not_end() -> None:
    async def act() -> None:
        cache = AnswerCache(patience=0.01)
        first = cache.slot(ENDPOINT, Cache(), ASKED)
        assert await first.found() is None
        assert await found(cache, ASKED) is None
        first.keep(ANSWER)
        assert await found(cache, ASKED) == ANSWER

    asyncio.run(act())


def test_what_is_kept_is_not_changed_by_who_got_it() -> None:
    async def act() -> None:
        cache = AnswerCache()
        await keep(cache)
        first = await found(cache, ASKED)
        first["choices"].clear()
        assert await found(cache, ASKED) == ANSWER

    asyncio.run(act())
