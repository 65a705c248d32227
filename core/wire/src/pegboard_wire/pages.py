"""Pages of results in JSON."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pegboard_wire.pairs import JsonObject
from pegboard_wire.scalars import get, items, string


def page_json(name: str, made: Sequence[JsonObject | str], token: str | None) -> JsonObject:
    """Return one page of an answer."""
    page: JsonObject = {name: made}
    if token:
        page["next_page_token"] = token
    return page


def read_page(fields: Mapping[str, Any], name: str) -> tuple[Iterable[Any], str | None]:
    """Read one page: its items, still to be read, and the token of the next page."""
    token = get(fields, "next_page_token")
    return items(get(fields, name), name), string(token, "next_page_token") if token else None
