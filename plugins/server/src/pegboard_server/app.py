"""The ASGI application: plugins' endpoints, dispatched."""

from __future__ import annotations

import asyncio
import inspect
import itertools
import secrets
import time
import traceback
from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar, cast

import orjson
from pegboard import plugin_calls
from pegboard.errors import StoreBusy, StoreFull
from pegboard_wire import endpoints as gathered
from pegboard_wire.http import (
    ANY_METHOD,
    Answer,
    Application,
    Call,
    Endpoint,
    Identity,
    Permission,
    Result,
)
from pegboard_wire.lazy import LazyEndpoint
from pegboard_wire.sentences import SHARED

from pegboard_server import authentication, browsers, builtin, requests, routing
from pegboard_server.accesslog import Log
from pegboard_server.asgi import Receive, Scope, Send, client_of
from pegboard_server.authentication import Authenticator
from pegboard_server.calls import Calls
from pegboard_server.exchange import STREAM, Exchange
from pegboard_server.failures import ClientGone, Failure, busy, failure_of
from pegboard_server.guard import Guard
from pegboard_server.leaving import leaving
from pegboard_server.metrics import Board, Metrics
from pegboard_server.readings import Readings, only_reads
from pegboard_server.routing import Methods, Route, Router
from pegboard_server.settings import Settings

if TYPE_CHECKING:
    from pegboard.host import Host

T = TypeVar("T")

OVERLOADED = "pegboard.overloaded"
"""The key of a scope that says which connections are too many, if any are."""
_OPEN_TO_ANY_HOST = frozenset({b"/health", b"/ping", b"/version"})
_METHODS = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")
"""What pages of allowed origins may ask for."""
_QUEUED_PER_THREAD = 8
_GONE = 499


class App:
    """Serves the endpoints of a host's plugins, and a few of its own."""

    def __init__(
        self,
        host: Host,
        settings: Settings,
        board: Board | None = None,
        endpoints: Iterable[Endpoint | LazyEndpoint] | None = None,
    ) -> None:
        """Gather the endpoints and read the users; errors are those of a wrong set-up.

        ``endpoints`` are served instead of those of the host's plugins.
        """
        self.host = host
        self.settings = settings
        served = gathered.served(host) if endpoints is None else endpoints
        self._serves_plugins = endpoints is None
        self._endings: list[Callable[[], None]] = []
        self.router = Router([*builtin.endpoints(self), *served])
        board = board or Board()
        self._workers = board.workers
        self.metrics = Metrics(self.router.routes, board)
        self.log = Log()
        self.guard = Guard(settings)
        self.authenticator = Authenticator(settings)
        if self._serves_plugins:
            self._ask_plugins_who_calls()
        self._bodies = requests.Bodies(settings.max_bodies)
        self._root = settings.root_path.encode()
        self.readings = Readings(settings.request_timeout_seconds)
        self._pool = Calls(settings.threads, "call")
        self._most_queued = settings.threads * (1 + _QUEUED_PER_THREAD)
        self._queued = 0
        self._streams = 0
        self.stopping = asyncio.Event()
        """Set when the server is to stop: answers without an end are ended."""
        # Unlike a random number for each, this is unique at no cost.
        ids = map(f"{secrets.token_hex(4)}-{{:x}}".format, itertools.count(1))
        self.next_id = ids.__next__
        """Returns a new id for a request."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or start and stop with the server."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            await self._serve(Exchange(scope, receive, send, self.next_id()))

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        self.log.start()
        self._begin_beside()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        # What was accepted is done by now; the stores have to take it in before the end.
        await asyncio.get_running_loop().run_in_executor(None, self.close)
        await send({"type": "lifespan.shutdown.complete"})

    def collectors(self) -> list[Any]:
        """Return what plugins measure; a broken one harms no other."""
        found: list[Any] = []
        for plugin in self.host.manager.hook.pegboard_collectors.get_hookimpls():
            try:
                found += plugin_calls.asked(plugin, {"host": self.host})
            except BaseException as error:
                if plugin_calls.is_fatal(error):
                    raise
                self._report("-", error, plugin=plugin.plugin_name)
        return found

    def _ask_plugins_who_calls(self) -> None:
        """Let plugins know callers of their own; a broken one harms no other."""
        for plugin in self.host.manager.hook.pegboard_callers.get_hookimpls():
            try:
                self.authenticator.add(plugin_calls.asked(plugin, {"host": self.host}))
            except BaseException as error:
                if plugin_calls.is_fatal(error):
                    raise
                self._report("-", error, plugin=plugin.plugin_name)

    def _begin_beside(self) -> None:
        """Let plugins begin what goes on beside the requests; a broken one harms no other."""
        if not self._serves_plugins:
            return
        given = {
            "host": self.host,
            "tracking_uri": self.settings.tracking_uri,
            "workers": self._workers,
        }
        for plugin in self.host.manager.hook.pegboard_server_started.get_hookimpls():
            try:
                end: Any = plugin_calls.asked(plugin, given)
            except BaseException as error:
                if plugin_calls.is_fatal(error):
                    raise
                self._report("-", error, plugin=plugin.plugin_name)
            else:
                self._keep_ending(plugin.plugin_name, end)

    def _keep_ending(self, plugin: str, end: Any) -> None:
        if callable(end):
            self._endings.append(end)
        elif end is not None:
            wrong = TypeError(f"pegboard_server_started returned {end!r}, not a function")
            self._report("-", wrong, plugin=plugin)

    def at_end(self, end: Callable[[], None]) -> None:
        """Call a function when the server ends, after the last request."""
        self._endings.append(end)

    def close(self) -> None:
        """Wait for calls that still run, and close the stores."""
        self._pool.shutdown()
        self.authenticator.close()
        try:
            for end in self._endings:
                try:
                    end()
                except Exception as error:
                    # What a plugin began is its own; what was accepted has to reach the stores.
                    self._report("-", error)
            self.host.close()
        except Exception as error:
            self._report("-", error)
            raise
        finally:
            self.log.close()

    # -- one request ---------------------------------------------------------------------------

    async def _serve(self, exchange: Exchange) -> None:
        self.metrics.begin()
        try:
            await self._answer(exchange)
        except (ClientGone, asyncio.CancelledError) as error:
            exchange.status = _GONE
            if isinstance(error, asyncio.CancelledError):
                raise
        except Exception as error:
            await self._fail(exchange, error)
        finally:
            self.metrics.end()
            self.finished(exchange)

    async def _answer(self, exchange: Exchange) -> None:
        scope = exchange.scope
        headers = requests.headers_of(scope)
        if OVERLOADED in scope:
            raise Failure(
                503,
                "TEMPORARILY_UNAVAILABLE",
                scope[OVERLOADED],
                {"retry-after": "1"},
                close=True,
            )
        method = scope["method"]
        path = self.admit(exchange, headers)
        if method == "OPTIONS" and b"access-control-request-method" in headers:
            # Browsers ask without credentials, so this must not reveal which paths exist.
            await self._preflight(exchange, headers)
            return
        methods, match = self.router.find(path) or ({}, None)
        route = (
            methods.get(method)
            or (methods.get("GET") if method == "HEAD" else None)
            or methods.get(ANY_METHOD)
        )
        if route is not None and not route.is_loaded:
            await self._in_thread(route.load)
        identity = await self.authenticator.identify(headers, client_of(scope))
        if route is None:
            # Who is not known does not learn what there is.
            exchange.user = identity.name
            authentication.check(identity, Permission.READ)
            await self._elsewhere(exchange, methods, self.router.meant(path))
            return
        self.allow(exchange, identity, route)
        if route.endpoint.application is not None:
            await self._mounted(exchange, route.endpoint.application, route.endpoint.path)
            return
        parameters = routing.parameters(match)
        if scope["query_string"]:
            parameters = {**parameters, **requests.parse_query(scope["query_string"])}
        if route.endpoint.streams:
            await self._stream(exchange, route, identity, parameters, headers)
        else:
            await self._exchange(exchange, route, identity, parameters, headers)

    def admit(self, exchange: Exchange, headers: Mapping[bytes, bytes]) -> bytes:
        """Refuse what is meant for another host or comes from another site; return the path."""
        exchange.path = path = self.path_of(exchange.scope["raw_path"])
        exchange.extra = self.guard.cors(headers)
        if path not in _OPEN_TO_ANY_HOST:
            self.guard.check(exchange.scope["method"], headers)
        return path

    @staticmethod
    def allow(exchange: Exchange, identity: Identity, route: Route) -> None:
        """Refuse what the caller may not do."""
        exchange.user, exchange.route = identity.name, route
        authentication.check(identity, route.endpoint.permission)

    def finished(self, exchange: Exchange) -> None:
        """Count and log a request that is done."""
        seconds = time.perf_counter() - exchange.started
        self.metrics.done(exchange.route, exchange.status, seconds)
        if self.settings.access_log:
            self._log_access(exchange, seconds)

    def path_of(self, raw: bytes) -> bytes:
        """Return the path below the root path, whether the proxy in front removed that or not."""
        root = self._root
        if root and raw.startswith(root) and raw[len(root) : len(root) + 1] in (b"/", b""):
            return raw[len(root) :] or b"/"
        return raw

    def _url(self, scope: Scope, headers: Mapping[bytes, bytes]) -> str:
        host = headers.get(b"host", b"").decode("latin-1")
        return f"{scope['scheme']}://{host}{self.settings.root_path}"

    async def _preflight(self, exchange: Exchange, headers: Mapping[bytes, bytes]) -> None:
        exchange.extra = self.guard.preflight(headers, _METHODS)
        await exchange.answer(Answer(status=204), self.settings.write_timeout_seconds)

    async def _elsewhere(self, exchange: Exchange, methods: Methods, meant: str) -> None:
        """Answer a request that no endpoint serves: with what would be, if there is anything."""
        if not methods:
            text = "There is no such path." + (f" Did you mean {meant}?" if meant else "")
            raise Failure(404, "ENDPOINT_NOT_FOUND", text)
        names = ", ".join(sorted({*methods, "OPTIONS", *(["HEAD"] if "GET" in methods else [])}))
        method = exchange.scope["method"]
        if method != "OPTIONS":
            text = f"{method} is not possible here, only {names}."
            raise Failure(405, "ENDPOINT_NOT_FOUND", text, {"allow": names})
        answer = Answer(status=204, headers={"allow": names})
        await exchange.answer(answer, self.settings.write_timeout_seconds)

    async def _exchange(
        self,
        exchange: Exchange,
        route: Route,
        identity: Identity,
        parameters: Mapping[str, Any],
        headers: Mapping[bytes, bytes],
    ) -> None:
        """Read the body, call the endpoint and send what it returns."""
        settings = self.settings
        endpoint = route.endpoint
        body = await requests.read_body(
            exchange.receive,
            headers,
            max(settings.max_body, endpoint.max_body),
            self._bodies,
            settings.read_timeout_seconds,
        )

        def call(fields: Mapping[str, Any] | None = None) -> Call:
            # Parsing is part of the call, so that it is done where the call runs.
            fields = self.fields(endpoint, body, headers) if fields is None else fields
            given = {**parameters, **fields} if parameters else fields
            return self.call(exchange, identity, endpoint, given, headers, body)

        def work() -> bytes | Answer:
            return _encoded(cast("Result", endpoint.handle(call())))

        try:
            content: bytes | Answer
            if endpoint.quick or route.is_coroutine:
                # What is called on the event loop gets a long body parsed elsewhere.
                soon = endpoint.raw or requests.is_soon_parsed(body)
                parse = partial(self.fields, endpoint, body, headers)
                made = call(None if soon else await self._in_thread(parse))
                result = endpoint.handle(made)
                if inspect.isawaitable(result):
                    with leaving(exchange.scope, endpoint):
                        result = await result
                content = _encoded(result)
            elif only_reads(endpoint):
                with self.readings.reading(exchange.scope) as reading:
                    content = await self._in_thread(partial(reading.run, work))
            else:
                content = await self._in_thread(work)
        finally:
            self._bodies.held -= len(body)
        await self._send(exchange, content)

    def fields(
        self, endpoint: Endpoint, body: bytes, headers: Mapping[bytes, bytes]
    ) -> dict[str, Any]:
        """Return the fields of a JSON body."""
        if not body or endpoint.raw:
            return {}
        return requests.parse_json(body, headers.get(b"content-type"), self.settings.max_values)

    def call(
        self,
        exchange: Exchange,
        identity: Identity,
        endpoint: Endpoint,
        given: Mapping[str, Any],
        headers: Mapping[bytes, bytes],
        body: bytes,
    ) -> Call:
        """Return what an endpoint is called with."""
        return Call(
            self.host,
            identity,
            given,
            requests.Headers(headers),
            None,
            self.settings.tracking_uri,
            self._url(exchange.scope, headers),
            body if endpoint.raw else b"",
            exchange.path.decode("latin-1"),
            client_of(exchange.scope),
            exchange.request_id,
        )

    async def _stream(
        self,
        exchange: Exchange,
        route: Route,
        identity: Identity,
        parameters: Mapping[str, Any],
        headers: Mapping[bytes, bytes],
    ) -> None:
        """Call an endpoint that reads the body itself."""
        handle = route.endpoint.handle
        body = requests.stream(exchange.receive, self.settings.read_timeout_seconds)
        call = Call(
            self.host,
            identity,
            parameters,
            requests.Headers(headers),
            body,
            self.settings.tracking_uri,
            self._url(exchange.scope, headers),
        )
        self._open_stream()
        try:
            if (begin := exchange.scope.get(STREAM)) is not None:
                begin(exchange.scope)
            if route.is_coroutine:
                content = _encoded(await cast("Awaitable[Result]", handle(call)))
            else:
                content = await self._in_thread(lambda: _encoded(cast("Result", handle(call))))
        finally:
            self._close_stream()
        await self._send(exchange, content)

    async def _mounted(self, exchange: Exchange, application: Application, path: str) -> None:
        """Let a foreign application answer; its body counts as a stream."""
        prefix = path.partition("/{")[0]
        own = {"root_path": self.settings.root_path + prefix, "pegboard.user": exchange.user}
        self._open_stream()
        try:
            if (begin := exchange.scope.get(STREAM)) is not None:
                begin(exchange.scope)
            await application({**exchange.scope, **own}, exchange.receive, exchange.pass_on)
        finally:
            self._close_stream()
        if not exchange.status:
            raise RuntimeError(f"the application at {prefix or '/'} did not answer")

    async def _send(self, exchange: Exchange, content: bytes | Answer) -> None:
        if isinstance(content, bytes):
            await exchange.json(content)
            return
        endpoint = exchange.route.endpoint if exchange.route else None
        leaves = endpoint is not None and endpoint.leaves and not isinstance(content.content, bytes)
        streams = not (isinstance(content.content, bytes) or content.endless or leaves)
        try:
            if streams:
                self._open_stream()
            try:
                wait = self.settings.write_timeout_seconds
                with leaving(exchange.scope, endpoint if leaves else None):
                    await exchange.answer(content, wait, self.stopping)
            finally:
                if streams:
                    self._close_stream()
        finally:
            if content.close is not None:
                content.close()

    def _open_stream(self) -> None:
        if self._streams >= self.settings.max_streams:
            raise busy("Too many streams are open; try again.")
        self._streams += 1
        self.metrics.streams(1)

    def _close_stream(self) -> None:
        self._streams -= 1
        self.metrics.streams(-1)

    async def _in_thread(self, work: Callable[[], T]) -> T:
        if self._queued >= self._most_queued:
            raise busy("The server is busy; try again.")
        self._queued += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work)
        finally:
            self._queued -= 1

    # -- messages -------------------------------------------------------------------------------

    async def _fail(self, exchange: Exchange, error: Exception) -> None:
        failure = self.failure(exchange, error)
        if exchange.status:
            # The answer has begun. It is left incomplete, so the server cuts the connection.
            return
        await exchange.fail(failure)

    def failure(self, exchange: Exchange, error: Exception) -> Failure:
        """Return the answer for an error; unexpected errors are logged."""
        # Also of what is refused before it is known who answers, or what cannot be imported.
        exchange.tell = self.router.tell(self.path_of(exchange.scope["raw_path"]))
        words = exchange.route.endpoint.sentences if exchange.route else {}
        failure, unexpected = failure_of(error, exchange.request_id, words or SHARED)
        if unexpected:
            self._report(exchange.request_id, error)
        return browsers.fitted(failure, exchange, self.router, self.settings.root_path)

    def _report(self, request_id: str, error: BaseException, **facts: str) -> None:
        if isinstance(error, StoreBusy | StoreFull):
            # Where it happened says nothing, and many requests meet the same at once.
            self.log.write("error", request=request_id, error=repr(error))
            return
        text = "".join(traceback.format_exception(error))
        self.log.write("error", request=request_id, error=repr(error), traceback=text, **facts)

    def _log_access(self, exchange: Exchange, seconds: float) -> None:
        scope = exchange.scope
        # The query is left out: it may hold what is secret.
        about = (client_of(scope), exchange.user, scope["method"], scope["raw_path"])
        self.log.access(exchange.request_id, about, exchange.status, exchange.sent, seconds * 1000)


def _encoded(result: Result) -> bytes | Answer:
    return result if isinstance(result, Answer) else orjson.dumps(result)
