"""A data set as scripts use it: MLflow's names, and the versions that MLflow's open stores lack."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pandas as pd
from attrs import frozen
from pegboard import paging
from pegboard.entities import Dataset
from pegboard.errors import InvalidState
from pegboard_scripting.client import Client
from pegboard_scripting.client.author import user_of
from pegboard_stores import refusals
from pegboard_stores.data_sets import (
    DataSet,
    DataSetRecord,
    DataSets,
    DataSetVersion,
    RecordChange,
)

from pegboard_evaluation.data_sets import given

SOURCE_TYPE = "mlflow_evaluation_dataset"
_COLUMNS = (
    "inputs",
    "outputs",
    "expectations",
    "tags",
    "source_type",
    "source_id",
    "source",
    "created_time",
    "dataset_record_id",
)


def data_sets_of(client: Client) -> DataSets:
    """Return the data sets of a client's store; NotSupported if it keeps none."""
    found = client.store.ability(DataSets)
    if found is None:
        raise refusals.unsupported("data sets for evaluation", client.store)
    return found


@frozen
class EvaluationDatasetVersion:
    """A version: the records as they were after a change."""

    version: int
    created_at: datetime | None = None
    created_by: str | None = None
    operation: str | None = None
    """What was done: how many records were added, changed and removed."""
    digest: str = ""
    records: int = 0

    @classmethod
    def of(cls, version: DataSetVersion) -> EvaluationDatasetVersion:
        """Return a version of a store."""
        done = {name: getattr(version, name) for name in ("added", "changed", "removed")}
        return cls(
            version.version,
            datetime.fromtimestamp(version.created_time / 1000, UTC),
            version.created_by,
            ", ".join(f"{count} {name}" for name, count in done.items() if count) or "created",
            version.digest,
            version.records,
        )


class EvaluationDataset:
    """Records to evaluate on.

    One that was opened at a version shows the records as they were then, and takes no others.
    """

    def __init__(
        self, data_set: DataSet, client: Client, version: DataSetVersion | None = None
    ) -> None:
        self._data_set = data_set
        self._client = client
        self._pinned = version
        self._records: list[DataSetRecord] | None = None

    def __repr__(self) -> str:
        return (
            f"EvaluationDataset(name={self.name!r}, dataset_id={self.dataset_id!r}, "
            f"version={self.version!r}, digest={self.digest!r})"
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, EvaluationDataset) and (self.dataset_id, self.digest) == (
            other.dataset_id,
            other.digest,
        )

    def __hash__(self) -> int:
        return hash((self.dataset_id, self.digest))

    # -- what is known of it ---------------------------------------------------------------------

    @property
    def dataset_id(self) -> str:
        """Its id."""
        return self._data_set.data_set_id

    @property
    def name(self) -> str:
        """Its name."""
        return self._data_set.name

    @property
    def digest(self) -> str:
        """The digest of its records: equal digests mean equal data."""
        return self._data_set.digest if self._pinned is None else self._pinned.digest

    @property
    def version(self) -> int | None:
        """The number of the version; None if the store knows no versions."""
        return self._data_set.version if self._pinned is None else self._pinned.version

    @property
    def tags(self) -> Mapping[str, str]:
        """Its tags."""
        return dict(self._data_set.tags)

    @property
    def schema(self) -> str | None:
        """The fields of records and their types, as JSON."""
        return self._data_set.schema

    @property
    def profile(self) -> str | None:
        """How many records there are, as JSON."""
        if self._pinned is None:
            return self._data_set.profile
        return json.dumps({"num_records": self._pinned.records})

    @property
    def created_time(self) -> int:
        """When it was created, in ms since 1970."""
        return self._data_set.created_time

    create_time = created_time

    @property
    def last_update_time(self) -> int:
        """When it was changed last, in ms since 1970."""
        return self._data_set.last_update_time

    @property
    def created_by(self) -> str | None:
        """Who created it."""
        return self._data_set.created_by

    @property
    def last_updated_by(self) -> str | None:
        """Who changed it last."""
        return self._data_set.last_updated_by

    @property
    def experiment_ids(self) -> list[str]:
        """The experiments that it belongs to."""
        known = self._data_set.experiment_ids
        return list(self._store.experiment_ids(self.dataset_id) if known is None else known)

    @property
    def source_type(self) -> str:
        """What a run says of its source."""
        return SOURCE_TYPE

    @property
    def source(self) -> str:
        """What a run says of where the data is, as JSON."""
        place: dict[str, Any] = {"dataset_id": self.dataset_id}
        if self.version is not None:
            place["version"] = self.version
        return json.dumps(place)

    @property
    def _store(self) -> DataSets:
        return data_sets_of(self._client)

    # -- records ---------------------------------------------------------------------------------

    @property
    def records(self) -> list[DataSetRecord]:
        """The records, loaded when they are asked for first."""
        if self._records is None:
            version = self._pinned.version if self._pinned else None
            read = partial(self._store.records, self.dataset_id, version=version)
            self._records = list(paging.items(read))
        return self._records

    def has_records(self) -> bool:
        """Whether the records were loaded."""
        return self._records is not None

    def to_df(self) -> pd.DataFrame:
        """Return the records as a table, one row each."""
        rows = [
            (
                record.inputs,
                record.outputs,
                record.expectations,
                record.tags,
                record.source and record.source.source_type,
                record.source and record.source.source_id,
                record.source,
                record.created_time,
                record.record_id,
            )
            for record in self.records
        ]
        return pd.DataFrame(rows, columns=list(_COLUMNS))

    def merge_records(self, records: Any) -> EvaluationDataset:
        """Add records, or merge them with those of the same inputs; return the data set itself.

        ``records`` are dicts with ``inputs`` and perhaps ``outputs``, ``expectations``, ``tags``
        and ``source``, a table with such columns, traces, or what ``search_traces`` returned.
        """
        self._refuse_if_pinned()
        made = given.records(records, user_of(self._client.host))
        self._store.merge(self.dataset_id, made)
        self._refresh()
        return self

    def delete_records(self, record_ids: Sequence[str]) -> int:
        """Remove records; return how many were there. Earlier versions keep them."""
        self._refuse_if_pinned()
        count = self._store.delete_records(self.dataset_id, list(record_ids))
        self._refresh()
        return count

    def _refresh(self) -> None:
        self._data_set = self._store.get(self.dataset_id)
        self._records = None

    def _refuse_if_pinned(self) -> None:
        if self._pinned is not None:
            raise InvalidState(
                f"This is the version {self._pinned.version} of the data set {self.name!r}, which "
                "is never changed.",
                hint="Get the data set without a version to change its records.",
            )

    # -- versions --------------------------------------------------------------------------------

    def list_versions(self) -> list[EvaluationDatasetVersion]:
        """Return the versions, the latest first."""
        found = paging.items(partial(self._store.versions, self.dataset_id))
        return [EvaluationDatasetVersion.of(each) for each in found]

    def diff(self, before: int | str, after: int | str | None = None) -> list[RecordChange]:
        """Return what differs between two versions, each named by its number or digest.

        ``after`` is the version that this is by default. A change has ``kind`` (``added``,
        ``removed`` or ``changed``) and the record ``before`` and ``after``.
        """
        later = self.digest if after is None else after
        return list(paging.items(partial(self._store.diff, self.dataset_id, before, later)))


# -- as an input of runs ---------------------------------------------------------------------------


def is_data_set(data: Any) -> bool:
    """Whether ``log_input`` was given a data set for evaluation."""
    return isinstance(data, EvaluationDataset)


def describe(
    data: EvaluationDataset, *, name: str | None = None, digest: str | None = None, **options: Any
) -> Dataset:
    """Return the description of the version that a run uses."""
    del options
    return Dataset(
        name or data.name,
        digest or data.digest,
        data.source_type,
        data.source,
        data.schema,
        data.profile,
    )
