"""Personal data and credentials in texts: addresses, numbers and keys of well-known forms.

Every repetition in the patterns has a bound, so the time is in proportion to the text whatever it
is, and a budget of steps ends it where the text is too long. What has a check digit is checked, so
that few other numbers are taken for it.

Source: ISO/IEC 7812-1, annex B (Luhn); ISO 13616-1 (IBAN, mod 97).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from attrs import frozen
from pegboard_stores.filters.budget import Budget

from pegboard_gateway.control.guardrails import Setting
from pegboard_gateway.control.guardrails.finding import (
    FindingGuard,
    Found,
    refuse_others,
    wrong,
)

_NAME = "pii"
_SPACED = 72
"""What has blanks in it is not longer: of a stream so much is held back."""
_UNBROKEN = 400
"""What has none may be so long: the last word of a stream is held back."""


def _luhn(text: str) -> bool:
    digits = [int(c) for c in text if c.isdigit()]
    doubled = [2 * d - 9 * (d > 4) for d in digits[-2::-2]]
    return 13 <= len(digits) <= 19 and (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def _iban(text: str) -> bool:
    plain = text.replace(" ", "")
    if not 15 <= len(plain) <= 34:
        return False
    turned = plain[4:] + plain[:4]
    return int("".join(str(int(c, 36)) for c in turned)) % 97 == 1


def _ipv4(text: str) -> bool:
    return all(int(part) < 256 for part in text.split("."))


def _any(_: str) -> bool:
    return True


@frozen
class Kind:
    """One kind of personal data."""

    pattern: re.Pattern[str]
    is_one: Callable[[str], bool] = _any
    """Says whether what looks like one is one."""
    needs: tuple[str, ...] = ()
    """Without any of these in a text it has none: the quickest thing to ask."""


def _kind(pattern: str, *needs: str, is_one: Callable[[str], bool] = _any) -> Kind:
    return Kind(re.compile(pattern), is_one, needs)


# What must not stand before the first character is looked for behind that character: a pattern that
# begins with one is searched several times as fast.
KINDS: Mapping[str, Kind] = {
    "email": _kind(
        r"[\w.+-](?<![\w.+-][\w.+-])[\w.+-]{0,63}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,4}"
        r"(?![\w-])",
        "@",
    ),
    "card": _kind(r"\d(?<![\d-]\d)(?:[ -]?\d){12,18}(?![\d-])", is_one=_luhn),
    "iban": _kind(
        r"[A-Z](?<![A-Za-z0-9][A-Z])[A-Z]\d{2}(?: ?[A-Z0-9]){11,30}(?![A-Za-z0-9])", is_one=_iban
    ),
    "us_ssn": _kind(
        r"\d(?<![\d-]\d)(?<!9)\d\d(?<!000)(?<!666)-(?!00)\d\d-(?!0000)\d{4}(?![\d-])", "-"
    ),
    "phone": _kind(
        r"\+(?<![\w+]\+)\d{1,3}[ .-]?(?:\(\d{1,4}\)[ .-]?)?\d(?:[ .-]?\d){6,12}(?!\d)", "+"
    ),
    "ip": _kind(r"\d(?<![\d.]\d)\d{0,2}(?:\.\d{1,3}){3}(?![\d.])", ".", is_one=_ipv4),
    "key": _kind(
        r"(?<![\w-])(?:sk-[\w-]{16,256}|pgk_[a-z0-9]{12}_[\w-]{20,64}|ghp_[A-Za-z0-9]{20,64}"
        r"|xox[abprs]-[\w-]{10,128}|AKIA[A-Z0-9]{16}|AIza[\w-]{35})",
        *("sk-", "pgk_", "ghp_", "xox", "AKIA", "AIza"),
    ),
}
"""By name: how it looks, and what checks it."""

STEPS = 30_000_000
"""What looking through one request or answer may cost: less than half a second, in which the
gateway does nothing else. A step is 14 ns: a character of text that has nothing of the kinds."""
_WORD_STEPS = 3
"""For a character, where a text has an ``@``: each word may be the name in an address."""
_DIGIT_STEPS = 25
"""For a digit: it may begin a number of each kind."""


class PiiGuard(FindingGuard):
    """Finds personal data and credentials."""

    name = _NAME

    def __init__(self, given: Mapping[str, Any], setting: Setting) -> None:
        """``kinds``: which of KINDS to look for; by default all."""
        super().__init__(given, setting)
        refuse_others(_NAME, given, ("kinds",))
        kinds: Sequence[str] = given.get("kinds", list(KINDS))
        for kind in kinds:
            if kind not in KINDS:
                raise wrong(_NAME, "kinds", kind, f"some of {', '.join(KINDS)}")
        self._kinds = [(f"[{kind.upper()}]", KINDS[kind]) for kind in kinds]
        self._budget = Budget()

    def begin(self) -> None:
        """Begin to look through a request or an answer."""
        super().begin()
        self._budget.left = STEPS

    def kept(self, text: str) -> int:
        """Return from where on a stream's text is held back."""
        word = max(text.rfind(" "), text.rfind("\n"), text.rfind("\t")) + 1
        return max(min(word, len(text) - _SPACED), len(text) - _UNBROKEN, 0)

    def find(self, text: str) -> Iterable[Found]:
        """Return what is in a text; InvalidValue if that takes too long to tell."""
        digits = sum(map(text.count, "0123456789"))
        words = len(text) * (_WORD_STEPS if "@" in text else 1)
        self._budget.spend(words + _DIGIT_STEPS * digits)
        found = [
            (match.start(), match.end(), instead)
            for instead, kind in self._kinds
            if not kind.needs or any(part in text for part in kind.needs)
            for match in kind.pattern.finditer(text)
            if kind.is_one(match.group())
        ]
        return without_overlaps(found)


def without_overlaps(found: list[Found]) -> list[Found]:
    """Return what was found in its order; of what overlaps, what begins first."""
    kept: list[Found] = []
    for each in sorted(found, key=lambda one: (one[0], -one[1])):
        if not kept or each[0] >= kept[-1][1]:
            kept.append(each)
    return kept


def make(given: Mapping[str, Any], setting: Setting) -> PiiGuard:
    """Return the guard of a table."""
    return PiiGuard(given, setting)
