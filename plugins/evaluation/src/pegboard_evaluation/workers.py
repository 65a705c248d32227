"""Where rows are worked on: in threads of this process, or by workers elsewhere, of a plugin.

This process keeps the pace, the budget and the results, row by row; workers only call functions. So
there is one limit for all of them, and an evaluation goes on where it broke off as it does without.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from attrs import field, frozen
from pegboard import distributions
from pegboard import host as hosts
from pegboard.errors import InvalidValue
from pegboard.hookspecs import hookspec
from pegboard.targets import check, resolve

KIND = "evaluation workers"


@frozen
class EvaluationWorkers:
    """Workers for the rows of evaluations: ``evaluate(..., runner=NAME)``.

    ``target`` names a subclass of ``pegboard_evaluation.workers.Workers``.
    """

    name: str
    target: str = field(validator=check)
    summary: str


@hookspec
def pegboard_evaluation_workers() -> Sequence[EvaluationWorkers]:
    """Declare workers that can call functions for the rows of evaluations."""
    return ()


KINDS = {KIND: ("pegboard_evaluation_workers", EvaluationWorkers)}


class Workers(ABC):
    """Calls functions elsewhere. Made for an evaluation; used by many threads."""

    count: int = 1
    """How many calls it can work on at a time."""

    shares_machine: bool = False
    """Whether workers see the files of this machine, such as a SQLite store."""

    @abstractmethod
    def call(self, function: Callable[..., Any], given: Mapping[str, Any]) -> Any:
        """Return what ``function(**given)`` returns there; raise what it raises.

        InvalidValue: the function, or what it is given, cannot be sent. StoreError: there is
        nobody who could call it any more.
        """

    def close(self) -> None:  # noqa: B027 (one that needs nothing)
        """Take away what it needed."""


@contextmanager
def opened(name: str | None) -> Iterator[Workers | None]:
    """Yield workers by their name; None: the threads of this process do it.

    InvalidValue if there are no such workers.
    """
    if not name:
        yield None
        return
    declared = hosts.current().declared(KIND)
    if name not in declared:
        raise InvalidValue(
            f"There is no runner {name!r} for rows of evaluations.",
            hint=distributions.install(KIND, name)
            or f"Installed are: {', '.join(sorted(declared)) or 'none'}.",
        )
    made: Workers = resolve(declared[name].target)()
    try:
        yield made
    finally:
        made.close()
