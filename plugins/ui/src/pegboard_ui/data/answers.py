"""Answers of the data endpoints: JSON with an ETag over its content, compressed where it pays.

JSON has no NaN and no infinity: ``number`` makes them the strings ``NaN``, ``Infinity`` and
``-Infinity``. A client that sends the ETag back receives 304 and no content.
"""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from pegboard_wire.http import Answer, Call
from pegboard_wire.scalars import number_json as number

_WORTH_BYTES = 1400
"""From how many bytes on an answer is compressed: fewer go in one packet anyway."""
_LONG_BYTES = 1 << 20
_GZIP_LEVEL, _QUICK_LEVEL = 5, 1
"""The second is for long answers, which take longer to compress than to send."""
_ASK_AGAIN = "private, no-cache"

__all__ = ["finite", "json_answer", "number", "tagged"]


def finite(value: Any) -> Any:
    """Return a value whose floats JSON can hold."""
    if isinstance(value, float):
        return number(value)
    if isinstance(value, dict):
        return {str(key): finite(each) for key, each in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [finite(each) for each in value]
    return value


def json_answer(call: Call, value: Mapping[str, Any]) -> Answer:
    """Return a value as JSON, or 304 if the client has it already."""
    return tagged(call, orjson.dumps(value))


def tagged(call: Call, content: bytes) -> Answer:
    """Return JSON with its ETag, compressed if the client takes that; 304 if the client has it."""
    tag = f'W/"{hashlib.blake2b(content, digest_size=12).hexdigest()}"'
    head = {"etag": tag, "cache-control": _ASK_AGAIN, "vary": "accept-encoding"}
    if _has(call.headers.get("if-none-match", ""), tag):
        return Answer(status=304, headers=head)
    if len(content) >= _WORTH_BYTES and _takes_gzip(call.headers.get("accept-encoding", "")):
        return Answer(_gzip(content), headers={**head, "content-encoding": "gzip"})
    return Answer(content, headers=head)


def _has(given: str, tag: str) -> bool:
    """Whether a header names a tag; weak or not does not matter here."""
    known = {each.strip().removeprefix("W/") for each in given.split(",")}
    return "*" in known or tag.removeprefix("W/") in known


def _takes_gzip(accepted: str) -> bool:
    for each in accepted.lower().split(","):
        name, _, weight = each.replace(" ", "").partition(";q=")
        if name == "gzip":
            return not weight or bool(weight.strip("0."))
    return False


def _gzip(content: bytes) -> bytes:
    level = _GZIP_LEVEL if len(content) < _LONG_BYTES else _QUICK_LEVEL
    return gzip.compress(content, level, mtime=0)
