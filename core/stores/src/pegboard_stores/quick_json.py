"""JSON encoders that are made once: ``json.JSONEncoder`` makes the one in C anew for each value."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any


def encoder(
    item_separator: str, key_separator: str, default: Callable[[Any], Any] | None = None
) -> Callable[[Any], str]:
    """Return a function that makes JSON of a value, with all characters as they are.

    ``default`` returns something for what JSON does not know. What refers to itself is not looked
    for: it ends as RecursionError.
    """
    made = getattr(json.encoder, "c_make_encoder", None)
    text = getattr(json.encoder, "c_encode_basestring", None)
    if made is None or text is None:
        return json.JSONEncoder(
            ensure_ascii=False,
            check_circular=False,
            separators=(item_separator, key_separator),
            default=default,
        ).encode
    pieces = made(
        None, default or _refuse, text, None, key_separator, item_separator, False, False, True
    )
    join = "".join

    def encode(value: Any) -> str:
        return text(value) if type(value) is str else join(pieces(value, 0))

    return encode


def _refuse(value: Any) -> Any:
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")
