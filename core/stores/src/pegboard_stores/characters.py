"""Characters that are not seen, or that make a text look like another: none may be in a name.

Two names that look alike must be alike, and a name must read the same in a terminal, a URL and a
page. So what is refused when a name or a place is made is what later readers of it refuse, or show
as something else: control characters, characters without a width, those that turn the direction of
writing, halves of surrogate pairs, and slashes that hide behind percent-encoding. Letters of all
scripts, marks and emoji are welcome.
"""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import unquote

_CATEGORIES = {
    "Cc": "a control character",
    "Cs": "half of a surrogate pair",
    "Zl": "a line separator",
    "Zp": "a paragraph separator",
}

_TURNING = "[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]"
"""Bidi controls. Source: Unicode Standard Annex 9, section 2."""

_INVISIBLE = (
    "[\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200d\u2060-\u206f\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e0fff]"
)
"""Source: Unicode, DerivedCoreProperties.txt, Default_Ignorable_Code_Point."""

_WIDE = "\u0600-\u1cff\u20d0-\U000dffff"
"""Scripts, symbols and emoji that joiners and selectors belong to; not Latin, Greek, Cyrillic."""

_SHAPING = (
    f"(?<=[{_WIDE}])[\u200c\u200d](?=[{_WIDE}])"
    f"|(?<=[{_WIDE}\u00a9\u00ae\u203c\u2049])[\ufe00-\ufe0f]"
    f"|(?<=[{_WIDE}])[\u180b-\u180d\u180f\U000e0100-\U000e01ef]"
    "|(?<=[#*0-9])\ufe0f(?=\u20e3)"
)
"""What is not seen, but shapes what is: in Arabic, Indic, Mongolian, CJK and emoji."""

_MOST_ENCODINGS = 8


def fault(text: str) -> str:
    """Return what is wrong with a text as a name or a place, "" if nothing is.

    It continues a sentence that begins with "The name": holds a control character (U+0007).
    """
    decoded = text
    for _ in range(_MOST_ENCODINGS):
        if found := _unseen(decoded):
            return found if decoded == text else f"{found} behind percent-encoding"
        before, decoded = decoded, unquote(decoded, errors="replace")
        if decoded == before:
            return ""
        for slash in "/\\":
            if decoded.count(slash) > before.count(slash):
                return f"hides {slash!r} behind percent-encoding"
    return "is percent-encoded too often"


def _unseen(text: str) -> str:
    # The expressions are long, and most names are plain: they are compiled when one is not.
    plain = text if text.isascii() else re.sub(_SHAPING, "", text)
    for character in plain:
        if kind := _CATEGORIES.get(unicodedata.category(character)):
            return f"holds {kind} (U+{ord(character):04X})"
    if plain.isascii():
        return ""
    if match := re.search(_TURNING, plain):
        return f"holds a character that turns the direction of writing (U+{ord(match[0]):04X})"
    if match := re.search(_INVISIBLE, plain):
        return f"holds a character that is not seen (U+{ord(match[0]):04X})"
    return ""
