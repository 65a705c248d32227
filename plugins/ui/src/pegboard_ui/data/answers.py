"""Answers of the data endpoints: JSON with an ETag over its content, compressed where it pays.

JSON has no NaN and no infinity: ``number`` and ``numbers`` make them the strings ``NaN``,
``Infinity`` and ``-Infinity``. A client that sends the ETag back receives 304 and no content.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import sys
from array import array
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from math import fsum, isfinite
from typing import Any

import orjson
from pegboard_wire.http import Answer, Call
from pegboard_wire.scalars import number_json as number

_WORTH_BYTES = 1400
"""From how many bytes on an answer is compressed: fewer go in one packet anyway."""
_LONG_BYTES = 1 << 20
_GZIP_LEVEL, _QUICK_LEVEL = 5, 1
"""The second is for long answers, which take longer to compress than to send."""
_BROTLI_QUALITY = 4
_ASK_AGAIN = "private, no-cache"

__all__ = ["doubles", "json_answer", "number", "numbers", "tagged"]


def json_answer(call: Call, value: Mapping[str, Any]) -> Answer:
    """Return a value as JSON, or 304 if the client has it already."""
    return tagged(call, orjson.dumps(value))


def tagged(call: Call, content: bytes) -> Answer:
    """Return JSON with its ETag, compressed as the client likes it; 304 if the client has it."""
    tag = f'W/"{hashlib.blake2b(content, digest_size=12).hexdigest()}"'
    head = {"etag": tag, "cache-control": _ASK_AGAIN, "vary": "accept-encoding"}
    if _has(call.headers.get("if-none-match", ""), tag):
        return Answer(status=304, headers=head)
    if len(content) >= _WORTH_BYTES:
        encoding, compress = _compression(call.headers.get("accept-encoding", ""))
        if encoding:
            return Answer(compress(content), headers={**head, "content-encoding": encoding})
    return Answer(content, headers=head)


def numbers(values: Iterable[float | None]) -> list[float | str | None]:
    """Return numbers as JSON can hold them; None stays."""
    found = list(values)
    try:
        if isfinite(fsum(found)):  # type: ignore[arg-type]
            return found  # type: ignore[return-value]
    except (TypeError, ValueError, OverflowError):
        pass
    return [None if value is None else number(value) for value in found]


def doubles(values: array[float]) -> str:
    """Return float64 as base64 of their little-endian bytes."""
    if sys.byteorder == "big":
        values = array("d", values)
        values.byteswap()
    return base64.b64encode(values).decode()


def _has(given: str, tag: str) -> bool:
    """Whether a header names a tag; weak or not does not matter here."""
    known = {each.strip().removeprefix("W/") for each in given.split(",")}
    return "*" in known or tag.removeprefix("W/") in known


def _compression(accepted: str) -> tuple[str, Callable[[bytes], bytes]]:
    """Return the best encoding that a client accepts, empty for none, and what does it."""
    wanted = set()
    for each in accepted.lower().split(","):
        name, _, weight = each.replace(" ", "").partition(";q=")
        if weight.rstrip("0.") or not weight:
            wanted.add(name)
    brotli = _brotli()
    if "br" in wanted and brotli is not None:
        return "br", brotli
    if "gzip" in wanted:
        return "gzip", _gzip
    return "", bytes


def _gzip(content: bytes) -> bytes:
    level = _GZIP_LEVEL if len(content) < _LONG_BYTES else _QUICK_LEVEL
    return gzip.compress(content, level, mtime=0)


@cache
def _brotli() -> Callable[[bytes], bytes] | None:
    """Return what compresses with brotli, None where no package for it is installed."""
    try:
        import brotli
    except ImportError:
        return None

    def compress(content: bytes) -> bytes:
        packed: bytes = brotli.compress(content, quality=_BROTLI_QUALITY)
        return packed

    return compress
