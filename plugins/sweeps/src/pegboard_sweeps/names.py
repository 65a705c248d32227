"""Names of tags and files that say what a sweep is, and what its trials are."""

from __future__ import annotations

from typing import Final

DIGEST: Final = "pegboard.sweep.digest"
"""Of a sweep: what is searched, and how. The same again goes on in the same run."""
METHOD: Final = "pegboard.sweep.method"
METRIC: Final = "pegboard.sweep.metric"
GOAL: Final = "pegboard.sweep.goal"
PARAMETERS: Final = "pegboard.sweep.parameters"
"""Of a sweep: the names of its parameters that vary, as a JSON list."""
RUN_CAP: Final = "pegboard.sweep.run_cap"
COMMIT: Final = "pegboard.sweep.commit"
"""Of a sweep: the commit that its trials run, if their code is fetched."""
BEST_RUN: Final = "pegboard.sweep.best_run"
BEST_METRIC: Final = "best_{}"
"""Of a sweep: the metric that holds the best value so far; its steps count finished trials."""

TRIAL: Final = "pegboard.sweep.trial"
"""Of a trial: its number, from 1."""
STOPPED: Final = "pegboard.sweep.stopped"
"""Of a trial: why it was stopped early."""
REASON: Final = "pegboard.project.reason"

FILE: Final = "sweep/sweep.yaml"
"""Where among the files of a sweep's run its file is."""
