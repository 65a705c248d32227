"""Pages of answers, fetched one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

from pegboard.entities import Page

T = TypeVar("T")


def items(fetch: Callable[..., Page[T]]) -> Iterator[T]:
    """Yield the items of all pages; ``fetch`` is called with the keyword ``page_token``."""
    token: str | None = None
    while True:
        page = fetch(page_token=token)
        yield from page
        if not (token := page.token):
            return


def first(fetch: Callable[..., Page[T]], limit: int | None, size: int) -> list[T]:
    """Return the first items, all if there is no limit, in pages of at most ``size``.

    ``fetch`` is called with the keywords ``max_results`` and ``page_token``.
    """
    found: list[T] = []
    token: str | None = None
    while limit is None or len(found) < limit:
        wanted = size if limit is None else min(size, limit - len(found))
        page = fetch(max_results=wanted, page_token=token)
        found += page
        if not (token := page.token):
            break
    return found
