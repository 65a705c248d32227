"""A function of a row that is called elsewhere, whose spans are parts of the row's trace."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from attrs import frozen
from pegboard import uris
from pegboard_scripting.client import location
from pegboard_tracing import api

from pegboard_evaluation.workers import Workers

_SERVERS, _FILES = ("http", "https"), ("sqlite", "file", uris.PLAIN_PATH)


@frozen
class There:
    """What workers call in place of a function."""

    function: Callable[..., Any]

    def __call__(self, given: Mapping[str, Any], headers: Mapping[str, str], uri: str) -> Any:
        """Call the function within the trace that ``headers`` name.

        ``uri``: where its spans are kept; "": they are not.
        """
        if not uri:
            with api.context(enabled=False):
                return self._called(given)
        location.set_tracking_uri(uri)
        try:
            with api.taken_up(headers):
                return self._called(given)
        finally:
            api.flush()

    def _called(self, given: Mapping[str, Any]) -> Any:
        found = self.function(**given)
        return asyncio.run(_whole(found)) if inspect.isawaitable(found) else found


async def _whole(found: Any) -> Any:
    return await found


def traced(workers: Workers, function: Callable[..., Any], given: Mapping[str, Any]) -> Any:
    """Return what a function returns, called by workers within the span that is active here."""
    uri = uris.anchored(location.get_tracking_uri(), Path.cwd())
    scheme = uris.parse(uri).scheme
    is_reached = scheme in _SERVERS or (workers.shares_machine and scheme in _FILES)
    headers = api.carried() if is_reached else {}
    return _sent(workers, function, given, headers, uri if headers else "")


def untraced(workers: Workers, function: Callable[..., Any], given: Mapping[str, Any]) -> Any:
    """Return what a function returns, called by workers, which keep no spans of it."""
    return _sent(workers, function, given, {}, "")


def _sent(
    workers: Workers,
    function: Callable[..., Any],
    given: Mapping[str, Any],
    headers: Mapping[str, str],
    uri: str,
) -> Any:
    return workers.call(There(function), {"given": dict(given), "headers": headers, "uri": uri})
