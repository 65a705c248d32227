"""The contract suite of recipes: subclass it for yours, and pytest proves it."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path

from pegboard import host as hosts
from pegboard.errors import PegboardError
from pegboard.targets import resolve
from pegboard_scripting.client import location
from pegboard_scripting.fluent import runs
from pytest import MonkeyPatch

from pegboard_recipes import places
from pegboard_recipes.api import Recipe
from pegboard_recipes.step import FRAME, MODEL, OBJECT, RUN, TEXT, VERSION, Step, Work, run_source

__all__ = ["RecipeContract"]

_KINDS = {FRAME, MODEL, OBJECT, RUN, TEXT, VERSION}
_FORBIDDEN = {"script", "link", "object", "embed", "base"}


class _Elements(HTMLParser):
    """Notes the names of all elements of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del attrs
        self.found.add(tag)


class RecipeContract:
    """What holds for every kind of recipes.

    Subclass it, with a name that begins with ``Test``, and give its module a fixture ``recipe`` of
    the scope ``module``: the ``Recipe`` of a small project of this kind, which runs to its end
    within a second or so, and has results and a tracking store of its own.
    """

    kind: str
    """What ``recipe:`` says in recipe.yaml."""

    def _steps(self) -> Sequence[Step]:
        found: Sequence[Step] = resolve(hosts.current().declared("recipe")[self.kind].target)
        return found

    def _trained(self) -> list[Step]:
        return [step for step in self._steps() if not step.scoring]

    # -- what is declared --------------------------------------------------------------------------

    def test_steps_need_what_steps_before_them_keep(self, recipe: Recipe) -> None:
        assert recipe.planner().config.recipe == self.kind
        steps = self._steps()
        names = [step.name for step in steps]
        assert len(set(names)) == len(names) > 0
        assert all(name.isidentifier() and name == name.lower() for name in names)
        for number, step in enumerate(steps):
            assert callable(resolve(step.target))
            assert set(step.needs) <= set(names[:number]), f"{step.name} stands after what it needs"
            assert not step.module or step.module.isidentifier()
            assert not isinstance(step.keys, str)
        artifacts = [name for step in steps for name in step.artifacts]
        assert len(set(artifacts)) == len(artifacts), "a name is that of one result"
        assert {each.kind for step in steps for each in step.artifacts.values()} <= _KINDS

    # -- what a run leaves -------------------------------------------------------------------------

    def test_each_step_leaves_what_it_declares_and_the_project_as_it_is(
        self, recipe: Recipe
    ) -> None:
        recipe.clean()
        before, process = _files(recipe.directory), _process()
        assert [each.step for each in recipe.run().steps] == [s.name for s in self._trained()]
        assert _files(recipe.directory) == before
        assert _process() == process
        states = dict(recipe.states())
        where = recipe.planner().places
        for step in self._trained():
            assert states[step.name].status == places.SUCCEEDED
            needed = {f for each in self._trained() for f in each.needs.get(step.name, ())}
            for file in needed | {each.file for each in step.artifacts.values()}:
                assert (where.outputs(step.name) / file).exists(), f"{step.name} makes {file}"

    def test_results_are_loaded_by_their_names(self, recipe: Recipe) -> None:
        recipe.run()
        for step in self._trained():
            for name in step.artifacts:
                assert recipe.get_artifact(name) is not None, name

    def test_cards_are_safe_and_say_something(self, recipe: Recipe) -> None:
        recipe.run()
        for step in self._trained():
            card = recipe.card(step.name)
            assert _Elements(card.read_text(encoding="utf-8")).found.isdisjoint(_FORBIDDEN)
            known = json.loads(card.with_suffix(".json").read_text(encoding="utf-8"))
            said = [tab["title"] for tab in known["tabs"] if tab["parts"]]
            assert said, f"the card of {step.name} is empty"

    # -- what runs again ---------------------------------------------------------------------------

    def test_nothing_runs_again_if_nothing_changed(self, recipe: Recipe) -> None:
        recipe.run()
        assert [(each.step, each.reason) for each in recipe.run().steps if each.ran] == []
        assert [each.step for each in recipe.plan() if each.runs] == []

    def test_a_step_whose_code_changed_runs_and_those_before_it_do_not(
        self, recipe: Recipe
    ) -> None:
        recipe.run()
        names = [step.name for step in self._trained()]
        for step in self._trained():
            file = recipe.directory / "steps" / f"{step.module}.py"
            if not step.module or not file.is_file():
                continue
            text = file.read_text(encoding="utf-8")
            file.write_text(f"{text}\n# Another comment.\n", encoding="utf-8")
            ran = [each.step for each in recipe.run().steps if each.ran]
            assert step.name in ran
            assert set(ran) <= set(names[names.index(step.name) :]), "what is before it is kept"

    def test_a_step_without_its_state_runs_again_and_gives_the_same(self, recipe: Recipe) -> None:
        recipe.run()
        names = [step.name for step in self._trained()]
        begins = (run_source(self._steps()) or ("",))[0]
        for number, step in enumerate(self._trained()):
            (recipe.planner().places.outputs(step.name) / places.STATE).unlink()
            ran = [each.step for each in recipe.run().steps if each.ran]
            assert step.name in ran
            # A step that starts a run gives another one each time.
            may = names[number:] if step.name == begins else [step.name]
            assert set(ran) <= set(may), "the same result again lets what reads it be"

    # -- what a step may do ------------------------------------------------------------------------

    def test_a_step_reads_only_what_it_declares(self, recipe: Recipe) -> None:
        read: list[tuple[str, str, str]] = []
        found = Work.output

        def noted(work: Work, step: str, file: str) -> Path:
            place = found(work, step, file)
            if place.exists() and file not in work.step.needs.get(step, ()):
                read.append((work.step.name, step, file))
            return place

        recipe.clean()
        with MonkeyPatch.context() as patch:
            patch.setattr(Work, "output", noted)
            recipe.run()
        assert read == [], "it would not run again if that changed"

    def test_code_that_fails_fails_its_step_and_keeps_those_before_it(self, recipe: Recipe) -> None:
        recipe.run()
        names = [step.name for step in self._trained()]
        for step in self._trained():
            file = recipe.directory / "steps" / f"{step.module}.py"
            if not step.module or not file.is_file():
                continue
            text = file.read_text(encoding="utf-8")
            file.write_text(f"{text}\nraise RuntimeError('broken on purpose')\n", encoding="utf-8")
            try:
                recipe.run()
            except PegboardError as error:
                assert "broken on purpose" in str(error)
                assert f"steps/{step.module}.py, line " in str(error)
            else:
                raise AssertionError(f"{step.name} takes no notice of an error in the user's code")
            finally:
                file.write_text(text, encoding="utf-8")
            states = dict(recipe.states())
            assert states[step.name].status == places.FAILED
            before = names[: names.index(step.name)]
            assert {states[name].status for name in before} <= {places.SUCCEEDED}
            recipe.run()

    # -- what is refused ---------------------------------------------------------------------------

    def test_an_unknown_step_is_refused_with_its_line(self, recipe: Recipe) -> None:
        file = recipe.directory / "recipe.yaml"
        text = file.read_text(encoding="utf-8")
        name = self._trained()[0].name
        file.write_text(text.replace(f"  {name}:", f"  no_{name}:", 1), encoding="utf-8")
        try:
            recipe.plan()
        except PegboardError as error:
            assert re.search(rf"line \d+: .*no_{name}\b", str(error))
        else:
            raise AssertionError("a step that is not there was accepted")
        finally:
            file.write_text(text, encoding="utf-8")


def _process() -> list[object]:
    """Return what a step has no right to change."""
    modules = [name for name in sys.modules if name.partition(".")[0] == "steps"]
    return [Path.cwd(), list(sys.path), location.get_tracking_uri(), runs.active_run(), modules]


def _files(root: Path) -> set[tuple[str, bytes]]:
    return {
        (os.fspath(file.relative_to(root)), file.read_bytes())
        for file in root.rglob("*")
        if file.is_file()
    }
