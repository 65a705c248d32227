"""Vendors' APIs as they are, with the target's key: what no other face has a form for.

Only paths are called that the endpoint's ``proxy`` names, below the address of its target's API.
Who may call, limits, budgets and records hold as for all calls. Guardrails cannot read what is
passed on, so an endpoint that has some passes nothing on.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

import orjson
from pegboard.contracts.llm import Json, LLMError, LLMProvider, Task, Trouble
from pegboard.errors import quoted
from pegboard_llm import estimate
from pegboard_server import Failure
from pegboard_wire.http import Call, Endpoint, Result

from pegboard_gateway import service
from pegboard_gateway.catalog.contract import GatewayEndpoint
from pegboard_gateway.entities import Asked, Passed
from pegboard_gateway.faces import bodies, errors, openai
from pegboard_gateway.money import Money
from pegboard_gateway.path import Events
from pegboard_gateway.path.faults import no_endpoint
from pegboard_gateway.path.passing import BYTES, MEDIA_TYPE

BASE = "/gateway/proxy/"
_PATH = re.compile(r"[A-Za-z0-9_:.-]+(/[A-Za-z0-9_:.-]+)*")
_VERSION = re.compile(r"v\d+(?:(?:alpha|beta)\d*)?")
_LONGEST_PATH = 500
_MEDIA_TYPES = frozenset(
    {"application/json", "application/x-ndjson", "text/event-stream", "text/plain"}
)
"""Of answers that browsers do nothing with; others are bytes."""
_COUNTS = ("n", "best_of", "candidateCount", "candidate_count")
COMPACT = "responses/compact"
SYSTEM_ONE = "systemone"
"""TypeSafe's typed questions, which MLflow's gateway passes on at an address of their own."""


class NotPassed(LLMError):
    """The endpoint, or the vendor, is not called so: 501, as MLflow has it."""

    status = 501

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(Trouble.UNSUPPORTED, message, hint=hint)


def endpoints() -> Sequence[Endpoint]:
    """Return the routes. What they pass on tells no cost: it is counted when it is over."""
    compact = [
        _route(f"{prefix}{COMPACT}", _compacted, "Shorten what was said so far.")
        for prefix in openai.PREFIXES
    ]
    return [
        _route(f"{BASE}{{endpoint}}/{{path:path}}", _proxied, "Call a vendor's API as it is."),
        *compact,
        _route("/gateway/typesafe/v1/systemone", _asked, "Ask TypeSafe a typed question."),
    ]


def _route(path: str, handle: Callable[[Call], Any], summary: str) -> Endpoint:
    return openai.face(path, handle, summary, headers={})


async def _proxied(call: Call) -> Result:
    try:
        name = str(call.parameters["endpoint"])
        path = _path(call, f"{BASE}{name}/")
        return await _passed_on(call, name, path, await bodies.taken(call.content))
    except LLMError as error:
        return errors.answer(error, errors.openai)


async def _compacted(call: Call) -> Result:
    """Pass a request on to a vendor that compacts; it is never streamed."""
    try:
        body = await bodies.taken(call.content)
        if body.get("stream"):
            bodies.invalid("What is compacted is not streamed.", "stream")
        return await _passed_on(call, bodies.endpoint_name(body), COMPACT, body)
    except LLMError as error:
        return errors.answer(error, errors.openai)


async def _asked(call: Call) -> Result:
    """Pass a typed question on, for an endpoint whose ``proxy`` names the path."""
    try:
        body = await bodies.taken(call.content)
        return await _passed_on(call, bodies.endpoint_name(body), SYSTEM_ONE, body)
    except LLMError as error:
        return errors.answer(error, errors.openai)


def _path(call: Call, start: str) -> str:
    """Return the path that a client asks for, as it came: nothing in it is decoded."""
    path = call.path.removeprefix(start)
    steps = path.split("/")
    climbs = any(step in (".", "..") for step in steps)
    if climbs or len(path) > _LONGEST_PATH or not _PATH.fullmatch(path):
        raise LLMError(
            Trouble.INVALID,
            f"{quoted(path[:100])} is not a path that is passed on.",
            hint="It has letters, digits, '_', '-', '.' and ':' between single slashes.",
        )
    return path


async def _passed_on(call: Call, name: str, path: str, body: Json) -> Result:
    gateway = service.of(call.host)
    caller = gateway.callers.of(call, call.headers)
    endpoint = gateway.calls.endpoint(name)
    if not gateway.callers.may_see(caller, name):
        raise no_endpoint(name)
    _check(endpoint, path)
    prompt = estimate.tokens(call.content.decode("utf-8", "replace"))
    passed = Passed(path, call.content, prompt)
    task, several = endpoint.task or Task.CHAT, {"n": _answers(body)}
    asked = Asked(name, task, several, True, caller, call.headers, "proxy", passed=passed)
    events = await gateway.calls.call(asked, call.request_id)
    assert isinstance(events, Events)
    kind = str(events.opening[MEDIA_TYPE]).partition(";")[0].strip().lower()
    media_type = kind if kind in _MEDIA_TYPES else "application/octet-stream"
    return openai.streamed(
        events, events.written(_Writer(events=kind == "text/event-stream")), media_type
    )


def _check(endpoint: GatewayEndpoint, path: str) -> None:
    """Refuse what is not passed on; NotPassed."""
    models = [t.model for t in endpoint.targets if isinstance(t.model, LLMProvider)]
    # MLflow's clients begin with the version that the address of the API ends with.
    version, _, rest = path.partition("/")
    below = rest if _VERSION.fullmatch(version) else path
    named = any(fnmatchcase(each, wanted) for wanted in endpoint.proxy for each in (path, below))
    if not named and not (path == COMPACT and any(model.compacts for model in models)):
        raise NotPassed(
            f"The endpoint {endpoint.name!r} does not pass {path!r} on to its vendor.",
            "Its owner names the paths that it passes on as 'proxy' in its configuration.",
        )
    if endpoint.guardrails:
        raise NotPassed(
            f"The endpoint {endpoint.name!r} has guardrails, which cannot read what is passed on."
        )
    if endpoint.prompt:
        raise NotPassed(
            f"The endpoint {endpoint.name!r} has a prompt, which what is passed on would not have."
        )
    if any(target.max_output_tokens for target in endpoint.targets):
        raise NotPassed(
            f"The endpoint {endpoint.name!r} limits how long answers are, which it cannot do for "
            "what is passed on."
        )
    if all(model.passed(path, b"{}") is None for model in models):
        providers = ", ".join(sorted({target.provider for target in endpoint.targets}))
        raise NotPassed(f"The API of {providers} is not called as it is.")


def _answers(body: Mapping[str, Any]) -> int:
    """Return how many answers are asked for, in any form that is known: each is paid for."""
    config = body.get("generationConfig")
    counts = [
        value
        for place in (body, config if isinstance(config, dict) else {})
        for name in _COUNTS
        if isinstance(value := place.get(name), int)
    ]
    lists = [len(body[name]) for name in ("prompt", "requests") if isinstance(body.get(name), list)]
    return max([1, *counts]) * max([1, *lists])


class _Writer:
    """Writes what came as it came."""

    def __init__(self, *, events: bool) -> None:
        self._events = events

    def begin(self) -> bytes:
        """Return nothing."""
        return b""

    def feed(self, event: Mapping[str, Any]) -> bytes:
        """Return the bytes of a piece."""
        return bytes(event[BYTES])

    def end(self, cost: Money | None) -> bytes:  # noqa: ARG002
        """Return nothing."""
        return b""

    def fail(self, error: LLMError) -> bytes:
        """Return an event; what is of another form ends in the middle, as it came."""
        if not self._events:
            # The server cuts the connection. It is the vendor's fault, which the record tells, and
            # no error of the server's own to be logged.
            raise Failure(502, "BAD_GATEWAY", str(error)) from None
        return b"data: " + orjson.dumps(errors.openai(error)) + b"\n\n"
