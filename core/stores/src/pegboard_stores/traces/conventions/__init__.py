"""Spans of other libraries, read as MLflow's: inputs, outputs, type, tokens, model and cost.

Known are OpenTelemetry's conventions for generative AI, as attributes and as events, those of
OpenInference and Traceloop, and what the SDKs of some vendors write besides. A span that follows
none of them costs a look at the names of its attributes.
"""

from pegboard_stores.traces.conventions.translation import Price, translated

__all__ = ["Price", "translated"]
