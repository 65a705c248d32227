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
    its type; ``aliases`` other names of attributes. ``orderable`` are the kinds to order by.
    """

    name: str
    kinds: Mapping[str, Kind]
    attributes: Mapping[str, Type]
    aliases: Mapping[str, str] = field(factory=dict)
    orderable: frozenset[Kind] = frozenset({Kind.ATTRIBUTE})


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
