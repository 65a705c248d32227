"""Bodies of clients: read within bounds, and refused where they name an upstream of their own."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
from pegboard.contracts.llm import Json, LLMError, Trouble
from pegboard_llm.checks import STEERING
from pegboard_llm.prompts import VARIABLES, VERSION
from pegboard_llm.values import missing
from pegboard_stores import json_size

from pegboard_gateway.entities import Fill

_GZIP = b"\x1f\x8b"
LONG = 512 << 10
"""Bytes that take some milliseconds to be read, which others on the event loop would wait for."""
MAX_VALUES = 200_000
"""How many names and values a body may have."""
MAX_DEPTH = 128
"""How deep lists and objects of a body may be nested: what reads and writes them goes down too."""


async def taken(content: bytes) -> Json:
    """Return the object that a body holds, as ``read``; a long one is read in a thread."""
    return read(content) if len(content) <= LONG else await asyncio.to_thread(read, content)


def read(content: bytes) -> Json:
    """Return the object that a body holds; LLMError INVALID if it is not one."""
    try:
        if json_size.has_more_values(content, MAX_VALUES):
            invalid(f"The body has more than {MAX_VALUES:,} names and values.")
        found: Any = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        if content.startswith(_GZIP):
            invalid("The body is compressed with gzip, which is not taken. Send it as it is.")
        invalid(f"The body is not valid JSON: {error}.")
    if type(found) is not dict:
        invalid("The body must be a JSON object.")
    if content.count(b"{") + content.count(b"[") > MAX_DEPTH and _is_deep(found):
        invalid(f"The body has more than {MAX_DEPTH} levels of lists and objects.")
    if not STEERING.isdisjoint(found):
        field = min(STEERING & found.keys())
        raise LLMError(
            Trouble.INVALID,
            f"The field {field!r} is not taken: the gateway's configuration says where calls go.",
            hint="Leave it out.",
            param=field,
        )
    return found  # type: ignore[no-any-return]


def _is_deep(value: Any) -> bool:
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if type(outer) is dict else outer)
            if type(inner) in (dict, list)
        ]
        if not level:
            return False
    return True


def invalid(message: str, param: str = "") -> Any:
    """Raise LLMError INVALID."""
    raise LLMError(Trouble.INVALID, message, param=param)


def parted(body: Json, *, has_prompt: bool) -> tuple[Json, Fill | None]:
    """Return a body without what a prompt is filled with, and that; None if there is no prompt.

    What the prompt says need not be in the body: an empty list of messages is none.
    """
    if not has_prompt:
        return body, None
    given = body.get(VARIABLES)
    if given is not None and type(given) is not dict:
        invalid(f"{VARIABLES!r} must be an object: a value by the name of each.", VARIABLES)
    version = body.get(VERSION)
    digits = "" if version is None else str(version)
    if version is not None and not (digits.isascii() and digits.isdigit() and len(digits) < 19):
        invalid(f"{VERSION!r} must be the number of a version, such as '3'.", VERSION)
    left_out = {
        VARIABLES,
        VERSION,
        *(name for name in ("messages", "prompt") if not body.get(name)),
    }
    return {key: value for key, value in body.items() if key not in left_out}, Fill(
        given or {}, digits
    )


def endpoint_name(body: Json) -> str:
    """Return the endpoint that a body asks for as ``model``."""
    name = body.get("model")
    if type(name) is not str or not name:
        raise LLMError(
            Trouble.INVALID,
            f"{missing('model', body)} It names an endpoint of the gateway."
            if name is None or name == ""
            else "The field 'model' must be text.",
            param="model",
        )
    return name
