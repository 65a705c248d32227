"""What can be searched: kinds of data and the attributes of an entity with their types."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from attrs import field, frozen

RUN_NAME_TAG = "mlflow.runName"
"""A filter on a run's name looks at this tag, as MLflow's does."""

CONTEXT_TAG = "mlflow.data.context"
"""The tag of a dataset's use that ``dataset.context`` means."""


class Kind(StrEnum):
    """The kinds of data that a filter can speak of."""

    METRIC = "metric"
    PARAM = "param"
    TAG = "tag"
    ATTRIBUTE = "attribute"
    DATASET = "dataset"
    METADATA = "metadata"
    SPAN = "span"
    FEEDBACK = "feedback"
    EXPECTATION = "expectation"


class Type(StrEnum):
    """The types of attributes."""

    TEXT = "text"
    NUMBER = "number"
    ID = "id"
    """Text that is equal or not; ids that are whole numbers are ordered as such."""


@frozen
class SearchSchema:
    """What can be searched in entities of one sort.

    ``kinds`` maps each prefix (``metrics``, ``tag``…) to its kind; ``attributes`` each attribute to
    its type; ``aliases`` other names of attributes. ``orderable`` are the kinds to order by;
    ``unordered`` are the attributes not to.
    """

    name: str
    kinds: Mapping[str, Kind]
    attributes: Mapping[str, Type]
    aliases: Mapping[str, str] = field(factory=dict)
    orderable: frozenset[Kind] = frozenset({Kind.ATTRIBUTE})
    unordered: frozenset[str] = frozenset()


DATASET_ATTRIBUTES = ("name", "digest", "context")

RUNS = SearchSchema(
    name="runs",
    kinds={
        "metric": Kind.METRIC,
        "metrics": Kind.METRIC,
        "param": Kind.PARAM,
        "params": Kind.PARAM,
        "parameter": Kind.PARAM,
        "parameters": Kind.PARAM,
        "tag": Kind.TAG,
        "tags": Kind.TAG,
        "attr": Kind.ATTRIBUTE,
        "attribute": Kind.ATTRIBUTE,
        "attributes": Kind.ATTRIBUTE,
        "run": Kind.ATTRIBUTE,
        "dataset": Kind.DATASET,
        "datasets": Kind.DATASET,
    },
    attributes={
        "run_id": Type.TEXT,
        "run_name": Type.TEXT,
        "user_id": Type.TEXT,
        "status": Type.TEXT,
        "start_time": Type.NUMBER,
        "end_time": Type.NUMBER,
        "artifact_uri": Type.TEXT,
    },
    aliases={
        "created": "start_time",
        "Created": "start_time",
        "run name": "run_name",
        "Run name": "run_name",
        "Run Name": "run_name",
    },
    orderable=frozenset({Kind.METRIC, Kind.PARAM, Kind.TAG, Kind.ATTRIBUTE}),
)

EXPERIMENTS = SearchSchema(
    name="experiments",
    kinds={"tag": Kind.TAG, "tags": Kind.TAG, "attribute": Kind.ATTRIBUTE},
    attributes={
        "name": Type.TEXT,
        "experiment_id": Type.ID,
        "creation_time": Type.NUMBER,
        "last_update_time": Type.NUMBER,
    },
)

LOGGED_MODELS = SearchSchema(
    name="logged models",
    kinds={
        "metric": Kind.METRIC,
        "metrics": Kind.METRIC,
        "param": Kind.PARAM,
        "params": Kind.PARAM,
        "tag": Kind.TAG,
        "tags": Kind.TAG,
        "attribute": Kind.ATTRIBUTE,
        "attributes": Kind.ATTRIBUTE,
    },
    attributes={
        "name": Type.TEXT,
        "model_id": Type.TEXT,
        "model_type": Type.TEXT,
        "status": Type.TEXT,
        "source_run_id": Type.TEXT,
        "creation_timestamp": Type.NUMBER,
        "last_updated_timestamp": Type.NUMBER,
    },
    aliases={
        "creation_time": "creation_timestamp",
        "creation_timestamp_ms": "creation_timestamp",
        "last_updated_time": "last_updated_timestamp",
        "last_updated_timestamp_ms": "last_updated_timestamp",
    },
    orderable=frozenset({Kind.METRIC, Kind.ATTRIBUTE}),
)

REGISTERED_MODELS = SearchSchema(
    name="registered models",
    kinds={
        "tag": Kind.TAG,
        "tags": Kind.TAG,
        "attribute": Kind.ATTRIBUTE,
        "attributes": Kind.ATTRIBUTE,
    },
    attributes={
        "name": Type.TEXT,
        "creation_timestamp": Type.NUMBER,
        "last_updated_timestamp": Type.NUMBER,
    },
    aliases={"timestamp": "last_updated_timestamp"},
)

MODEL_VERSIONS = SearchSchema(
    name="model versions",
    kinds=REGISTERED_MODELS.kinds,
    attributes={
        "name": Type.TEXT,
        "version_number": Type.NUMBER,
        "run_id": Type.TEXT,
        "model_id": Type.TEXT,
        "source_path": Type.TEXT,
        "creation_timestamp": Type.NUMBER,
        "last_updated_timestamp": Type.NUMBER,
    },
    aliases={"version": "version_number", "source": "source_path"},
    unordered=frozenset({"run_id", "model_id", "source_path"}),
)

TRACES = SearchSchema(
    name="traces",
    kinds={
        "tag": Kind.TAG,
        "tags": Kind.TAG,
        "metadata": Kind.METADATA,
        "request_metadata": Kind.METADATA,
        "attribute": Kind.ATTRIBUTE,
        "attributes": Kind.ATTRIBUTE,
        "trace": Kind.ATTRIBUTE,
        "span": Kind.SPAN,
        "feedback": Kind.FEEDBACK,
        "expectation": Kind.EXPECTATION,
    },
    attributes={
        "trace_id": Type.TEXT,
        "client_request_id": Type.TEXT,
        "name": Type.TEXT,
        "status": Type.TEXT,
        "run_id": Type.TEXT,
        "prompt": Type.TEXT,
        "text": Type.TEXT,
        "experiment_id": Type.TEXT,
        "timestamp": Type.NUMBER,
        "execution_time": Type.NUMBER,
        "end_time": Type.NUMBER,
    },
    aliases={
        "request_id": "trace_id",
        "state": "status",
        "timestamp_ms": "timestamp",
        "execution_time_ms": "execution_time",
        "end_time_ms": "end_time",
    },
    orderable=frozenset({Kind.ATTRIBUTE, Kind.TAG, Kind.METADATA}),
)

DATA_SETS = SearchSchema(
    name="data sets",
    kinds=REGISTERED_MODELS.kinds,
    attributes={
        "name": Type.TEXT,
        "dataset_id": Type.TEXT,
        "created_time": Type.NUMBER,
        "last_update_time": Type.NUMBER,
        "created_by": Type.TEXT,
        "last_updated_by": Type.TEXT,
    },
    unordered=frozenset({"created_by", "last_updated_by"}),
)
