"""The scoring server: pegboard's server with the endpoints of one model."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
from pegboard_server import App, Failure
from pegboard_wire.http import Answer, Call, Endpoint, Permission

from pegboard_serving import payloads
from pegboard_serving.batching import Batcher
from pegboard_serving.loading import load
from pegboard_serving.row_wise import is_row_wise
from pegboard_serving.scorer import ModelFault, Scorer, told

if TYPE_CHECKING:
    from pegboard.host import Host
    from pegboard_server import Board, Settings


def create(
    host: Host,
    settings: Settings,
    board: Board,
    *,
    model: str,
    trust: Sequence[str],
    timeout: float,
    batching: str,
) -> ScoringApp:
    """Load the model in a directory and return what serves it."""
    directory = Path(model)
    scorer = Scorer(load(directory, trust))
    _spare_collector()
    together = batching == "on" or (batching == "auto" and is_row_wise(host, directory))
    return ScoringApp(host, settings, board, scorer, timeout, together=together)


def _spare_collector() -> None:
    """Keep the garbage collector from looking, during requests, at what stays loaded anyway.

    The rows of a long body wake it over and over, and they are never part of a cycle.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 20, 100)


class ScoringApp(App):
    """Answers ``/invocations``, ``/ping``, and what every server of pegboard answers."""

    def __init__(
        self,
        host: Host,
        settings: Settings,
        board: Board,
        scorer: Scorer,
        timeout: float,
        *,
        together: bool,
    ) -> None:
        """Serve a model; ``together``: requests that wait may be predicted with one call."""
        self._scorer = scorer
        self._timeout = timeout
        self._batcher = Batcher(scorer.answer_all) if together and scorer.splits else None
        super().__init__(host, settings, board, self._endpoints())

    def _endpoints(self) -> Sequence[Endpoint]:
        return [
            Endpoint(
                "POST",
                "/invocations",
                self._invoke,
                Permission.READ,
                "Predict.",
                request=_REQUEST,
                response=_RESPONSE,
                raw=True,
            ),
            Endpoint("GET", "/ping", _ping, Permission.PUBLIC, "Be there.", quick=True),
        ]

    def close(self) -> None:
        """Wait for predictions that still run, then close the rest."""
        if self._batcher is not None:
            self._batcher.close()
        super().close()

    async def _invoke(self, call: Call) -> Answer | Mapping[str, Any]:
        payload = await self._read(call)
        try:
            async with asyncio.timeout(self._timeout):
                rows = payload.rows
                if self._batcher is None or rows is None or payload.params:
                    predictions = await self._in_thread(lambda: self._scorer.answer(payload))
                else:
                    predictions = await self._batcher.predict(rows)
        except TimeoutError:
            text = f"The prediction took longer than {self._timeout:g} s."
            raise Failure(504, "DEADLINE_EXCEEDED", text) from None
        except ModelFault as fault:
            self._report("-", fault)
            raise Failure(400, "BAD_REQUEST", told(fault)) from None
        if payload.bare:
            return Answer(predictions, headers=_FRESH)
        # A mapping is sent on a quicker way than an Answer.
        return {"predictions": orjson.Fragment(predictions)}

    async def _read(self, call: Call) -> payloads.Payload:
        kind, expected = call.headers.get("content-type"), self._scorer.expected
        if payloads.is_soon_read(call.content):
            return payloads.read(call.content, kind, expected)
        return await self._in_thread(lambda: payloads.read(call.content, kind, expected))


def _ping(_: Call) -> Answer:
    return Answer(b"\n", headers=_FRESH)


_FRESH = {"cache-control": "no-store"}
_TABLE = {
    "type": "object",
    "required": ["data"],
    "properties": {
        "columns": {"type": "array"},
        "data": {"type": "array"},
        "index": {"type": "array"},
    },
}
_REQUEST = {
    "type": "object",
    "properties": {
        "dataframe_split": _TABLE,
        "dataframe_records": {"type": "array", "items": {"type": "object"}},
        "instances": {"type": "array"},
        "inputs": {},
        "params": {"type": "object"},
    },
}
_RESPONSE = {"type": "object", "properties": {"predictions": {}}}
