"""What the cache has, told at once: for the server's quick lane, where nothing is waited for."""

from __future__ import annotations

from pegboard_gateway.entities import Asked
from pegboard_gateway.path.calls import Calls, Way
from pegboard_gateway.path.faults import check_task


def kept(calls: Calls, asked: Asked, request_id: str = "") -> bytes | None:
    """Return the JSON of what the cache has: an answer, or the list of a stream's chunks.

    The call is over then. None if something has to be waited for: nothing was done. LLMError.
    """
    endpoint = calls.endpoint(asked.endpoint)
    if endpoint.cache is None or endpoint.prompt or endpoint.guardrails:
        return None
    if calls.scope is not None:
        calls.scope(asked)
    check_task(endpoint, asked)
    found = calls.cache.slot(endpoint, endpoint.cache, asked).at_once()
    if found is not None:
        Way(calls, asked, request_id).cached(endpoint, found)
    return found
