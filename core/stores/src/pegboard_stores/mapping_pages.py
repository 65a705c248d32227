"""Pages of searches over mappings, whose tokens serve only the search they are of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from pegboard.entities import Page

from pegboard_stores import search_tokens

T = TypeVar("T")


def page(found: Sequence[T], query: object, max_results: int, page_token: str | None) -> Page[T]:
    """Return the page of an ordered answer; InvalidValue for a token that is not of ``query``."""
    key = search_tokens.decode(page_token, query, [float])
    begin = max(int(key[0] or 0), 0) if key else 0
    end = begin + max_results
    token = search_tokens.encode((end,), query) if end < len(found) else None
    return Page(found[begin:end], token)
