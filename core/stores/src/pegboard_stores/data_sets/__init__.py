"""Data sets for evaluation: rows of inputs, outputs and expectations, and all their versions.

``DataSets`` is an ability of tracking stores. ``content`` says what a record is made of, when two
are the same, and how versions get their digests.
"""

from pegboard_stores.data_sets.contract import (
    DEFAULT_PAGE,
    DataSet,
    DataSetRecord,
    DataSets,
    DataSetVersion,
    Merged,
    RecordChange,
    RecordSource,
)

__all__ = [
    "DEFAULT_PAGE",
    "DataSet",
    "DataSetRecord",
    "DataSetVersion",
    "DataSets",
    "Merged",
    "RecordChange",
    "RecordSource",
]
