"""Personal data and credentials in texts: addresses, numbers and keys of well-known forms.

Every repetition in the patterns has a bound, so the time is in proportion to the text whatever it
is. What has a check digit is checked, so that few other numbers are taken for it.

Source: ISO/IEC 7812-1, annex B (Luhn); ISO 13616-1 (IBAN, mod 97).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

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


KINDS: dict[str, tuple[re.Pattern[str], Callable[[str], bool]]] = {
    "email": (
        re.compile(
            r"(?<![\w.+-])[\w.+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,4}(?![\w-])"
        ),
        _any,
    ),
    "card": (re.compile(r"(?<![\d-])\d(?:[ -]?\d){12,18}(?![\d-])"), _luhn),
    "iban": (
        re.compile(r"(?<![A-Za-z0-9])[A-Z]{2}\d{2}(?: ?[A-Z0-9]){11,30}(?![A-Za-z0-9])"),
        _iban,
    ),
    "us_ssn": (
        re.compile(r"(?<![\d-])(?!000|666|9\d\d)\d{3}-(?!00)\d\d-(?!0000)\d{4}(?![\d-])"),
        _any,
    ),
    "phone": (
        re.compile(
            r"(?<![\w+])(?:\+\d{1,3}[ .-]?)(?:\(\d{1,4}\)[ .-]?)?\d(?:[ .-]?\d){6,12}(?!\d)"
        ),
        _any,
    ),
    "ip": (re.compile(r"(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?![\d.])"), _ipv4),
    "key": (
        re.compile(
            r"(?<![\w-])(?:sk-[\w-]{16,256}|pgk_[a-z0-9]{12}_[\w-]{20,64}|ghp_[A-Za-z0-9]{20,64}"
            r"|xox[abprs]-[\w-]{10,128}|AKIA[A-Z0-9]{16}|AIza[\w-]{35})"
        ),
        _any,
    ),
}
"""By kind: how it looks, and what checks it."""


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
        self._kinds = [(f"[{kind.upper()}]", *KINDS[kind]) for kind in kinds]

    def kept(self, text: str) -> int:
        """Return from where on a stream's text is held back."""
        word = max(text.rfind(" "), text.rfind("\n"), text.rfind("\t")) + 1
        return max(min(word, len(text) - _SPACED), len(text) - _UNBROKEN, 0)

    def find(self, text: str) -> Iterable[Found]:
        """Return what is in a text."""
        found = [
            (match.start(), match.end(), instead)
            for instead, pattern, is_one in self._kinds
            for match in pattern.finditer(text)
            if is_one(match.group())
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
