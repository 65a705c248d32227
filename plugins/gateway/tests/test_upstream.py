"""The HTTP client, against a server that misbehaves."""

from __future__ import annotations

import asyncio
import gzip
import socket
import ssl
import threading
import zlib
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import orjson
import pytest
import trustme
from pegboard.contracts.llm import HttpCall, HttpReply, LLMError, Trouble
from pegboard_gateway.upstream import Bounds, Client, Stream, UpstreamError, Waits, addresses
from pegboard_gateway.upstream.connection import HIGH

from . import upstream_fake as fakes
from .upstream_fake import FakeUpstream

Run = Callable[[Callable[[], Coroutine[Any, Any, Any]]], Any]


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Run:
    """Return what runs a coroutine function, in each kind of event loop."""
    if request.param == "uvloop":
        uvloop = pytest.importorskip("uvloop")
        return lambda work: uvloop.run(work())
    return lambda work: asyncio.run(work())


def call_of(
    upstream: FakeUpstream, *, stream: bool = False, path: str = "/chat/completions"
) -> Any:
    body = {"model": "small", "messages": [{"role": "user", "content": "Hi"}], "stream": stream}
    headers = {"authorization": "Bearer sk-marker", "content-type": "application/json"}
    return HttpCall(upstream.url + path, orjson.dumps(body), headers)


async def whole(client: Client, call: HttpCall, waits: Waits | None = None, **more: Any) -> Any:
    found = await client.send(call, waits or Waits(), **more)
    assert isinstance(found, HttpReply)
    return found


async def streamed(client: Client, call: HttpCall, waits: Waits | None = None) -> Stream:
    found = await client.send(call, waits or Waits(), stream=True)
    assert isinstance(found, Stream)
    return found


async def all_of(stream: Stream) -> bytes:
    found = b""
    while data := await stream.read():
        found += data
    return found


async def trouble_of(work: Awaitable[Any]) -> LLMError:
    with pytest.raises(LLMError) as caught:
        await work
    assert "sk-marker" not in str(caught.value)
    return caught.value


# -- answers -------------------------------------------------------------------------------------


def test_calls_share_one_connection(upstream: FakeUpstream, run: Run) -> None:
    async def work() -> None:
        client = Client()
        for _ in range(3):
            found = await whole(client, call_of(upstream))
            assert orjson.loads(found.body)["choices"][0]["message"]["content"].startswith("Hello")
            assert found.headers["content-type"] == "application/json"
            stream = await streamed(client, call_of(upstream, stream=True))
            assert (await all_of(stream)).endswith(b"data: [DONE]\n\n")
        assert await whole(client, call_of(upstream, path="/models")) is not None
        client.close()

    run(work)
    assert upstream.connections == 1
    request = upstream.requests[0]
    assert request.headers["host"] == f"127.0.0.1:{upstream.port}"
    assert request.headers["authorization"] == "Bearer sk-marker"
    assert request.headers["accept-encoding"] == "identity"
    upstream.wait(lambda: upstream.open == 0)


ANSWERS = {
    "until closed": fakes.until_closed(),
    "gzip": fakes.compressed("gzip"),
    "deflate": fakes.compressed("deflate"),
    "informational": fakes.early_hints(),
}


@pytest.mark.parametrize("kind", ANSWERS)
def test_an_answer_is_read_however_it_is_sent(upstream: FakeUpstream, run: Run, kind: str) -> None:
    upstream.next(ANSWERS[kind])

    async def work() -> None:
        found = await whole(Client(), call_of(upstream))
        assert orjson.loads(found.body)["object"] == "chat.completion"

    run(work)


def test_bare_deflate_is_understood(upstream: FakeUpstream, run: Run) -> None:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    content = packer.compress(b'{"a":1}') + packer.flush()
    upstream.next(fakes.reply(200, content, {"content-encoding": "deflate"}))

    async def work() -> None:
        assert (await whole(Client(), call_of(upstream))).body == b'{"a":1}'

    run(work)


@pytest.mark.parametrize("size", [1, 7, 100])
@pytest.mark.parametrize("chunked", [True, False])
def test_a_stream_is_the_same_however_it_is_cut(
    upstream: FakeUpstream, run: Run, size: int, chunked: bool
) -> None:
    upstream.next(fakes.CHAT, fakes.pieces(size, chunked=chunked))

    async def work() -> None:
        client = Client()
        expected = await all_of(await streamed(client, call_of(upstream, stream=True)))
        assert await all_of(await streamed(client, call_of(upstream, stream=True))) == expected

    run(work)


def test_an_error_comes_whole_where_a_stream_was_wanted(upstream: FakeUpstream, run: Run) -> None:
    upstream.next(fakes.failing(404, "No such model."))

    async def work() -> None:
        found = await Client().send(call_of(upstream, stream=True), Waits(), stream=True)
        assert isinstance(found, HttpReply) and found.status == 404
        assert b"No such model" in found.body

    run(work)


def test_a_redirect_is_not_followed(upstream: FakeUpstream, run: Run) -> None:
    upstream.next(fakes.reply(302, b"", {"location": upstream.url + "/elsewhere"}))

    async def work() -> None:
        assert (await whole(Client(), call_of(upstream))).status == 302

    run(work)
    assert len(upstream.requests) == 1


# -- faults --------------------------------------------------------------------------------------

FAULTS = {
    "hang up": (fakes.hang_up, Trouble.UNREACHABLE),
    "garbage": (fakes.garbage, Trouble.GARBAGE),
    "truncated": (fakes.truncated, Trouble.CUT),
    "unknown coding": (fakes.reply(200, b"x", {"content-encoding": "br"}), Trouble.GARBAGE),
    "broken gzip": (fakes.reply(200, b"x" * 50, {"content-encoding": "gzip"}), Trouble.GARBAGE),
    "cut gzip": (
        fakes.reply(200, gzip.compress(b"x" * 999)[:-9], {"content-encoding": "gzip"}),
        Trouble.GARBAGE,
    ),
    "long head": (fakes.reply(200, b"", {"x-long": "x" * 70_000}), Trouble.GARBAGE),
    "many headers": (
        fakes.reply(200, b"", {f"x-{n}": "x" for n in range(300)}),
        Trouble.GARBAGE,
    ),
    "upgrade": (
        fakes.reply(101, b"", {"upgrade": "websocket", "connection": "upgrade"}),
        Trouble.GARBAGE,
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_has_its_trouble(upstream: FakeUpstream, run: Run, fault: str) -> None:
    behaviour, trouble = FAULTS[fault]
    upstream.next(behaviour)

    async def work() -> None:
        client = Client()
        error = await trouble_of(client.send(call_of(upstream), Waits()))
        assert error.trouble is trouble
        assert isinstance(error, UpstreamError)
        place = f"127.0.0.1:{upstream.port}"
        assert place in error.seen and place not in str(error)
        # The next call is well, on a connection of its own.
        assert (await whole(client, call_of(upstream))).status == 200

    run(work)


def test_nobody_listens(run: Run) -> None:
    async def work() -> None:
        call = HttpCall("http://127.0.0.1:9/v1", b"", {})
        assert (await trouble_of(Client().send(call, Waits()))).trouble is Trouble.UNREACHABLE

    run(work)


def test_a_stream_that_breaks_gives_what_came_before(upstream: FakeUpstream, run: Run) -> None:
    upstream.next(fakes.cut(3))

    async def work() -> None:
        stream = await streamed(Client(), call_of(upstream, stream=True))
        found = b""
        with pytest.raises(LLMError) as caught:
            while data := await stream.read():
                found += data
        assert caught.value.trouble is Trouble.CUT
        assert found.count(b"data: ") == 3

    run(work)


def test_a_kept_connection_that_proves_closed_is_replaced(upstream: FakeUpstream, run: Run) -> None:
    upstream.next(fakes.CHAT, fakes.hang_up, fakes.CHAT)

    async def work() -> None:
        client = Client()
        await whole(client, call_of(upstream))
        assert (await whole(client, call_of(upstream))).status == 200

    run(work)
    assert [request.connection for request in upstream.requests] == [0, 0, 1]


def test_a_kept_connection_that_was_closed_is_not_used(upstream: FakeUpstream, run: Run) -> None:
    upstream.next(fakes.closing())

    async def work() -> None:
        client = Client()
        await whole(client, call_of(upstream))
        await asyncio.to_thread(upstream.wait, lambda: upstream.open == 0)
        await whole(client, call_of(upstream))

    run(work)
    assert len(upstream.requests) == 2


# -- bounds --------------------------------------------------------------------------------------


def test_an_answer_may_not_be_larger_than_allowed(upstream: FakeUpstream, run: Run) -> None:
    bomb = fakes.compressed("gzip", b"x" * 5_000_000)
    upstream.next(fakes.huge(200_000), bomb, fakes.endless())

    async def work() -> None:
        client, waits = Client(), Waits(most=100_000)
        for _ in range(2):
            error = await trouble_of(client.send(call_of(upstream), waits))
            assert error.trouble is Trouble.GARBAGE and "100,000 bytes" in error.message
        stream = await streamed(client, call_of(upstream, stream=True), waits)
        assert (await trouble_of(all_of(stream))).trouble is Trouble.GARBAGE

    run(work)


def test_a_slow_reader_holds_the_server_back(upstream: FakeUpstream, run: Run) -> None:
    upstream.next(fakes.endless())

    async def work() -> None:
        stream = await streamed(Client(), call_of(upstream, stream=True))
        written, same = -1, 0
        while same < 5:
            # It goes on until all buffers between the two are full.
            await asyncio.sleep(0.02)
            same = same + 1 if written == upstream.written else 0
            written = upstream.written
        held = len(await stream.read())
        assert HIGH <= held < 8 * HIGH
        assert len(await stream.read()) > 0
        stream.close()
        assert await stream.read() == b""

    run(work)
    assert upstream.requests[0].gone.wait(fakes.SECONDS)


def test_connections_are_bounded_and_calls_wait_in_order(upstream: FakeUpstream, run: Run) -> None:
    upstream.always(fakes.held())

    async def work() -> None:
        client = Client(Bounds(connections=2, waiting=3))
        calls = [asyncio.ensure_future(whole(client, call_of(upstream))) for _ in range(5)]
        await asyncio.to_thread(upstream.wait_for_requests, 2)
        error = await trouble_of(client.send(call_of(upstream), Waits()))
        assert error.trouble is Trouble.OVERLOADED and error.retry_after is not None
        upstream.release()
        assert [found.status for found in await asyncio.gather(*calls)] == [200] * 5

    run(work)
    assert upstream.connections == 2


def test_who_waits_too_long_for_a_connection_hears_so(upstream: FakeUpstream, run: Run) -> None:
    upstream.always(fakes.held())

    async def work() -> None:
        client = Client(Bounds(connections=1))
        first = asyncio.ensure_future(whole(client, call_of(upstream)))
        await asyncio.to_thread(upstream.wait_for_requests, 1)
        error = await trouble_of(client.send(call_of(upstream), Waits(), connect=0.05))
        assert error.trouble is Trouble.OVERLOADED
        # One that gives up waiting leaves its place to the next.
        second = asyncio.ensure_future(whole(client, call_of(upstream)))
        third = asyncio.ensure_future(whole(client, call_of(upstream)))
        await asyncio.sleep(0)
        second.cancel()
        upstream.release()
        assert (await first).status == (await third).status == 200

    run(work)


# -- time-outs ----


def test_each_wait_has_its_limit(upstream: FakeUpstream, run: Run) -> None:
    upstream.next(fakes.silent, fakes.paused(2), fakes.paused(0), fakes.silent)

    async def work() -> None:
        client = Client()
        error = await trouble_of(client.send(call_of(upstream), Waits(first=0.05)))
        assert error.trouble is Trouble.TIMEOUT and "0.05 s" in error.message
        for _ in range(2):
            stream = await streamed(client, call_of(upstream, stream=True), Waits(idle=0.05))
            assert (await trouble_of(all_of(stream))).trouble is Trouble.TIMEOUT
        until = asyncio.get_running_loop().time() + 0.05
        error = await trouble_of(client.send(call_of(upstream), Waits(until=until)))
        assert error.trouble is Trouble.TIMEOUT

    run(work)
    upstream.wait(lambda: upstream.open == 0)


def test_a_slow_reader_is_not_the_servers_fault(upstream: FakeUpstream, run: Run) -> None:
    upstream.next(fakes.endless())

    async def work() -> None:
        stream = await streamed(Client(), call_of(upstream, stream=True), Waits(idle=0.05))
        await asyncio.sleep(0.2)
        assert await stream.read()
        assert await stream.read()
        stream.close()

    run(work)


def test_a_call_that_is_given_up_closes_its_connection(upstream: FakeUpstream, run: Run) -> None:
    upstream.always(fakes.silent)

    async def work() -> None:
        call = asyncio.ensure_future(whole(Client(), call_of(upstream)))
        await asyncio.to_thread(upstream.wait_for_requests, 1)
        call.cancel()
        await asyncio.wait((call,))
        assert await asyncio.to_thread(upstream.requests[0].gone.wait, fakes.SECONDS)

    run(work)


# -- where to ------------------------------------------------------------------------------------


def test_certificates_are_checked(run: Run) -> None:
    authority = trustme.CA()
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(server)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    with FakeUpstream(tls=server) as upstream:

        async def work() -> None:
            assert (await whole(Client(context=trusting), call_of(upstream))).status == 200
            error = await trouble_of(Client().send(call_of(upstream), Waits()))
            assert error.trouble is Trouble.UNREACHABLE and "certificate" in error.message

        run(work)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:{port}/v1",
        "https://127.0.0.1:{port}/v1",
        "https://localhost:{port}/v1",
        "https://169.254.169.254/v1",
        "https://[::1]:{port}/v1",
        "https://[::ffff:127.0.0.1]:{port}/v1",
        "https://10.0.0.1/v1",
        "https://0x7f000001/v1",
        "https://2130706433/v1",
        "http://example.com/v1",
    ],
)
def test_upstreams_of_the_api_are_public(upstream: FakeUpstream, run: Run, url: str) -> None:
    async def work() -> None:
        call = HttpCall(url.format(port=upstream.port), b"", {})
        error = await trouble_of(Client().send(call, Waits(), allowed=()))
        assert error.trouble is Trouble.UNREACHABLE and "may not call" in error.message

    run(work)
    assert upstream.connections == 0


def test_the_owner_may_allow_a_host(upstream: FakeUpstream, run: Run) -> None:
    async def work() -> None:
        allowed = (f"127.0.0.1:{upstream.port}",)
        found = await whole(Client(), call_of(upstream), allowed=allowed)
        assert found.status == 200

    run(work)


@pytest.mark.parametrize(
    "url",
    ["", "x", "ftp://a/", "http://", "http://a:b@c/", "http://a:0/", "http://a /", "http://[a"],
)
def test_what_is_no_url_is_refused(url: str) -> None:
    with pytest.raises(LLMError) as caught:
        addresses.parsed(url)
    assert caught.value.trouble is Trouble.INVALID


@pytest.mark.parametrize(
    "headers",
    [{"x": "a\r\nevil: b"}, {"x\r\ny": "a"}, {"x": "a\nb"}, {"x": "a\rb"}, {"x": "\0"}, {"x": "€"}],
)
def test_a_header_is_one_header(headers: dict[str, str]) -> None:
    call = HttpCall("http://a/b?c=d e", b"", headers)
    with pytest.raises(LLMError):
        addresses.request_bytes(call, addresses.parsed("http://a/b?c=d"))


def test_a_request_is_written_once_and_as_it_should_be() -> None:
    call = HttpCall(
        "http://a:8080/b c?d=ü", b"{}", {"Host": "evil", "Content-Length": "9", "x": "y"}
    )
    address = addresses.parsed("http://a:8080/b%20c?d=1")
    assert addresses.request_bytes(call, address) == (
        b"POST /b%20c?d=1 HTTP/1.1\r\nhost: a:8080\r\naccept-encoding: identity\r\n"
        b"content-length: 2\r\nx: y\r\n\r\n{}"
    )
    whole_url = addresses.request_bytes(call, address, whole_url=True)
    assert whole_url.startswith(b"POST http://a:8080/b%20c?d=1 HTTP/1.1\r\n")


# -- proxies ---------------------------------------------------------------------------------------


@contextmanager
def proxying(answer: bytes = b"HTTP/1.1 200 OK\r\n\r\n") -> Iterator[tuple[str, list[bytes]]]:
    """Run a proxy that lets everything pass; yield where, and the heads that it received."""
    heads: list[bytes] = []
    listener = socket.create_server(("127.0.0.1", 0))

    def copy(source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
        with suppress(OSError):
            target.shutdown(socket.SHUT_WR)

    def serve() -> None:
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                head = b""
                while b"\r\n\r\n" not in head:
                    head += client.recv(1)
                heads.append(head)
                client.sendall(answer)
                if b" 200 " not in answer:
                    client.close()
                    continue
                host, _, port = head.split(b" ")[1].decode().rpartition(":")
                server = socket.create_connection((host, int(port)))
                for ends in ((client, server), (server, client)):
                    threading.Thread(target=copy, args=ends, daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield f"127.0.0.1:{listener.getsockname()[1]}", heads
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


@pytest.mark.parametrize("secure", [False, True])
def test_a_proxy_of_the_environment_is_used(
    run: Run, monkeypatch: pytest.MonkeyPatch, secure: bool
) -> None:
    authority = trustme.CA()
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(server)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    with proxying() as (place, heads), FakeUpstream(tls=server if secure else None) as upstream:
        name = "HTTPS_PROXY" if secure else "HTTP_PROXY"
        monkeypatch.setenv(name, f"http://me:p%40ss@{place}")

        async def work() -> None:
            client = Client(context=trusting)
            for _ in range(2):
                assert (await whole(client, call_of(upstream))).status == 200
            client.close()

        run(work)
        port = upstream.port
    assert heads == [
        f"CONNECT 127.0.0.1:{port} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\n"
        "proxy-authorization: Basic bWU6cEBzcw==\r\n\r\n".encode()
    ]


def test_a_proxy_that_refuses_is_named(
    run: Run, upstream: FakeUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    with proxying(b"HTTP/1.1 403 No\r\n\r\n") as (place, _):
        monkeypatch.setenv("HTTP_PROXY", f"http://me:secret@{place}")

        async def work() -> None:
            error = await trouble_of(Client().send(call_of(upstream), Waits()))
            assert error.trouble is Trouble.UNREACHABLE
            assert "403" in error.message and place not in error.message
            assert isinstance(error, UpstreamError) and place in error.seen
            assert "secret" not in str(error)
            monkeypatch.setenv("NO_PROXY", "127.0.0.1")
            assert (await whole(Client(), call_of(upstream))).status == 200

        run(work)
