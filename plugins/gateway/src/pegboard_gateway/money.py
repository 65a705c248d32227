"""Money: whole nano-dollars, so that sums are exact whatever their order."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import TypeAlias

from pegboard.errors import InvalidValue, quoted

Money: TypeAlias = int
"""An amount in nano-dollars: 1,000,000,000 are one US dollar."""

DOLLAR: Money = 1_000_000_000
"""One US dollar."""
MOST: Money = 2**63 - 1
"""The largest amount: what an SQLite integer holds, about 9.2 thousand million dollars."""

MOST_OF_ATTEMPT: Money = 2**56
"""What one attempt is counted with at most, about 72 million dollars: absurd counts of tokens, a
client's or a vendor's, leave room for what others spend."""

_MILLION = 1_000_000


def of_dollars(dollars: str | float | Decimal) -> Money:
    """Return an amount given in US dollars, rounded to the nearest nano-dollar.

    Raises InvalidValue for what is not a number from 0 to ``MOST``.
    """
    try:
        # A float is taken for the decimal number that it is written as.
        amount = Decimal(str(dollars)) * DOLLAR
        found = int(amount.quantize(Decimal(1), ROUND_HALF_UP))
    except (InvalidOperation, ValueError, OverflowError):
        found = -1
    if not 0 <= found <= MOST:
        raise InvalidValue(
            f"{quoted(dollars)} is not an amount of US dollars.",
            hint="Write a number that is not negative, such as 0.25 or 100.",
        )
    return found


def dollars(amount: Money) -> str:
    """Return an amount in US dollars, exactly: ``0.00015``, ``12``."""
    sign, rest = ("-", -amount) if amount < 0 else ("", amount)
    whole, nano = divmod(rest, DOLLAR)
    return f"{sign}{whole}.{nano:09}".rstrip("0").rstrip(".")


def of_tokens(price: Money, tokens: int) -> Money:
    """Return what tokens cost at a price per million, rounded up: nothing is free by rounding."""
    return -(-price * tokens // _MILLION)
