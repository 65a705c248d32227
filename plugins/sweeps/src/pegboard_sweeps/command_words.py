"""The command of a trial, in W&B's words: ``${program}``, ``${args}`` and the like."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pegboard_sweeps.distributions import text_of
from pegboard_sweeps.faults import Faults

USUAL = ("${interpreter}", "${program}", "${args}")
"""The command of a Python program."""


def _args(values: Mapping[str, Any]) -> list[str]:
    return [f"--{name}={text_of(value)}" for name, value in values.items()]


def _no_hyphens(values: Mapping[str, Any]) -> list[str]:
    return [f"{name}={text_of(value)}" for name, value in values.items()]


def _no_boolean_flags(values: Mapping[str, Any]) -> list[str]:
    words = []
    for name, value in values.items():
        if value is True:
            words.append(f"--{name}")
        elif value is not False:
            words.append(f"--{name}={text_of(value)}")
    return words


def _json(values: Mapping[str, Any]) -> list[str]:
    return [json.dumps(dict(values))]


_ARGUMENTS: Mapping[str, Callable[[Mapping[str, Any]], list[str]]] = {
    "${args}": _args,
    "${args_no_hyphens}": _no_hyphens,
    "${args_no_boolean_flags}": _no_boolean_flags,
    "${args_json}": _json,
}
_WORDS = {"${env}": "/usr/bin/env", "${interpreter}": "python"}
_PROGRAM = "${program}"
_VARIABLE = re.compile(r"\$\{envvar:([A-Za-z_]\w*)\}", re.ASCII)
KNOWN = (*_WORDS, _PROGRAM, *_ARGUMENTS)


def read(faults: Faults, program: str | None) -> Sequence[str] | None:
    """Return the command of a sweep; None if it is that of the entry point."""
    found = faults.document.at("command")
    if found is None:
        return USUAL if program is not None and program.endswith(".py") else None
    words = faults.trying(faults.document.texts, "command") or []
    if not words:
        faults.add("command is a list of words, such as ${program} and ${args}.", "command")
    for word in words:
        rest = _VARIABLE.sub("", word)
        if "${" in rest and rest not in KNOWN:
            known = ", ".join((*KNOWN, "${envvar:NAME}"))
            faults.add(
                f"the word {word!r} of the command is not known; there are {known}.", "command"
            )
    if _PROGRAM in words and program is None:
        faults.add("the command names ${program}, but there is no 'program'.", "command")
    return words


def shown(command: Sequence[str], program: str, values: Mapping[str, Any]) -> str:
    """Return the text of a command for a shell, for the values of a trial."""
    words: list[str] = []
    for word in command:
        if word in _ARGUMENTS:
            words += map(shlex.quote, _ARGUMENTS[word](values))
        elif word == _PROGRAM:
            words.append(shlex.quote(program))
        elif word in _WORDS:
            words.append(_WORDS[word])
        else:
            words.append(_with_variables(word))
    return " ".join(words)


def _with_variables(word: str) -> str:
    """Quote a word, but for variables that the shell is to put in."""
    parts = _VARIABLE.split(word)
    return (
        "".join(
            f'"${{{part}}}"' if number % 2 else (shlex.quote(part) if part else "")
            for number, part in enumerate(parts)
        )
        or "''"
    )
