"""The endpoint that takes spans in OpenTelemetry's protocol (OTLP over HTTP)."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

from pegboard.entities.traces import Span
from pegboard.errors import InvalidValue
from pegboard_stores.traces.conventions import translated
from pegboard_wire.http import Answer, Call, Endpoint, Permission
from pegboard_wire.requests import store_of

from pegboard_tracking.wire import otlp

MAX_BYTES = 64 * 1024 * 1024
"""How large a body may be, also when it is unpacked."""

MAX_TRACES = 10_000
"""To how many traces the spans of a body may belong."""
MAX_TAGS = 200_000
"""How many tags these traces may get: each gets those of its resource."""

EXPERIMENT, RUN = "x-mlflow-experiment-id", "x-mlflow-run-id"

_BINARY, _JSON = "application/x-protobuf", "application/json"
_OWN_TAGS = ("telemetry.sdk.", "mlflow.")
"""Attributes of a resource that do not become tags."""


def _take(call: Call) -> Answer:
    headers = {name.lower(): value for name, value in call.headers.items()}
    experiment_id = headers.get(EXPERIMENT, "")
    if not experiment_id:
        raise InvalidValue(
            f"The header {EXPERIMENT} is missing.", hint="It says in which experiment traces are."
        )
    media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type not in (_BINARY, _JSON):
        raise InvalidValue(
            f"Spans cannot be read from {media_type[:60]!r}.", hint=f"Send {_BINARY} or {_JSON}."
        ).about("bad_media_type", media_type=media_type)
    plain = _unpacked(call.content, headers.get("content-encoding", "").strip().lower())
    batches = (otlp.read_json if media_type == _JSON else otlp.read_binary)(plain)
    if not batches:
        raise InvalidValue("The body holds no spans.").about("no_spans")
    store = store_of(call).traces()
    spans: list[Span] = []
    tags = _tags_of_traces(batches)
    for batch in batches:
        spans += [translated(span, _cost) for span in batch.spans]
    store.log_spans(experiment_id, spans, tags=tags)
    run_id = headers.get(RUN)
    if run_id:
        ids = list(dict.fromkeys(span.trace_id for span in spans if span.parent_id is None))
        store.link_to_run(ids, run_id)
    return Answer(b"{}" if media_type == _JSON else b"", media_type=media_type)


def _cost(model: str, provider: str | None, usage: Mapping[str, int]) -> Mapping[str, float] | None:
    # The list of prices is read when the first span tells of a model and tokens.
    from pegboard_llm.costs import cost_of

    return cost_of(model, provider, usage)


def _tags_of_traces(batches: Sequence[otlp.Batch]) -> dict[str, dict[str, str]]:
    tags: dict[str, dict[str, str]] = {}
    given = 0
    for batch in batches:
        own = _tags(batch.resource)
        traces = {span.trace_id for span in batch.spans}
        given += len(traces) * len(own)
        if given > MAX_TAGS:
            raise _too_many(f"more than {MAX_TAGS} tags of traces")
        for trace_id in traces:
            tags.setdefault(trace_id, {}).update(own)
    if len(tags) > MAX_TRACES:
        raise _too_many(f"spans of more than {MAX_TRACES} traces")
    return tags


def _too_many(what: str) -> InvalidValue:
    return InvalidValue(f"The body holds {what}.", hint="Send smaller batches.")


def _unpacked(body: bytes, encoding: str) -> bytes:
    if encoding in ("", "identity"):
        return body
    windows = {"gzip": (31,), "deflate": (15, -15)}.get(encoding)
    if windows is None:
        raise InvalidValue(
            f"The encoding {encoding[:60]!r} is not known.", hint="Known are gzip and deflate."
        )
    for window in windows:
        unpacker = zlib.decompressobj(window)
        try:
            plain = unpacker.decompress(body, MAX_BYTES + 1)
        except zlib.error:
            continue
        if len(plain) > MAX_BYTES:
            raise _too_large()
        if unpacker.eof:
            return plain
    raise InvalidValue(f"The body is not {encoding} data, or is cut off.")


def _too_large() -> InvalidValue:
    return InvalidValue(
        f"More than {MAX_BYTES} bytes of spans were sent at once.", hint="Send smaller batches."
    )


def _tags(resource: Mapping[str, Any]) -> dict[str, str]:
    return {
        key: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        for key, value in resource.items()
        if not key.startswith(_OWN_TAGS) and 0 < len(key) <= 250
    }


ENDPOINTS = [
    Endpoint(
        "POST",
        "/v1/traces",
        _take,
        Permission.WRITE,
        "Take spans in OpenTelemetry's protocol, binary or JSON.",
        raw=True,
        max_body=MAX_BYTES,
        tags=("Traces",),
    )
]
