"""What a run records of its surroundings: code, environment, machine, datasets.

What stands here is what other distributions may use; it is imported on first use.
"""

from __future__ import annotations

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import Any

    from pegboard_context import changes as changes
    from pegboard_context import git as git

__all__ = ["changes", "git"]


def __getattr__(name: str) -> Any:
    """Import a public module on first use."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return import_module(f"{__name__}.{name}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
