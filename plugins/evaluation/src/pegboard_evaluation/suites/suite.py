"""A test form: prompts × models × cases, and what is asserted of each answer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from attrs import frozen
from pegboard.errors import InvalidValue

from pegboard_evaluation.suites import cases, prompts, source, targets
from pegboard_evaluation.suites.cases import Case
from pegboard_evaluation.suites.checks import Checks
from pegboard_evaluation.suites.prompts import Prompt
from pegboard_evaluation.suites.source import At, fields, text
from pegboard_evaluation.suites.targets import Target

_FIELDS = ("name", "prompts", "models", "cases", "defaults", "judge", "repeat")
_SPELLINGS = {
    "description": "name",
    "providers": "models",
    "targets": "models",
    "tests": "cases",
    "defaultTest": "defaults",
}
ENDINGS = (".yaml", ".yml", ".toml", ".json")


@frozen(kw_only=True)
class Suite:
    """What a file says is to be tested."""

    name: str
    path: Path
    prompts: Sequence[Prompt]
    targets: Sequence[Target]
    cases: Sequence[Case]
    repeat: int = 1
    again: Sequence[str] = ()
    """The command that carries it out; if empty, that is ``pegboard eval run`` with the file."""

    @property
    def pairs(self) -> list[tuple[Prompt, Target]]:
        """Every prompt with every model."""
        return [(prompt, target) for prompt in self.prompts for target in self.targets]

    @property
    def all_rows(self) -> range:
        """The numbers of the rows: each case as often as it is repeated."""
        return range(len(self.cases) * self.repeat)

    def case_of(self, row: int) -> Case:
        """Return the case of a row."""
        return self.cases[row // self.repeat]

    def name_of(self, row: int) -> str:
        """Return what a row is called."""
        name = self.case_of(row).name
        return f"{name} #{row % self.repeat + 1}" if self.repeat > 1 else name

    def scorers(self, rows: Sequence[int]) -> list[Checks]:
        """Return the assertions about rows, by name."""
        by_row = [{each.name: each for each in self.case_of(row).checks} for row in rows]
        names = dict.fromkeys(name for of in by_row for name in of)
        return [Checks(name=name, by_row=[of.get(name) for of in by_row]) for name in names]

    def data(self, rows: Sequence[int]) -> list[dict[str, Any]]:
        """Return what ``genai.evaluate`` takes."""
        cases = [self.case_of(row) for row in rows]
        return [
            {"inputs": dict(case.variables), "expectations": dict(case.expectations)}
            for case in cases
        ]


def read(
    path: Path,
    repeat: int | None = None,
    prompted: Sequence[Prompt] | None = None,
    *,
    alone: bool = False,
    told: str = "",
) -> Suite:
    """Return what a file says; InvalidValue names the line and the field that is wrong.

    ``prompted`` are the prompts of a form that names none. One that is ``alone`` names no files;
    ``told`` is what errors call one that people never wrote as a file.
    """
    at, given = source.load(path, alone=alone, told=told)
    table = fields(at, given, _FIELDS, _SPELLINGS)
    for name in ("models", "cases"):
        if not table.get(name):
            raise at.wrong(f"There are no {name!r}.")
    models = targets.read(_at(at, given, "models"), table["models"])
    asked = prompted or _prompts(at, given, table.get("prompts"), models)
    judge = text(at / "judge", table["judge"]) if table.get("judge") else None
    common = cases.defaults(_at(at, given, "defaults"), table.get("defaults"), judge)
    found = cases.read(_at(at, given, "cases"), table["cases"], common)
    for case in found:
        for prompt in asked:
            for target in models:
                _check(case, prompt, target)
    return Suite(
        name=text(at / "name", table.get("name") or path.name.split(".")[0]),
        path=path,
        prompts=asked,
        targets=models,
        cases=found,
        repeat=repeat or _repeat(at / "repeat", table.get("repeat", 1)),
    )


def _check(case: Case, prompt: Prompt, target: Target) -> None:
    try:
        target.check(prompt, case.variables)
    except InvalidValue as error:
        said = f"{error.message.removesuffix('.')}, in the case {case.name!r}."
        raise InvalidValue(said, hint=error.hint) from None


def _at(at: At, given: Any, name: str) -> At:
    """Return where a field stands, under whatever spelling."""
    found = next((key for key in given if _SPELLINGS.get(key, key) == name), name)
    return at / found


def _prompts(at: At, given: Any, said: Any, models: Sequence[Target]) -> list[Prompt]:
    if said:
        return prompts.read(_at(at, given, "prompts"), said)
    if asking := [each for each in models if each.function is None]:
        raise at.wrong(f"There are no 'prompts', and {asking[0].name!r} is asked by one.")
    return [Prompt("-", None, at)]


def _repeat(at: At, given: Any) -> int:
    if isinstance(given, bool) or not isinstance(given, int) or given < 1:
        raise at.wrong(f"expected a whole number, at least 1, not {given!r}.")
    return given
