"""What is kept of a recipe in the run that it logged to: its steps, how each came to its result.

The file ``recipe.json`` among the run's artifacts is what the web interface draws. It grows as
later calls run more steps into the same run.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from pegboard_recipes import digests, places, tracking
from pegboard_recipes.planning import Planner
from pegboard_recipes.step import Done, Step, run_source

RECORD = "recipe.json"
DONE, KEPT, FAILED, WAITING = "done", "kept", "failed", "waiting"


def keep(planner: Planner, run_id: str, steps: Sequence[Done], facts: Mapping[str, Any]) -> None:
    """Log what became of steps into a run, with the facts of the outcome."""
    file = planner.places.directory / RECORD
    source = run_source(planner.steps)
    done = {each.step: each for each in steps}
    starts = source is not None and source[0] in done and done[source[0]].ran
    before = {} if starts else _before(file, run_id)
    entries = [
        _entry(planner, step, done.get(step.name), before.get(step.name))
        for step in planner.steps
        if not step.scoring
    ]
    config = planner.config
    record = {
        "run_id": run_id,
        "recipe": config.root.name,
        "kind": config.recipe,
        "profile": config.profile,
        **facts,
        "steps": entries,
    }
    text = json.dumps(record, indent=1)
    digests.write_whole(file, text)
    with tracking.located(config) as client:
        client.log_text(run_id, text, RECORD)
    for name in _failed(entries):
        tracking.log_step(config, run_id, name, planner.places.outputs(name))


def _failed(entries: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    return (each["step"] for each in entries if each["state"] == FAILED and each["card"])


def _before(file: Path, run_id: str) -> dict[str, dict[str, Any]]:
    """Return what was kept of the steps of the same run."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        known = json.loads(file.read_text(encoding="utf-8"))
        if known["run_id"] == run_id:
            return {each["step"]: each for each in known["steps"]}
    return {}


def _entry(
    planner: Planner, step: Step, done: Done | None, before: dict[str, Any] | None
) -> dict[str, Any]:
    if before is not None and (done is None or not (done.ran or done.error)):
        return before
    directory = planner.places.outputs(step.name)
    known = planner.places.state(step.name)
    found = {
        "step": step.name,
        "needs": list(step.needs),
        "state": WAITING,
        "reason": "",
        "seconds": None,
        "when": None,
        "card": None,
        "log": None,
    }
    if done is None:
        return found
    state = FAILED if done.error else DONE if done.ran else KEPT
    # Of a process that ended at once nobody made a card: what lies there is an older one.
    shown = state != FAILED or known.status == places.FAILED

    def file(name: str) -> str | None:
        return f"{step.name}/{name}" if shown and (directory / name).is_file() else None

    return found | {
        "state": state,
        "reason": done.reason,
        "seconds": round(done.seconds if state == FAILED else known.seconds, 3),
        "when": int(known.when * 1000),
        "card": file(places.CARD),
        "log": file(places.PRINTED),
    }
