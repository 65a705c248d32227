"""Texts that could be taken for something else in a filter, and filters that find just them."""

from __future__ import annotations

import re

from pegboard.literals import literal
from pegboard_stores.literals import escape_like

AWKWARD = [
    "it's",
    'say "so"',
    "both ' and \"",
    "''",
    '"',
    "ends with '",
    "`tick`",
    "100%",
    "a_b",
    "%",
    "__",
    "\\",
    "C:\\temp\\",
    "\\\\server\\share",
    "\\%",
    "50\\_%\\\\",
    "[a-c]*?",
    "x' OR '1'='1",
    "line\nbreak",
]


def unlike(text: str) -> str:
    """Return another text, which fits a text that is taken for a pattern, if it holds wildcards."""
    other = re.sub("[%_]", "x", text)
    return other if other != text else f"{text}x"


def finding(field: str, text: str) -> list[str]:
    """Return filters that each find what has just this text in a field."""
    pattern = literal(escape_like(text))
    return [
        f"{field} = {literal(text)}",
        f"{field} IN ('nothing', {literal(text)})",
        f"{field} LIKE {pattern}",
        f"{field} ILIKE {pattern}",
        f"{field} LIKE {literal('%' + escape_like(text))}",
        f"""{field} = '{text.replace("'", "''")}'""",
    ]
