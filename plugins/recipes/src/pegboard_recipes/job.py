"""A process that runs steps of a recipe, for ``elsewhere``: whoever starts it holds the lock.

Its argument is a file that says which; it writes what became of each step into another.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from attrs import asdict

from pegboard_recipes import api, configuration, elsewhere, failures, running
from pegboard_recipes.step import Done


def main(file: Path) -> int:
    """Run the steps; return the exit code."""
    given = json.loads(file.read_text(encoding="utf-8"))
    os.chdir(given["directory"])
    planner = api.planner_of(configuration.read(Path(given["root"]), given["profile"]))
    steps = [step for step in planner.steps if step.name in given["steps"]]
    with Path(given["told"]).open("w", encoding="utf-8") as stream:

        def tell(done: Done, **more: Any) -> None:
            stream.write(json.dumps({**asdict(done), **more}) + "\n")
            stream.flush()

        try:
            for done in running.carried_out(planner, steps, given["asked"], given["goal"]):
                tell(done)
            stream.write(json.dumps({elsewhere.ENDED: True}) + "\n")
        except failures.Failed as found:
            error = found.error
            tell(found.done, message=error.message, hint=error.hint, run_id=found.run_id)
            return 1
        finally:
            planner.memory.save()
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
