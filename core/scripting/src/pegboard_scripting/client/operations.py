"""What logging calls return when asked not to wait."""

from __future__ import annotations


class RunOperations:
    """A logging call that is done.

    Logging here is fast enough to be done when the call returns, so ``synchronous=False`` changes
    nothing but that it returns this object, which scripts may ``wait`` for.
    """

    def wait(self) -> None:
        """Return at once: errors, if any, were raised by the call itself."""


DONE = RunOperations()


def outcome(synchronous: bool | None) -> RunOperations | None:
    """Return what a logging call answers: an operation if the caller asked not to wait."""
    return DONE if synchronous is False else None
