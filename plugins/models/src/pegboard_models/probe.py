"""Loads a saved model in a fresh process, and reports what the model's code imports.

Run as ``python -m pegboard_models.probe DIRECTORY FLAVOR REPORT``, for a model that its user is
saving, and so trusts.
"""

from __future__ import annotations

import builtins
import importlib
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from pegboard_models.model_files import PYTHON_FUNCTION

_UNPICKLING = "pegboard_models.pickles"
"""The only one of our modules whose imports are the model's."""


@contextmanager
def _noted(imports: set[tuple[str, str]]) -> Iterator[None]:
    """Note who imports what, also what is imported already."""
    import_statement, import_module = builtins.__import__, importlib.import_module

    def statement(
        name: str, globals: Any = None, locals: Any = None, fromlist: Any = (), level: int = 0
    ) -> Any:
        if level == 0:
            imports.add(((globals or {}).get("__name__") or "", name))
        return import_statement(name, globals, locals, fromlist, level)

    def function(name: str, package: str | None = None) -> Any:
        imports.add((sys._getframe(1).f_globals.get("__name__") or "", name))
        return import_module(name, package)

    builtins.__import__ = statement
    importlib.import_module = function
    try:
        yield
    finally:
        builtins.__import__ = import_statement
        importlib.import_module = import_module


def _of_the_model(imports: set[tuple[str, str]]) -> set[str]:
    """Return what was imported by code that is of no installed distribution, or by unpickling."""
    from pegboard_models import distributions

    own: dict[str, bool] = {}

    def is_own(importer: str) -> bool:
        top = importer.partition(".")[0]
        if top not in own:
            own[top] = not (distributions.is_reader(top) or distributions.is_installed(top))
        return importer == _UNPICKLING or own[top]

    return {name for importer, name in imports if is_own(importer)}


def main(directory: str, flavor: str, report: str) -> None:
    """Load the model, let it predict its example, and report what it imported meanwhile."""
    from pegboard.contracts.models import Trust

    from pegboard_models import examples, loading, mlmodel

    model = mlmodel.Model.load(directory)
    trust = Trust(pickle=True)
    imports: set[tuple[str, str]] = set()
    with _noted(imports):
        if flavor == PYTHON_FUNCTION:
            loaded = loading.load_pyfunc(directory, trust)
            if model.saved_input_example_info is not None:
                with suppress(Exception):
                    # What was loaded counts, whether or not the model likes its example.
                    params = examples.params(model, Path(directory))
                    loaded.predict(loaded.input_example, params)
        else:
            loading.load_native(directory, flavor, trust)
    Path(report).write_text(json.dumps(sorted(_of_the_model(imports))), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:4])
