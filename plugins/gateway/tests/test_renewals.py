"""Credentials that expire: calls wait for them, the event loop does not."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import openai
import pytest
from pegboard.contracts.llm import HttpCall, LLMError, LLMRequest, Renewal, Trouble
from pegboard_gateway.catalog.contract import GatewayEndpoint, Target
from pegboard_gateway.settings import Price, Retries, Timeouts
from pegboard_llm.renewing import Fetched, Token

from .plain_provider import Plain, Settings, endpoint, target
from .running import SECONDS, Running, running
from .upstream_fake import FakeUpstream

MESSAGES: Any = [{"role": "user", "content": "Hi"}]
ONCE = Retries(attempts=1, total=2)


class Expiring(Plain):
    """A vendor whose token is fetched; the fetch waits until it may end."""

    def __init__(self, url: str, *outcomes: Fetched | LLMError) -> None:
        super().__init__(Settings(url))
        self.may_end, self.begun = threading.Event(), threading.Event()
        self.fetches, self._outcomes = 0, outcomes
        self.token = Token("Acme", self._get)

    def _get(self) -> Fetched:
        outcome = self._outcomes[self.fetches]
        self.fetches += 1
        self.begun.set()
        assert self.may_end.wait(SECONDS)
        if isinstance(outcome, LLMError):
            raise outcome
        return outcome

    def renewal(self) -> Renewal:
        return self.token.renewal()

    def renew(self) -> None:
        self.token.renew()

    def call(self, request: LLMRequest) -> HttpCall:
        plain = super().call(request)
        headers = {**plain.headers, "authorization": self.token.bearer()}
        return HttpCall(plain.url, plain.body, headers)


def chat(model: Expiring, *others: Target, **more: Any) -> GatewayEndpoint:
    price = Price(input=1, output=1)
    targets = (Target("chat/0", "acme", "small", model, price=price), *others)
    return GatewayEndpoint("chat", targets, retries=ONCE, **more)


def ask(gateway: Running, model: str = "chat") -> str:
    found = gateway.openai().chat.completions.create(model=model, messages=MESSAGES)
    return found.choices[0].message.content or ""


def test_calls_wait_for_one_fetch_while_others_are_answered(
    tmp_path: Path, upstream: FakeUpstream
) -> None:
    acme = Expiring(upstream.url, Fetched("t0k3n", 3600))
    ours = chat(acme), endpoint("other", upstream.url)
    with running(tmp_path, *ours) as gateway, ThreadPoolExecutor(8) as pool:
        waiting = [pool.submit(ask, gateway) for _ in range(8)]
        assert acme.begun.wait(SECONDS)
        assert ask(gateway, "other")
        acme.may_end.set()
        assert all(each.result() for each in waiting)
    assert acme.fetches == 1
    sent = [each.headers["authorization"] for each in upstream.requests]
    assert sorted(sent)[1:] == ["Bearer t0k3n"] * 8


def test_what_holds_is_used_while_more_is_fetched(tmp_path: Path, upstream: FakeUpstream) -> None:
    acme = Expiring(upstream.url, Fetched("old", 3600), Fetched("new", 3600))
    acme.may_end.set()
    with running(tmp_path, chat(acme)) as gateway:
        assert ask(gateway)
        acme.token.early_s = 7200  # As if time had passed.
        acme.may_end.clear()
        acme.begun.clear()
        assert ask(gateway) and ask(gateway)
        assert acme.begun.wait(SECONDS)
        acme.may_end.set()
    assert acme.fetches == 2
    sent = [each.headers["authorization"] for each in upstream.requests]
    assert sent == ["Bearer old"] * 3


FAILED = {
    "refused": (LLMError(Trouble.CREDENTIALS, "No."), 502, "upstream_credentials"),
    "too many": (LLMError(Trouble.RATE, "Wait.", retry_after=7), 429, "rate_limit_exceeded"),
    "nobody": (LLMError(Trouble.UNREACHABLE, "Nobody."), 502, "upstream_unreachable"),
    # No model has worked, so nobody pays for one.
    "late": (LLMError(Trouble.TIMEOUT, "Late."), 502, "upstream_unreachable"),
}


@pytest.mark.parametrize("name", FAILED)
def test_a_fetch_that_fails_is_the_calls_error_and_costs_nothing(
    tmp_path: Path, upstream: FakeUpstream, name: str
) -> None:
    failure, status, code = FAILED[name]
    acme = Expiring(upstream.url, failure)
    acme.may_end.set()
    with running(tmp_path, chat(acme)) as gateway:
        with pytest.raises(openai.APIStatusError) as caught:
            ask(gateway)
        record = gateway.notes.wait()[0]
    assert (caught.value.status_code, caught.value.code) == (status, code)
    assert caught.value.response.headers.get("retry-after") == ("7" if status == 429 else None)
    assert [attempt.trouble for attempt in record.attempts] == [code]
    assert record.cost == 0
    assert not upstream.requests


def test_a_call_waits_no_longer_than_it_may_and_another_target_answers(
    tmp_path: Path, upstream: FakeUpstream
) -> None:
    refused = Expiring(upstream.url, LLMError(Trouble.CREDENTIALS, "No."))
    refused.may_end.set()
    slow = Expiring(upstream.url, Fetched("t0k3n", 3600))
    ours = chat(refused, target("chat/1", upstream.url, fallback_order=1))
    late = GatewayEndpoint(
        "late",
        (Target("late/0", "acme", "small", slow),),
        retries=ONCE,
        timeouts=Timeouts(total_seconds=0.1),
    )
    with running(tmp_path, ours, late) as gateway:
        assert ask(gateway)
        with pytest.raises(openai.APIStatusError, match="did not come in time"):
            ask(gateway, "late")
        slow.may_end.set()
