"""What of a span is kept as compressed JSON."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Sequence
from typing import Any

from pegboard.entities.traces import Span, SpanEvent, SpanLink, SpanStatusCode
from pegboard_stores.traces.outline import as_text, described, dumps

_STORED = 384
"""Up to how many bytes are kept as they are: to compress them takes longer than all the rest."""
_STORED_HEAD = b"\x78\x01\x01"
"""The head of zlib's format, and of its last block, which is not compressed (RFC 1950, 1951)."""
_SIZES, _CHECK = struct.Struct("<HH").pack, struct.Struct(">I").pack


def pack(span: Span) -> bytes:
    """Return what of a span is in no column, and its name, as compressed JSON."""
    return _compress(dumps(described(span)).encode("utf-8", "surrogatepass"))


def _compress(raw: bytes) -> bytes:
    if len(raw) <= _STORED:
        size = len(raw)
        return b"".join((_STORED_HEAD, _SIZES(size, size ^ 0xFFFF), raw, _CHECK(zlib.adler32(raw))))
    # To clear the room that long texts need takes longer than to compress a short one.
    window = min(max(len(raw).bit_length(), 10), zlib.MAX_WBITS)
    packer = zlib.compressobj(1, zlib.DEFLATED, window, min(window - 6, zlib.DEF_MEM_LEVEL))
    return packer.compress(raw) + packer.flush()


def text(content: bytes) -> str:
    """Return the JSON that ``pack`` compressed, for searching.

    SQLite has no place for halves of characters, which JSON can hold.
    """
    return zlib.decompress(content).decode("utf-8", "replace")


def unpack(trace_id: str, columns: Sequence[Any]) -> Span:
    """Return a span from its id, parent, status, times and content."""
    span_id, parent_id, status, start, end, packed = columns
    content = json.loads(zlib.decompress(packed).decode("utf-8", "surrogatepass"))
    return Span(
        trace_id,
        span_id,
        content["name"],
        start,
        end,
        parent_id,
        SpanStatusCode(status),
        content.get("status_message", ""),
        content["kind"],
        content["attributes"],
        [SpanEvent(*event) for event in content["events"]] if "events" in content else (),
        [SpanLink(*link) for link in content["links"]] if "links" in content else (),
    )


def attribute_text(packed: bytes, key: str) -> str | None:
    """Return an attribute of a span as text, None if there is none."""
    value = json.loads(text(packed))["attributes"].get(key)
    return None if value is None else as_text(value)
