"""What is told when a call fails here or there: to its client, to the log, and in its record."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import openai
import pytest
from pegboard_gateway.control.contract import Guard, StreamGuard
from pegboard_gateway.control.guardrails.faults import Faults, SafeGuard
from pegboard_gateway.entities import Asked
from pegboard_gateway.settings import Breaker, Retries, Timeouts

from . import upstream_fake as fakes
from .plain_provider import endpoint
from .running import Running, running
from .upstream_fake import FakeUpstream

ONCE = Retries(attempts=1, total=5)


def ask(gateway: Running, **more: Any) -> Any:
    said: Any = [{"role": "user", "content": "Hi"}]
    return gateway.openai().chat.completions.create(model="chat", messages=said, **more)


DEAD = "http://127.0.0.1:9"
WRONG = {
    "unreachable": fakes.failing(500),
    "cut": fakes.cut(0),
    "garbage": fakes.reply(200, b"x", {"content-encoding": "br"}),
    "late": fakes.slow(1.5),
}


@pytest.mark.parametrize("kind", WRONG)
@pytest.mark.parametrize("stream", [False, True])
def test_the_address_of_an_upstream_is_told_to_the_log_alone(
    tmp_path: Path,
    upstream: FakeUpstream,
    caplog: pytest.LogCaptureFixture,
    kind: str,
    stream: bool,
) -> None:
    url = DEAD if kind == "unreachable" else upstream.url
    upstream.always(WRONG[kind])
    waits = Timeouts(first_token_seconds=0.05)
    with running(tmp_path, endpoint("chat", url, retries=ONCE, timeouts=waits)) as gateway:
        for _ in range(2):
            with pytest.raises(openai.InternalServerError, match="the endpoint 'chat'") as caught:
                list(ask(gateway, stream=stream))
            assert "127.0.0.1" not in str(caught.value)
    place = url.removesuffix("/v1").rpartition("/")[2]
    # Once, however often it fails.
    assert [place in each.getMessage() for each in caplog.records].count(True) == 1


def test_a_vendors_words_are_told_without_its_address(
    tmp_path: Path, upstream: FakeUpstream, caplog: pytest.LogCaptureFixture
) -> None:
    place = f"127.0.0.1:{upstream.port}"
    upstream.always(fakes.failing(502, f"No answer of http://{place}/v1 at 127.0.0.1."))
    ours = endpoint("chat", upstream.url, retries=ONCE)
    text = "No answer of http://•••/v1 at •••"
    with running(tmp_path, ours) as gateway, pytest.raises(openai.APIError, match=text):
        ask(gateway)
    assert "No answer" not in caplog.text


def test_the_address_is_not_told_in_mid_stream(
    tmp_path: Path, upstream: FakeUpstream, caplog: pytest.LogCaptureFixture
) -> None:
    upstream.next(fakes.cut(3))
    ours = endpoint("chat", upstream.url)
    text = "behind the endpoint 'chat' closed"
    with running(tmp_path, ours) as gateway, pytest.raises(openai.APIError, match=text) as caught:
        list(ask(gateway, stream=True))
    assert "127.0.0.1" not in str(caught.value)
    assert f"127.0.0.1:{upstream.port} closed the connection" in caplog.text


class Faulty(Guard, StreamGuard):
    """Cannot look at what is answered."""

    def before(self, asked: Asked) -> Asked:
        return asked

    def after(self, *_: Any) -> Any:
        raise ValueError

    feed = end = after

    def stream(self, asked: Asked) -> StreamGuard:
        return self


def test_a_broken_guardrail_has_its_own_code_and_is_no_trouble_of_the_upstream(
    tmp_path: Path, upstream: FakeUpstream
) -> None:
    safe = SafeGuard(Faulty(), Faults("own", "chat", 1))
    ours = endpoint("chat", upstream.url, breaker=Breaker(failures=1, seconds=60))
    with running(tmp_path, ours, guard=lambda _: safe) as gateway:
        for stream in (True, True, False):
            with pytest.raises(openai.APIError, match="guardrail 'own'") as caught:
                list(ask(gateway, stream=stream))
            assert caught.value.code == "guardrail_failed"
        records = gateway.notes.wait(3)
    assert {record.trouble for record in records} == {"guardrail_failed"}
    assert {attempt.trouble for record in records for attempt in record.attempts} == {""}
    # The breaker is not opened by it.
    assert len(upstream.requests) == 3
