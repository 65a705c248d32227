"""What goes wrong with sweeps."""

from __future__ import annotations

from collections.abc import Sequence

from pegboard.errors import InvalidValue, PegboardError


class SweepError(InvalidValue):
    """A sweep cannot be carried out as it is described; nothing was begun."""


class SweepFailed(PegboardError):
    """A sweep was carried out, and found nothing: its trials failed. ``run_id`` is its run."""

    def __init__(self, message: str, *, run_id: str, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.run_id = run_id


def together(what: str, faults: Sequence[str], *, hint: str = "") -> SweepError:
    """Return one error that tells all faults."""
    lines = "".join(f"\n  - {fault}" for fault in faults)
    return SweepError(f"{what}:{lines}", hint=hint)
