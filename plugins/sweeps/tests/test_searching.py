"""Bayesian search learns, and proposes the same of the same; halving stops the bad ones."""

from __future__ import annotations

import math
from typing import Any

import pytest
from pegboard_sweeps import reading, searching
from pegboard_sweeps.halving import verdict
from pegboard_sweeps.sweep import Halving, Metric
from pegboard_sweeps.trials import State, Trial, best

SWEEP: dict[str, Any] = {
    "method": "bayes",
    "run_cap": 60,
    "metric": {"name": "loss"},
    "parameters": {
        "rate": {"distribution": "log_uniform_values", "min": 1e-5, "max": 1e-1},
        "layers": {"min": 1, "max": 8},
        "solver": {"values": ["good", ["bad"], "worse"]},
        "fixed": {"value": 3},
    },
}


def loss(values: Any) -> float:
    rate = abs(math.log10(values["rate"]) + 3)
    solver = {"good": 0, "worse": 2}.get(str(values["solver"]), 1)
    return rate + abs(values["layers"] - 4) / 4 + solver


def test_bayesian_search_learns_from_the_trials_and_from_nothing_else() -> None:
    sweep = reading.made(SWEEP)
    trials: list[Trial] = []
    for number in range(1, sweep.count + 1):
        values = searching.values(sweep, number, trials)
        assert values["fixed"] == 3
        state, value = State.FINISHED, loss(values)
        if number % 10 == 0:
            # One of each kind that is no plain number.
            others = [State.FAILED, State.STOPPED, State.RUNNING, State.FINISHED, State.FINISHED]
            kinds = dict(zip((10, 20, 30, 40, 50), others, strict=True))
            state = kinds.get(number, State.FINISHED)
            value = {40: math.nan, 50: math.inf}.get(number, value)
        trials.append(
            Trial(number=number, values=values, state=state, value=value, points=number % 7 + 1)
        )
    first, last = ([loss(each.values) for each in part] for part in (trials[:20], trials[-20:]))
    assert sum(last) < sum(first) / 1.5
    # A sweep that goes on has no more than these, and proposes what it would have.
    assert searching.values(sweep, 35, trials[:34]) == trials[34].values
    found = best({each.number: each for each in trials}, sweep.metric)
    assert found is not None
    assert found.value == min(
        loss(each.values) for each in trials if each.number not in (10, 20, 30, 40, 50)
    )


LOW, HIGH = Metric(name="loss"), Metric(name="score", goal="maximize")
# By what is shown: the metric, whether strict, brackets passed before, the curve of the trial,
# those of others, and at which bracket it is stopped, if it is.
CASES: dict[str, tuple[Metric, bool, int, list[float], list[list[float]], int | None]] = {
    "the first goes on": (LOW, False, 0, [9, 9], [], None),
    "too short": (LOW, False, 0, [9], [[1, 1], [1, 1], [1, 1]], None),
    "the worse of two": (LOW, False, 0, [2, 2], [[1, 1]], 2),
    "the better of two": (LOW, False, 0, [2, 1], [[2, 2]], None),
    "alike": (LOW, False, 0, [1, 1], [[1, 1], [1, 1]], None),
    "second of five": (LOW, False, 0, [2, 2], [[1, 1], [3, 3], [4, 4], [5, 5]], 2),
    "second of six": (LOW, False, 0, [2, 2], [[n, n] for n in (1, 3, 4, 5, 6)], None),
    "of a score": (HIGH, False, 0, [2, 2], [[1, 1]], None),
    "its best counts": (LOW, False, 0, [0, 9], [[1, 1]], None),
    "what came later does not": (LOW, False, 0, [2, 2], [[3, 3, 1]], None),
    "NaN": (LOW, False, 0, [math.nan, math.nan], [[9, 9]], 2),
    "NaN among numbers": (LOW, False, 0, [math.nan, 1], [[9, 9]], None),
    "passed before": (LOW, False, 1, [2, 2], [[1, 1]], None),
    "passed before, but strict": (LOW, True, 1, [2, 2], [[1, 1]], 2),
    "the second bracket": (LOW, False, 1, [1, 1, 1, 9, 9, 9], [[0] * 6], 6),
    "two at once": (LOW, False, 0, [1, 1, 1, 9, 9, 9], [[2, 2, 2, 0, 0, 0]], 6),
}


@pytest.mark.parametrize("name", CASES)
def test_a_trial_is_stopped_if_it_is_not_among_the_best(name: str) -> None:
    metric, strict, passed, mine, others, expected = CASES[name]
    halving = Halving(brackets=[2, 6, 18], eta=3.0, strict=strict)
    curves = dict(enumerate([mine, *others]))
    found, now = verdict(halving, metric, 0, curves, passed)
    assert (found and found.bracket) == expected
    assert now == sum(bracket <= len(mine) for bracket in halving.brackets)
