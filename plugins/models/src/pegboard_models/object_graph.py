"""Which modules an object refers to, found by walking through it as a pickle would."""

from __future__ import annotations

import dis
import types
from typing import Any

from pegboard_models import kinds


class _Nowhere:
    """A file that keeps nothing."""

    def write(self, data: Any) -> int:
        return len(data)


def modules_of(obj: Any) -> set[str]:
    """Return the modules of the classes, functions and modules that an object refers to.

    Code of the user's script is looked into: what its functions import counts too. Arrays, tensors
    and tables are not, so that large models cost little. An object that cannot be pickled gives
    what was found up to there.
    """
    import cloudpickle

    found: set[str] = set()

    class Walker(cloudpickle.Pickler):  # type: ignore[misc]
        """Notes every object, and goes no deeper where there is nothing but data."""

        def persistent_id(self, part: Any) -> Any:
            _note(part, found)
            large = isinstance(part, (bytes, bytearray, str)) and len(part) > 1000
            return 0 if large or _is_data(part) else None

        def reducer_override(self, part: Any) -> Any:
            if isinstance(part, (type, types.FunctionType)):
                _note_definition(part, found)
            return super().reducer_override(part)

    try:
        Walker(_Nowhere()).dump(obj)
    except Exception:
        # Whatever an object raises when it is pickled; what was seen before is still true.
        return found - {"__main__", ""}
    return found - {"__main__", ""}


def _is_data(part: Any) -> bool:
    """Whether an object is an array, a tensor or a table; asking its class runs no code of it."""
    kind = type(part)
    if not hasattr(kind, "__array__") or not hasattr(kind, "shape"):
        return False
    return not (kinds.is_array(part) and part.dtype == object)


def _note(part: Any, found: set[str]) -> None:
    if isinstance(part, types.ModuleType):
        found.add(part.__name__)
    elif isinstance(part, types.CodeType):
        found.update(imports_of(part))
    elif isinstance(part, (type, types.FunctionType, types.BuiltinFunctionType)):
        _note_definition(part, found)
    else:
        found.update(base.__module__ for base in type(part).__mro__[:1])


def _note_definition(part: Any, found: set[str]) -> None:
    module = getattr(part, "__module__", None)
    if isinstance(module, str):
        found.add(module)


def imports_of(code: types.CodeType) -> set[str]:
    """Return the modules that a piece of code imports, also within functions that it defines."""
    found = {
        str(step.argval) for step in dis.get_instructions(code) if step.opname == "IMPORT_NAME"
    }
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            found |= imports_of(constant)
    return {name for name in found if name}
