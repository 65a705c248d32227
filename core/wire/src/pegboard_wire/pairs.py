"""Pairs of a key and a value in JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pegboard_wire.scalars import items, message, need, string

JsonObject = dict[str, Any]


def pairs_json(pairs: Mapping[str, str]) -> list[JsonObject]:
    """Return tags or params."""
    return [{"key": key, "value": value} for key, value in pairs.items()]


def read_pairs(value: Any, what: str) -> list[tuple[str, str]]:
    """Read tags or params: keys that are not empty, values that may be missing (empty then)."""
    return [read_pair(item, f"{what}[{i}]") for i, item in enumerate(items(value, what))]


def read_pair(value: Any, what: str) -> tuple[str, str]:
    """Read one tag or param."""
    fields = message(value, what)
    found = fields.get("value")
    return (
        string(need(fields, "key", f"{what}.key"), f"{what}.key"),
        "" if found is None else string(found, f"{what}.value"),
    )
