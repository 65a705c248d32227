"""Entry points: the commands of a project, and how parameters get into them."""

from __future__ import annotations

import re
import string
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from attrs import field, frozen

from pegboard_projects.parameters import Parameter, is_name, shell

_AFTER_OPTION = re.compile(r"(?:^|\s)-{1,2}[A-Za-z][\w-]*(?:\s+|=)$")


@frozen(kw_only=True)
class EntryPoint:
    """A command with parameters; ``{name}`` in it is replaced, ``{{`` is a brace."""

    name: str
    command: str
    parameters: Mapping[str, Parameter] = field(factory=dict)
    where: str = ""
    """Where it is declared, for errors; "" for a script that is run by its name."""

    @classmethod
    def of_command(cls, name: str, command: str, parameters: Iterable[str]) -> EntryPoint:
        """Return one whose command is as a shell gets it, with all its parameters put in."""
        declared = {parameter: Parameter(name=parameter) for parameter in parameters}
        return cls(name=name, command=_braces_doubled(command), parameters=declared)

    def faults(self) -> list[str]:
        """Return what is wrong with the command, whatever the values are."""
        try:
            names = [name for _, name in _parts(self.command) if name is not None]
        except ValueError as error:
            return [f"its command cannot be read: {error}. Write {{{{ and }}}} for braces"]
        return [
            f"its command uses {{{name}}}, which is not among its parameters; write "
            f"{{{{{name}}}}} for what a shell is to see as {{{name}}}"
            for name in dict.fromkeys(names)
            if name not in self.parameters
        ]

    def values(self, given: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
        """Return all values, raw, the declared ones first, and what is wrong with them."""
        faults = []
        missing = [
            name
            for name, parameter in self.parameters.items()
            if name not in given and parameter.default is None
        ]
        if missing:
            faults.append(f"no value is given for {', '.join(missing)}")
        values: dict[str, str] = {}
        for name, parameter in self.parameters.items():
            if name in given:
                values[name] = given[name]
                if fault := parameter.fault(given[name]):
                    faults.append(fault)
            elif parameter.default is not None:
                values[name] = parameter.default
        for name, value in given.items():
            if name not in values:
                if not is_name(name):
                    faults.append(f"{name!r} cannot be the name of a parameter")
                values.setdefault(name, value)
            if "\0" in value:
                faults.append(f"{name} holds a NUL")
        return values, faults

    def render(self, values: Mapping[str, str]) -> str:
        """Return the command for a shell, which sees each value as one word, or none, or a list.

        What is not declared is added at the end as ``--name value``.
        """
        text = ""
        for before, name in _parts(self.command):
            text += before
            if name is not None:
                named = bool(_AFTER_OPTION.search(text))
                text += shell(self.parameters[name].words(values[name], named=named))
        extra = [
            f"--{name} {shell([value])}"
            for name, value in values.items()
            if name not in self.parameters
        ]
        return " ".join([text, *extra])


def _parts(command: str) -> Iterator[tuple[str, str | None]]:
    for before, name, form, conversion in string.Formatter().parse(command):
        if form or conversion:
            raise ValueError(f"{{{name}}} has a format")
        if name == "":
            raise ValueError("a pair of braces holds no name")
        yield before, name


def of_script(name: str, directory: Path, shell_program: str) -> EntryPoint | None:
    """Return the entry point that a file of the project is; None if it is not one."""
    from pegboard import paths
    from pegboard.errors import UnsafePath

    suffix = Path(name).suffix
    if suffix not in (".py", ".sh", ".R"):
        return None
    try:
        file = paths.below(directory, name)
    except UnsafePath:
        return None
    if not file.is_file():
        return None
    # A name that begins with a hyphen is not an option.
    word = f"./{name}" if name.startswith("-") else name
    quoted = _braces_doubled(shell([word]))
    if suffix == ".R":
        inner = word.replace("\\", "\\\\").replace("'", "\\'")
        expression = shell([f"mlflow::mlflow_source('{inner}')"])
        return EntryPoint(name=name, command=_braces_doubled(f"Rscript -e {expression} --args"))
    program = "python" if suffix == ".py" else _braces_doubled(shell([shell_program]))
    return EntryPoint(name=name, command=f"{program} {quoted}")


def _braces_doubled(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")


def scripts(directory: Path) -> Sequence[str]:
    """Return the names of files that can be run as they are, for suggestions."""
    return sorted(
        entry.name for entry in directory.iterdir() if entry.suffix in (".py", ".sh", ".R")
    )
