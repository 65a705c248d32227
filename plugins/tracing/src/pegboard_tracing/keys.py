"""The names of what MLflow keeps in attributes of spans, and in tags and metadata of traces."""

from __future__ import annotations

from pegboard.entities.traces import SOURCE_RUN as SOURCE_RUN
from pegboard.entities.traces import SPAN_TYPE as SPAN_TYPE
from pegboard.entities.traces import TRACE_NAME as TRACE_NAME

TRACE_ID = "mlflow.traceRequestId"
INPUTS, OUTPUTS = "mlflow.spanInputs", "mlflow.spanOutputs"
FUNCTION_NAME = "mlflow.spanFunctionName"
LOG_LEVEL = "mlflow.spanLogLevel"
START_TIME_NS = "mlflow.spanStartTimeNs"
DESCRIPTION = "mlflow.spanDescription"
MODEL, COST = "mlflow.llm.model", "mlflow.llm.cost"
INTERMEDIATE_OUTPUTS = "mlflow.trace.intermediate_outputs"

TRACE_INPUTS, TRACE_OUTPUTS = "mlflow.traceInputs", "mlflow.traceOutputs"
SCHEMA_VERSION = "mlflow.trace_schema.version"
MODEL_ID = "mlflow.modelId"
SESSION, USER = "mlflow.trace.session", "mlflow.trace.user"
TOKEN_USAGE, TRACE_COST = "mlflow.trace.tokenUsage", "mlflow.trace.cost"
