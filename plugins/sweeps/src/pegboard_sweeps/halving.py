"""Successive halving: bad trials are stopped when they have come as far as the others.

Source: Li et al., "A System for Massively Parallel Hyperparameter Tuning" (2020), section 3: a
trial that reaches a bracket goes on if it is among the best 1/eta of those that reached it so far.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from attrs import frozen

from pegboard_sweeps.sweep import Halving, Metric


@frozen
class Verdict:
    """Why a trial is stopped: its best value at a bracket, and how many of how many are better."""

    bracket: int
    value: float
    better: int
    trials: int

    def said(self, metric: str) -> str:
        """Return it as a sentence."""
        return (
            f"At iteration {self.bracket} its best {metric} was {self.value:.6g}: "
            f"{self.better} of {self.trials} trials were better."
        )


def verdict(
    halving: Halving,
    metric: Metric,
    number: int,
    curves: Mapping[int, Sequence[float]],
    passed: int,
) -> tuple[Verdict | None, int]:
    """Return why the trial of a number is to be stopped, if it is; and the brackets it has passed.

    ``curves`` are the metric's points of all trials, by number; ``passed`` is how many brackets
    this one had passed before. Only new ones count, unless the halving is strict.
    """
    mine = curves[number]
    reached = [bracket for bracket in halving.brackets if bracket <= len(mine)]
    judged = reached[-1:] if halving.strict else reached[passed:]
    for bracket in judged:
        bests = {
            other: min(metric.key(value) for value in curve[:bracket])
            for other, curve in curves.items()
            if len(curve) >= bracket
        }
        better = sum(best < bests[number] for best in bests.values())
        if better >= max(1, int(len(bests) / halving.eta)):
            value = min(mine[:bracket], key=metric.key)
            return Verdict(bracket, value, better, len(bests)), len(reached)
    return None, len(reached)
