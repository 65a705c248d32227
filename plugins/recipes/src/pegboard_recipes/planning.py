"""What would run and why: told from what is on disk, before anything does.

A step runs if its code, its configuration, what it reads of earlier steps or its source data are
not those of the last time. Nothing is said by clocks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from attrs import field, frozen
from pegboard.errors import InvalidValue, PegboardError
from pegboard.targets import resolve

from pegboard_recipes import code, digests, names, places, sources
from pegboard_recipes.configuration import Configuration
from pegboard_recipes.digests import Memory
from pegboard_recipes.places import Basis, Places, State
from pegboard_recipes.step import Step


@frozen(kw_only=True)
class Decision:
    """Whether a step would run, and why or why not."""

    step: str
    runs: bool
    reasons: Sequence[str]
    state: State = field(repr=False)

    @property
    def reason(self) -> str:
        """All reasons in one line."""
        return "; ".join(self.reasons)


@frozen
class Planner:
    """Tells what each step was made of, and what it would be made of now."""

    config: Configuration
    places: Places
    steps: Sequence[Step]
    memory: Memory

    def wanted(self, name: str | None) -> Sequence[Step]:
        """Return the steps that lead to one, itself last; None: all but those for scoring."""
        by_name = {step.name: step for step in self.steps}
        if name is None:
            return [step for step in self.steps if not step.scoring]
        chosen = by_name.get(name)
        if chosen is None:
            known = ", ".join(by_name)
            raise InvalidValue(f"There is no step {name!r}.", hint=f"There are: {known}.")
        needed = {name}
        for step in reversed(self.steps):
            # What predicts takes the model that is registered: it does not train one.
            if step.name in needed:
                needed |= {each for each in step.needs if by_name[each].scoring or not step.scoring}
        return [step for step in self.steps if step.name in needed]

    def check(self, name: str | None) -> None:
        """Refuse a configuration with which a step that leads to one cannot end well.

        Raises:
            PegboardError: all that is wrong, as far as it can be told before anything runs.
        """
        found: dict[str, PegboardError] = {}
        for step in self.wanted(name):
            for error in resolve(step.validate)(self.config) if step.validate else ():
                found.setdefault(str(error), error)
        if self.config.values.get("runner"):
            resolve("pegboard_recipes.elsewhere:chosen")(self)
        if len(found) > 1:
            raise InvalidValue("\n".join(["The recipe cannot run as it is:", *found]))
        for error in found.values():
            raise error

    def plan(self, name: str | None) -> list[Decision]:
        """Return what would run; after a step that does, those that read its results may.

        Raises:
            PegboardError: its configuration is wrong.
        """
        self.check(name)
        return self.decisions(name)

    def decisions(self, name: str | None) -> list[Decision]:
        """Return the same for a configuration that was checked."""
        found: list[Decision] = []
        running: set[str] = set()
        for step in self.wanted(name):
            earlier = [each for each in step.needs if each in running]
            decision = self.decide(step, asked=step.data and step.name == name)
            if earlier and not decision.runs:
                why = [f"if {each} gives another result" for each in earlier]
                decision = Decision(step=step.name, runs=True, reasons=why, state=decision.state)
            if decision.runs:
                running.add(step.name)
            found.append(decision)
        self.memory.save()
        return found

    def decide(self, step: Step, *, asked: bool = False) -> Decision:
        """Say whether a step has to run, now that those before it are done."""
        state = self.places.state(step.name)
        reasons = ["it was asked for by name: its data may have changed"] if asked else []
        if state.basis is None or not state.ran:
            said = "it has not run yet"
            if self.places.is_begun(step.name):
                said = "it was begun, and has not come to its end"
            elif state.status == places.FAILED:
                said = "it failed the last time"
            reasons = [said, *reasons]
        else:
            reasons += self._changes(step, state)
        return Decision(
            step=step.name,
            runs=bool(reasons),
            reasons=reasons or ["no changes"],
            state=state,
        )

    def basis(self, step: Step, more: Iterable[Path] = ()) -> Basis:
        """Return what a step is made of now; ``more`` are files of code that it imported."""
        return Basis(
            config=self._config(step),
            code=self._code(step, more),
            inputs=self._inputs(step),
            sources=self._sources(step),
        )

    def _changes(self, step: Step, state: State) -> list[str]:
        before = state.basis
        assert before is not None
        root = self.config.root
        more = [root / name for name in before.code if (root / name).is_file()]
        now = self.basis(step, more)
        found = [f"{name} changed" for name in digests.differing(before.code, now.code)]
        found += [
            f"the configuration {name} changed"
            for name in _differing_values(before.config, now.config)
        ]
        found += [f"{name} is another" for name in digests.differing(before.inputs, now.inputs)]
        found += [
            f"the data {name} changed" for name in digests.differing(before.sources, now.sources)
        ]
        lost = [
            name for name in state.outputs if not (self.places.outputs(step.name) / name).exists()
        ]
        return [*found, *(f"its result {name} is gone" for name in lost)]

    def _config(self, step: Step) -> dict[str, object]:
        values = {key: self.config.values.get(key) for key in step.keys}
        values[f"steps.{step.name}"] = self.config.step(step.name)
        return {key: value for key, value in values.items() if value is not None}

    def _code(self, step: Step, more: Iterable[Path]) -> Mapping[str, str]:
        root = self.config.root
        files = set(more)
        modules = [step.module] if step.module else []
        if step.measures and self.config.values.get("custom_metrics"):
            modules.append(names.METRICS)
        for module in modules:
            files.update(code.files_of(root, f"{code.STEPS}.{module}"))
        return self.memory.of_files(sorted(files), root)

    def _inputs(self, step: Step) -> Mapping[str, str]:
        return {
            f"{needed}/{file}": self.places.state(needed).outputs.get(file, "")
            for needed, files in step.needs.items()
            for file in files
        }

    def _sources(self, step: Step) -> Mapping[str, str]:
        if not step.data:
            return {}
        return sources.digests_of(self.config, step.name, self.memory)


def _differing_values(
    before: Mapping[str, object], now: Mapping[str, object], prefix: str = ""
) -> list[str]:
    """Return the dotted keys whose values differ."""
    found = []
    for key in sorted({*before, *now}):
        old, new = before.get(key), now.get(key)
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            found += _differing_values(old, new, f"{prefix}{key}.")
        elif digests.of_values(old) != digests.of_values(new):
            found.append(f"{prefix}{key}")
    return found
