"""Spans and outlines of traces on their way from journals to a server."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any
from urllib.parse import quote

import attrs
from attrs import frozen
from pegboard.entities.traces import Span
from pegboard_stores.traces import records

from pegboard_tracking.client import spans as spans_codec
from pegboard_tracking.client.messages import Message
from pegboard_tracking.wire import trace_codec
from pegboard_tracking.wire.ingestion import EXPERIMENT

SPANS_PATH = "/v1/traces"
INFOS_PATH = "/api/3.0/mlflow/traces"
_TAGS_PATH = "traces"
_AT_ONCE = 512
"""How many spans go into one request."""


@frozen
class SpanParcel:
    """Spans of one experiment that are sent together."""

    experiment_id: str
    spans: Sequence[Span]

    @property
    def headers(self) -> dict[str, str]:
        """The headers that go with it."""
        return {"Content-Type": "application/x-protobuf", EXPERIMENT: self.experiment_id}

    def content(self) -> bytes:
        """Return the body of the request."""
        return spans_codec.request(self.spans)

    def fields(self) -> dict[str, Any]:
        """Return the spans as JSON can hold them, for people."""
        spans = [attrs.asdict(span) for span in self.spans]
        return {"experiment_id": self.experiment_id, "spans": spans}


def messages(
    contents: Iterable[bytes], find: Callable[[str], str]
) -> Iterator[Message | SpanParcel]:
    """Yield the requests that bring what records of spans hold to any server.

    ``find`` returns the id of an experiment from its name. The same record may be sent twice: what
    is known is replaced.
    """
    for experiment_id, found in records.read(contents, find).items():
        spans = list(found.spans.values())
        for start in range(0, len(spans), _AT_ONCE):
            yield SpanParcel(experiment_id, spans[start : start + _AT_ONCE])
        for info in found.infos.values():
            yield Message(INFOS_PATH, {"trace": {"trace_info": trace_codec.info_json(info)}})
        for trace_id, note in found.notes.items():
            # Metadata goes with the spans: the protocol has no other way for a part of it.
            for key, value in note.tags.items():
                path = f"{_TAGS_PATH}/{quote(trace_id, safe='')}/tags"
                yield Message(path, {"key": key, "value": value}, method="PATCH")
