"""Filters and orders of searches: MLflow's grammar, and more.

``parse_filter`` and ``parse_order_by`` turn text into values; stores translate these into their own
query language, or use ``matches`` and ``sorted_by``, which define what they mean.

Beyond MLflow's grammar there are OR, NOT, parentheses, the regular expressions ``=~`` and ``!~``
(see ``pegboard_stores.filters.regex``), params compared with numbers, IS NULL on everything, and
IN on all texts. A comparison with something that a run lacks is false, so ``NOT params.a = 'x'``
is true for a run without the param where ``params.a != 'x'`` is false.

A quote inside a text or key is written twice, and LIKE has the escapes ``\\%``, ``\\_`` and
``\\\\``: ``pegboard.literals`` writes them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pegboard_stores.filters.budget import searching
    from pegboard_stores.filters.matching import matches, select
    from pegboard_stores.filters.nodes import (
        And,
        Comparison,
        Expr,
        Field,
        Not,
        Operator,
        Or,
        OrderBy,
    )
    from pegboard_stores.filters.numbers import as_number
    from pegboard_stores.filters.ordering import complete, key_part, sort_key, sorted_by
    from pegboard_stores.filters.parser import parse_filter, parse_order_by
    from pegboard_stores.filters.schema import (
        DATA_SETS,
        EXPERIMENTS,
        LOGGED_MODELS,
        MODEL_VERSIONS,
        REGISTERED_MODELS,
        RUN_NAME_TAG,
        RUNS,
        TRACES,
        Kind,
        SearchSchema,
        Type,
    )

# Imported when first used: a script that only logs needs as_number at most.
_HOMES = {
    "budget": ("searching",),
    "matching": ("matches", "select"),
    "nodes": ("And", "Comparison", "Expr", "Field", "Not", "Operator", "Or", "OrderBy"),
    "numbers": ("as_number",),
    "ordering": ("complete", "key_part", "sort_key", "sorted_by"),
    "parser": ("parse_filter", "parse_order_by"),
    "schema": (
        "DATA_SETS",
        "EXPERIMENTS",
        "LOGGED_MODELS",
        "MODEL_VERSIONS",
        "REGISTERED_MODELS",
        "RUNS",
        "RUN_NAME_TAG",
        "TRACES",
        "Kind",
        "SearchSchema",
        "Type",
    ),
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


__all__ = [
    "DATA_SETS",
    "EXPERIMENTS",
    "LOGGED_MODELS",
    "MODEL_VERSIONS",
    "REGISTERED_MODELS",
    "RUNS",
    "RUN_NAME_TAG",
    "TRACES",
    "And",
    "Comparison",
    "Expr",
    "Field",
    "Kind",
    "Not",
    "Operator",
    "Or",
    "OrderBy",
    "SearchSchema",
    "Type",
    "as_number",
    "complete",
    "key_part",
    "matches",
    "parse_filter",
    "parse_order_by",
    "searching",
    "select",
    "sort_key",
    "sorted_by",
]
