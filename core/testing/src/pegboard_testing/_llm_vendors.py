"""The contract of providers behind HTTP, as tests."""

from __future__ import annotations

import contextlib
import copy
import functools
import itertools
import json
import socket
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, ClassVar, TypeVar, cast

import pytest
from attrs import evolve
from pegboard.contracts.llm import (
    HttpReply,
    Json,
    LLMError,
    LLMProvider,
    LLMRequest,
    Renewal,
    Task,
    Trouble,
)

from pegboard_testing import _llm_exchanges as read
from pegboard_testing._llm_exchanges import (
    BASES,
    COMPLETION_SAMPLES,
    MARKER,
    SAMPLES,
    Exchange,
    Providers,
    exchanges,
)
from pegboard_testing._llm_shapes import check_answer, check_chunks, check_usage, without_own

Test = TypeVar("Test", bound=Callable[..., None])


def documented(test: Test) -> Test:
    """Let a test pass whose exchange the vendor does not document."""

    @functools.wraps(test)
    def run(self: object, *others: Any, **given: Any) -> None:
        if None not in given.values():
            test(self, *others, **given)

    return cast("Test", run)


def _stream(exchange: Exchange) -> tuple[LLMRequest, bytes]:
    """Return the request of a stream, and the stream."""
    return evolve(exchange.request, stream=True), exchange.bytes("stream")


def _examples(count: int) -> Callable[[Test], Test]:
    from hypothesis import HealthCheck, settings

    return settings(max_examples=count, deadline=None, suppress_health_check=list(HealthCheck))


class LLMProviderContract(Providers):
    """What every provider of a vendor behind HTTP does.

    Subclass it, with a name that begins with ``Test``, give it the fixture ``provider`` (made with
    ``MARKER`` as each of its secrets, and with its token if it fetches one) and the folder
    ``recorded`` with the vendor's documented exchanges:

    - ``NAME.request.json``: ``{"task", "model", "body"}``, what a client asks in OpenAI's form;
    - ``NAME.call.json``: ``{"url", "body"}``, what the vendor receives then (``stream_url``,
      ``stream_body``: if it is to stream);
    - ``NAME.reply.json`` and ``NAME.stream``: the vendor's whole answer, and its stream, as bytes;
    - ``NAME.answer.json``: the answer in OpenAI's form, of both. A call of a tool to which the
      vendor gives no id has the id ``"*"``;
    - ``NAME.refused.json``: ``{"task", "model", "body", "param"}``, what cannot be said to this
      vendor;
    - ``NAME.error.json``: ``{"status", "headers", "body", "trouble", "retry_after"}``;
    - ``TROUBLE.broken``, as ``overloaded.broken``: a stream with an error in it.
    """

    recorded: ClassVar[Path]
    in_answers_only: ClassVar[frozenset[str]] = frozenset({"encoding_format"})
    """Fields that change how the answer is read, not what is sent."""
    wanting: ClassVar[Mapping[str, Json]] = {}
    """For fields whose sample in ``SAMPLES`` does not suit this vendor: one that does."""

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Make a test of each file."""
        for fixture, kind in (
            ("exchange", "request.json"),
            ("answered", "reply.json"),
            ("streamed", "stream"),
            ("refused", "refused.json"),
            ("failed", "error.json"),
            ("broken", "broken"),
        ):
            if fixture in metafunc.fixturenames:
                found = exchanges(self.recorded, kind)
                if found:
                    metafunc.parametrize(fixture, found, ids=[each.name for each in found])
                else:
                    metafunc.parametrize(fixture, [None], ids=["none"])

    @pytest.fixture(autouse=True)
    def no_network(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Let nothing of a provider reach the network."""

        def refuse(*_: Any, **__: Any) -> Any:
            raise AssertionError("a provider does no I/O")

        for name in ("socket", "create_connection", "getaddrinfo"):
            monkeypatch.setattr(socket, name, refuse)

    def conforms(self, request: LLMRequest, body: Any) -> None:
        """Assert that what is sent has the form that the vendor documents; override this."""

    # -- what is sent ----------------------------------------------------------------------------

    def test_the_folder_has_what_is_needed(self) -> None:
        names = {each.name for each in exchanges(self.recorded, "request.json")}
        assert names, f"{self.recorded} has no NAME.request.json"
        for kind in ("call.json", "reply.json", "stream", "answer.json"):
            strays = {each.name for each in exchanges(self.recorded, kind)} - names
            assert not strays, f"these {kind} have no request: {strays}"
        assert exchanges(self.recorded, "error.json"), "at least one documented error"

    @pytest.mark.parametrize("stream", [False, True])
    def test_the_vendor_receives_what_it_documents(
        self, provider: LLMProvider, exchange: Exchange, stream: bool
    ) -> None:
        request = evolve(exchange.request, stream=stream)
        if stream and not exchange.file("stream").exists():
            return
        before = copy.deepcopy(request.body)
        call = provider.call(request)
        assert request.body == before, "the request was changed"
        assert call.method == "POST"
        assert call.headers["content-type"] == "application/json"
        assert all(name == name.lower() for name in call.headers)
        body = json.loads(call.body)
        self.conforms(request, body)
        if exchange.file("call.json").exists():
            expected = exchange.json("call")
            prefix = "stream_" if stream and "stream_body" in expected else ""
            assert body == expected[f"{prefix}body"]
            assert call.url == expected.get(f"{prefix}url", expected["url"])

    def test_every_field_that_is_taken_is_sent(self, provider: LLMProvider, model: str) -> None:
        for task, fields in provider.takes_of(model).items():
            base = LLMRequest(task, model, BASES[task])
            plain = read.seen(provider.call(base))
            for field in sorted(fields - self.in_answers_only):
                body = {**BASES[task], **self._sample(task, field)}
                call = provider.call(evolve(base, body=body))
                self.conforms(evolve(base, body=body), json.loads(call.body))
                without = {key: value for key, value in body.items() if key != field}
                needed = field in BASES[task]
                other = plain if needed else read.seen(provider.call(evolve(base, body=without)))
                assert read.seen(call) != other, f"{task.value}: {field!r} is taken, but not sent"

    def _sample(self, task: Task, field: str) -> Json:
        own = COMPLETION_SAMPLES if task is Task.COMPLETION else {}
        for samples in (self.wanting, own, SAMPLES):
            if field in samples:
                return samples[field]
        return {field: 1}

    def test_what_is_taken_are_fields_of_tasks(self, provider: LLMProvider, model: str) -> None:
        takes = provider.takes_of(model)
        assert takes
        for task, fields in takes.items():
            assert BASES[task].keys() <= fields
            assert not fields & {"model", "stream", "stream_options", "api_key", "api_base"}

    @documented
    def test_what_cannot_be_said_is_refused_by_name(
        self, provider: LLMProvider, refused: Exchange
    ) -> None:
        said = refused.json("refused")
        with pytest.raises(LLMError) as raised:
            provider.call(LLMRequest(Task(said["task"]), said["model"], said["body"]))
        assert raised.value.trouble in (Trouble.UNSUPPORTED, Trouble.INVALID)
        assert raised.value.param == said["param"]
        assert str(raised.value)

    def test_a_clients_fields_never_choose_where_a_request_goes(
        self, provider: LLMProvider, exchange: Exchange
    ) -> None:
        request = exchange.request
        expected = provider.call(request)
        hostile = {
            "api_base": "http://evil.example",
            "base_url": "http://evil.example",
            "api_key": "evil",
            "headers": {"authorization": "evil"},
            "organization": "evil",
            "proxy": "http://evil.example",
        }
        try:
            call = provider.call(evolve(request, body={**request.body, **hostile}))
        except LLMError:
            return
        assert call.url == expected.url
        assert dict(call.headers) == dict(expected.headers)

    def test_a_models_name_stays_within_its_place_in_the_address(
        self, provider: LLMProvider
    ) -> None:
        for task in provider.takes_of("model"):
            plain = provider.call(LLMRequest(task, "model", BASES[task])).url
            for name in ("../../admin", "a b", "x?y=z#f", "//evil.example", "é", "a\r\nb", "@x"):
                url = provider.call(LLMRequest(task, name, BASES[task])).url
                assert url.isascii()
                assert not set(url) & set(" \r\n#")
                assert url.split("/")[:3] == plain.split("/")[:3]
                assert url.count("?") == plain.count("?")
                assert "/../" not in url

    # -- what comes back -------------------------------------------------------------------------

    @documented
    def test_a_documented_answer_is_read(self, provider: LLMProvider, answered: Exchange) -> None:
        request = answered.request
        answer = provider.answer(request, read.reply(answered.bytes("reply.json")))
        check_answer(request.task, answer)
        expected = answered.json("answer")
        assert without_own(answer, expected) == expected

    @documented
    def test_a_stream_is_read_as_the_whole_answer(
        self, provider: LLMProvider, streamed: Exchange
    ) -> None:
        request, data = _stream(streamed)
        chunks = read.chunks(provider, request, [data])
        check_chunks(request.task, chunks)
        merged = read.merged(chunks)
        check_answer(request.task, merged)
        expected = streamed.json("answer")
        assert without_own(merged, expected) == expected

    @documented
    def test_every_cut_of_a_stream_gives_the_same(
        self, provider: LLMProvider, streamed: Exchange
    ) -> None:
        request, data = _stream(streamed)
        expected = read.plain(read.chunks(provider, request, [data]))
        single = [data[i : i + 1] for i in range(len(data))]
        assert read.plain(read.chunks(provider, request, single)) == expected
        for cut in range(len(data) + 1):
            pieces = [data[:cut], data[cut:]]
            assert read.plain(read.chunks(provider, request, pieces)) == expected, (
                f"cut at byte {cut}"
            )

    @documented
    def test_random_cuts_of_a_stream_give_the_same(
        self, provider: LLMProvider, streamed: Exchange
    ) -> None:
        from hypothesis import given
        from hypothesis import strategies as st

        request, data = _stream(streamed)
        expected = read.plain(read.chunks(provider, request, [data]))

        @_examples(30)
        @given(st.lists(st.integers(0, len(data)), max_size=40))
        def cut(places: list[int]) -> None:
            edges = [0, *sorted(places), len(data)]
            pieces = [data[a:b] for a, b in itertools.pairwise(edges)]
            assert read.plain(read.chunks(provider, request, pieces)) == expected

        cut()

    @documented
    def test_a_stream_that_ends_too_early_is_said_to_be_cut(
        self, provider: LLMProvider, streamed: Exchange
    ) -> None:
        request, data = _stream(streamed)
        whole = read.words(read.chunks(provider, request, [data]))
        raised = 0
        for length in range(len(data)):
            try:
                chunks = read.chunks(provider, request, [data[:length]])
            except LLMError as error:
                assert error.trouble is Trouble.CUT, f"{length} bytes: {error.trouble}"
                raised += 1
            else:
                # All words and the end are there; at most the count of tokens is missing.
                assert read.words(chunks) == whole, f"{length} bytes passed for a whole answer"
                check_usage(chunks[-1]["usage"])
        assert raised > len(data) // 3

    @documented
    def test_words_are_passed_on_as_soon_as_they_come(
        self, provider: LLMProvider, streamed: Exchange
    ) -> None:
        request, data = _stream(streamed)
        reader = provider.events(request)
        early = [chunk for byte in data for chunk in reader.feed(bytes([byte]))]
        left = list(reader.end())
        assert early, "all was held back until the end"
        assert not any(chunk["choices"] for chunk in left), "words were held back until the end"

    @documented
    def test_an_error_within_a_stream_is_raised(
        self, provider: LLMProvider, broken: Exchange
    ) -> None:
        [request] = self._requests()[:1]
        data = broken.bytes("broken")
        for size in (len(data), 1, 7):
            pieces = [data[i : i + size] for i in range(0, len(data), size)]
            with pytest.raises(LLMError) as raised:
                read.chunks(provider, evolve(request, stream=True), pieces)
            assert raised.value.trouble == broken.name

    def _requests(self) -> list[LLMRequest]:
        found = exchanges(self.recorded, "stream") or exchanges(self.recorded, "request.json")
        return [each.request for each in found]

    def test_a_documented_error_is_understood(
        self, provider: LLMProvider, failed: Exchange
    ) -> None:
        said = failed.json("error")
        body = said["body"]
        content = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        error = provider.error(HttpReply(said["status"], said.get("headers", {}), content))
        assert error.trouble == said["trouble"]
        assert error.retry_after == said.get("retry_after")

    def test_an_error_of_any_form_is_an_error(
        self, provider: LLMProvider, subtests: pytest.Subtests
    ) -> None:
        for body in [b"", b"<html>no</html>", b"[]", b"null", b"{}", b"\xff\x00"]:
            for status in [301, 400, 401, 403, 404, 413, 418, 429, 500, 503, 529]:
                with subtests.test(body=body, status=status):
                    error = provider.error(HttpReply(status, {}, body))
                    assert isinstance(error, LLMError)
                    assert str(error)

    # -- what is wrong ---------------------------------------------------------------------------

    def test_an_answer_of_another_form_is_garbage(
        self, provider: LLMProvider, subtests: pytest.Subtests
    ) -> None:
        for body in [
            b"",
            b"<html>",
            b"[]",
            b"null",
            b"1",
            b"{}",
            b"\xff",
            b'{"choices": []}',
            b'{"a":',
        ]:
            with subtests.test(body=body):
                for request in self._requests():
                    with pytest.raises(LLMError) as raised:
                        provider.answer(request, read.reply(body))
                    assert raised.value.trouble in (Trouble.GARBAGE, Trouble.CUT)

    @documented
    def test_a_damaged_answer_raises_nothing_else(
        self, provider: LLMProvider, answered: Exchange
    ) -> None:
        request = answered.request
        whole = json.loads(answered.bytes("reply.json"))
        for damaged in read.damaged(whole):
            try:
                answer = provider.answer(request, read.reply(json.dumps(damaged).encode()))
            except LLMError:
                continue
            check_usage(answer.get("usage"))

    @documented
    def test_a_damaged_stream_raises_nothing_else(
        self, provider: LLMProvider, streamed: Exchange
    ) -> None:
        from hypothesis import given
        from hypothesis import strategies as st

        request, data = _stream(streamed)

        @_examples(80)
        @given(st.integers(0, len(data) - 1), st.binary(min_size=1, max_size=8))
        def damage(place: int, harm: bytes) -> None:
            with contextlib.suppress(LLMError):
                read.chunks(provider, request, [data[:place] + harm + data[place + len(harm) :]])

        damage()

    # -- secrets and threads ---------------------------------------------------------------------

    def test_no_key_is_shown(self, provider: LLMProvider) -> None:
        shown = [repr(provider), str(provider), repr(provider.options), str(provider.options)]
        for request in self._requests():
            call = provider.call(request)
            shown += [repr(call), str(call), call.url]
        assert not any(MARKER in text for text in shown)

    def test_no_error_repeats_a_key(self, provider: LLMProvider, subtests: pytest.Subtests) -> None:
        for status in [302, 400, 401, 402, 403, 404, 422, 429, 500, 503]:
            with subtests.test(status=status):
                bodies: list[Any] = [
                    {"error": {"message": f"bad key {MARKER}", "code": MARKER, "param": MARKER}},
                    {"error": f"bad key {MARKER}"},
                    {"message": f"bad key {MARKER}"},
                    {"detail": [{"msg": MARKER}]},
                    [{"error": {"message": MARKER, "status": MARKER}}],
                ]
                for body in [
                    *(json.dumps(each).encode() for each in bodies),
                    f"bad {MARKER}".encode(),
                ]:
                    error = provider.error(HttpReply(status, {}, body))
                    assert MARKER not in str(error) + repr(error) + error.hint + error.param

    def test_credentials_are_fetched_for_nobody_while_they_hold(
        self, provider: LLMProvider
    ) -> None:
        assert provider.renewal() is Renewal.NOT_DUE
        provider.renew()  # There is no network.

    def test_threads_may_share_it(self, provider: LLMProvider) -> None:
        streams = [_stream(each) for each in exchanges(self.recorded, "stream")]
        if not streams:
            return
        expected = [read.plain(read.chunks(provider, *each[:1], [each[1]])) for each in streams]

        def work(number: int) -> None:
            request, data = streams[number % len(streams)]
            pieces = [data[i : i + 16] for i in range(0, len(data), 16)]
            found = read.plain(read.chunks(provider, request, pieces))
            assert found == expected[number % len(streams)]
            assert provider.call(request).body

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(work, range(64)))
