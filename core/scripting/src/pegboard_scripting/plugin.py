"""What this distribution adds to the host: the names that scripts use."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from importlib import import_module
from typing import Any

from pegboard.hookspecs import ApiName, hookimpl

from pegboard_scripting.names import MODULES, TARGETS

PACKAGE = "pegboard_scripting"


@hookimpl
def pegboard_api() -> Sequence[ApiName]:
    """Declare ``pegboard.start_run`` and the like, ``pegboard.Client`` and MLflow's modules."""
    modules = [ApiName(name, partial(import_module, f"{PACKAGE}.{name}"), "") for name in MODULES]
    return [*modules, *(ApiName(name, partial(_load, name), "") for name in TARGETS)]


def _load(name: str) -> Any:
    module, _, attribute = TARGETS[name].partition(":")
    return getattr(import_module(f"{PACKAGE}.{module}"), attribute)
