"""Texts as filters write them: the inverse of reading them.

A quote inside a text is written twice.
"""

from __future__ import annotations


def literal(text: str) -> str:
    """Return a text for a filter: ``params.model = {literal(text)}``.

    It is in the quotes that it does not hold, if there are such, as MLflow's servers know of no
    other way.
    """
    quote = '"' if "'" in text and '"' not in text else "'"
    return quote + text.replace(quote, quote * 2) + quote
