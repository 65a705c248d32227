"""The quick lane: requests that wait for nothing are answered in the parser's own call.

A separate task, waiting for the body and an answer in two messages would cost more than such an
endpoint itself. What is refused, counted and logged is the same as for all other requests.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, NoReturn

import orjson
from pegboard_wire.http import Answer

from pegboard_server import requests
from pegboard_server.asgi import Scope
from pegboard_server.exchange import Exchange, Whole

if TYPE_CHECKING:
    from pegboard_server.app import App
    from pegboard_server.routing import Route


class Lane:
    """Answers requests to ``quick`` endpoints at once, where that is possible."""

    def __init__(self, app: App, root: bytes) -> None:
        """Serve what is quick and has a fixed path, below the path ``root`` as well."""
        self._app = app
        self._routes: dict[bytes, dict[bytes, Route]] = {}
        for path, methods in app.router.fixed.items():
            found = {method.encode(): route for method, route in methods.items()}
            self._routes[path] = self._routes[root + path] = found

    def route(self, method: bytes, target: bytes) -> Route | None:
        """Return what may answer a request at once: one whose target is a path without a query."""
        methods = self._routes.get(target)
        found = None if methods is None else methods.get(method)
        # What is not loaded is not known to be quick yet.
        return found if found is not None and found.is_quick else None

    def answer(self, route: Route, scope: Scope, body: bytes) -> Whole | None:
        """Return the whole answer; None if it has to wait for something: nothing was done then."""
        app = self._app
        exchange = Exchange(scope, _unused, _unused, app.next_id())
        try:
            answer = self._answer(exchange, route, body)
            if answer is None:
                return None
        except Exception as error:
            answer = exchange.whole_failure(app.failure(exchange, error))
        app.finished(exchange)
        return answer

    def _answer(self, exchange: Exchange, route: Route, body: bytes) -> Whole | None:
        app, endpoint = self._app, route.endpoint
        headers = requests.headers_of(exchange.scope)
        app.admit(exchange, headers)
        identity = app.authenticator.known(headers)
        if identity is None or not (endpoint.raw or requests.is_soon_parsed(body)):
            return None
        app.allow(exchange, identity, route)
        fields = app.fields(endpoint, body, headers)
        result: Any = endpoint.handle(app.call(exchange, identity, endpoint, fields, headers, body))
        if isinstance(result, dict):
            return exchange.whole_json(orjson.dumps(result))
        if isinstance(result, Answer):
            if result.close is not None:
                result.close()
            if isinstance(result.content, bytes):
                return exchange.whole_answer(result, result.content)
            return None
        if inspect.iscoroutine(result):
            # It has not begun: the endpoint is called again where it can be waited for.
            result.close()
            return None
        return exchange.whole_json(orjson.dumps(result))


async def _unused(*_: Any) -> NoReturn:
    raise AssertionError("what is answered at once receives and sends no messages")
