"""What plugins for earlier versions of pegboard do, and what to write in its place.

Imported only when a plugin has failed.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

MOVED = {
    "pegboard.cancellation": "pegboard_stores.cancellation",
    "pegboard.characters": "pegboard_stores.characters",
    "pegboard.contracts.http": "pegboard_wire.http",
    "pegboard.filters": "pegboard_stores.filters",
    "pegboard.fluent": "pegboard_scripting.fluent",
    "pegboard.http": "pegboard_wire.client.sessions",
    "pegboard.json_size": "pegboard_stores.json_size",
    "pegboard.lean_import": "pegboard_stores.lean_import",
    "pegboard.mapping_store": "pegboard_stores.mapping_store",
    "pegboard.model_uris": "pegboard_scripting.model_uris",
    "pegboard.names": "pegboard_stores.names",
    "pegboard.resolver": "pegboard_scripting.resolver",
    "pegboard.sentences": "pegboard_wire.sentences",
    "pegboard.sqlite": "pegboard_stores.sqlite",
    "pegboard.testing": "pegboard_testing",
}
"""Modules that other distributions of the core hold now."""

SPLIT = {
    "pegboard.refusals": "pegboard_stores.refusals",
    "pegboard.validation": "pegboard_stores.validation",
}
"""Modules of which a part has moved."""

_NAMES = {
    "Component": (
        "it is Flavor(name, target, summary) now, whose target is the text "
        "'package.module:Class'. LLM providers, evaluators and project runners are withdrawn"
    ),
    "Gate": (
        "it is in pegboard_registry.hookspecs now, and its target is a text. Mark the hook "
        "@hookimpl(optionalhook=True)"
    ),
}
"""Names that ``pegboard.hookspecs`` had."""

_WITHDRAWN = {
    "pegboard.contracts.llm": "pegboard_llm_providers",
    "pegboard.contracts.evaluation": "pegboard_evaluators",
    "pegboard.contracts.projects": "pegboard_project_runners",
}
"""Contracts that no part of pegboard used, and their hooks."""

_OPTIONAL = (
    "If another plugin brings this hook, mark it @hookimpl(optionalhook=True): your plugin then "
    "loads without the other one"
)

_TARGET = "A declaration names its 'target' as a text, 'package.module:attribute'"

_WORDS = {
    r"unexpected keyword argument '(open|load|check|enable)'": _TARGET,
    r"'(No)?Settings' object is not subscriptable|must be a mapping, not \S*Settings$"
    r"|'(No)?Settings' object has no attribute '(get|items|keys)'": (
        "Settings are an instance of the class that pegboard_settings names: write settings.KEY"
    ),
    r"missing 1 required positional argument: 'settings'": (
        "A flavor's target is called without arguments: name the class itself"
    ),
    r"'Host' object has no attribute 'store_beside'": (
        "It is pegboard_registry.promotion.store_beside(host, registry) now"
    ),
}
"""Words of an error, as a pattern, and what to do about it."""


def name(wanted: str) -> str:
    """Return what became of a name of ``pegboard.hookspecs``; "" if it had none of that name."""
    return _NAMES.get(wanted, "")


def advice(error: BaseException, hooks: Iterable[str] = ()) -> str:
    """Return what to change in a plugin that failed so; "" if that cannot be told.

    ``hooks`` are the names of the hooks that there are.
    """
    if isinstance(error, ImportError):
        return _of_import(error)
    said = str(error)
    if found := re.match(r"unknown hook '(\w+)'", said):
        return _of_hook(found[1], hooks)
    return next((advice for words, advice in _WORDS.items() if re.search(words, said)), "")


def _of_import(error: ImportError) -> str:
    wanted = error.name or ""
    if found := re.match(r"cannot import name '(\w+)' from '(pegboard)'", str(error)):
        wanted = f"{found[2]}.{found[1]}"
    if new := MOVED.get(wanted) or SPLIT.get(wanted):
        distribution = new.partition(".")[0].replace("_", "-")
        return f"It is in {new} now; depend on {distribution}"
    if wanted in _WITHDRAWN:
        return f"This contract is withdrawn: remove it, and the hook {_WITHDRAWN[wanted]}"
    return ""


def _of_hook(wanted: str, hooks: Iterable[str]) -> str:
    if wanted in _WITHDRAWN.values():
        return "This hook is withdrawn: remove it"
    near = difflib.get_close_matches(wanted, list(hooks), n=1, cutoff=0.8)
    return f"Did you mean {near[0]}?" if near else _OPTIONAL
