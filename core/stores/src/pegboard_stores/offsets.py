"""Page tokens that hold an offset: opaque text that says where the next page begins."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import TypeVar

from pegboard.entities import Page
from pegboard.errors import InvalidValue

T = TypeVar("T")

_PREFIX = b"offset:"


def encode(offset: int) -> str:
    """Return the token of the page that begins at ``offset``."""
    return base64.urlsafe_b64encode(_PREFIX + str(offset).encode()).decode()


def decode(token: str | None) -> int:
    """Return the offset that a token stands for, 0 without one; else InvalidValue."""
    if not token:
        return 0
    try:
        plain = base64.b64decode(token, altchars=b"-_", validate=True)
    except (binascii.Error, ValueError, TypeError):
        plain = b""
    digits = plain.removeprefix(_PREFIX)
    if not plain.startswith(_PREFIX) or not digits.isdigit() or len(digits) > 18:
        raise InvalidValue(
            f"{token!r} is not a page token.",
            hint="Pass on the token of the page before, unchanged.",
        ).about("bad_page_token", token=token)
    return int(digits)


def cut(items: Iterable[T], max_results: int | None, page_token: str | None) -> Page[T]:
    """Return the page of ``items`` that a token asks for; all the rest if there is no limit."""
    offset = decode(page_token)
    if max_results is None:
        return Page(islice(items, offset, None))
    return page([*islice(items, offset, offset + max_results + 1)], max_results, offset)


def page(found: Sequence[T], max_results: int, offset: int) -> Page[T]:
    """Return the page at ``offset``; one item more than it holds says that another follows."""
    token = encode(offset + max_results) if len(found) > max_results else None
    return Page(found[:max_results], token)
