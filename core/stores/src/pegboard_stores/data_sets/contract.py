"""The contract of data sets for evaluation, and the values that it speaks of.

Times are ms since 1970. What records hold is any JSON.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from attrs import field, frozen
from pegboard.entities import Page

DEFAULT_PAGE = 1000
"""How many data sets, records, versions or changes a page has, if nobody says."""


@frozen(kw_only=True)
class DataSet:
    """What is known of a data set, without its records.

    ``digest`` is that of all its records, whatever their order and however they came there, so
    that equal digests mean equal data. ``schema`` and ``profile`` are JSON: the fields of records
    with their types, and ``num_records``; None before there are records.
    """

    data_set_id: str
    name: str
    digest: str
    created_time: int
    last_update_time: int
    version: int | None = None
    """The number of the latest version; None: the store knows no versions."""
    tags: Mapping[str, str] = field(factory=dict)
    schema: str | None = None
    profile: str | None = None
    created_by: str | None = None
    last_updated_by: str | None = None
    experiment_ids: Sequence[str] | None = None
    """The experiments that it belongs to; None: they have to be asked for."""

    @property
    def dataset_id(self) -> str:
        """The id, as filters call it."""
        return self.data_set_id


@frozen
class RecordSource:
    """Where a record comes from: a type (``content.SOURCE_TYPES``), and what more is known."""

    source_type: str
    source_data: Mapping[str, Any] = field(factory=dict)

    @property
    def source_id(self) -> str | None:
        """The id of the trace, or what else the source is called."""
        found = self.source_data.get("trace_id" if self.source_type == "TRACE" else "source_id")
        return None if found is None else str(found)


@frozen(kw_only=True)
class DataSetRecord:
    """One row of a data set."""

    record_id: str
    data_set_id: str
    inputs: Mapping[str, Any]
    created_time: int
    last_update_time: int
    outputs: Any = None
    expectations: Mapping[str, Any] | None = None
    tags: Mapping[str, Any] = field(factory=dict)
    source: RecordSource | None = None
    created_by: str | None = None
    last_updated_by: str | None = None


@frozen
class Merged:
    """What became of merged records: how many are new, and how many met one of their inputs."""

    inserted: int
    updated: int


@frozen(kw_only=True)
class DataSetVersion:
    """The records as they were after a change. Version 0 is the empty data set."""

    version: int
    digest: str
    records: int
    created_time: int
    created_by: str | None = None
    added: int = 0
    changed: int = 0
    removed: int = 0


@frozen
class RecordChange:
    """What differs between two versions: a record as it was, and as it is; None: it is not there.

    One of both is there, and two differ in their content.
    """

    before: DataSetRecord | None
    after: DataSetRecord | None

    @property
    def kind(self) -> str:
        """``added``, ``removed`` or ``changed``."""
        if self.before is None:
            return "added"
        return "removed" if self.after is None else "changed"


class DataSets(ABC):
    """Keeps data sets.

    A change of records makes a version, which is never changed again: what was evaluated on it can
    be read for as long as the data set is there. What changes no content makes none. An unknown
    data set is NotFound, unless a method says otherwise. A version is named by its number or its
    digest; an unknown one is NotFound. A page token that does not fit is InvalidValue.
    """

    @abstractmethod
    def create(
        self,
        name: str,
        *,
        tags: Mapping[str, Any] | None = None,
        experiment_ids: Sequence[str] = (),
    ) -> DataSet:
        """Create an empty data set; the tag ``mlflow.user`` says who does it.

        Several may have the same name. InvalidValue for the name or a tag; NotFound for an
        unknown experiment.
        """

    @abstractmethod
    def get(self, data_set_id: str) -> DataSet:
        """Return a data set."""

    @abstractmethod
    def delete(self, data_set_id: str) -> None:
        """Remove a data set for good with all its records and versions, if it is there."""

    @abstractmethod
    def search(
        self,
        experiment_ids: Sequence[str] = (),
        *,
        filter: str = "",
        order_by: Sequence[str] = (),
        max_results: int = DEFAULT_PAGE,
        page_token: str | None = None,
    ) -> Page[DataSet]:
        """Return data sets that match (``filters.DATA_SETS``); by default the last made first.

        With ``experiment_ids`` only those that belong to one of them. FilterError, InvalidValue.
        """

    @abstractmethod
    def set_tags(self, data_set_id: str, tags: Mapping[str, Any]) -> None:
        """Set or change tags, whose values become text; those that are None are passed over."""

    @abstractmethod
    def delete_tag(self, data_set_id: str, key: str) -> None:
        """Remove a tag, if it is there."""

    @abstractmethod
    def add_to(self, data_set_id: str, experiment_ids: Sequence[str]) -> DataSet:
        """Make the data set one of these experiments, too; NotFound if one is unknown."""

    @abstractmethod
    def remove_from(self, data_set_id: str, experiment_ids: Sequence[str]) -> DataSet:
        """Undo ``add_to``; experiments that it does not belong to are passed over."""

    @abstractmethod
    def experiment_ids(self, data_set_id: str) -> Sequence[str]:
        """Return the experiments that a data set belongs to, in the order of their numbers."""

    @abstractmethod
    def merge(self, data_set_id: str, records: Sequence[Mapping[str, Any]]) -> Merged:
        """Add records, or merge them with those of the same inputs; all or, on an error, none.

        Each has ``inputs`` and perhaps ``outputs``, ``expectations``, ``tags`` and ``source``
        (``source_type``, ``source_data``); other fields are passed over. Expectations and tags are
        added to those that are there, and outputs, if given, replace them; the source stays. The
        tag ``mlflow.user`` says who does it. A record that was removed before comes back with its
        id. InvalidValue names the record that is wrong.
        """

    @abstractmethod
    def records(
        self,
        data_set_id: str,
        *,
        version: int | str | None = None,
        max_results: int = DEFAULT_PAGE,
        page_token: str | None = None,
    ) -> Page[DataSetRecord]:
        """Return the records of a version, by default the latest, in the order they came.

        All pages of an answer are of the same version, though the data set be changed meanwhile. A
        page has fewer records if they are large.
        """

    @abstractmethod
    def delete_records(self, data_set_id: str, record_ids: Sequence[str]) -> int:
        """Remove records from the latest version; return how many of them were there."""

    @abstractmethod
    def versions(
        self,
        data_set_id: str,
        *,
        max_results: int = DEFAULT_PAGE,
        page_token: str | None = None,
    ) -> Page[DataSetVersion]:
        """Return the versions, the latest first; NotSupported if the store knows none."""

    @abstractmethod
    def diff(
        self,
        data_set_id: str,
        before: int | str,
        after: int | str,
        *,
        max_results: int = DEFAULT_PAGE,
        page_token: str | None = None,
    ) -> Page[RecordChange]:
        """Return what differs between two versions, in the order in which records came.

        A page may be shorter than the others, or empty, without being the last. NotSupported if
        the store knows no versions.
        """
