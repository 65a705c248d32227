"""What waits on this machine to be sent to a server, for people."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from attrs import define
from pegboard_stores.abilities import Waiting
from pegboard_wire.client.options import Options

from pegboard_tracking.client import adoption, marks
from pegboard_tracking.client.outbox import REFUSED_FILE, waiting
from pegboard_tracking.points import journal


@define
class _Left:
    journals: int = 0
    points: int = 0
    requests: int = 0

    def add(self, points: int, requests: int) -> None:
        self.journals += 1
        self.points += points
        self.requests += requests

    def __str__(self) -> str:
        points = f"{self.points} point{'s' * (self.points != 1)}"
        return f"{points} and {self.requests} other request{'s' * (self.requests != 1)}"


def of_run(directory: Path, run_id: str) -> Waiting | None:
    """Return what journals in a directory still hold of a run; None if that is nothing."""
    left = _Left()
    for name in journal.names(directory):
        left.add(*_held(directory, name, run_id))
    if not left.points and not left.requests:
        return None
    return Waiting(left.points, left.requests, str(directory))


def faults(directory: Path, options: Options) -> Iterator[tuple[str, str]]:
    """Yield what was left in journals, what the server refused, and damaged journals."""
    ended, strange, living = _Left(), _Left(), _Left()
    ours = marks.names(directory, marks.mark_of(options)) if journal.names(directory) else []
    for name in journal.names(directory):
        held = _held(directory, name, None)
        if adoption.is_living(directory, name):
            if any(held):
                living.add(*held)
        else:
            (ended if name in ours else strange).add(*held)
    if ended.journals:
        yield (
            f"{ended} of ended processes wait in {directory} to be sent to the server",
            "The next process that logs to the server sends them, and so does 'pegboard sync'.",
        )
    if strange.journals:
        yield (
            f"{strange} wait in {directory} that were logged on another machine or as another user",
            "Run 'pegboard sync' there or as that user: nobody else sends them.",
        )
    if living.journals:
        yield (
            f"{living} of processes that still run wait in {directory} to be sent to the server",
            "They are sent within seconds of the server being in reach.",
        )
    if (refused := directory / REFUSED_FILE).exists():
        yield (
            f"{refused} holds what the server refused for good",
            "Look into it, and delete it when it is not needed.",
        )
    for path in sorted(directory.glob("*.damaged")):
        yield (
            f"{path} is a damaged journal; what came before the damage was sent",
            "Keep it if the points after it are worth a rescue by hand, else delete it.",
        )


def _held(directory: Path, name: str, run_id: str | None) -> tuple[int, int]:
    try:
        return waiting(directory, name, run_id)
    except FileNotFoundError:
        # It was sent meanwhile.
        return 0, 0
