"""Reads a workflow: ``workflow.yaml``, or a table of a ``pyproject.toml`` or an ``MLproject``.

All faults are told together, each with its place and what was expected there.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Hashable, Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

from pegboard_projects import Document, ProjectError, is_name, read_document, together

from pegboard_workflows import ordering, references
from pegboard_workflows.workflow import Input, Step, Workflow

T = TypeVar("T")

FILES = ("workflow.yaml", "workflow.yml")
_PYPROJECT, _TABLE = "pyproject.toml", ("tool", "pegboard", "workflow")
_MLPROJECT, _KEY = "mlproject", ("workflow",)
_TOP = (
    "name", "description", "params", "steps", "experiment", "backend", "backend_config",
    "env_manager", "storage_dir", "concurrency", "code",
)  # fmt: skip
_STEP = (
    "run", "command", "params", "inputs", "outputs", "needs", "foreach", "concurrency", "retries",
    "timeout", "backend", "backend_config", "env_manager", "code", "cache",
)  # fmt: skip
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_TITLE = re.compile(r"[\w][\w .-]{0,99}")
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")
_TIME = re.compile(r"(\d+(?:\.\d+)?)\s*([smhd]?)")
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}


def file_in(directory: Path) -> Path | None:
    """Return the file of a folder that holds a workflow; None if there is none."""
    for name in FILES:
        if (directory / name).is_file():
            return directory / name
    for file in sorted(directory.iterdir()):
        known = file.name == _PYPROJECT or file.name.lower() == _MLPROJECT
        if known and file.is_file() and read_document(file).at(*_root(file)) is not None:
            return file
    return None


def _root(file: Path) -> tuple[str, ...]:
    if file.name == _PYPROJECT:
        return _TABLE
    return _KEY if file.name.lower() == _MLPROJECT else ()


def workflow_of(file: Path) -> Workflow:
    """Return the workflow of a file; ProjectError tells all that is wrong with it."""
    reader = _Reader(read_document(file), _root(file))
    found = reader.workflow()
    if reader.faults:
        raise together("The workflow cannot be run", reader.faults)
    return found


def nearest(word: str, known: Iterable[str], have: str) -> str:
    """Return what to say after a name that is not known: the one that is meant, or all."""
    names = list(known)
    if near := difflib.get_close_matches(word, names, 1):
        return f" Did you mean {near[0]!r}?"
    return f" {have}: {', '.join(names)}." if names else f" {have}: none."


class _Reader:
    """Reads one file, and notes what is wrong with it."""

    def __init__(self, document: Document, root: tuple[str, ...]) -> None:
        self._document, self._root = document, root
        self._directory = document.file.parent
        self.faults: list[str] = []
        self._outputs: dict[str, dict[str, str]] = {}
        self._params: dict[str, Any] = {}

    def workflow(self) -> Workflow:
        table = self._mapping()
        self.faults += self._document.unknown(_TOP, *self._root) if table else []
        self._params = self._named_values("params")
        names = list(self._mapping("steps"))
        if not names and not self.faults:
            self._fault("a workflow has 'steps', a mapping of names to steps.", "steps")
        # Before the steps, which name the outputs of others.
        self._outputs = {name: self._outputs_of(name) for name in names}
        steps = {name: self._step(name) for name in names}
        cycle, order = ordering.ordered({name: step.needs for name, step in steps.items()})
        if cycle:
            self._fault(f"the steps need each other: {' → '.join(cycle)}.", "steps", cycle[0])
        return Workflow(
            name=self._title(),
            file=self._document.file,
            directory=self._directory,
            params=self._params,
            steps={name: steps[name] for name in order},
            experiment=self._text("experiment"),
            backend=self._text("backend"),
            backend_config=self._mapping("backend_config"),
            env_manager=self._text("env_manager"),
            storage_dir=self._text("storage_dir"),
            concurrency=self._count(1, "concurrency"),
            code=self._patterns("code"),
        )

    def _title(self) -> str:
        name = self._text("name") or self._directory.resolve().name
        if not _TITLE.fullmatch(name):
            if self._text("name"):
                self._fault("the name has letters, digits, spaces, '.', '-' and '_'.", "name")
            return "workflow"
        return name

    def _step(self, name: str) -> Step:
        place = ("steps", name)
        if not _NAME.fullmatch(name):
            self._fault("the name of a step has letters, digits, '-' and '_'.", *place)
        table = self._mapping(*place)
        self.faults += self._document.unknown(_STEP, *self._root, *place) if table else []
        run, command = self._text(*place, "run"), self._text(*place, "command")
        if (run is None) == (command is None):
            self._fault(
                f"the step {name!r} needs either 'run', an entry point or a script of the project, "
                "or 'command'.",
                *place,
            )
        inputs = {
            key: self._input(name, value, *place, "inputs", key)
            for key, value in self._named_values(*place, "inputs").items()
        }
        params, foreach = self._named_values(*place, "params"), self._foreach(*place)
        if both := sorted({*inputs} & {*params}):
            self._fault(f"{', '.join(both)} is both an input and a parameter.", *place)
        used = [*self._references(name, params, foreach, *place)]
        needs = [*self._needs(name, *place), *(each.step for each in inputs.values()), *used]
        return Step(
            name=name,
            where=self._document.where(*self._root, *place),
            run=run or "",
            command=command or "",
            params=params,
            inputs=inputs,
            outputs=self._outputs[name],
            needs=[each for each in dict.fromkeys(needs) if each],
            foreach=foreach,
            concurrency=self._count(1, *place, "concurrency"),
            retries=self._count(0, *place, "retries") or 0,
            timeout_seconds=self._time(*place, "timeout"),
            backend=self._text(*place, "backend"),
            backend_config=self._mapping(*place, "backend_config"),
            env_manager=self._text(*place, "env_manager"),
            code=self._patterns(*place, "code"),
            cache=self._yes_or_no(True, *place, "cache"),
        )

    # -- what steps have of each other ---------------------------------------------------------

    def _outputs_of(self, step: str) -> dict[str, str]:
        place = ("steps", step, "outputs")
        given = self._at(*place)
        if given is None:
            return {}
        if isinstance(given, str):
            given = [given]
        if isinstance(given, list):
            given = {str(each): each for each in given}
        if not isinstance(given, dict):
            self._fault("outputs are paths of files of the run, a list or by name.", *place)
            return {}
        found = {}
        for name, path in given.items():
            parts = PurePosixPath(path).parts if isinstance(path, str) else ()
            if not parts or parts[0] == "/" or ".." in parts:
                self._fault(f"the output {name!r} is not a path below the run's files.", *place)
            else:
                found[str(name)] = PurePosixPath(path).as_posix()
        return found

    def _input(self, step: str, value: Any, *place: Hashable) -> Input:
        if not isinstance(value, str) or not value:
            self._fault("an input is STEP.OUTPUT, a file or a URI.", *place)
            return Input()
        giver, _, name = value.partition(".")
        outputs = self._outputs.get(giver)
        if outputs is not None and giver != step:
            if not name and len(outputs) == 1:
                name = next(iter(outputs))
            if name in outputs:
                return Input(step=giver, output=outputs[name])
            known = nearest(name, outputs, f"The outputs of {giver}")
            self._fault(f"the step {giver!r} has no output {name!r}.{known}", *place)
        elif _URI.match(value):
            return Input(uri=value)
        elif (self._directory / Path(value).expanduser()).exists():
            return Input(uri=str((self._directory / Path(value).expanduser()).absolute()))
        else:
            known_names = [
                f"{each}.{output}" for each, found in self._outputs.items() for output in found
            ]
            known = nearest(value, known_names, "Outputs of steps")
            self._fault(f"{value!r} is neither an output of a step nor a file.{known}", *place)
        return Input()

    def _needs(self, step: str, *place: Hashable) -> list[str]:
        given = self._texts(*place, "needs") or []
        for each in given:
            if each not in self._outputs or each == step:
                others = (name for name in self._outputs if name != step)
                known = nearest(each, others, "There are")
                self._fault(f"there is no other step {each!r}.{known}", *place, "needs")
        return [each for each in given if each in self._outputs]

    def _foreach(self, *place: Hashable) -> Any:
        given = self._at(*place, "foreach")
        lists = list(given.values()) if isinstance(given, dict) else [given]
        for each in lists if given is not None else ():
            whole = isinstance(each, str) and list(references.within(each))
            if not whole and not (isinstance(each, list) and each):
                self._fault(
                    "foreach is a list of items, a mapping of names to lists, or ${…} that names "
                    "a list.",
                    *place,
                    "foreach",
                )
        return given

    def _references(
        self, step: str, params: Mapping[str, Any], foreach: Any, *place: Hashable
    ) -> Iterable[str]:
        """Yield the steps whose results are used; note references to what is not there."""
        parts: dict[tuple[str, ...], Any] = {("foreach",): foreach}
        parts |= {("params", key): value for key, value in params.items()}
        for where, value in parts.items():
            for each in references.within(value):
                if fault := self._wrong_reference(step, each, where, foreach):
                    self._fault(f"${{{each.text}}}: {fault}", *place, *where)
                elif each.step is not None:
                    yield each.step

    def _wrong_reference(
        self, step: str, found: references.Reference, where: tuple[str, ...], foreach: Any
    ) -> str:
        kind, *rest = found.parts
        if kind == "item":
            fits = foreach is not None and where != ("foreach",)
            return "" if fits else "there is an item only in the params of a step with foreach."
        if kind == "params" and len(rest) == 1:
            if rest[0] in self._params:
                return ""
            known = nearest(rest[0], self._params, "Its params are")
            return f"the workflow has no parameter {rest[0]!r}.{known}"
        if kind != "steps" or len(rest) != 3 or rest[1] not in references.RESULTS:
            return "expected is params.NAME, item, or steps.STEP.metrics.NAME (or params, outputs)."
        outputs = self._outputs.get(rest[0])
        if outputs is None or rest[0] == step:
            known = nearest(rest[0], (each for each in self._outputs if each != step), "There are")
            return f"there is no other step {rest[0]!r}.{known}"
        if rest[1] == "outputs" and rest[2] not in outputs:
            known = nearest(rest[2], outputs, f"The outputs of {rest[0]}")
            return f"the step {rest[0]!r} has no output {rest[2]!r}.{known}"
        return ""

    # -- values --------------------------------------------------------------------------------

    def _fault(self, expected: str, *place: Hashable) -> None:
        self.faults.append(f"{self._document.where(*self._root, *place)}: {expected}")

    def _try(self, get: Callable[[], T], default: T) -> T:
        try:
            return get()
        except ProjectError as error:
            self.faults.append(error.message)
            return default

    def _at(self, *place: Hashable) -> Any:
        return self._document.at(*self._root, *place)

    def _mapping(self, *place: Hashable) -> dict[str, Any]:
        none: dict[str, Any] = {}
        return self._try(lambda: self._document.mapping(*self._root, *place), none)

    def _text(self, *place: Hashable) -> str | None:
        return self._try(lambda: self._document.text(*self._root, *place), None)

    def _named_values(self, *place: Hashable) -> dict[str, Any]:
        found = self._mapping(*place)
        for key in found:
            if not is_name(key):
                self._fault(f"{key!r} cannot be the name of a parameter.", *place, key)
        return found

    def _texts(self, *place: Hashable) -> list[str] | None:
        given = self._at(*place)
        if given is None:
            return None
        if isinstance(given, str):
            return [given]
        none: list[str] = []
        return self._try(lambda: self._document.texts(*self._root, *place), none)

    def _patterns(self, *place: Hashable) -> list[str] | None:
        found = self._texts(*place)
        for each in found or ():
            if PurePosixPath(each).is_absolute() or ".." in PurePosixPath(each).parts:
                self._fault(f"{each!r} is not a pattern of files below the project.", *place)
        return found

    def _count(self, least: int, *place: Hashable) -> int | None:
        given = self._at(*place)
        if given is None:
            return None
        if isinstance(given, bool) or not isinstance(given, int) or given < least:
            self._fault(f"{place[-1]} is {given!r}, not a whole number from {least}.", *place)
            return None
        return given

    def _time(self, *place: Hashable) -> float | None:
        given = self._at(*place)
        if given is None:
            return None
        text = str(given).strip() if not isinstance(given, bool) else ""
        match = _TIME.fullmatch(text)
        if match is None or float(match[1]) <= 0:
            self._fault(f"timeout is {given!r}, not a time such as 90, 90s, 15m or 2h.", *place)
            return None
        return float(match[1]) * _SECONDS[match[2]]

    def _yes_or_no(self, default: bool, *place: Hashable) -> bool:
        given = self._at(*place)
        if given is None or isinstance(given, bool):
            return default if given is None else given
        self._fault(f"{place[-1]} is {given!r}, not true or false.", *place)
        return default
