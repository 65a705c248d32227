"""Ids of traces and spans, from a source that a script's own ``random.seed`` does not touch."""

from __future__ import annotations

import os
import random

_source = random.Random(os.urandom(32))  # noqa: S311


def trace_id() -> str:
    """Return a new id of a trace: ``tr-`` and 32 hex digits."""
    return f"tr-{_source.getrandbits(128) or 1:032x}"


def span_id() -> str:
    """Return a new id of a span: 16 hex digits."""
    return f"{_source.getrandbits(64) or 1:016x}"


def is_chosen(ratio: float) -> bool:
    """Draw whether a trace is one of those that are kept."""
    return ratio >= 1 or _source.random() < ratio


def _reseed() -> None:
    """In a forked child: draw other ids than the parent."""
    _source.seed(os.urandom(32))


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_reseed)
