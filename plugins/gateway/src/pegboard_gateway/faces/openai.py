"""OpenAI's API: chat completions, completions, embeddings and the list of models."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any

import orjson
from pegboard.contracts.llm import Json, LLMError, Task
from pegboard_llm import checks
from pegboard_wire.http import Answer, Call, Endpoint, Permission, Result

from pegboard_gateway import service
from pegboard_gateway.entities import NO_FILL, Answered, Asked
from pegboard_gateway.faces import bodies, costs, errors
from pegboard_gateway.money import Money
from pegboard_gateway.path import Events, keeping
from pegboard_gateway.path.faults import no_endpoint

MAX_BODY = 64 << 20
"""Bytes of a request: pictures come in it."""
STREAM_HEADERS = {"cache-control": "no-cache", "x-accel-buffering": "no"}
_PATHS = (
    ("chat/completions", Task.CHAT, "Answer a conversation."),
    ("completions", Task.COMPLETION, "Complete a text."),
    ("embeddings", Task.EMBEDDING, "Return the vectors of texts."),
)
_SHORT = 16 << 10
"""Bytes of a body that are read twice, at the most, to see whether the cache has the answer."""
_DONE = b"data: [DONE]\n\n"
_MANY_VECTORS = 32
"""More take some milliseconds to be written."""
PREFIXES = ("/v1/", "/gateway/openai/v1/")


def endpoints() -> Sequence[Endpoint]:
    """Return the routes."""
    found = []
    for prefix in PREFIXES:
        found += [
            face(f"{prefix}{path}", handler(task), summary, quick=True)
            for path, task, summary in _PATHS
        ]
        for path, handle in (("models", models), ("models/{model}", model)):
            found.append(
                Endpoint(
                    "GET",
                    prefix + path,
                    handle,
                    Permission.INVOKE,
                    "List what can be asked for.",
                    tags=("gateway",),
                )
            )
    return found


def face(
    path: str,
    handle: Callable[[Call], Any],
    summary: str,
    headers: Mapping[str, str] = costs.TOLD,
    *,
    quick: bool = False,
) -> Endpoint:
    """Return the route of a call of a model.

    ``headers`` are those of its good answers, and what they say.
    """
    return Endpoint(
        "POST",
        path,
        handle,
        Permission.INVOKE,
        summary,
        quick=quick,
        raw=True,
        max_body=MAX_BODY,
        leaves=True,
        response_headers=headers,
        tags=("gateway",),
    )


def handler(task: Task) -> Callable[[Call], Any]:
    """Return what answers the calls of a task, at once if the cache has the answer."""

    def handle(call: Call) -> Result | Awaitable[Result]:
        return _kept(call, task) or answered(call)

    async def answered(call: Call) -> Result:
        try:
            body = await bodies.taken(call.content)
            found = await ask(call, bodies.endpoint_name(body), task, body, "openai")
        except LLMError as error:
            return errors.answer(error, errors.openai)
        if isinstance(found, Events):
            options = body.get("stream_options") or {}
            return streamed(found, sent(found, usage=bool(options.get("include_usage"))))
        if task is Task.EMBEDDING and len(found.body.get("data") or ()) > _MANY_VECTORS:
            return await asyncio.to_thread(costs.result, found)
        return costs.result(found)

    return handle


def _kept(call: Call, task: Task) -> Answer | None:
    """Return what the cache has; None if the call has to be made, or refused."""
    gateway = service.of(call.host)
    if not gateway.catalog.current.keeps_answers or len(call.content) > _SHORT:
        return None
    try:
        body = bodies.read(call.content)
        name = bodies.endpoint_name(body)
        caller = gateway.callers.of(call, call.headers)
        request = checks.checked(task, body, name)
        asked = Asked(name, task, request.body, request.stream, caller, call.headers, "openai")
        found = keeping.kept(gateway.calls, asked, call.request_id)
    except LLMError:
        # The usual way says so.
        return None
    if found is None:
        return None
    if not request.stream:
        return Answer(found, headers=costs.headers(0))
    usage = bool((body.get("stream_options") or {}).get("include_usage"))
    content = _written(orjson.loads(found), usage=usage, cost=0) + _DONE
    headers = {**STREAM_HEADERS, **costs.headers(0)}
    return Answer(content, headers=headers, media_type="text/event-stream")


async def ask(
    call: Call,
    name: str,
    task: Task,
    body: Json,
    face: str,
    form: Callable[[Json], Json] | None = None,
) -> Answered | Events:
    """Return what an endpoint answers to a body in the standard form; LLMError."""
    gateway = service.of(call.host)
    caller = gateway.callers.of(call, call.headers)
    endpoint = gateway.catalog.current.endpoints.get(name)
    body, fill = bodies.parted(body, has_prompt=endpoint is not None and bool(endpoint.prompt))
    request = checks.checked(task, body, name, is_whole=fill is None)
    asked = Asked(
        name, task, request.body, request.stream, caller, call.headers, face, fill or NO_FILL
    )
    return await gateway.calls.call(asked, call.request_id, form)


def streamed(
    events: Events, content: AsyncIterator[bytes], media_type: str = "text/event-stream"
) -> Answer:
    """Return the answer that sends a stream."""
    return Answer(content, 200, STREAM_HEADERS, media_type, close=events.close)


async def sent(events: Events, *, usage: bool) -> AsyncIterator[bytes]:
    """Yield chunks as server-sent events; an error in mid-stream is one of them, and the last."""
    try:
        async for bunch in events:
            tells = usage and any(event.get("usage") for event in bunch)
            cost = events.cost if tells else None
            if data := _written(bunch, usage=usage, cost=cost):
                yield data
    except LLMError as error:
        yield b"data: " + orjson.dumps(errors.openai(error)) + b"\n\n"
        return
    yield _DONE


def _written(bunch: Sequence[Json], *, usage: bool, cost: Money | None) -> bytes:
    """Return chunks as server-sent events; those that only tell the usage if that is wanted."""
    parts: list[bytes] = []
    for event in bunch:
        if usage and event.get("usage"):
            event = costs.with_cost(event, cost)
        if usage or event.get("choices") or "usage" not in event:
            parts += (b"data: ", orjson.dumps(event), b"\n\n")
    return b"".join(parts)


async def models(call: Call) -> Result:
    """List the endpoints that the caller may use."""
    try:
        gateway = service.of(call.host)
        caller = gateway.callers.of(call, call.headers)
    except LLMError as error:
        return errors.answer(error, errors.openai)
    names = gateway.catalog.current.endpoints
    data = [_model(name) for name in names if gateway.callers.may_see(caller, name)]
    return {"object": "list", "data": data}


async def model(call: Call) -> Result:
    """Describe one endpoint."""
    try:
        gateway = service.of(call.host)
        caller = gateway.callers.of(call, call.headers)
        name = str(call.parameters["model"])
        endpoint = gateway.calls.endpoint(name)
        if not gateway.callers.may_see(caller, name):
            raise no_endpoint(name)
    except LLMError as error:
        return errors.answer(error, errors.openai)
    return _model(endpoint.name)


_STARTED = int(time.time())


def _model(name: str) -> Json:
    return {"id": name, "object": "model", "created": _STARTED, "owned_by": "pegboard"}
