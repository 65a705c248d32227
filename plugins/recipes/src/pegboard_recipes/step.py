"""What a step is: what it needs, what its result depends on, and the function that makes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from attrs import field, frozen
from pegboard.targets import check

from pegboard_recipes import project
from pegboard_recipes.cards.card import Card
from pegboard_recipes.configuration import Configuration
from pegboard_recipes.places import Places

FRAME, MODEL, OBJECT, RUN, TEXT, VERSION = "frame", "model", "object", "run", "text", "version"
"""What an artifact is when it is loaded."""


@frozen
class Artifact:
    """A result that has a name: the file of the step's outputs, and what it is."""

    file: str
    kind: str


def _check_if_any(instance: Any, attribute: Any, value: str) -> None:
    if value:
        check(instance, attribute, value)


@frozen(kw_only=True)
class Step:
    """A step of a recipe.

    ``target`` names a function of a ``Work``; it writes files into ``Work.directory``. Whatever it
    depends on is declared: only if that changed, it runs again.
    """

    name: str
    target: str = field(validator=check)
    needs: Mapping[str, Sequence[str]] = field(factory=dict)
    """By earlier step the files of it that this one reads."""
    module: str = ""
    """Module in ``steps/`` with the user's functions."""
    keys: Sequence[str] = ()
    """Keys at the top of the configuration that it depends on, beside ``steps.NAME``."""
    measures: bool = False
    """Whether it computes the user's metrics, which are in ``steps/custom_metrics.py``."""
    data: bool = False
    """Whether it reads data from outside: ``location`` of its configuration."""
    scoring: bool = False
    """Whether it runs only when it is asked for."""
    validate: str = field(default="", validator=_check_if_any)
    """Names a function of a ``Configuration`` that yields, as errors, what is wrong with it for
    this step; it is called before anything runs, so it may read no data and import nothing that
    takes long."""
    logged: bool = False
    """Whether its card is logged into the run that the step ``train`` made."""
    artifacts: Mapping[str, Artifact] = field(factory=dict)


def run_source(steps: Sequence[Step]) -> tuple[str, str] | None:
    """Return which step starts the run that a recipe logs to, and the file with its id."""
    for step in steps:
        for artifact in step.artifacts.values():
            if artifact.kind == RUN:
                return step.name, artifact.file
    return None


@frozen(eq=False)
class Work:
    """What a step gets: the configuration, the results of earlier steps, and a directory."""

    step: Step
    config: Configuration
    places: Places
    directory: Path
    """Empty at first; what is in it when the step is done is its result."""
    card: Card
    """What people are shown of the step."""
    goal: str = ""
    """The last step of this run of the recipe."""

    @property
    def own(self) -> dict[str, Any]:
        """What the configuration says of this step."""
        return self.config.step(self.step.name)

    def output(self, step: str, file: str) -> Path:
        """Return a file of an earlier step."""
        return self.places.outputs(step) / file

    def frame(self, step: str, file: str) -> Any:
        """Return a table of an earlier step, as a DataFrame of its own."""
        from pegboard_recipes import tables

        return tables.read(self.output(step, file))

    def function(self, key: str, *, module: str = "") -> Any:
        """Return the user's function that the configuration of this step names; None if none."""
        name = self.own.get(key)
        if not name:
            return None
        where = f"steps.{self.step.name}.{key}"
        return project.function(self.config.root, module or self.step.module, name, where)

    def said_of(self, key: str, *, module: str = "") -> str:
        """Return how a message begins that is about such a function: file, line, key and name."""
        what = f"{key} {self.own[key]!r}"
        return project.located(self.config.root, self.function(key, module=module), what)


@frozen(kw_only=True)
class Done:
    """What became of a step in a run."""

    step: str
    ran: bool
    reason: str
    seconds: float = 0.0
    error: str = ""
    notes: Sequence[str] = ()
    """What the step found that people should know of."""
