"""Functions of Python files that a test form names: ``FILE.py:NAME``."""

from __future__ import annotations

import hashlib
import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from pegboard_evaluation.suites.source import At, listed, meant

_TARGET = re.compile(r"(?:file://)?(.+\.py):([A-Za-z_]\w*)")


def is_target(value: Any) -> bool:
    """Whether a value is of the form ``FILE.py:NAME``."""
    return isinstance(value, str) and _TARGET.fullmatch(value) is not None


def resolve(at: At, value: str) -> Any:
    """Return what ``FILE.py:NAME`` names; InvalidValue says what is not there, or fails."""
    match = _TARGET.fullmatch(value)
    if match is None:
        raise at.wrong(f"{value!r} does not name a function.", "Write it as FILE.py:FUNCTION.")
    module = _loaded(at, at.file(match[1]).resolve())
    try:
        return getattr(module, match[2])
    except AttributeError:
        public = [name for name in vars(module) if not name.startswith("_")]
        raise at.wrong(
            f"{match[1]} has no {match[2]!r}.",
            f"{meant(match[2], public)}It has: {listed(public)}.",
        ) from None


def _loaded(at: At, path: Path) -> ModuleType:
    """Import a file, once; beside it stands what it imports."""
    name = f"pegboard_file_{path.stem}_{hashlib.sha256(str(path).encode()).hexdigest()[:8]}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    sys.path.insert(0, str(path.parent))
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise at.wrong(f"{path.name} fails: {type(error).__name__}: {error}") from error
    finally:
        sys.path.remove(str(path.parent))
    return module
