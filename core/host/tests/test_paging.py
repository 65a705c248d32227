"""Pages: fetched one after the other."""

from __future__ import annotations

from functools import partial

import pytest
from pegboard import paging
from pegboard.entities import Page
from pegboard.errors import InvalidValue
from pegboard_stores import offsets


def _fetch(asked: list[int], *, max_results: int = 3, page_token: str | None = None) -> Page[int]:
    asked.append(max_results)
    return offsets.cut(range(7), max_results, page_token)


def test_items_of_all_pages_come_in_order_and_when_they_are_needed() -> None:
    asked: list[int] = []
    items = paging.items(partial(_fetch, asked))
    assert [next(items) for _ in range(3)] == [0, 1, 2]
    assert asked == [3]
    assert list(items) == [3, 4, 5, 6]


@pytest.mark.parametrize(
    ("limit", "sizes"), [(None, [3, 3, 3]), (9, [3, 3, 3]), (5, [3, 2]), (3, [3]), (0, [])]
)
def test_no_more_is_fetched_than_the_limit_asks_for(limit: int | None, sizes: list[int]) -> None:
    asked: list[int] = []
    assert paging.first(partial(_fetch, asked), limit, 3) == list(range(7))[:limit]
    assert asked == sizes


def test_a_token_of_another_kind_is_refused() -> None:
    with pytest.raises(InvalidValue, match="is not a page token"):
        offsets.decode("b2Zmc2V0OngK")
