"""Steps that run elsewhere: as jobs of a runner of projects, by one line in the profile.

``runner: slurm`` gives all steps that have to run to one job; ``runner: {name: slurm, steps:
[train], config: {…}}`` only some. Jobs see the files of this machine, or the runner is refused:
the results of a recipe are files.
"""

from __future__ import annotations

import json
import os
import shlex
import sys
import uuid
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from attrs import frozen
from pegboard import distributions, settings
from pegboard import host as hosts
from pegboard.errors import InvalidValue, PegboardError, PluginError
from pegboard.targets import resolve

from pegboard_recipes import digests, tracking
from pegboard_recipes.planning import Planner
from pegboard_recipes.step import Step

KIND = "project runner"
_DIRECTORY = "MLFLOW_RECIPES_EXECUTION_DIRECTORY"
_OURS = ("PEGBOARD_", "MLFLOW_")
_PAUSE_S = 0.2
ENDED = "ended"
"""What a job says last: all its steps are done. Its exit code alone says nothing of that."""

Line = Mapping[str, Any]
"""What a job says of a step: the fields of ``Done``; of one that failed also of its error."""


@frozen(eq=False)
class Elsewhere:
    """A runner, with its settings, and the steps that it takes."""

    name: str
    runner: Any
    settings: Any
    steps: frozenset[str]

    def taken(self, steps: Sequence[Step]) -> list[Step]:
        """Return the first steps of some that all go to the runner."""
        found = []
        for step in steps:
            if step.name not in self.steps:
                break
            found.append(step)
        return found

    def run(self, planner: Planner, steps: Sequence[Step], given: Line) -> Iterator[Line]:
        """Run steps as one job; yield what it says of each, as they end.

        Raises:
            PegboardError: the runner refuses the job, or it ended without a word.
        """
        place = planner.places.directory / "jobs"
        file = place / f"{uuid.uuid4().hex}.json"
        told = file.with_suffix(".told")
        what = {**given, "steps": [step.name for step in steps], "told": str(told)}
        digests.write_whole(file, json.dumps(what))
        try:
            yield from self._followed(planner, file, told)
        finally:
            file.unlink(missing_ok=True)
            told.unlink(missing_ok=True)

    def _followed(self, planner: Planner, file: Path, told: Path) -> Iterator[Line]:
        submitted = self.runner.submit(self._job(planner, file), _show)
        said: list[Line] = []
        try:
            ended = None
            while ended is None:
                ended = submitted.wait(_PAUSE_S)
                fresh = _read(told)[len(said) :]
                said += fresh
                yield from (line for line in fresh if ENDED not in line)
        except BaseException:
            submitted.cancel()
            submitted.wait()
            raise
        if any(each.get("error") for each in said):
            return
        if ended.code != 0 or ended.reason or not any(ENDED in each for each in said):
            raise PegboardError(
                f"The job of the runner {self.name!r} ended with {ended.code}, and did not say "
                f"why. {ended.reason}".strip(),
                hint="What it printed stands above.",
            )

    def _job(self, planner: Planner, file: Path) -> Any:
        from pegboard_projects import Job

        variables = {**os.environ, _DIRECTORY: str(planner.places.directory)}
        return Job(
            run_id=file.stem,
            name=planner.config.root.name,
            command=shlex.join([sys.executable, "-m", "pegboard_recipes.job", str(file)]),
            directory=planner.config.root,
            variables=variables,
            added=frozenset(name for name in variables if name.startswith(_OURS)),
            settings=self.settings,
        )


def chosen(planner: Planner) -> Elsewhere | None:
    """Return where steps run, if the recipe says so; InvalidValue names file and line at fault."""
    config = planner.config
    given = config.values.get("runner")
    if not given:
        return None
    wanted: dict[str, Any] = {"name": given} if isinstance(given, str) else dict(given)
    names = [step.name for step in planner.steps]
    steps = wanted.get("steps") or names
    for step in steps:
        if step not in names:
            place, what = ("runner", "steps"), f"There is no step {step!r}."
            raise config.wrong(place, what, hint=f"There are: {', '.join(names)}.")
    runner = _opened(planner, str(wanted.get("name")))
    made = settings.structure(runner.settings, wanted.get("config") or {}, "runner.config")
    runner.check(made, tracking.tracking_uri(config))
    if not runner.shares_machine:
        raise InvalidValue(
            f"Jobs of the runner {str(wanted['name'])!r} do not see the files of this machine.",
            hint="A recipe keeps its results in files: use a runner whose jobs see them.",
        )
    return Elsewhere(str(wanted["name"]), runner, made, frozenset(steps))


def _opened(planner: Planner, name: str) -> Any:
    known = hosts.current().declared(KIND)
    if not known:
        raise PluginError(
            f"The runner {name!r} needs pegboard-projects, which is not installed.",
            hint="Install it: pip install pegboard-projects",
        )
    if name not in known:
        raise planner.config.wrong(
            ("runner",),
            f"There is no runner {name!r}.",
            hint=distributions.install(KIND, name)
            or f"{distributions.near(name, known)}There are: {', '.join(sorted(known))}.",
        )
    return resolve(known[name].target)()


def _show(piece: bytes) -> None:
    sys.stderr.write(piece.decode(errors="replace"))


def _read(told: Path) -> list[Line]:
    try:
        text = told.read_text(encoding="utf-8")
    except OSError:
        return []
    return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]
