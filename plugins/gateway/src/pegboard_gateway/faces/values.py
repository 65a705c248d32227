"""Values in bodies of clients, read with the error that says which field is wrong.

What reaches a model is checked again in the standard form; here is checked what the translation
into it needs.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Iterable, Mapping
from typing import Any, NoReturn

import orjson
from pegboard.contracts.llm import Json, LLMError, Trouble
from pegboard_llm.values import meant


def wrong(message: str, param: str) -> NoReturn:
    """Raise LLMError INVALID."""
    raise LLMError(Trouble.INVALID, message, param=param)


def text(value: Any, param: str) -> str:
    """Return a text."""
    if type(value) is not str:
        wrong(f"{param!r} must be text.", param)
    return value


def mapping(value: Any, param: str) -> Json:
    """Return an object."""
    if type(value) is not dict:
        wrong(f"{param!r} must be an object.", param)
    return value


def items(value: Any, param: str) -> list[tuple[Any, str]]:
    """Return the items of a list, each with the name of its place."""
    if value is None:
        wrong(f"The field {param!r} is missing.", param)
    if type(value) is not list:
        wrong(f"{param!r} must be a list.", param)
    return [(item, f"{param}[{place}]") for place, item in enumerate(value)]


def objects(value: Any, param: str) -> list[tuple[Json, str]]:
    """Return the objects of a list, each with the name of its place."""
    return [(mapping(item, where), where) for item, where in items(value, param)]


def refuse_others(
    body: Mapping[str, Any], known: Iterable[str], what: str, param: str = ""
) -> None:
    """Raise LLMError UNSUPPORTED for a field that is not known; null is as if it were not there."""
    others = [key for key, value in body.items() if value is not None and key not in known]
    if others:
        name = f"{param}.{min(others)}" if param else min(others)
        raise LLMError(
            Trouble.UNSUPPORTED,
            f"{what} of this gateway takes no {name!r}.",
            hint=f"{meant(min(others), known)}Leave it out.",
            param=name,
        )


def copied(body: Mapping[str, Any], names: Mapping[str, str]) -> Json:
    """Return the fields that only have another name in the standard form."""
    return {ours: body[theirs] for theirs, ours in names.items() if body.get(theirs) is not None}


def parsed(arguments: Any) -> Any:
    """Return the arguments of a tool's call as an object, however little of one they are."""
    try:
        found = orjson.loads(arguments or "{}")
    except (orjson.JSONDecodeError, TypeError):
        return {"arguments": arguments}
    return found if type(found) is dict else {"arguments": found}


def dumped(value: Any) -> str:
    """Return a value as JSON text."""
    return orjson.dumps(value).decode()


def data_url(media_type: Any, data: Any, param: str) -> str:
    """Return a data URL of a type and base64."""
    kind, packed = text(media_type, f"{param}.media_type"), text(data, f"{param}.data")
    try:
        base64.b64decode(packed, validate=True)
    except ValueError:
        wrong(f"'{param}.data' must be base64.", f"{param}.data")
    return f"data:{kind};base64,{packed}"


def new_id(prefix: str) -> str:
    """Return a new id that begins as a vendor's do."""
    return prefix + secrets.token_hex(12)
