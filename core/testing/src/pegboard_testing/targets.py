"""Targets for what a test makes itself: declarations name modules, and a test has none to name."""

from __future__ import annotations

import itertools
import sys
from types import ModuleType

_MODULE = "pegboard_test_targets"
_numbers = itertools.count()


def target_of(thing: object) -> str:
    """Return a target, ``module:attribute``, that names ``thing`` for as long as the process."""
    module = sys.modules.setdefault(_MODULE, ModuleType(_MODULE))
    name = f"thing_{next(_numbers)}"
    setattr(module, name, thing)
    return f"{_MODULE}:{name}"
