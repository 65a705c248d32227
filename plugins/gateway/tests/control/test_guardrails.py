"""Guardrails find what they are to find, wherever it stands and however it is cut."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pegboard.contracts.llm import Json, LLMError, Task, Trouble
from pegboard.errors import ConfigError
from pegboard_gateway.control.contract import Blocked, Guard, GuardrailFailed, StreamGuard
from pegboard_gateway.control.guardrails import FACE, Setting, guard_of
from pegboard_gateway.control.guardrails.faults import Faults, SafeGuard
from pegboard_gateway.control.guardrails.spans import Finder
from pegboard_gateway.entities import Asked
from pegboard_gateway.settings import Guardrail
from pegboard_stores.filters.budget import Budget
from pegboard_stores.filters.regex import search

from .guards import (
    Judge,
    answer_of,
    asked,
    chunks,
    guard,
    judged,
    known_host,
    nobody,
    run,
    said,
    streamed,
)

PERSONAL = {
    "ann.o'neil+x@mail.example.co.uk, or": "ann.o'[EMAIL], or",
    "ann@example.org": "[EMAIL]",
    "4111 1111 1111 1111": "[CARD]",
    "4111-1111-1111-1112": "4111-1111-1111-1112",
    "5500000000000004.": "[CARD].",
    "DE89 3704 0044 0532 0130 00": "[IBAN]",
    "DE89 3704 0044 0532 0130 01": "DE89 3704 0044 0532 0130 01",
    "GB82WEST12345698765432": "[IBAN]",
    "078-05-1120": "[US_SSN]",
    "000-05-1120": "000-05-1120",
    "+49 (30) 1234-5678": "[PHONE]",
    "10.0.255.1": "[IP]",
    "10.0.256.1": "10.0.256.1",
    "version 1.2.3": "version 1.2.3",
    "sk-abcdefghijklmnop1234": "[KEY]",
    "AKIAIOSFODNN7EXAMPLE": "[KEY]",
    "a total of 12345678901234567890": "a total of 12345678901234567890",
}


@pytest.mark.parametrize(("text", "left"), PERSONAL.items())
def test_personal_data_is_found_and_little_else(text: str, left: str) -> None:
    changed = run(guard("pii").before(asked(f"Hello {text}")))
    assert changed.body["messages"][0]["content"] == f"Hello {left}"


def test_all_places_of_a_request_are_looked_at() -> None:
    mail = "ann@example.org"
    given = asked(
        [
            {"type": "text", "text": mail},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,YW5uQGV4"}},
        ],
        tools=[{"function": {"description": mail}}],
        user=mail,
        n=1,
    )
    found = run(guard("pii").before(given)).body
    assert mail not in str(found)
    assert found["messages"][0]["content"][1] == given.body["messages"][0]["content"][1]
    assert given.body["user"] == mail
    assert run(guard("pii").before(asked("nothing"))) == asked("nothing")


@pytest.mark.parametrize(
    "text",
    [
        "data: ann@example.org",
        "data:image/png;base64,ann@example.org",
        "data:image/png;base64,YW5u ann@example.org",
        "data:image/png;base64,YW5u\nann@example.org",
    ],
)
def test_what_only_begins_like_a_file_is_text(text: str) -> None:
    in_a_url = [{"type": "image_url", "image_url": {"url": text}}]
    for sent in (asked(text), asked(in_a_url), asked("x", tools=[{"url": text}])):
        assert "ann@example.org" not in str(run(guard("pii").before(sent)).body)
    answer = run(guard("pii").after(asked(""), answer_of(text)))
    assert "ann@example.org" not in str(answer)
    judge = Judge("BLOCK")
    with pytest.raises(Blocked):
        run(judged(judge, "before", "block").before(asked(text)))
    assert text in judge.prompts[0]


def test_a_file_in_the_place_of_text_is_text() -> None:
    key = "data:image/png;base64,AKIAIOSFODNN7EXAMPLE"
    assert "AKIA" not in str(run(guard("pii").before(asked(key))).body["messages"])


def test_log_probabilities_do_not_spell_what_is_held_back() -> None:
    tokens: Json = {"content": [{"token": part} for part in ("ann", "@", "example.org")]}
    choice: Json = {"index": 0, "logprobs": tokens}
    answer: Json = {"choices": [{**choice, "message": {"content": "ann@example.org"}}]}
    for made in (guard("pii"), judged(Judge("kind"), "both", "rewrite")):
        found = run(made.after(asked(""), answer))["choices"][0]
        assert (found["logprobs"], "example" in str(found)) == (None, False)
    events: list[Json] = [
        {"choices": [{**choice, "delta": {"content": "ann@"}}]},
        {"choices": [{**choice, "delta": {"content": "example.org"}, "finish_reason": "stop"}]},
    ]
    for made in (guard("pii"), judged(Judge("kind"), "both", "rewrite")):
        assert "example" not in str(asyncio.run(streamed(made, events)))


def test_of_a_stream_nothing_passes_that_is_not_looked_at() -> None:
    mail = "ann@example.org"
    calls: list[Json] = [
        {"choices": [{"index": 0, "delta": {"function_call": {"name": "f", "arguments": ""}}}]},
        {"choices": [{"index": 0, "delta": {"function_call": {"arguments": "ann@"}}}]},
        {"choices": [{"index": 0, "delta": {"function_call": {"arguments": "example.org"}}}]},
        {"choices": [{"index": 0, "delta": {"content": "x", "of_a_vendor": {"text": mail}}}]},
    ]
    found = asyncio.run(streamed(guard("pii"), calls))
    called = [c["delta"].get("function_call") or {} for e in found for c in e["choices"]]
    assert [each["name"] for each in called if "name" in each] == ["f"]
    assert "".join(each.get("arguments", "") for each in called) == "[EMAIL]"
    assert mail not in str(found)


@pytest.mark.parametrize("name", ["input", "prompt"])
@pytest.mark.parametrize("value", [[1, 2], [[1, 2]]])
def test_tokens_cannot_pass_unread(name: str, value: Any) -> None:
    with pytest.raises(Blocked, match="cannot read tokens"):
        run(guard("pii").before(Asked("e", Task.EMBEDDING, {name: value})))


def test_what_blocks_says_neither_what_it_found_nor_where() -> None:
    with pytest.raises(Blocked, match="'pii' refuses") as caught:
        run(guard("pii", action="block").before(asked("ann@example.org")))
    assert caught.value.trouble is Trouble.FILTERED
    assert "example.org" not in str(caught.value)


def test_a_stage_is_the_only_one() -> None:
    answer = {"choices": [{"message": {"content": "ann@example.org"}}]}
    before, after = guard("pii", "before"), guard("pii", "after")
    assert run(before.after(asked(""), answer)) == answer
    assert before.stream(asked("")) is None
    assert run(after.before(asked("ann@example.org"))) == asked("ann@example.org")
    assert run(after.after(asked(""), answer))["choices"][0]["message"]["content"] == "[EMAIL]"


# -- streams ----------------------------------------------------------------------------------


def cut(text: str, places: Sequence[int]) -> list[str]:
    ends = sorted({place % (len(text) + 1) for place in places} | {0, len(text)})
    return [text[a:b] for a, b in itertools.pairwise(ends)]


TEXT = "Dear ann@example.org, 4111 1111 1111 1111 is the card; call +49 30 123 456 78 " + "or " * 99


@settings(deadline=None)
@given(st.lists(st.integers(0, 10_000), max_size=60), st.sampled_from(["window", "buffer"]))
def test_a_stream_is_edited_however_it_is_cut(places: list[int], how: str) -> None:
    found = asyncio.run(streamed(guard("pii", stream=how), chunks(cut(TEXT, places))))
    assert (
        said(found)
        == run(guard("pii").after(asked(""), answer_of(TEXT)))["choices"][0]["message"]["content"]
    )
    assert found[0]["choices"][0]["delta"]["role"] == "assistant"
    finished = [
        n for n, e in enumerate(found) if e["choices"] and e["choices"][0].get("finish_reason")
    ]
    assert len(finished) == 1
    assert said(found[finished[0] + 1 :]) == ""
    assert found[-1]["usage"] == {"total_tokens": 3}


@settings(deadline=None)
@given(st.text(alphabet="ab1 .@x", max_size=300), st.lists(st.integers(0, 300), max_size=40))
def test_windows_lose_and_repeat_nothing(text: str, places: list[int]) -> None:
    made = guard("regex", patterns=["x+1"], replacement="!", window=320)
    whole = run(made.after(asked(""), answer_of(text)))["choices"][0]["message"]["content"]
    assert said(asyncio.run(streamed(made, chunks(cut(text, places))))) == whole


def test_a_window_lets_go_on_what_is_far_enough_behind() -> None:
    made = guard("regex", patterns=["secret"], window=10)
    watching = made.stream(asked(""))
    assert watching is not None
    (event,) = run(watching.feed([{"choices": [{"index": 0, "delta": {"content": "a" * 50}}]}]))
    assert event["choices"][0]["delta"]["content"] == "a" * 40


def test_choices_tool_calls_and_completions_are_held_apart() -> None:
    mail = "ann@example.org"
    events: list[Json] = [
        {"choices": [{"index": 0, "delta": {"content": "x ann@"}}]},
        {"choices": [{"index": 1, "delta": {"content": "example.org y"}}]},
        {"choices": [{"index": 0, "delta": {"content": "example.org"}}]},
        {
            "choices": [
                {
                    "index": 0,
                    "delta": {"tool_calls": [{"index": 0, "function": {"arguments": mail}}]},
                }
            ]
        },
        {"choices": [{"index": 2, "text": f"{mail} z", "finish_reason": None}]},
    ]
    found = asyncio.run(streamed(guard("pii"), events))
    text = str(found)
    assert mail not in text
    assert "example.org y" in "".join(
        c["delta"].get("content") or "" for e in found for c in e["choices"] if c["index"] == 1
    )
    arguments = [
        call["function"]["arguments"]
        for e in found
        for c in e["choices"]
        for call in (c.get("delta") or {}).get("tool_calls") or ()
    ]
    assert "".join(arguments) == "[EMAIL]"
    texts = [c.get("text") or "" for e in found for c in e["choices"] if c["index"] == 2]
    assert "".join(texts) == "[EMAIL] z"


def test_a_stream_that_must_not_be_said_ends() -> None:
    with pytest.raises(Blocked):
        asyncio.run(streamed(guard("pii", action="block"), chunks(["ann@", "example.org", " "])))


# -- patterns ---------------------------------------------------------------------------------


@settings(deadline=None)
@given(
    st.sampled_from(["a+b", "(a|ab)c", "^a", "b$", "[ab]{2,3}", "(?i)AB", "a.c", "x?a", "(ab)+"]),
    st.text(alphabet="abcx", max_size=40),
)
def test_places_are_those_of_the_pattern(pattern: str, text: str) -> None:
    import re

    found = Finder(pattern, Budget()).find(text)
    assert bool(found) == search(pattern, text)
    for start, end in found:
        assert re.fullmatch(f"(?:{pattern.removeprefix('(?i)')})", text[start:end], re.IGNORECASE)
    assert all(a[1] <= b[0] for a, b in itertools.pairwise(found))
    # Nothing is left that begins before the first place.
    if found:
        before = re.search(pattern, text)
        assert before is not None
        assert before.start() == found[0][0]


@pytest.mark.parametrize("pattern", ["(a+)+b", "(a|aa)+b", "(.*)*b", "(a*)*c"])
def test_patterns_that_explode_elsewhere_do_not_here(pattern: str) -> None:
    made = guard("regex", patterns=[pattern])
    text = "a" * 20_000
    assert run(made.before(asked(text))).body["messages"][0]["content"] == text


def test_what_takes_too_long_to_look_through_does_not_pass() -> None:
    made = guard("regex", patterns=["a.{0,300}b"], action="rewrite")
    with pytest.raises(Blocked, match="cannot look through"):
        run(made.before(asked("a" * 100_000 + "b")))


@pytest.mark.parametrize(
    ("made", "text"),
    [
        # Each of the texts alone could be looked through.
        (guard("regex", patterns=["a.{0,300}b"]), "a" * 200 + "b"),
        (guard("pii"), "x" * 50_000),
    ],
)
def test_many_texts_take_no_longer_than_one(made: Guard, text: str) -> None:
    assert run(made.before(asked(text)))
    body = {"messages": [{"role": "user", "content": text}] * 100}
    with pytest.raises(Blocked, match="cannot look through"):
        run(made.before(Asked("chat", Task.CHAT, body)))
    # That is over with the request.
    assert run(made.before(asked(text)))
    assert run(made.after(asked(""), answer_of(text)))


@pytest.mark.parametrize(
    ("made", "text", "most"),
    [
        # What is slow to look through has to be shorter.
        (guard("pii"), "a word ", 4_000_000),
        (guard("pii"), "a@", 4_000_000),
        (guard("pii"), "AA11 ", 2_000_000),
        (guard("pii"), "1", 1_000_000),
        # Patterns share what looking for one may cost.
        (guard("regex", patterns=["secret"]), "a word ", 4_000_000),
        (guard("regex", patterns=[f"secret {n}" for n in range(20)]), "a word ", 400_000),
    ],
)
def test_what_may_be_looked_through_depends_on_what_it_costs(
    made: Guard, text: str, most: int
) -> None:
    given = (text * most)[:most]
    assert run(made.before(asked(given)))
    with pytest.raises(Blocked, match="cannot look through"):
        run(made.before(asked(given * 2)))


def test_names_of_fields_are_texts_unless_they_are_the_apis() -> None:
    mail = "ann@example.org"
    tool = {"type": "function", "function": {"name": "f", "parameters": {"properties": {mail: {}}}}}
    for body in ({"tools": [tool]}, {"metadata": {mail: "x"}}):
        assert mail not in str(run(guard("pii").before(asked("x", **body))).body)
        judge = Judge("BLOCK")
        with pytest.raises(Blocked):
            run(judged(judge, "before", "block").before(asked("x", **body)))
        assert mail in judge.prompts[0] and "properties" not in judge.prompts[0]


@pytest.mark.parametrize(
    ("use", "options", "words"),
    [
        ("nothing", {}, "no guardrail"),
        ("pii", {"kinds": ["shoe size"]}, "kinds"),
        ("pii", {"colour": 1}, "no 'colour'"),
        ("pii", {"stream": "drip"}, "stream"),
        ("regex", {}, "patterns"),
        ("regex", {"patterns": ["("]}, "patterns"),
        ("regex", {"patterns": ["a"], "window": 0}, "window"),
        ("judge", {}, "endpoint"),
        ("judge", {"endpoint": "chat"}, "another endpoint"),
        ("judge", {"endpoint": "judge", "on_error": "pass"}, "on_error"),
    ],
)
def test_a_wrong_table_is_refused(use: str, options: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        guard(use, **options)


def test_what_guardrails_ask_is_not_guarded_again() -> None:
    made = guard("pii", action="block")
    inner = Asked("judge", Task.CHAT, {"messages": [{"content": "ann@example.org"}]}, face=FACE)
    assert run(made.before(inner)) is inner
    assert made.stream(inner) is None


@pytest.mark.parametrize("how", ["raises", "raises later", "hangs"])
def test_a_guardrail_that_fails_or_hangs_lets_nothing_pass_and_is_told(how: str) -> None:
    async def later() -> Any:
        if how == "hangs":
            await asyncio.Event().wait()
        raise ValueError("what nobody may see")

    class Broken(Guard, StreamGuard):
        def before(self, *_: Any) -> Any:
            if how == "raises":
                raise ValueError("what nobody may see")
            return later()

        after = feed = end = before

        def stream(self, asked: Asked) -> StreamGuard:
            return self

    safe = SafeGuard(Broken(), Faults("own", "chat", 0.05))
    watching = safe.stream(asked(""))
    assert watching is not None
    for work in (
        lambda: safe.before(asked("")),
        lambda: safe.after(asked(""), answer_of("x")),
        lambda: watching.feed(chunks(["x"])),
        watching.end,
    ):
        with pytest.raises(LLMError, match="nothing passes") as caught:
            run(work())
        assert "nobody" not in str(caught.value)
        assert isinstance(caught.value, GuardrailFailed)
        assert caught.value.trouble is (Trouble.TIMEOUT if how == "hangs" else Trouble.SERVER)


def test_guards_see_what_the_ones_before_let_through() -> None:
    tables: Sequence[Guardrail] = [
        Guardrail("regex", "both", "rewrite", {"patterns": ["one"], "replacement": "two"}),
        Guardrail("regex", "both", "rewrite", {"patterns": ["two"], "replacement": "three"}),
    ]
    made = guard_of(known_host(), tables, Setting("chat", nobody))
    assert made is not None
    changed: Mapping[str, Any] = run(made.before(asked("one two"))).body
    assert changed["messages"][0]["content"] == "three three"
    assert said(asyncio.run(streamed(made, chunks(["on", "e tw", "o"])))) == "three three"
