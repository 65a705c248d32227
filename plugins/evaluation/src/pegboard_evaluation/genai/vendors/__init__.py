"""Scorers of other libraries, under MLflow's names: imported when they are used.

``pegboard.genai.scorers.deepeval``, ``.ragas`` and ``.phoenix`` each have ``get_scorer(NAME)`` and
a class for each metric.
"""
