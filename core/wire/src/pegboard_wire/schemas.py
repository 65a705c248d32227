"""JSON schemas of fields that many requests share."""

from __future__ import annotations

from pegboard.contracts.tracking import SEARCH_LIMIT

from pegboard_wire.shapes import TEXT, Schema, array, record

EMPTY = record()


PAIR = record("key", key=TEXT, value=TEXT)


def page_limit(limit: int = SEARCH_LIMIT) -> Schema:
    """Return the schema of ``max_results``."""
    return {"type": "integer", "minimum": 1, "maximum": limit}


def at_most(count: int, of: Schema) -> Schema:
    """Return the schema of an array of limited length."""
    return {**array(of), "maxItems": count}
