"""What is tried next: by grid and at random here, by Bayesian search in ``bayes``.

What a trial tries follows from the sweep and the trial's number, and for Bayesian search from the
other trials: nothing is kept beside the runs.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

from pegboard_sweeps.sweep import Sweep
from pegboard_sweeps.trials import Trial


def values(sweep: Sweep, number: int, others: Sequence[Trial]) -> dict[str, Any]:
    """Return the values that the trial of a number tries, by parameter; numbers begin with 1."""
    if sweep.method == "grid":
        return _grid(sweep, number)
    if sweep.method == "bayes":
        from pegboard_sweeps import bayes

        return bayes.values(sweep, number, others)
    return {
        name: parameter.at(random.Random(f"{sweep.seed}:{number}:{name}").random())  # noqa: S311
        for name, parameter in sweep.parameters.items()
    }


def _grid(sweep: Sweep, number: int) -> dict[str, Any]:
    """Return one combination; the last parameter changes with each."""
    rest = number - 1
    found: dict[str, Any] = {}
    for name in reversed(list(sweep.parameters)):
        choices = sweep.parameters[name].choices() or ()
        rest, place = divmod(rest, len(choices))
        found[name] = choices[place]
    return {name: found[name] for name in sweep.parameters}
