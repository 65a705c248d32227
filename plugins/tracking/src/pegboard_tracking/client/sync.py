"""Sending what ended processes left in their journals."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import define
from pegboard.errors import StoreError
from pegboard_wire.client.connection import connect, connect_to_found
from pegboard_wire.client.options import server_of

from pegboard_tracking.client import adoption, places
from pegboard_tracking.client.outbox import Outbox, waiting
from pegboard_tracking.points import journal

if TYPE_CHECKING:
    from pegboard_tracking.settings import Settings


@define
class Report:
    """What became of the journals for one server."""

    server: str
    directory: Path
    journals: int = 0
    """How many journals of ended processes were sent; in a dry run: how many there are."""
    points: int = 0
    """Points of metrics, sent or (in a dry run, or after an error) left."""
    requests: int = 0
    """Other requests, sent or left."""
    refused: int = 0
    """How many requests the server refused for good."""
    in_use: int = 0
    """How many journals were left to the processes that write to them."""
    error: str = ""


def reports(chosen: str | None) -> Iterator[Report]:
    """Yield an empty report for each server that something was logged to, or for the one chosen."""
    wanted = None if chosen is None else server_of(chosen).url
    for url, directory in places.known():
        if wanted in (None, url):
            yield Report(url, directory)


def look(report: Report) -> None:
    """Count what the journals of ended processes still hold, without sending anything."""
    for name in journal.names(report.directory):
        with adoption.claimed(report.directory, name) as mine:
            report.in_use += mine is False
            if mine:
                points, requests = waiting(report.directory, name)
                report.journals += 1
                report.points += points
                report.requests += requests


def send(
    report: Report,
    url: str,
    settings: Settings,
    advance: Callable[[int], None],
    *,
    named: bool,
) -> None:
    """Send what the journals of ended processes hold; ``url`` may say who we are.

    ``advance`` receives how many points and requests were sent just now. ``named``: whether the
    user names the server now. A server that only journals name gets no credentials of another.
    """

    def on_sent(points: int, requests: int) -> None:
        report.points += points
        report.requests += requests
        advance(points + requests)

    def on_refused() -> None:
        report.refused += 1

    opened = connect(url, settings.http) if named else connect_to_found(url, settings.http)
    outbox = Outbox(opened, report.directory, on_sent=on_sent, on_refused=on_refused)
    try:
        for name in journal.names(report.directory):
            with adoption.claimed(report.directory, name) as mine, outbox.patience():
                report.in_use += mine is False
                if mine:
                    outbox.finish(name)
                    report.journals += 1
    except StoreError as error:
        report.error = str(error)
