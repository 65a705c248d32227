"""How much JSON text holds, found out before it is parsed and in a fraction of that time.

A body of a few bytes for each value becomes objects of some hundred bytes each, made while no other
thread of the process can run. Counting comes first, so a parser never meets more than it may.
"""

from __future__ import annotations

_STRUCTURE = (b",", b":", b"[", b"{")
_CONTAINERS = (b"[", b"{")


def has_more_values(text: bytes, most: int) -> bool:
    """Whether JSON text holds more than ``most`` names and values.

    An empty array or object counts for two. The text need not be valid: the answer is then about
    what a parser meets before the fault.
    """
    # Each of them but the first comes behind one of the signs.
    return _has_more(text, most - 1, _STRUCTURE)


def has_more_containers(text: bytes, most: int) -> bool:
    """Whether JSON text holds more than ``most`` arrays and objects, which cost most to make."""
    return _has_more(text, most, _CONTAINERS)


def _has_more(text: bytes, most: int, signs: tuple[bytes, ...]) -> bool:
    if len(text) <= most or _count(text, signs) <= most:
        return False
    # Some of the signs may lie in strings. Without escapes each quote begins or ends a string.
    plain = text.replace(b"\\\\", b"").replace(b'\\"', b"")
    if signs is _STRUCTURE and plain.count(b'"') > 2 * most + 2:
        return True
    return _count(b"".join(plain.split(b'"')[::2]), signs) > most


def _count(text: bytes, signs: tuple[bytes, ...]) -> int:
    return sum(map(text.count, signs))
