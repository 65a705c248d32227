"""Where the spans of calls go: to whoever has set OpenTelemetry up, or where its variables say.

A program that has set a global provider, such as ``opentelemetry-instrument``, gets them. Else
``OTEL_EXPORTER_OTLP_ENDPOINT`` (or ``OTEL_EXPORTER_OTLP_TRACES_ENDPOINT``) names the collector.

Source: OpenTelemetry specification 1.51, OTLP exporter and SDK environment variables.
"""

from __future__ import annotations

import logging
import os
from functools import cache
from importlib import import_module
from typing import Any

_NAME = "pegboard.gateway"
_SERVICE = "pegboard-gateway"
_COLLECTORS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_PROTOCOLS = {"http/protobuf": "http", "grpc": "grpc"}

logger = logging.getLogger(__name__)


def tracer() -> Any:
    """Return what makes spans; None if they would be made for nobody."""
    from opentelemetry import trace  # when something was called, not when a server starts

    nobody = (trace.ProxyTracerProvider, trace.NoOpTracerProvider)
    if not isinstance(trace.get_tracer_provider(), nobody):
        return trace.get_tracer(_NAME)
    provider = provider_of_environment()
    return None if provider is None else provider.get_tracer(_NAME)


@cache
def provider_of_environment() -> Any:
    """Return what sends spans to the collector that the environment names; None if it names none.

    It is not the global one: other parts of the process have their own ideas of where theirs go.
    """
    said = os.environ.get
    if not any(map(said, _COLLECTORS)) or said("OTEL_SDK_DISABLED", "").lower() == "true":
        return None
    named = said("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL") or said("OTEL_EXPORTER_OTLP_PROTOCOL")
    protocol = _PROTOCOLS.get(named or "http/protobuf", named)
    try:
        exporter = import_module(f"opentelemetry.exporter.otlp.proto.{protocol}.trace_exporter")
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        logger.warning(
            "OpenTelemetry's collector gets no spans of calls: no exporter is installed for %s. "
            "Install pegboard-gateway[opentelemetry], or the exporter of that protocol.",
            named or "http/protobuf",
        )
        return None
    is_named = said("OTEL_SERVICE_NAME") or "service.name=" in said("OTEL_RESOURCE_ATTRIBUTES", "")
    resource = Resource.create({} if is_named else {"service.name": _SERVICE})
    made = TracerProvider(resource=resource)
    made.add_span_processor(BatchSpanProcessor(exporter.OTLPSpanExporter()))
    return made
