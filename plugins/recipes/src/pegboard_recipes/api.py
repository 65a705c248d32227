"""``pegboard.recipes``: recipes from scripts and notebooks."""

from __future__ import annotations

import importlib
import json
import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import frozen
from pegboard import distributions
from pegboard import host as hosts
from pegboard.errors import InvalidValue, NotFound, command_line, quoted
from pegboard.targets import resolve
from pegboard_scripting.fluent import environment

from pegboard_recipes import configuration, places, project, running
from pegboard_recipes.digests import Memory
from pegboard_recipes.planning import Decision, Planner
from pegboard_recipes.running import Outcome
from pegboard_recipes.step import FRAME, MODEL, OBJECT, RUN, VERSION, Artifact, Done, Step

if TYPE_CHECKING:
    from pegboard_recipes.comparing import Difference as Difference

__all__ = ["Decision", "Difference", "Done", "Outcome", "Recipe", "diff"]

_LOG = logging.getLogger("pegboard")
_PROFILE = "RECIPES_PROFILE"


class Recipe:
    """The recipe that a directory is in.

    Args:
        profile: the file in ``profiles/`` with the values of ``recipe.yaml``, without ``.yaml``;
            by default what the environment variable ``MLFLOW_RECIPES_PROFILE`` (or
            ``PEGBOARD_RECIPES_PROFILE``) says.
        directory: the recipe's, or one in it; by default the current one.

    Raises:
        NotFound: there is no recipe, or no such profile.
        InvalidValue: its configuration is wrong; the message names file, line and key.
    """

    def __init__(self, profile: str | None = None, *, directory: str | Path | None = None) -> None:
        planner = planner_named(profile, directory)
        self._profile, self._root = planner.config.profile, planner.config.root

    @property
    def name(self) -> str:
        """The name of the recipe's directory."""
        return self._root.name

    @property
    def profile(self) -> str:
        """The name of the profile."""
        return self._profile

    @property
    def directory(self) -> Path:
        """The directory with ``recipe.yaml``."""
        return self._root

    def __repr__(self) -> str:
        return f"Recipe(profile={self._profile!r}, directory={str(self._root)!r})"

    def run(self, step: str | None = None) -> Outcome:
        """Run the recipe as far as a step, by default to the registered model.

        Only what changed runs again. In a notebook the card of the last step is shown.

        Raises:
            PegboardError: a step failed; what the steps before it made is kept.
        """
        outcome = running.run(self.planner(), step, _tell)
        if outcome.error is not None:
            raise outcome.error
        if outcome.steps:
            _show(self._places().outputs(outcome.steps[-1].step) / places.CARD)
        return outcome

    def plan(self, step: str | None = None) -> list[Decision]:
        """Return for each step whether it would run, and why or why not; nothing is done."""
        return self.planner().plan(step)

    def inspect(self, step: str | None = None) -> None:
        """Show the card of a step, in a notebook; elsewhere print where it is.

        Without a step, print what became of each.
        """
        if step is None:
            for name, state in self.states():
                print(f"{name}: {state.status}")
            return
        card = self.card(step)
        if _in_notebook():
            _show(card)
        else:
            print(f"The card of {step}: {card}")

    def states(self) -> list[tuple[str, places.State]]:
        """Return what became of each step the last time."""
        where = self._places()
        return [(step.name, where.state(step.name)) for step in self.planner().steps]

    def card(self, step: str) -> Path:
        """Return the page that shows what came of a step; NotFound if it has not run."""
        self.planner().wanted(step)
        file = self._places().outputs(step) / places.CARD
        if not file.is_file():
            raise NotFound(f"The step {step!r} has not run yet.", hint=_run(step, self._profile))
        return file

    def diff(self, one: str, other: str) -> Difference:
        """Return what differs between the cards of two runs of this recipe."""
        from pegboard_recipes import comparing, tracking

        with tracking.located(self.planner().config) as client:
            return comparing.of_runs(client, one, other)

    def clean(self, step: str | None = None) -> None:
        """Remove the results of a step, by default of all."""
        planner = self.planner()
        names = [each.name for each in planner.steps] if step is None else [step]
        if step is not None:
            planner.wanted(step)
        with planner.places.lock():
            running.settle_left(planner)
            for name in names:
                planner.places.clean(name)

    def get_artifact(self, artifact: str) -> Any:
        """Return a result by its name: a DataFrame, a model, a run or another.

        NotFound if it is not there yet; the message says which step makes it.
        """
        planner = self.planner()
        step, found = artifact_named(planner.steps, artifact)
        file = self.artifact_path(artifact)
        return _Loaded(planner, step, found, file).value()

    def artifact_path(self, artifact: str) -> Path:
        """Return where a result is; NotFound says which step makes it, if it is not there yet."""
        step, found = artifact_named(self.planner().steps, artifact)
        file = self._places().outputs(step.name) / found.file
        if not file.exists():
            raise NotFound(
                f"There is no {artifact!r} yet: the step {step.name!r} makes it.",
                hint=_run(step.name, self._profile),
            )
        return file

    def _places(self) -> places.Places:
        return places.of_recipe(self._root)

    def planner(self) -> Planner:
        """Return what plans it, by the files as they are now."""
        return planner_of(configuration.read(self._root, self._profile))


def diff(one: str, other: str) -> Difference:
    """Return what differs between the cards of two runs; a notebook shows it as a page.

    The runs are where this process tracks to; ``Recipe.diff`` looks where its recipe does.

    Raises:
        NotFound: there is no such run, or it has no cards.
    """
    from pegboard_scripting.client import Client

    from pegboard_recipes import comparing

    return comparing.of_runs(Client(), one, other)


def __getattr__(name: str) -> Any:
    """Import what two runs are compared by on first use: a run of a recipe does without it."""
    if name == "Difference":
        from pegboard_recipes.comparing import Difference

        return Difference
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def planner_named(profile: str | None, directory: str | Path | None = None) -> Planner:
    """Return what plans the recipe that a directory is in; arguments and errors as ``Recipe``'s."""
    root = configuration.find_root(Path(directory or Path.cwd()).resolve())
    chosen = profile or (environment.find(_PROFILE) or ("", ""))[1]
    if not chosen:
        known = ", ".join(configuration.profiles_of(root)) or "none"
        raise InvalidValue(
            "No profile is named.",
            hint=f"Name one: -p NAME, or Recipe(profile='NAME'). There are: {known}.",
        )
    return planner_of(configuration.read(root, chosen))


def planner_of(config: configuration.Configuration) -> Planner:
    """Return what plans a recipe."""
    where = places.of_recipe(config.root)
    return Planner(config, where, steps_of(config), Memory(where.directory / "digests.json"))


def steps_of(config: configuration.Configuration) -> Sequence[Step]:
    """Return the steps of a recipe; InvalidValue if no plugin declares its kind."""
    kinds = hosts.current().declared("recipe")
    if config.recipe not in kinds:
        raise config.wrong(
            ("recipe",),
            f"{quoted(config.recipe)} is not a recipe.",
            hint=distributions.install("recipe", config.recipe)
            or f"{distributions.near(config.recipe, kinds)}There are: "
            f"{', '.join(map(repr, sorted(kinds)))}.",
        )
    steps: Sequence[Step] = resolve(kinds[config.recipe].target)
    names = [step.name for step in steps]
    for name in config.section("steps"):
        if name not in names:
            known = ", ".join(names)
            raise config.wrong(
                ("steps", name), f"There is no step {name!r}.", hint=f"There are: {known}."
            )
    return steps


def artifact_named(steps: Sequence[Step], name: str) -> tuple[Step, Artifact]:
    """Return a result by its name, and the step that makes it; InvalidValue if there is none."""
    for step in steps:
        if name in step.artifacts:
            return step, step.artifacts[name]
    known = ", ".join(each for step in steps for each in step.artifacts)
    raise InvalidValue(f"There is no result {name!r}.", hint=f"There are: {known}.")


def _run(step: str, profile: str) -> str:
    return f"Run it: {command_line('pegboard', 'recipes', 'run', '-p', profile, '-s', step)}"


class _Loaded:
    """Loads a result as what it is."""

    def __init__(self, planner: Planner, step: Step, artifact: Artifact, file: Path) -> None:
        self.planner, self.step, self.artifact, self.file = planner, step, artifact, file

    def value(self) -> Any:
        """Return it."""
        from pegboard_recipes import tracking

        config, kind = self.planner.config, self.artifact.kind
        if kind == FRAME:
            from pegboard_recipes import tables

            return tables.read(self.file)
        if kind == MODEL:
            with project.entered(config.root):
                return tracking.api("pyfunc").load_model(self.file, trust=True)
        if kind == OBJECT:
            import pickle

            # The recipe wrote it, on this machine.
            with project.entered(config.root), self.file.open("rb") as stream:
                return pickle.load(stream)  # noqa: S301
        text = self.file.read_text(encoding="utf-8")
        if kind == RUN:
            with tracking.located(config) as client:
                return client.get_run(text.strip())
        if kind == VERSION:
            known = json.loads(text)
            with tracking.located(config) as client:
                return client.get_model_version(known["name"], known["version"])
        return text


def _tell(done: Done) -> None:
    """Say what became of a step: in a notebook below the cell, elsewhere to the log."""
    said = f"{done.step}: No changes. Skipping."
    if done.ran:
        said = f"{done.step}: {'failed after ' if done.error else ''}{done.seconds:.1f} s"
        said += f" ({done.reason})" if done.reason else ""
        said += "".join(f"\n  {each}" for each in done.notes)
    if _in_notebook():
        print(said)
    else:
        _LOG.info("%s", said)


def _in_notebook() -> bool:
    shell = sys.modules.get("IPython")
    return shell is not None and shell.get_ipython() is not None


@frozen
class _Shown:
    """A card as a notebook shows it: in a frame of its own."""

    file: Path

    def _repr_html_(self) -> str:
        from pegboard_recipes.cards import page

        return page.framed(self.file.read_text(encoding="utf-8"))


def _show(card: Path) -> None:
    """Show a card in a notebook; elsewhere say where it is."""
    if not _in_notebook():
        _LOG.info("The card: %s", card)
        return
    importlib.import_module("IPython.display").display(_Shown(card))
