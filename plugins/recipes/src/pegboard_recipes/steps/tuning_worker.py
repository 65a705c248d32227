"""A process that tries parameters, beside others, for ``tuning``.

What it works on comes as JSON from stdin; its tries go into the file that all of them share.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pegboard_recipes import configuration, failures, project
from pegboard_recipes.cards.card import Card
from pegboard_recipes.places import Places
from pegboard_recipes.step import Work
from pegboard_recipes.steps import estimators, outline, tuning


def work_on(given: Mapping[str, Any]) -> str:
    """Try parameters until there are enough; return what went wrong, "" if nothing did."""
    root = Path(given["root"])
    config = configuration.read(root, given["profile"])
    (step,) = (each for each in outline.STEPS if each.name == "train")
    with tempfile.TemporaryDirectory() as place, project.entered(root):
        card = Card(step=step.name, recipe=root.name)
        work = Work(step, config, Places(Path(given["directory"])), Path(place), card)
        try:
            tries = estimators.tries_of(work)
            file, number, drawn = Path(given["file"]), given["number"], given["drawn"]
            study = tuning.opened(work, file, number, drawn=drawn)
            tuning.go_on(work, study, tries, _end_with(os.getppid()))
        except (Exception, SystemExit) as error:
            return str(failures.explained(error, step.name, root, config.profile))
    return ""


def _end_with(parent: int) -> Callable[[], bool]:
    """Return what ends this process after a try, if the run that waits for it was killed."""

    def stops() -> bool:
        if os.getppid() != parent:
            sys.exit(1)
        return False

    return stops


if __name__ == "__main__":
    problem = work_on(json.load(sys.stdin))
    if problem:
        sys.stderr.write(problem)
        sys.exit(1)
