"""Language models from scripts, against a real server that speaks as OpenAI does, strictly."""

from __future__ import annotations

import asyncio
import json
import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest
from pegboard import config, host
from pegboard.contracts.llm import Json, LLMError, LLMRequest, LocalProvider, Task, Trouble
from pegboard.errors import ConfigError, InvalidState, InvalidValue, PluginError
from pegboard.hookspecs import Provider, hookimpl
from pegboard.settings import NoSettings
from pegboard_llm import api as llm
from pegboard_llm import estimate, shapes
from pegboard_testing.llm_server import KEY, FakeOpenAI, Fault
from pegboard_testing.targets import target_of

MODEL = "openai:/gpt-4o-mini"
TOOL = {"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}
VARIABLES = (
    "MLFLOW_DEPLOYMENTS_TARGET",
    "MLFLOW_TRACKING_TOKEN",
    "MLFLOW_TRACKING_URI",
    "OPENAI_API_KEY",
    "OPENAI_BASE_URL",
    "PEGBOARD_GATEWAY_KEY",
    "PEGBOARD_GATEWAY_URI",
    "PEGBOARD_TRACKING_URI",
)


def use(**tables: Any) -> None:
    host.use(host.Host(config.Config(plugins={"llm": tables})))


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    use(backoff_seconds=0.0)
    yield
    host.use(None)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeOpenAI]:
    with FakeOpenAI() as fake:
        monkeypatch.setenv("OPENAI_API_KEY", KEY)
        monkeypatch.setenv("OPENAI_BASE_URL", fake.url)
        yield fake


# -- answers -------------------------------------------------------------------------------------


def test_a_text_is_answered(server: FakeOpenAI) -> None:
    answer = llm.complete(MODEL, "Say it again", temperature=0, max_tokens=5, stop=None)
    assert answer.text == str(answer) == "Say it again"
    assert answer.message["role"] == "assistant"
    assert answer.tool_calls == []
    assert answer.finish_reason == "stop"
    assert answer.usage == {"prompt_tokens": 3, "completion_tokens": 3, "total_tokens": 6}
    assert answer.cost == pytest.approx((3 * 0.15 + 3 * 0.60) / 1e6)
    assert answer.raw["object"] == "chat.completion"
    [seen] = server.seen
    assert seen.path == "/v1/chat/completions"
    assert seen.body == {
        "model": "gpt-4o-mini",
        "messages": [{"role": "user", "content": "Say it again"}],
        "temperature": 0,
        "max_tokens": 5,
    }


def test_messages_and_tools_go_as_they_are(server: FakeOpenAI) -> None:
    said = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Look"}]
    answer = llm.complete(MODEL, said, tools=[TOOL])
    assert answer.text == ""
    [call] = answer.tool_calls
    assert call["function"] == {"name": "look", "arguments": '{"a": 1}'}
    assert server.seen[0].body["messages"] == said


def test_an_answer_may_be_json(server: FakeOpenAI) -> None:
    assert llm.complete(MODEL, '{"a": [1]}').json() == {"a": [1]}
    with pytest.raises(InvalidValue, match="not JSON"):
        llm.complete(MODEL, "no").json()


def test_a_stream_yields_what_is_new_and_the_whole_at_the_end(server: FakeOpenAI) -> None:
    stream = llm.stream(MODEL, "one two three")
    first = next(stream)
    with pytest.raises(InvalidState):
        _ = stream.completion
    texts = [first.text, *(str(delta) for delta in stream)]
    assert [text for text in texts if text] == ["one", " two", " three"]
    assert stream.text == stream.completion.text == "one two three"
    assert stream.completion.usage["completion_tokens"] == 3
    assert stream.completion.cost == llm.complete(MODEL, "one two three").cost


def test_a_stream_that_is_closed_ends_the_call(server: FakeOpenAI) -> None:
    with llm.stream(MODEL, "endless") as stream:
        next(stream)
    assert server.gone.wait(20)
    assert list(stream) == []


def test_a_stream_that_is_closed_by_another_thread_ends(server: FakeOpenAI) -> None:
    stream = llm.stream(MODEL, "endless")
    next(stream)
    threading.Timer(0.05, stream.close).start()
    try:
        for _ in stream:
            pass
    except LLMError as error:
        assert error.trouble is Trouble.CUT
    assert server.gone.wait(20)


def test_texts_become_vectors(server: FakeOpenAI) -> None:
    found = llm.embed("openai:/text-embedding-3-small", ["a", "bcd"])
    assert found.vectors == list(found) == [[1.0, 1.0], [3.0, 1.0]]
    assert len(found) == 2
    assert found[1] == [3.0, 1.0]
    assert found.usage == {"prompt_tokens": 2, "total_tokens": 2}
    assert found.cost == pytest.approx(2 * 0.02 / 1e6)
    assert len(llm.embed("openai:/text-embedding-3-small", "one text")) == 1


def test_threads_may_ask_at_once(server: FakeOpenAI) -> None:
    def ask(number: int) -> str:
        return llm.complete(MODEL, f"number {number}").text

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(ask, range(40))) == [f"number {n}" for n in range(40)]


def test_a_forked_child_has_connections_of_its_own(server: FakeOpenAI) -> None:
    assert llm.complete(MODEL, "parent").text == "parent"
    child = os.fork()
    if child == 0:
        said = [llm.complete(MODEL, f"child {n}").text for n in range(20)]
        os._exit(0 if said == [f"child {n}" for n in range(20)] else 1)
    assert [llm.complete(MODEL, f"parent {n}").text for n in range(20)] == [
        f"parent {n}" for n in range(20)
    ]
    assert os.waitpid(child, 0)[1] == 0


def test_connections_are_used_again(server: FakeOpenAI) -> None:
    for n in range(3):
        assert llm.complete(MODEL, f"say {n}").text == f"say {n}"
        assert "".join(map(str, llm.stream(MODEL, f"say {n}"))) == f"say {n}"
    assert server.connections == 1


# -- asyncio -------------------------------------------------------------------------------------


def test_the_twins_answer_the_same(server: FakeOpenAI) -> None:
    async def ask() -> None:
        both = await asyncio.gather(*(llm.acomplete(MODEL, f"say {n}") for n in range(5)))
        assert [answer.text for answer in both] == [f"say {n}" for n in range(5)]
        vectors = await llm.aembed("openai:/text-embedding-3-small", ["ab"])
        assert vectors.vectors == [[2.0, 1.0]]
        stream = llm.astream(MODEL, "one two")
        assert [d.text async for d in stream if d.text] == ["one", " two"]
        assert stream.completion.text == "one two"

    asyncio.run(ask())


def test_a_task_that_is_cancelled_ends_the_call(server: FakeOpenAI) -> None:
    async def read() -> None:
        async for _ in llm.astream(MODEL, "endless"):
            begun.set()

    async def main() -> None:
        task = asyncio.create_task(read())
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    begun = asyncio.Event()
    asyncio.run(main())
    assert server.gone.wait(20)


def test_a_stream_of_which_no_more_is_wanted_is_closed(server: FakeOpenAI) -> None:
    async def main() -> None:
        async with llm.astream(MODEL, "endless") as stream:
            async for _ in stream:
                break

    asyncio.run(main())
    assert server.gone.wait(20)


# -- faults --------------------------------------------------------------------------------------


def test_what_passes_is_tried_again(server: FakeOpenAI) -> None:
    server.faults += [Fault(429, headers={"Retry-After": "0"}), Fault(503), Fault(500)]
    assert llm.complete(MODEL, "hello").text == "hello"
    assert len(server.seen) == 4
    server.faults += [Fault(500)]
    assert llm.stream(MODEL, "hello").text == ""
    assert len(server.seen) == 6


def test_retries_are_limited(server: FakeOpenAI) -> None:
    server.faults += [Fault(500)] * 9
    with pytest.raises(LLMError) as raised:
        llm.complete(MODEL, "hello")
    assert raised.value.trouble is Trouble.SERVER
    assert len(server.seen) == 4


def test_nobody_waits_longer_than_the_budget(server: FakeOpenAI) -> None:
    server.faults += [Fault(429, headers={"Retry-After": "3600"})]
    with pytest.raises(LLMError) as raised:
        llm.complete(MODEL, "hello")
    assert raised.value.trouble is Trouble.RATE
    assert raised.value.retry_after == 3600
    assert len(server.seen) == 1


@pytest.mark.parametrize(
    ("fault", "trouble"),
    [
        (Fault(400), Trouble.INVALID),
        (Fault(401), Trouble.CREDENTIALS),
        (Fault(404), Trouble.NO_MODEL),
        (Fault(307, headers={"Location": "/v1/elsewhere"}), Trouble.GARBAGE),
    ],
)
def test_what_does_not_pass_is_said_at_once(
    server: FakeOpenAI, fault: Fault, trouble: Trouble
) -> None:
    use(retries=0)
    for ask in (llm.complete, llm.stream):
        server.faults.append(fault)
        with pytest.raises(LLMError) as raised:
            ask(MODEL, "hello")
        assert raised.value.trouble is trouble
    assert len(server.seen) == 2


def test_no_redirect_is_followed(server: FakeOpenAI) -> None:
    use(retries=0)
    with FakeOpenAI() as other:
        where = f"{other.url}/chat/completions"
        server.faults.append(Fault(308, headers={"Location": where}))
        with pytest.raises(LLMError, match="redirects"):
            llm.complete(MODEL, "hello")
        assert other.seen == []


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"{}", b"\xff"])
def test_what_is_no_answer_is_garbage(server: FakeOpenAI, body: bytes) -> None:
    use(retries=0)
    server.faults += [Fault(200, body), Fault(200, body)]
    with pytest.raises(LLMError) as raised:
        llm.complete(MODEL, "hello")
    assert raised.value.trouble is Trouble.GARBAGE
    with pytest.raises(LLMError):
        list(llm.stream(MODEL, "hello"))


def test_an_answer_that_breaks_off_is_asked_for_again(server: FakeOpenAI) -> None:
    server.faults.append(Fault(cut_after=20))
    assert llm.complete(MODEL, "hello").text == "hello"
    assert len(server.seen) == 2


@pytest.mark.parametrize("cut", [1, 150, 300, 420])
def test_a_stream_that_breaks_off_is_cut_and_not_asked_for_again(
    server: FakeOpenAI, cut: int
) -> None:
    server.faults.append(Fault(cut_after=cut))
    with pytest.raises(LLMError) as raised:
        list(llm.stream(MODEL, "some words to say"))
    assert raised.value.trouble is Trouble.CUT
    assert len(server.seen) == 1


def test_a_server_that_is_silent_is_given_up(server: FakeOpenAI) -> None:
    use(retries=0)
    for ask in (llm.complete, llm.stream):
        server.faults.append(Fault(silent=True))
        with pytest.raises(LLMError) as raised:
            ask(MODEL, "hello", timeout=0.1)
        assert raised.value.trouble is Trouble.TIMEOUT


def test_a_server_that_is_not_there_cannot_be_reached() -> None:
    with FakeOpenAI() as gone:
        url = gone.url
    use(retries=1, backoff_seconds=0.0)
    with pytest.raises(LLMError) as raised:
        llm.complete(MODEL, "hello", settings={"api_key": "k", "base_url": url})
    assert raised.value.trouble is Trouble.UNREACHABLE


def test_no_error_shows_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    with FakeOpenAI() as server:
        given = {"api_key": "marker-key", "base_url": server.url}
        for error in (401, 400):
            said = b'{"error": {"message": "bad marker-key"}}'
            server.faults.append(Fault(error, said))
            with pytest.raises(LLMError) as raised:
                llm.complete(MODEL, "hello", settings=given)
            chain: BaseException | None = raised.value
            while chain is not None:
                assert "marker-key" not in f"{chain} {chain!r}"
                chain = chain.__cause__ or chain.__context__


# -- requests that are wrong ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "trouble", "param"),
    [
        ({"temperature": 3}, Trouble.INVALID, "temperature"),
        ({"tools": "x"}, Trouble.INVALID, "tools"),
        ({"api_base": "http://evil.example"}, Trouble.UNSUPPORTED, "api_base"),
        ({"api_key": "x"}, Trouble.UNSUPPORTED, "api_key"),
        ({"top_k": 4}, Trouble.UNSUPPORTED, "top_k"),
    ],
)
def test_a_wrong_field_is_named(
    server: FakeOpenAI, fields: dict[str, Any], trouble: Trouble, param: str
) -> None:
    with pytest.raises(LLMError) as raised:
        llm.complete(MODEL, "hello", **fields)
    assert (raised.value.trouble, raised.value.param) == (trouble, param)
    assert server.seen == []


@pytest.mark.parametrize("uri", ["gpt-4o", "openai:gpt-4o", "", "Open AI:/x", "openai:/"])
def test_what_names_no_model_is_refused(uri: str) -> None:
    with pytest.raises(InvalidValue, match="PROVIDER:/MODEL"):
        llm.complete(uri, "hello")


def test_a_provider_that_is_not_installed_is_named() -> None:
    with pytest.raises(PluginError, match="nobody"):
        llm.complete("nobody:/x", "hello")


def test_a_key_that_is_missing_is_said_with_its_variable() -> None:
    with pytest.raises(ConfigError, match="OPENAI_API_KEY"):
        llm.complete(MODEL, "hello")


# -- settings ------------------------------------------------------------------------------------


def test_settings_are_the_files_the_arguments_and_the_environments(server: FakeOpenAI) -> None:
    mine = {"provider": "openai", "api_key": KEY, "base_url": server.url, "organization": "o-1"}
    use(providers={"mine": mine})
    assert llm.complete("mine:/m", "hello").text == "hello"
    assert llm.complete("mine:/m", "hello", settings={"organization": "o-2"}).text == "hello"
    seen = [request.headers["openai-organization"] for request in server.seen]
    assert seen == ["o-1", "o-2"]


def test_a_wrong_setting_is_named_with_its_table() -> None:
    use(providers={"openai": {"api_kee": "x"}})
    with pytest.raises(ConfigError) as raised:
        llm.complete(MODEL, "hello")
    assert "[plugins.llm.providers.openai]" in str(raised.value)
    assert "api_kee" in str(raised.value)


def test_the_file_is_read(
    server: FakeOpenAI, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_KEY", KEY)
    monkeypatch.delenv("OPENAI_API_KEY")
    (tmp_path / "pegboard.toml").write_text(
        "[plugins.llm]\nretries = 1\n[plugins.llm.providers.openai]\n"
        f'api_key = {{ env = "MY_KEY" }}\nbase_url = "{server.url}"\n'
    )
    monkeypatch.chdir(tmp_path)
    host.use(None)
    assert llm.complete(MODEL, "hello").text == "hello"


def test_the_environments_key_goes_to_no_other_address(server: FakeOpenAI) -> None:
    with FakeOpenAI() as other, pytest.raises(ConfigError, match="no key"):
        llm.complete(MODEL, "hello", settings={"base_url": other.url})


# -- gateways ------------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["gateway", "endpoints"])
def test_a_gateway_is_asked(
    scheme: str, server: FakeOpenAI, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PEGBOARD_GATEWAY_URI", server.address)
    monkeypatch.setenv("PEGBOARD_GATEWAY_KEY", KEY)
    assert llm.complete(f"{scheme}:/chat", "hello", temperature=1).text == "hello"
    stream = llm.stream(f"{scheme}:/chat", "one two")
    assert "".join(map(str, stream)) == "one two"
    assert stream.completion.usage["completion_tokens"] == 2
    assert llm.embed(f"{scheme}:/vectors", ["abc"]).vectors == [[3.0, 1.0]]
    assert [seen.body["model"] for seen in server.seen] == ["chat", "chat", "vectors"]


def test_a_gateways_key_is_for_the_address_beside_it(
    server: FakeOpenAI, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PEGBOARD_GATEWAY_URI", server.address)
    use(gateway_uri=f"{server.address}/v1", gateway_key=KEY)
    assert llm.complete("gateway:/chat", "hello").text == "hello"
    use(gateway_uri="https://other.example", gateway_key=KEY)
    with pytest.raises(LLMError) as raised:
        llm.complete("gateway:/chat", "hello")
    assert raised.value.trouble is Trouble.CREDENTIALS
    sent = [seen.headers.get("authorization") for seen in server.seen]
    assert sent == [f"Bearer {KEY}", None]


def test_mlflows_deployments_are_asked(server: FakeOpenAI, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_DEPLOYMENTS_TARGET", server.address)
    monkeypatch.setenv("PEGBOARD_GATEWAY_KEY", KEY)
    assert llm.complete("endpoints:/my chat", "hello").text == "hello"
    assert llm.embed("endpoints:/vectors", "abc").vectors == [[3.0, 1.0]]
    assert server.seen[0].path == "/endpoints/my%20chat/invocations"
    assert "model" not in server.seen[0].body


def test_the_tracking_server_is_asked(server: FakeOpenAI, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server.address)
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", KEY)
    assert llm.complete("gateway:/chat", "hello").text == "hello"
    assert "".join(map(str, llm.stream("gateway:/chat", "one two"))) == "one two"
    assert {seen.path for seen in server.seen} == {"/gateway/chat/mlflow/invocations"}


def test_no_gateway_is_said() -> None:
    with pytest.raises(ConfigError, match="pegboard gateway start"):
        llm.complete("gateway:/chat", "hello")


def test_what_a_gateway_says_is_understood(
    server: FakeOpenAI, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(retries=0)
    monkeypatch.setenv("PEGBOARD_GATEWAY_URI", server.address)
    error = {"message": "spent", "type": "insufficient_quota", "code": "insufficient_quota"}
    server.faults.append(Fault(429, json.dumps({"error": error}).encode()))
    with pytest.raises(LLMError) as raised:
        llm.complete("gateway:/chat", "hello")
    assert raised.value.trouble is Trouble.QUOTA
    server.faults.append(Fault(404, b'{"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "x"}'))
    with pytest.raises(LLMError) as raised:
        llm.complete("gateway:/nope", "hello")
    assert raised.value.trouble is Trouble.NO_MODEL


# -- models in this process ----------------------------------------------------------------------


class Parrot(LocalProvider):
    settings = NoSettings
    takes: ClassVar = {Task.CHAT: frozenset({"messages"})}
    stopped: ClassVar[list[str]] = []
    made: ClassVar[list[str]] = []

    def __init__(self, options: Any) -> None:
        super().__init__(options)
        self.made.append("one")

    def answer(self, request: LLMRequest) -> Json:
        choice = shapes.choice(shapes.message(request.model), "stop")
        return shapes.chat(request.model, [choice], estimate.usage(request))

    def events(self, request: LLMRequest) -> Iterator[Json]:
        chunks = shapes.Chunks(request.model)
        try:
            for word in ["one", "two", "three"]:
                yield chunks.text(word)
            yield from chunks.finish("stop")
            yield chunks.usage(estimate.usage(request))
        finally:
            self.stopped.append(request.model)


def test_a_model_in_this_process_answers_too() -> None:
    @hookimpl
    def pegboard_llm_providers() -> list[Provider]:
        return [Provider("parrot", target_of(Parrot), "Repeats.")]

    plugin = SimpleNamespace(pegboard_llm_providers=pegboard_llm_providers)
    host.current().register(plugin, "parrot")
    assert llm.complete("parrot:///data/m.gguf", "hello").text == "//data/m.gguf"
    assert "".join(map(str, llm.stream("parrot:/m", "hello"))) == "onetwothree"
    with llm.stream("parrot:/m", "hello") as stream:
        next(stream)
    assert Parrot.stopped == ["m", "m"]
    assert Parrot.made == ["one"]
    with pytest.raises(LLMError, match="'temperature'"):
        llm.complete("parrot:/m", "hello", temperature=1)
    assert os.environ.get("OPENAI_API_KEY") is None
