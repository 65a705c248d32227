"""Calls of functions by Ray's workers: what is sent, and what comes back.

A function, with the model that it may hold, is sent once and kept in the cluster; a worker unpacks
it once. This module is imported there.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from types import FunctionType
from typing import Any

import cloudpickle

_MOST_KEPT = 8
_AGAIN = "__pegboard_again__"
_functions: dict[str, Callable[..., Any]] = {}


def dumped(thing: Any) -> bytes:
    """Pickle, by value what nodes need not have: code that no distribution installed."""
    modules = [module for name, module in _modules_of(thing) if _is_own(name, module)]
    for each in modules:
        cloudpickle.register_pickle_by_value(each)
    file = io.BytesIO()
    try:
        _Pickler(file).dump(thing)
    finally:
        for each in modules:
            cloudpickle.unregister_pickle_by_value(each)
    return file.getvalue()


class _Pickler(cloudpickle.Pickler):  # type: ignore[misc]
    """Pickles decorated functions that say how they are made of the one within."""

    def reducer_override(self, obj: Any) -> Any:
        """Return how an object is made again; NotImplemented: as usual."""
        again = getattr(obj, _AGAIN, None) if isinstance(obj, FunctionType) else None
        module = sys.modules.get(obj.__module__) if again is not None else None
        if again is not None and (module is None or _is_by_value(obj.__module__, module)):
            return again, (obj.__wrapped__,)
        return super().reducer_override(obj)


def _is_by_value(name: str, module: Any) -> bool:
    return name == "__main__" or _is_own(name, module)


def _modules_of(thing: Any) -> list[tuple[str, Any]]:
    """Return the modules of a function, or of an object and the functions that it holds."""
    names: dict[str, None] = {}
    seen: set[int] = set()
    waiting = [thing]
    while waiting and len(seen) < 100:
        each = waiting.pop()
        if id(each) in seen:
            continue
        seen.add(id(each))
        for of in (each, type(each)):
            name = getattr(of, "__module__", None)
            if isinstance(name, str):
                names[name] = None
        inner = [getattr(each, name, None) for name in ("function", "func", "__self__")]
        waiting += [other for other in inner if other is not None]
    return [(name, sys.modules[name]) for name in names if name in sys.modules]


def _is_own(name: str, module: Any) -> bool:
    if name == "__main__" or name.partition(".")[0] in sys.stdlib_module_names:
        return False
    file = getattr(module, "__file__", None) or ""
    return bool(file) and not name.startswith("pegboard_") and "-packages" not in file


def begin(ray: Any, kept: dict[str, Any], digest: str, function: bytes | None, given: bytes,
          cpus: float) -> Any:  # fmt: skip
    """Begin a call in the process that is connected; return Ray's reference to its result."""
    if function is not None:
        kept[digest] = ray.put(function)
        for old in list(kept)[:-_MOST_KEPT]:
            del kept[old]
    return ray.remote(answer).options(num_cpus=cpus).remote(digest, kept[digest], given)


def answer(digest: str, function: bytes, given: bytes) -> bytes:
    """Call a function; return what came of it: (True, result) or (False, error)."""
    try:
        called = _functions.get(digest)
        if called is None:
            called = cloudpickle.loads(function)
            for old in list(_functions)[:-_MOST_KEPT]:
                del _functions[old]
            _functions[digest] = called
        found = (True, called(**cloudpickle.loads(given)))
    except Exception as error:
        found = (False, error)
    try:
        return dumped(found)
    except Exception as error:
        return dumped((False, RuntimeError(f"{found[1]!r} cannot be sent back: {error}")))
