"""The data sets for evaluation of a server, MLflow's or ours; the versions of ours alone."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from pegboard.contracts.tracking import SEARCH_LIMIT
from pegboard.entities import Page
from pegboard.errors import InvalidValue, NotSupported
from pegboard_stores import filters, validation
from pegboard_stores.data_sets import (
    DEFAULT_PAGE,
    DataSet,
    DataSetRecord,
    DataSets,
    DataSetVersion,
    Merged,
    RecordChange,
    content,
)
from pegboard_wire.client.api import Api, is_path_part, path_part
from pegboard_wire.client.errors import UnknownPath
from pegboard_wire.requests import optional_text, texts
from pegboard_wire.scalars import get, integer

from pegboard_tracking.wire import data_set_codec as codec
from pegboard_tracking.wire.data_sets import BASE, OURS

T = TypeVar("T")

_PORTION_BYTES = 4 << 20
"""How large the records of one request may be: less than servers take."""
_PORTION = 10_000


class RestDataSets(DataSets):
    """Data sets behind a server.

    Many records go in several requests, each of which makes a version.
    """

    def __init__(self, api: Api) -> None:
        self._api = api

    def create(
        self,
        name: str,
        *,
        tags: Mapping[str, Any] | None = None,
        experiment_ids: Sequence[str] = (),
    ) -> DataSet:
        """Create an empty data set."""
        answer = self._api.post(
            f"{BASE}/create",
            name=content.name(name),
            tags=json.dumps(content.tags(tags or {})),
            # MLflow's servers fail at one that is named twice.
            experiment_ids=list(dict.fromkeys(experiment_ids)),
        )
        return self._data_set(answer)

    def get(self, data_set_id: str) -> DataSet:
        """Return a data set."""
        return self._data_set(self._api.get(_path(data_set_id)))

    def delete(self, data_set_id: str) -> None:
        """Remove a data set for good with all its records and versions, if it is there."""
        if is_path_part(data_set_id):
            self._api.delete(_path(data_set_id))

    def search(
        self,
        experiment_ids: Sequence[str] = (),
        *,
        filter: str = "",
        order_by: Sequence[str] = (),
        max_results: int = DEFAULT_PAGE,
        page_token: str | None = None,
    ) -> Page[DataSet]:
        """Return data sets that match; by default the last made first."""
        validation.page_size(max_results, SEARCH_LIMIT)
        filters.parse_filter(filter, filters.DATA_SETS)
        filters.parse_order_by(order_by, filters.DATA_SETS)
        answer = self._api.post(
            f"{BASE}/search",
            query=filter or ", ".join(order_by),
            experiment_ids=list(experiment_ids),
            filter_string=filter or None,
            order_by=list(order_by),
            max_results=max_results,
            page_token=page_token,
        )
        return self._api.read_page(answer, "datasets", codec.read_data_set)

    def set_tags(self, data_set_id: str, tags: Mapping[str, Any]) -> None:
        """Set or change tags."""
        path = _path(data_set_id)
        if checked := content.tags(tags):
            self._api.patch(f"{path}/tags", tags=json.dumps(checked))

    def delete_tag(self, data_set_id: str, key: str) -> None:
        """Remove a tag, if it is there."""
        self._api.delete(f"{_path(data_set_id)}/tags/{path_part(key)}")

    def add_to(self, data_set_id: str, experiment_ids: Sequence[str]) -> DataSet:
        """Make the data set one of these experiments, too."""
        return self._with_experiments(data_set_id, "add-experiments", experiment_ids)

    def remove_from(self, data_set_id: str, experiment_ids: Sequence[str]) -> DataSet:
        """Undo ``add_to``."""
        return self._with_experiments(data_set_id, "remove-experiments", experiment_ids)

    def _with_experiments(
        self, data_set_id: str, what: str, experiment_ids: Sequence[str]
    ) -> DataSet:
        path = f"{_path(data_set_id)}/{what}"
        return self._data_set(self._api.post(path, experiment_ids=list(experiment_ids)))

    def experiment_ids(self, data_set_id: str) -> Sequence[str]:
        """Return the experiments that a data set belongs to."""
        self.get(data_set_id)  # MLflow's servers know the experiments of any data set: none
        answer = self._api.get(f"{_path(data_set_id)}/experiment-ids")
        found = self._api.read(answer, lambda fields: texts(fields, "experiment_ids"))
        return sorted(found, key=lambda each: (len(each), each))

    # -- records ---------------------------------------------------------------------------------

    def merge(self, data_set_id: str, records: Sequence[Mapping[str, Any]]) -> Merged:
        """Add records, or merge them with those of the same inputs."""
        content.given(records)
        path, inserted, updated = f"{_path(data_set_id)}/records", 0, 0
        for portion in _portions(records):
            answer = self._api.post(path, records=portion)
            inserted += self._count(answer, "inserted_count")
            updated += self._count(answer, "updated_count")
        return Merged(inserted, updated)

    def records(
        self,
        data_set_id: str,
        *,
        version: int | str | None = None,
        max_results: int = DEFAULT_PAGE,
        page_token: str | None = None,
    ) -> Page[DataSetRecord]:
        """Return the records of a version, by default the latest, in the order they came."""
        validation.page_size(max_results, SEARCH_LIMIT)
        page = {"max_results": max_results, "page_token": page_token}
        if version is None:
            answer = self._api.get(f"{_path(data_set_id)}/records", **page)
        else:
            answer = self._of_versions(data_set_id, "records", version=str(version), **page)
        return self._page(answer, "records", codec.read_records)

    def delete_records(self, data_set_id: str, record_ids: Sequence[str]) -> int:
        """Remove records from the latest version; return how many of them were there."""
        path = f"{_path(data_set_id)}/records"
        answer = self._api.delete(path, dataset_record_ids=list(record_ids))
        return self._count(answer, "deleted_count")

    # -- versions --------------------------------------------------------------------------------

    def versions(
        self,
        data_set_id: str,
        *,
        max_results: int = DEFAULT_PAGE,
        page_token: str | None = None,
    ) -> Page[DataSetVersion]:
        """Return the versions, the latest first."""
        validation.page_size(max_results, SEARCH_LIMIT)
        page = {"max_results": max_results, "page_token": page_token}
        answer = self._of_versions(data_set_id, "versions", **page)
        return self._api.read_page(answer, "versions", codec.read_version)

    def diff(
        self,
        data_set_id: str,
        before: int | str,
        after: int | str,
        *,
        max_results: int = DEFAULT_PAGE,
        page_token: str | None = None,
    ) -> Page[RecordChange]:
        """Return what differs between two versions, in the order in which records came."""
        validation.page_size(max_results, SEARCH_LIMIT)
        page = {"max_results": max_results, "page_token": page_token}
        between = {"before": str(before), "after": str(after)}
        answer = self._of_versions(data_set_id, "diff", **between, **page)
        return self._page(answer, "changes", codec.read_changes)

    def _of_versions(self, data_set_id: str, what: str, **fields: Any) -> dict[str, Any]:
        try:
            return self._api.get(f"{_path(data_set_id, OURS)}/{what}", **fields)
        except UnknownPath:
            raise NotSupported(
                f"The server {self._api.url} keeps no versions of data sets, as MLflow's do not.",
                hint="Keep data sets behind a server of pegboard, or in a store such as "
                "sqlite:PATH.",
            ) from None

    # -- answers ---------------------------------------------------------------------------------

    def _data_set(self, answer: Mapping[str, Any]) -> DataSet:
        return self._api.read(answer, lambda fields: codec.read_data_set(fields.get("dataset")))

    def _count(self, answer: Mapping[str, Any], name: str) -> int:
        return self._api.read(answer, lambda fields: integer(get(fields, name) or 0, name))

    def _page(
        self, answer: Mapping[str, Any], name: str, read: Callable[[str], list[T]]
    ) -> Page[T]:
        def read_all(fields: Mapping[str, Any]) -> Page[T]:
            token = optional_text(fields, "next_page_token") or None
            return Page(read(optional_text(fields, name)), token)

        return self._api.read(answer, read_all)


def _path(data_set_id: str, base: str = BASE) -> str:
    if not is_path_part(data_set_id):
        raise content.no_data_set(data_set_id)
    return f"{base}/{path_part(data_set_id)}"


def _portions(records: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield records in JSON, as many as one request may hold; nothing is a request, too."""
    made: list[str] = []
    size = 0
    for number, record in enumerate(records):
        try:
            text = json.dumps(dict(record))
        except (TypeError, ValueError, RecursionError) as error:
            raise InvalidValue(f"The record {number} cannot be written as JSON: {error}.") from None
        if made and (size + len(text) > _PORTION_BYTES or len(made) == _PORTION):
            yield f"[{','.join(made)}]"
            made, size = [], 0
        made.append(text)
        size += len(text)
    yield f"[{','.join(made)}]"
