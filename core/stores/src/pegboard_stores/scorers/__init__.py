"""Registered scorers: what judges the traces of an experiment, its versions, and its schedule.

``Scorers`` and ``ScoringTasks`` are abilities of tracking stores. ``content`` says what a
serialized scorer may be.
"""

from pegboard_stores.scorers.contract import (
    Schedule,
    Scorers,
    ScorerVersion,
    ScoringTask,
    ScoringTasks,
)

__all__ = ["Schedule", "ScorerVersion", "Scorers", "ScoringTask", "ScoringTasks"]
