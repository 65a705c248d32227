"""What may differ between two outcomes, and whether two outcomes do."""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple

Outcome = dict[str, Any]
Step = dict[str, Any]


class Difference(NamedTuple):
    """Where two runs of a script differ first."""

    step: Step
    number: int
    theirs: Outcome
    ours: Outcome

    @property
    def sort(self) -> tuple[Any, ...]:
        """What a shorter script has to keep to show the same difference."""
        both = [outcome.get("error", "ok") for outcome in (self.theirs, self.ours)]
        if is_http(self.theirs) and is_http(self.ours):
            both = [outcome["ok"].get("error_code") or "ok" for outcome in (self.theirs, self.ours)]
        failed = "error" in self.theirs or "error" in self.ours
        found = [] if failed else [*self.places]
        first = [re.sub(r"\[\d+\]", "[]", place) for place in found[:1]]
        return (self.step["call"], self.step["with"].get("path"), str(both), *first)

    @property
    def places(self) -> dict[str, tuple[Any, Any]]:
        """Where the outcomes differ, and what each has there."""
        if is_http(self.theirs) and is_http(self.ours):
            return places(*(without_nothing(each["ok"]) for each in (self.theirs, self.ours)))
        return places(self.theirs, self.ours)


def places(theirs: Any, ours: Any, at: str = "") -> dict[str, tuple[Any, Any]]:
    """Return where two answers differ, with what each of them has there."""
    if isinstance(theirs, dict) and isinstance(ours, dict):
        keys: list[Any] = sorted(theirs.keys() | ours.keys())
        parts = [(f"{at}.{key}", theirs.get(key), ours.get(key)) for key in keys]
    elif isinstance(theirs, list) and isinstance(ours, list) and len(theirs) == len(ours):
        pairs = enumerate(zip(theirs, ours, strict=True))
        parts = [(f"{at}[{number}]", a, b) for number, (a, b) in pairs]
    else:
        return {} if theirs == ours else {at: (theirs, ours)}
    return {place: both for part, a, b in parts for place, both in places(a, b, part).items()}


def same(theirs: Outcome, ours: Outcome) -> bool:
    """Return whether a client notices no difference: words of errors are each server's own."""
    if "error" in theirs or "error" in ours:
        return theirs.get("error") == ours.get("error")
    if is_http(theirs) and is_http(ours):
        return without_nothing(theirs["ok"]) == without_nothing(ours["ok"])
    return theirs == ours


def is_http(outcome: Outcome) -> bool:
    """Return whether an outcome is that of a plain request."""
    answer = outcome.get("ok")
    return isinstance(answer, dict) and isinstance(answer.get("status"), int)


def without_nothing(value: Any) -> Any:
    """Return JSON without what the protocol takes for missing, and in an order if it has none."""
    if isinstance(value, dict):
        kept = {
            key: _MASKED.get(key) or without_nothing(each)
            for key, each in value.items()
            if key != "workspace"
        }
        return {key: each for key, each in kept.items() if each not in (None, [], {}, "")}
    if isinstance(value, list):
        made = [without_nothing(each) for each in value]
        keyed = all(isinstance(each, dict) and each.keys() & _UNORDERED for each in made)
        return sorted(made, key=lambda each: json.dumps(each, sort_keys=True)) if keyed else made
    return "NaN" if value == "nan" else value


_UNORDERED = {"key", "dataset", "model_id", "digest"}
_MASKED = {"next_page_token": "<token>"}
