"""The way of a call: fallback, retries, streams that break, clients that go away, local models."""

from __future__ import annotations

import asyncio
import http.client
import json
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import openai
import pytest
from pegboard.contracts.llm import Json, Trouble
from pegboard_gateway.catalog.contract import GatewayEndpoint, Target
from pegboard_gateway.control.contract import Blocked, BudgetSpent, Guard, StreamGuard
from pegboard_gateway.entities import Asked, Outcome
from pegboard_gateway.settings import Breaker, Price, Retries, Timeouts

from . import upstream_fake as fakes
from .plain_provider import Here, Settings, endpoint, target
from .running import SECONDS, Notes, Running, _Noting, running
from .upstream_fake import FakeUpstream

MESSAGES: Any = [{"role": "user", "content": "Hi"}]
QUICK = Retries(attempts=2, total=5, backoff_seconds=0, max_backoff_seconds=1)
ONCE = Retries(attempts=1, total=5)


def ask(gateway: Running, model: str = "chat", **more: Any) -> Any:
    return gateway.openai().chat.completions.create(model=model, messages=MESSAGES, **more)


def words_of(stream: Any) -> str:
    return "".join(event.choices[0].delta.content or "" for event in stream if event.choices)


SAID = "".join(fakes.WORDS)

PASSING = {
    "500": fakes.failing(500),
    "429": fakes.rate(0),
    "hang up": fakes.hang_up,
    "garbage": fakes.garbage,
    "html": fakes.html,
    "truncated": fakes.truncated,
}


@pytest.mark.parametrize("fault", PASSING)
@pytest.mark.parametrize("stream", [False, True])
def test_a_passing_fault_is_tried_again(
    tmp_path: Path, upstream: FakeUpstream, fault: str, stream: bool
) -> None:
    if stream and fault in ("truncated", "html"):
        fault = "hang up"
    upstream.next(PASSING[fault])
    with running(tmp_path, endpoint("chat", upstream.url, retries=QUICK)) as gateway:
        found = ask(gateway, stream=stream)
        assert (words_of(found) if stream else found.choices[0].message.content) == SAID
        record = gateway.notes.wait()[0]
    assert [bool(attempt.trouble) for attempt in record.attempts] == [True, False]
    assert record.outcome is Outcome.DONE and record.target == "chat/0"


def test_another_target_answers_when_the_first_fails(
    tmp_path: Path, upstream: FakeUpstream
) -> None:
    upstream.always(fakes.failing(503), model="bad")
    targets = (
        target("chat/0", upstream.url, "bad", price=Price(input=1e6, output=1e6)),
        target("chat/1", upstream.url, "good", fallback_order=1, price=Price(input=1, output=2)),
    )
    ours = GatewayEndpoint("chat", targets, retries=ONCE)
    with running(tmp_path, ours) as gateway:
        assert ask(gateway).choices[0].message.content == SAID
        assert words_of(ask(gateway, stream=True)) == SAID
        first, second = gateway.notes.wait(2)
        events = gateway.notes.events
    assert first.fell_back and (first.model, first.target) == ("good", "chat/1")
    assert first.cost == second.cost == 7 * 1000 + 6 * 2000
    kinds = [(event[0], event[1] if event[0] == "reserve" else event[1].target) for event in events]
    one = [("reserve", "chat/0"), ("settle", "chat/0"), ("reserve", "chat/1"), ("settle", "chat/1")]
    assert kinds == [*one, *one]
    assert [event[1].cost for event in events if event[0] == "settle"] == [0, first.cost] * 2


def test_the_last_error_is_told_when_nothing_answers(
    tmp_path: Path, upstream: FakeUpstream
) -> None:
    upstream.always(fakes.rate(7))
    with running(tmp_path, endpoint("chat", upstream.url, retries=ONCE)) as gateway:
        with pytest.raises(openai.RateLimitError) as caught:
            ask(gateway)
        assert caught.value.response.headers["retry-after"] == "7"
        record = gateway.notes.wait()[0]
    assert (record.outcome, record.status) == (Outcome.FAILED, 429)
    assert record.trouble == Trouble.RATE


STATUSES = {
    "400": (fakes.failing(400), 400),
    "401": (fakes.failing(401, "Incorrect API key sk-marker-upstream"), 502),
    "404": (fakes.failing(404), 404),
    "500": (fakes.failing(500), 502),
    "503": (fakes.failing(503), 503),
    "garbage": (fakes.html, 502),
    "hang up": (fakes.hang_up, 502),
    "silent": (fakes.silent, 504),
    "redirect": (fakes.reply(302, b"", {"location": "http://127.0.0.1:1/"}), 502),
}


@pytest.mark.parametrize("fault", STATUSES)
def test_each_fault_has_its_status(tmp_path: Path, upstream: FakeUpstream, fault: str) -> None:
    behaviour, status = STATUSES[fault]
    upstream.always(behaviour)
    waits = Timeouts(first_token_seconds=0.1) if fault == "silent" else Timeouts()
    with running(tmp_path, endpoint("chat", upstream.url, retries=ONCE, timeouts=waits)) as gateway:
        for stream in (False, True):
            if fault == "garbage" and stream:
                continue
            with pytest.raises(openai.APIStatusError) as caught:
                ask(gateway, stream=stream)
            assert caught.value.status_code == status
            assert "sk-marker" not in caught.value.response.text
            assert set(caught.value.response.json()["error"]) == {
                "message",
                "type",
                "param",
                "code",
            }


@pytest.mark.parametrize("usage", [{"prompt_tokens": "many"}, {"prompt_tokens_details": [1]}])
@pytest.mark.parametrize("stream", [False, True])
def test_counts_that_are_none_are_garbage(
    tmp_path: Path, upstream: FakeUpstream, stream: bool, usage: Any
) -> None:
    value = {"choices": [{"index": 0, "delta": {"content": "x"}}], "usage": usage}
    body = json.dumps(value).encode()
    if stream:
        body = b"data: " + body + b"\n\n"
    kind = "text/event-stream" if stream else "application/json"
    upstream.always(fakes.reply(200, body, {"content-type": kind}))
    with running(tmp_path, endpoint("chat", upstream.url, retries=ONCE)) as gateway:
        with pytest.raises(openai.APIError):
            words_of(ask(gateway, stream=stream))
        record = gateway.notes.wait()[0]
        assert (record.outcome, record.trouble) == (Outcome.FAILED, Trouble.GARBAGE)
        assert gateway.calls.sites.of(gateway.calls.endpoint("chat").targets[0]).state.running == 0


BROKEN = {
    "cut": (fakes.cut(3), Trouble.CUT),
    "error": (fakes.error_event(3), Trouble.OVERLOADED),
    "early": (fakes.ended_early(3), Trouble.CUT),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_a_stream_that_breaks_ends_with_an_error_event(
    tmp_path: Path, upstream: FakeUpstream, fault: str
) -> None:
    behaviour, trouble = BROKEN[fault]
    upstream.next(behaviour)
    with running(tmp_path, endpoint("chat", upstream.url, retries=QUICK)) as gateway:
        said = ""
        with pytest.raises(openai.APIError) as caught:
            for event in ask(gateway, stream=True):
                said += event.choices[0].delta.content
                if said == "".join(fakes.WORDS[:3]):
                    upstream.release()
        assert said == "".join(fakes.WORDS[:3])
        assert caught.value.code == trouble
        record = gateway.notes.wait()[0]
    assert (record.outcome, record.trouble) == (Outcome.FAILED, trouble)
    assert record.tokens.estimated and record.tokens.output == -(-len(said) // 4)
    assert len(upstream.requests) == 1


def test_an_error_before_the_first_event_falls_back(tmp_path: Path, upstream: FakeUpstream) -> None:
    upstream.next(fakes.cut(0), fakes.error_event(0), fakes.ended_early(0))
    retries = Retries(attempts=4, total=4, backoff_seconds=0)
    with running(tmp_path, endpoint("chat", upstream.url, retries=retries)) as gateway:
        assert words_of(ask(gateway, stream=True)) == SAID
        assert len(gateway.notes.wait()[0].attempts) == 4


def test_the_breaker_keeps_calls_from_a_dead_upstream(
    tmp_path: Path, upstream: FakeUpstream
) -> None:
    upstream.always(fakes.failing(500))
    ours = endpoint("chat", upstream.url, retries=ONCE, breaker=Breaker(failures=3, seconds=60))
    with running(tmp_path, ours) as gateway:
        for _ in range(6):
            with pytest.raises(openai.InternalServerError):
                ask(gateway)
    assert len(upstream.requests) == 3


def test_the_log_says_when_a_target_is_left_alone_and_when_it_answers_again(
    tmp_path: Path, upstream: FakeUpstream, caplog: pytest.LogCaptureFixture
) -> None:
    upstream.next(fakes.failing(500), fakes.failing(500))
    ours = endpoint("chat", upstream.url, retries=ONCE, breaker=Breaker(failures=1, seconds=1e-9))
    with running(tmp_path, ours) as gateway:
        for _ in range(2):
            with pytest.raises(openai.InternalServerError):
                ask(gateway)
        ask(gateway)
        ask(gateway)
    said = [each.getMessage() for each in caplog.records if "target" in each.getMessage()]
    assert len(said) == 2
    assert "failed 1 times in a row, last with upstream_error; it is left alone for" in said[0]
    assert "answers again" in said[1]


def test_a_cap_on_parallel_calls_lets_the_others_wait(
    tmp_path: Path, upstream: FakeUpstream
) -> None:
    upstream.always(fakes.held())
    ours = GatewayEndpoint("chat", (target("chat/0", upstream.url, max_parallel=2),))
    with running(tmp_path, ours) as gateway:
        found: list[str] = []

        def work() -> None:
            found.append(ask(gateway).choices[0].message.content)

        threads = [threading.Thread(target=work) for _ in range(6)]
        for thread in threads:
            thread.start()
        upstream.wait_for_requests(2)
        upstream.release()
        for thread in threads:
            thread.join(SECONDS)
        assert found == [SAID] * 6
        gateway.notes.wait(6)
    assert upstream.connections == 2


def test_who_waits_in_vain_is_forgotten(tmp_path: Path, upstream: FakeUpstream) -> None:
    upstream.always(fakes.held())
    slow = GatewayEndpoint("slow", (target("slow/0", upstream.url, max_parallel=1),))
    soon = GatewayEndpoint(
        "soon", (target("soon/0", upstream.url),), timeouts=Timeouts(total_seconds=0.05)
    )
    chat = endpoint("chat", upstream.url)
    with running(tmp_path, slow, soon, chat) as gateway:
        first = begin(gateway, model="slow")
        upstream.wait_for_requests(1)
        leaving = begin(gateway)
        for _ in range(2):
            with pytest.raises(openai.InternalServerError, match="were in use"):
                ask(gateway, "soon")
        leaving.close()
        ends = [record.outcome for record in gateway.notes.wait(3)]
        assert ends == [Outcome.REFUSED, Outcome.REFUSED, Outcome.GONE]
        assert not gateway.calls.waiting
        upstream.release()
        assert first.getresponse().status == 200
    assert upstream.connections == 1


# -- clients that go away ------------------------------------------------------------------------


def begin(gateway: Running, **more: Any) -> http.client.HTTPConnection:
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=SECONDS)
    body = {"model": "chat", "messages": MESSAGES, **more}
    headers = {"Content-Type": "application/json"}
    connection.request("POST", "/v1/chat/completions", json.dumps(body), headers)
    return connection


def test_a_client_that_goes_away_cancels_the_call(tmp_path: Path, upstream: FakeUpstream) -> None:
    upstream.next(fakes.silent)
    with running(tmp_path, endpoint("chat", upstream.url)) as gateway:
        connection = begin(gateway, max_tokens=70)
        upstream.wait_for_requests(1)
        connection.close()
        assert upstream.requests[0].gone.wait(SECONDS)
        record = gateway.notes.wait()[0]
    assert (record.outcome, record.status) == (Outcome.GONE, 499)
    assert record.tokens.estimated and record.tokens.input > 0
    # The vendor may have said it all: else to go away in time would be for nothing.
    assert record.tokens.output == 70


@pytest.mark.parametrize("after", [2, 0])
def test_a_client_that_goes_away_in_mid_stream_cancels_it(
    tmp_path: Path, upstream: FakeUpstream, after: int
) -> None:
    upstream.next(fakes.paused(after))
    with running(tmp_path, endpoint("chat", upstream.url)) as gateway:
        connection = begin(gateway, stream=True)
        upstream.wait_for_requests(1)
        if after:
            response = connection.getresponse()
            assert b"Hello" in response.readline()
            response.close()
        connection.close()
        assert upstream.requests[0].gone.wait(SECONDS)
        record = gateway.notes.wait()[0]
        assert (record.outcome, record.status) == (Outcome.GONE, 499)
        # Nothing is left behind: the next call is well.
        assert words_of(ask(gateway, stream=True)) == SAID
        assert gateway.calls.sites.of(gateway.calls.endpoint("chat").targets[0]).state.running == 0


def test_a_slow_client_holds_the_upstream_back(tmp_path: Path, upstream: FakeUpstream) -> None:
    upstream.next(fakes.endless(b"x" * 10_000))
    with running(tmp_path, endpoint("chat", upstream.url)) as gateway:
        connection = begin(gateway, stream=True)
        response = connection.getresponse()
        seen, same = -1, 0
        while same < 10:
            threading.Event().wait(0.02)
            same = same + 1 if seen == upstream.written else 0
            seen = upstream.written
        assert seen < 16 << 20
        response.close()
        connection.close()
        assert upstream.requests[0].gone.wait(SECONDS)
        gateway.notes.wait()


def test_a_stop_waits_for_what_runs(tmp_path: Path, upstream: FakeUpstream) -> None:
    upstream.next(fakes.paused(2))
    said: list[str] = []
    with running(tmp_path, endpoint("chat", upstream.url)) as gateway:
        stream = ask(gateway, stream=True)
        said.append(next(stream).choices[0].delta.content)
        gateway.loop.call_soon_threadsafe(gateway.app.stopping.set)
        upstream.release()
        said += [event.choices[0].delta.content or "" for event in stream]
    assert "".join(said) == SAID


# -- models in this process ----------------------------------------------------------------------


def here() -> tuple[Here, GatewayEndpoint]:
    model = Here(Settings(""))
    return model, GatewayEndpoint("here", (Target("here/0", "here", "echo", model),))


def test_a_model_in_this_process_answers(tmp_path: Path) -> None:
    model, ours = here()
    with running(tmp_path, ours) as gateway:
        found = ask(gateway, "here")
        assert found.choices[0].message.content == "Hi"
        assert words_of(ask(gateway, "here", stream=True)) == "Hi"
        records = gateway.notes.wait(2)
    assert [record.tokens.output for record in records] == [1, 1]
    assert model.closed.is_set()


def test_a_model_in_this_process_stops_when_its_client_goes(tmp_path: Path) -> None:
    model, ours = here()
    with running(tmp_path, ours) as gateway:
        connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=SECONDS)
        content = "word " * 100_000
        body = {"model": "here", "stream": True, "messages": [{"role": "user", "content": content}]}
        headers = {"Content-Type": "application/json"}
        connection.request("POST", "/v1/chat/completions", json.dumps(body), headers)
        response = connection.getresponse()
        assert response.readline()
        response.close()
        connection.close()
        assert model.closed.wait(SECONDS)
        assert gateway.notes.wait()[0].outcome is Outcome.GONE
    assert model.made < 100_000


# -- control -------------------------------------------------------------------------------------


class Strict(Notes):
    """Has no money for the first target."""

    def admit(self, asked: Asked, estimate: Any) -> Any:
        super().admit(asked, estimate)
        return _Strict(self)


class _Strict(_Noting):
    async def reserve(self, target: str, cost: int | None, *, open_ended: bool = False) -> None:  # type: ignore[override]
        await asyncio.sleep(0)
        super().reserve(target, cost)
        if target.endswith("/0"):
            raise BudgetSpent("The budget is spent.", hint="Wait.", retry_after=9)


def test_a_spent_budget_lets_cheaper_targets_answer(tmp_path: Path, upstream: FakeUpstream) -> None:
    gate = Strict()
    one, two = endpoint("one", upstream.url), endpoint("chat", upstream.url, upstream.url)
    with running(tmp_path, one, two, gate=gate) as gateway:
        assert ask(gateway).choices[0].message.content == SAID
        with pytest.raises(openai.RateLimitError) as caught:
            ask(gateway, "one")
        assert caught.value.code == "insufficient_quota"
        assert caught.value.response.headers["retry-after"] == "9"
        records = gate.wait(2)
    assert [record.outcome for record in records] == [Outcome.DONE, Outcome.REFUSED]
    assert records[0].target == "chat/1" and len(upstream.requests) == 1


class Censor(Guard):
    async def before(self, asked: Asked) -> Asked:  # type: ignore[override]
        if "bomb" in str(asked.body):
            raise Blocked("censor", "Not that.")
        return asked

    def after(self, asked: Asked, answer: Json) -> Json:
        answer["choices"][0]["message"]["content"] = "(censored)"
        return answer

    def stream(self, asked: Asked) -> StreamGuard:
        return Holding()


class Breaking(Censor):
    """Fails where it is to watch a stream."""

    def stream(self, asked: Asked) -> StreamGuard:
        raise KeyError(asked.endpoint)


def test_a_guard_that_fails_leaves_nothing_open(tmp_path: Path, upstream: FakeUpstream) -> None:
    ours = endpoint("chat", upstream.url, retries=ONCE)
    with running(tmp_path, ours, guard=lambda _: Breaking()) as gateway:
        with pytest.raises(openai.InternalServerError):
            ask(gateway, stream=True)
        assert gateway.notes.wait()[0].status == 502
        assert gateway.calls.sites.of(gateway.calls.endpoint("chat").targets[0]).state.running == 0
    assert not upstream.requests


class Holding(StreamGuard):
    """Lets nothing go before the end."""

    def __init__(self) -> None:
        self._held: list[Json] = []

    def feed(self, events: Sequence[Json]) -> Sequence[Json]:
        self._held += events
        return ()

    async def end(self) -> Sequence[Json]:  # type: ignore[override]
        return self._held


def test_guards_see_what_is_asked_and_answered(tmp_path: Path, upstream: FakeUpstream) -> None:
    ours = endpoint("chat", upstream.url)
    with running(tmp_path, ours, guard=lambda _: Censor()) as gateway:
        assert ask(gateway).choices[0].message.content == "(censored)"
        assert words_of(ask(gateway, stream=True)) == SAID
        with pytest.raises(openai.BadRequestError) as caught:
            gateway.openai().chat.completions.create(
                model="chat", messages=[{"role": "user", "content": "a bomb"}]
            )
        assert caught.value.code == "content_filter"
        records = gateway.notes.wait(3)
    assert [record.outcome for record in records] == ["done", "done", "refused"]
    assert len(upstream.requests) == 2
