"""Scorers that are code: they ask no model, and say the same each time."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Literal

from pegboard.errors import InvalidValue
from pegboard_tracing.api import Feedback, Trace

from pegboard_evaluation.genai.scoring import Scorer
from pegboard_evaluation.genai.texts import answer_of

_BYTE = r"(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"
PII = {
    "email": re.compile(r"[\w.%+-]+@[\w-]+(?:\.[\w-]+)*\.[A-Za-z]{2,}"),
    "phone": re.compile(
        r"(?<![\d.-])(?:(?:\+?1[ .-]?)?(?:\(\d{3}\)|\d{3})[ .-]?\d{3}[ .-]?\d{4}|\+[1-9]\d{6,14})"
        r"(?![\d-])"
    ),
    "ssn": re.compile(r"(?<![\d-])\d{3}-\d{2}-\d{4}(?![\d-])"),
    "credit_card": re.compile(
        r"(?<!\d)(?:(?:4\d{3}|5[1-5]\d\d|6011|65\d\d)(?:[ -]?\d{4}){3}"
        r"|3[47]\d\d[ -]?\d{6}[ -]?\d{5})(?!\d)"
    ),
    "ip_address": re.compile(rf"(?<![\d.])(?:{_BYTE}\.){{3}}{_BYTE}(?!\d|\.\d)"),
}
"""What is looked for, by kind of personal data."""


class Rule(Scorer):
    """A scorer that looks at the text of an answer."""

    def __call__(self, *, outputs: Any = None, trace: Trace | None = None) -> Feedback:
        """Return ``yes`` or ``no``."""
        if outputs is None and trace is not None and trace.data.root is not None:
            outputs = trace.data.root.outputs
        text = answer_of(outputs)
        passes, why = (False, "There is no answer.") if text is None else self.judged(text)
        return Feedback(self.name, "yes" if passes else "no", rationale=why)

    @property
    def takes(self) -> tuple[str, ...]:
        """What a row gives it."""
        return ("outputs",)

    def judged(self, text: str) -> tuple[bool, str]:
        """Return whether an answer passes, and why."""
        raise NotImplementedError


class RegexMatch(Rule):
    """Whether an answer matches a pattern, anywhere or as a whole."""

    name: str = "regex_match"
    description: str | None = "Whether the answer matches a pattern."
    pattern: str
    match_type: Literal["search", "fullmatch"] = "search"
    case_insensitive: bool = False

    def check(self) -> None:
        """Refuse a pattern that is none."""
        if self.match_type not in ("search", "fullmatch"):
            raise InvalidValue(f"match_type is {self.match_type!r}, not 'search' or 'fullmatch'.")
        try:
            self._found = re.compile(self.pattern, re.IGNORECASE if self.case_insensitive else 0)
        except (re.error, TypeError) as error:
            raise InvalidValue(f"{self.pattern!r} is not a regular expression: {error}.") from None

    def judged(self, text: str) -> tuple[bool, str]:
        """Look for the pattern."""
        passes = getattr(self._found, self.match_type)(text) is not None
        return passes, f"It {'matches' if passes else 'does not match'} {self.pattern!r}."


class PIIDetection(Rule):
    """Whether an answer is free of personal data; ``no`` if some is found.

    It finds e-mail addresses, phone numbers, US social security numbers, numbers of credit cards
    and IPv4 addresses by their form, so some of what it finds is harmless.
    """

    name: str = "pii_detection"
    description: str | None = "Whether the answer is free of personal data."
    pii_types: Sequence[str] | None = None

    def check(self) -> None:
        """Refuse kinds that are not known."""
        for each in self.pii_types or ():
            if each not in PII:
                raise InvalidValue(
                    f"pii_types has {each!r}, which is not looked for.",
                    hint=f"There are: {', '.join(PII)}.",
                )

    def judged(self, text: str) -> tuple[bool, str]:
        """Look for each kind."""
        kinds = list(PII) if self.pii_types is None else self.pii_types
        found = [kind for kind in kinds if PII[kind].search(text)]
        return not found, f"It has: {', '.join(found)}." if found else "No personal data is found."


class ResponseLength(Rule):
    """Whether an answer is neither too short nor too long, in characters or words."""

    name: str = "response_length"
    description: str | None = "Whether the answer's length is within bounds."
    min_length: int | None = None
    max_length: int | None = None
    unit: Literal["chars", "words"] = "chars"

    def check(self) -> None:
        """Refuse bounds that no answer could meet."""
        if self.min_length is None and self.max_length is None:
            raise InvalidValue("ResponseLength needs min_length or max_length.")
        for name in ("min_length", "max_length"):
            value = getattr(self, name)
            if value is not None and (not isinstance(value, int) or value < 0):
                raise InvalidValue(f"{name} is {value!r}, not a whole number, at least 0.")
        if (self.min_length or 0) > (self.max_length or self.min_length or 0):
            raise InvalidValue(
                f"min_length is {self.min_length}, more than max_length, {self.max_length}."
            )
        if self.unit not in ("chars", "words"):
            raise InvalidValue(f"unit is {self.unit!r}, not 'chars' or 'words'.")

    def judged(self, text: str) -> tuple[bool, str]:
        """Count."""
        length = len(text.split()) if self.unit == "words" else len(text)
        if self.min_length is not None and length < self.min_length:
            return False, f"It has {length} {self.unit}, less than {self.min_length}."
        if self.max_length is not None and length > self.max_length:
            return False, f"It has {length} {self.unit}, more than {self.max_length}."
        return True, f"It has {length} {self.unit}."
