"""Where OpenTelemetry's variables send traces, as MLflow reads them.

``OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`` takes the traces away from the store, unless
``MLFLOW_TRACE_ENABLE_OTLP_DUAL_EXPORT`` is true; ``MLFLOW_ENABLE_OTLP_EXPORTER=false`` leaves them.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import Any

from pegboard.errors import PegboardError

_PROTOCOLS = {"grpc": "grpc", "http/protobuf": "http"}
_PACKAGE = "opentelemetry.exporter.otlp.proto"


def from_environment() -> None:
    """Pass traces on to the collector that the environment names; PegboardError."""
    if not _is_true("MLFLOW_ENABLE_OTLP_EXPORTER", default=True):
        return
    exporter = _exporter()
    from pegboard_tracing.tracing import joint

    joint.send_to(exporter, alone=not _is_true("MLFLOW_TRACE_ENABLE_OTLP_DUAL_EXPORT"))


def _exporter() -> Any:
    """Return the exporter of the protocol; if none is named, of one that is installed."""
    named = os.environ.get("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL") or os.environ.get(
        "OTEL_EXPORTER_OTLP_PROTOCOL"
    )
    if named and named not in _PROTOCOLS:
        raise PegboardError(
            f"The protocol {named!r} is not known.", hint=f"Known are {', '.join(_PROTOCOLS)}."
        )
    for protocol in [named] if named else _PROTOCOLS:
        try:
            module = import_module(f"{_PACKAGE}.{_PROTOCOLS[protocol]}.trace_exporter")
        except ImportError:
            continue
        return module.OTLPSpanExporter()
    raise PegboardError(
        f"No exporter is installed for {named or 'any protocol'}.",
        hint="Install opentelemetry-exporter-otlp-proto-http, or -grpc.",
    )


def _is_true(name: str, *, default: bool = False) -> bool:
    given = os.environ.get(name, "").strip().lower()
    return default if not given else given in ("true", "1")
