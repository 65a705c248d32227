"""Containers: a runner for projects that name an image, with docker or podman.

What stands here is what other distributions may use; it is imported on first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pegboard_docker.first_process import words as words
    from pegboard_docker.images import CODE as CODE
    from pegboard_docker.images import built as built
    from pegboard_docker.images import had as had
    from pegboard_docker.images import pushed as pushed
    from pegboard_docker.options import chosen as chosen
    from pegboard_docker.program import Program as Program
    from pegboard_docker.program import find as find

_HOMES = {
    "CODE": "images",
    "Program": "program",
    "built": "images",
    "chosen": "options",
    "find": "program",
    "had": "images",
    "pushed": "images",
    "words": "first_process",
}
"""By public name the module that has it."""

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    """Import a public name on first use."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
