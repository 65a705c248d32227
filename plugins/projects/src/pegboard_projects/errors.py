"""What goes wrong with projects."""

from __future__ import annotations

from collections.abc import Sequence

from pegboard.errors import InvalidValue, PegboardError


class ProjectError(InvalidValue):
    """A project, or what it is to be run with, is wrong; nothing was begun."""


class ExecutionException(PegboardError):
    """A project was run and failed. ``code`` is its exit code; None if there is none."""

    def __init__(self, message: str, *, hint: str = "", code: int | None = None) -> None:
        super().__init__(message, hint=hint)
        self.code = code


def together(what: str, faults: Sequence[str], *, hint: str = "") -> ProjectError:
    """Return one error that tells all faults."""
    if len(faults) == 1:
        return ProjectError(f"{what}: {faults[0]}", hint=hint)
    lines = "".join(f"\n  - {fault}" for fault in faults)
    return ProjectError(f"{what}:{lines}", hint=hint)
