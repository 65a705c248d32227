"""Importing sqlite-utils without the large libraries that it looks for but we do not need.

It imports pandas and numpy when they are installed, which takes a second and 100 MB; a first run
on a new store should not wait for that.
"""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Iterator, Sequence
from types import ModuleType

_PACKAGE = "sqlite_utils"
_HIDDEN = ("numpy", "pandas")
_imported: dict[str, ModuleType] = {}
"""What was imported so, for the next store: several may be new in one process."""


class _Hide:
    """Lets the imports of one thread find nothing of the hidden libraries.

    Not of importlib's class for this, whose import takes longer than all of this module.
    """

    def __init__(self) -> None:
        self._thread = threading.get_ident()

    def find_spec(self, name: str, path: Sequence[str] | None, target: object = None) -> None:
        del path, target
        if name in _HIDDEN and threading.get_ident() == self._thread:
            raise ModuleNotFoundError(f"{name} is not needed here", name=name)


@contextlib.contextmanager
def lean_sqlite_utils() -> Iterator[None]:
    """Import sqlite-utils within this context, without pandas and numpy.

    Afterwards it is forgotten again unless it was there before, so that a script that uses it
    itself gets all of it.
    """
    if _PACKAGE in sys.modules:
        yield
        return
    finder = _Hide()
    sys.meta_path.insert(0, finder)
    sys.modules.update(_imported)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        for name in [n for n in sys.modules if n == _PACKAGE or n.startswith(_PACKAGE + ".")]:
            _imported[name] = sys.modules.pop(name)
