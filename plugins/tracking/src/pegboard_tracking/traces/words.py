"""The words that texts of spans consist of, and those that a text must hold to fit a pattern.

A *word* is a run of hyphens, letters and digits of ASCII and of the alphabets next to it (to
U+07FF), in UTF-8: a UUID is one. What lies beyond, mostly scripts that put no spaces between words,
is taken in pairs of characters, and each ASCII punctuation mark that is not in every span is a word
by itself. Words of more than LONG bytes are cut into pieces that overlap by half. So a pattern says
of each part of it that some word must hold it, begin or end with it, or be it: the *needles*.

Words are kept as one text with END around each, so a needle is found by searching that text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from pegboard_stores.filters import patterns

END = b"\n"
LONG = 64
"""How many bytes a word has at most."""

_HALF = LONG // 2
_LETTERS = bytes([0x2D, *range(0x30, 0x3A), *range(0x41, 0x5B), *range(0x61, 0x7B)])
_SPACED = bytes(b if b in _LETTERS or b >= 0x80 else 0x20 for b in range(256))
_EVERYWHERE = b'"{}[]:,._ '
_MARKS = frozenset(b for b in range(0x21, 0x7F) if b not in _LETTERS + _EVERYWHERE)
_NO_MARKS = bytes(b for b in range(256) if b not in _MARKS)
_RUNS = "([-0-9A-Za-z\x80-\u07ff]+)|([\u0800-\U0010ffff]+)"
_CONTROL = "[\0-\x1f]"

Needles = tuple[bytes, ...]


def words_of(texts: Iterable[bytes]) -> set[bytes]:
    """Return the words of texts, which are in UTF-8."""
    joined = b'"'.join(texts)
    if joined.isascii():
        found = set(joined.translate(_SPACED).split())
    else:
        found = set()
        for word, run in re.findall(_RUNS, joined.decode("utf-8", "replace")):
            if word:
                found.add(word.encode())
            else:
                found.update(pair.encode() for pair in _pairs(run))
    for word in [word for word in found if len(word) > LONG]:
        found.remove(word)
        found.update(_pieces(word))
    found.update(b"%c" % mark for mark in set(joined.translate(None, _NO_MARKS)))
    return found


def _pairs(run: str) -> list[str]:
    return [run[i : i + 2] for i in range(len(run) - 1)] or [run]


def _pieces(word: bytes) -> Iterator[bytes]:
    while len(word) > LONG:
        yield word[:LONG]
        word = word[_HALF:]
    yield word


def needles_of_like(pattern: str, *, escaped: bool = False) -> Needles:
    """Return what the words of each text must hold that fits a pattern of LIKE.

    ``escaped``: the text is a part of what is searched, and may be escaped there as in JSON.
    """
    # SQLite reads a pattern to its first NUL.
    pattern = pattern.partition("\0")[0]
    found: list[bytes] = []
    parts = patterns.parts(pattern)
    for place, part in enumerate(parts):
        if isinstance(part, str):
            found += _needles(part, place == 0, place == len(parts) - 1, escaped)
    return _rarest_first(found)


def needles_of_text(text: str) -> Needles:
    """Return what the words must hold of what has a text in it, between quotes as in JSON."""
    return _rarest_first(_needles(text, True, True, True))


def _rarest_first(needles: Iterable[bytes]) -> Needles:
    return tuple(sorted(set(needles), key=lambda needle: (-len(needle), needle)))


def _needles(part: str, at_begin: bool, at_end: bool, escaped: bool) -> Iterator[bytes]:
    part = part.encode("utf-8", "replace").decode()
    for run in re.finditer(_RUNS, part):
        begun, ended = run.start() > 0 or at_begin, run.end() < len(part) or at_end
        if escaped and run.start() > 0 and re.match(_CONTROL, part[run.start() - 1]):
            # A line's end is written as \n, whose n stands before the next word.
            begun = False
        if run[1]:
            yield from _bounded(run[1].encode(), begun, ended)
        elif len(run[2]) == 1:
            yield run[2].encode()
        else:
            yield from (END + pair.encode() + END for pair in _pairs(run[2]))
    yield from (b"%c" % mark for mark in _MARKS.intersection(part.encode()))


def _bounded(run: bytes, begun: bool, ended: bool) -> Iterator[bytes]:
    before, after = END if begun else b"", END if ended else b""
    if len(run) <= _HALF:
        yield before + run + after
    else:
        yield before + run[:_HALF]
        yield run[-_HALF:] + after
