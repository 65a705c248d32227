"""A sweep: what is tried, how, and what makes one trial better than another."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from attrs import field, frozen

from pegboard_sweeps.distributions import Parameter, text_of


@frozen(kw_only=True)
class Metric:
    """The metric that is to be small, or great; ``target`` is good enough to end the sweep."""

    name: str
    goal: str = "minimize"
    target: float | None = None

    def key(self, value: float) -> float:
        """Return a number that is small for good values; NaN is as bad as infinity."""
        if math.isnan(value):
            return math.inf
        return value if self.goal == "minimize" else -value

    def reaches(self, value: float) -> bool:
        """Whether a value is as good as the target."""
        return self.target is not None and self.key(value) <= self.key(self.target)


@frozen(kw_only=True)
class Halving:
    """When trials are compared and the bad ones stopped: after so many points of the metric.

    Of the trials that came so far, the best of ``eta`` go on.
    """

    brackets: Sequence[int]
    eta: float
    strict: bool = False
    """Whether a trial that went on is stopped later, when more others were better."""


@frozen(kw_only=True)
class Code:
    """What a trial runs: an entry point of a project; ``command`` is its command, in W&B's words.

    ``commit`` is the one that ``version`` was when the sweep began, if the project is fetched.
    ``timeout_seconds`` limits each trial. The others are those of ``pegboard.projects.run``.
    """

    uri: str
    entry_point: str = "main"
    command: Sequence[str] | None = None
    version: str | None = None
    commit: str | None = None
    backend: str | None = None
    backend_config: Mapping[str, Any] = field(factory=dict)
    env_manager: str | None = None
    timeout_seconds: float | None = None


@frozen(kw_only=True)
class Sweep:
    """What a file says, checked."""

    file: str
    """Its path, for people; "" if it comes from a script."""
    text: str
    """What it holds."""
    name: str | None
    description: str | None
    experiment: str | None
    method: str
    metric: Metric | None
    parameters: Mapping[str, Parameter]
    space: Mapping[str, Any]
    """The parameters as they were written."""
    halving: Halving | None
    code: Code
    run_cap: int | None
    seed: int
    concurrency: int
    max_failures: int
    notes: Sequence[str] = ()

    @property
    def varying(self) -> list[str]:
        """The names of parameters that have more than one value."""
        return [
            name
            for name, parameter in self.parameters.items()
            if (found := parameter.choices()) is None or len(found) > 1
        ]

    @property
    def grid_size(self) -> int | None:
        """How many combinations of values there are; None if they cannot be counted."""
        counts = [parameter.choices() for parameter in self.parameters.values()]
        if any(found is None for found in counts):
            return None
        return math.prod(len(found) for found in counts if found is not None)

    @property
    def count(self) -> int:
        """How many trials there are to be."""
        ends = [self.run_cap]
        if self.method == "grid":
            ends.append(self.grid_size)
        return min(end for end in ends if end is not None)

    @property
    def digest(self) -> str:
        """What tells this sweep from others: what is searched, and how; not for how long."""
        code, metric = self.code, self.metric
        facts = {
            "uri": code.uri,
            "version": code.version,
            "entry_point": code.entry_point,
            "command": code.command,
            "method": self.method,
            "metric": metric and [metric.name, metric.goal],
            "parameters": self.space,
            "seed": self.seed,
        }
        text = json.dumps(facts, default=text_of)
        return hashlib.sha256(text.encode()).hexdigest()[:32]
