"""Random choices of calls and of what they are given."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

Step = dict[str, Any]
NONCE = "0123456789ab"
"""Stands in scripts for twelve hexadecimal digits that tell one run of a script from the others."""

LONG = [249, 250, 251, 256, 257, 500, 501, 5000, 5001, 6000, 6001, 8000, 8001]
KEYS = ["a", "b", "loss", "val/acc", "a.b", "a b", "a-b", "größe", "日本", "a:b", "A"]
BAD_KEYS = ["", "../a", "/a", "a//b", "a/../b", "a\nb", "a?b", ".", "a/", 'a"b', "a'b", "a`b", "💥"]
VALUES = ["1", "0.5", "x", "X", "größe", "it's", 'say "hi"', "100%", "a_b", " sp ", "", "x\ny"]
NUMBERS = [0, 1, -1, 0.5, -0.0, 1e-9, 1e300, 5e-324, 0.1, "nan", "inf", "-inf", 2**53 + 1]
TIMES = [0, 1, 5, 1000, 1001, 10**9]
STEPS = [0, 1, 2, 7, -1, 2**31, 2**53 + 1]
STATUSES = ["RUNNING", "SCHEDULED", "FINISHED", "FAILED", "KILLED"]
PATHS = ["a.txt", "d/b.txt", "d/e/c.txt", "größe.txt", "a b.txt", "d", "x%20y.txt", "+.txt"]
BAD_PATHS = ["../a.txt", "/etc/x", "d/../a.txt", "", ".", "a\\b.txt"]
STAGES = ["None", "Staging", "Production", "Archived", "staging", "production", "Live"]
VIEWS = ["active", "active", "deleted", "all"]


class Writer:
    """Writes one script."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.steps: list[Step] = []
        self.made: dict[str, list[str]] = {}
        self._time = 0
        self.invents = self.chance(0.3)
        """Whether runs may be without a name, so that the server invents one."""

    # -- choices -----------------------------------------------------------------------------------

    def one(self, of: Any) -> Any:
        return self.random.choice(of)

    def chance(self, of: float) -> bool:
        return self.random.random() < of

    def some(self, make: Callable[[], Any], most: int = 3) -> list[Any]:
        return [make() for _ in range(self.random.randint(0, most))]

    def known(self, kind: str) -> Any:
        """Return a reference to something that is there, seldom to nothing."""
        made = self.made.get(kind)
        if not made or self.chance(0.03):
            return {"$": "none"} if kind != "experiment" else "987654"
        return {"$": self.one(made)}

    def key(self) -> Any:
        if self.chance(0.06):
            return self.one(BAD_KEYS)
        if self.chance(0.03):
            return {"*": ["k", self.one(LONG[:7])]}
        return self.one(KEYS)

    def value(self) -> Any:
        return {"*": ["v", self.one(LONG)]} if self.chance(0.04) else self.one(VALUES)

    def tags(self, most: int = 2) -> dict[str, Any]:
        return {self.one(KEYS): self.one(VALUES) for _ in range(self.random.randint(0, most))}

    def start(self) -> int:
        """Return a time that no other run of the script has: orders are not left to chance."""
        self._time += self.one([1, 10, 1000])
        return self._time

    def name(self) -> str:
        return f"{NONCE}-{self.one(['a', 'b', 'c', 'D', 'ä b'])}"

    def add(self, call: str, made: str = "", /, **given: Any) -> None:
        step = f"s{len(self.steps)}"
        self.steps.append({"id": step, "call": call, "with": given})
        if made:
            self.made.setdefault(made, []).append(step)

    def page(self, least: int = 1) -> dict[str, Any]:
        if self.chance(0.05):
            return {"max_results": self.one([0, -1, 50_001, 10**6]), "pages": 1}
        if self.chance(0.3):
            return {"max_results": self.random.randint(least, 3), "pages": 3}
        return {"max_results": 100, "pages": 1}

    # -- filters -----------------------------------------------------------------------------------

    def quoted(self, value: str | None = None) -> str:
        value = self.one([*VALUES[:6], "%x%", "_", "X%", "%"]) if value is None else value
        return f'"{value}"' if "'" in value or self.chance(0.2) else f"'{value}'"

    def named(self, kinds: list[str]) -> str:
        key = self.one(KEYS)
        plain = key.isascii() and key.replace("_", "").isalnum()
        return f"{self.one(kinds)}.{key if plain and self.chance(0.8) else f'`{key}`'}"

    def text_match(self, field: str, values: list[str] | None = None) -> str:
        operator = self.one(["=", "!=", "LIKE", "ILIKE", "=", "like"])
        return f"{field} {operator} {self.quoted(values and self.one(values))}"

    def number_match(self, field: str, numbers: list[Any] | None = None) -> str:
        operator = self.one(["=", "!=", "<", "<=", ">", ">="])
        return f"{field} {operator} {self.one(numbers or [0, 0.5, 1, -1, '1e300', '.5'])}"

    def filter(self, clauses: list[Callable[[], str]]) -> str:
        if self.chance(0.05):
            return self.one(BAD_FILTERS)
        number = self.one([0, 1, 1, 1, 2, 3])
        return self.one([" AND ", " and "]).join(self.one(clauses)() for _ in range(number))

    def order(self, fields: list[str]) -> list[str]:
        if self.chance(0.04):
            return [self.one(["", "foo", "name UP", "attributes.nothing", "name ASC x"])]
        chosen = self.random.sample(fields, self.one([0, 0, 1, 1, 2]))
        return [f"{field}{self.one(['', ' ASC', ' DESC', ' desc'])}" for field in chosen]


BAD_FILTERS = [
    "metrics.a",
    "metrics.a >",
    "metrics.a > 'x'",
    "params.a > 1",
    "params.a = 1",
    "tags.a = b",
    "name",
    "= 1",
    "params.a = 'x' OR params.a = 'y'",
    "foo.a = 'x'",
    "attributes.foo = 'x'",
    "params.a IN 'x'",
    "status > 'RUNNING'",
    "start_time = 'x'",
    "a = 'x' AND",
    "(params.a = 'x')",
    "params.a == 'x'",
    "metrics.a LIKE 'x'",
    "params.'a = 'x'",
    "run_id IN ()",
    "run_id IN (1)",
    "creation_time > 'x'",
    "params.a LIKE",
    "name IS NULL",
]
