"""Registered scorers: what judges the traces of an experiment, its versions, and its schedule.

``Scorers`` is an ability of tracking stores. ``content`` says what a serialized scorer may be.
"""

from pegboard_stores.scorers.contract import Schedule, Scorers, ScorerVersion

__all__ = ["Schedule", "ScorerVersion", "Scorers"]
