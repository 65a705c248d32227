"""Creating, finding and describing data sets for evaluation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from pegboard import paging
from pegboard.errors import InvalidValue, NotFound, quoted
from pegboard.literals import literal
from pegboard.tags import USER
from pegboard_scripting.client.author import user_of
from pegboard_scripting.fluent import experiments
from pegboard_stores.data_sets import DEFAULT_PAGE, DataSet, DataSets, DataSetVersion

from pegboard_evaluation.data_sets.data_set import (
    EvaluationDataset,
    EvaluationDatasetVersion,
    data_sets_of,
)


def _store() -> DataSets:
    return data_sets_of(experiments.client())


def create_dataset(
    name: str | None = None,
    experiment_id: str | Sequence[str] | None = None,
    tags: Mapping[str, Any] | None = None,
) -> EvaluationDataset:
    """Create an empty data set in experiments, by default in the current one."""
    if name is None:
        raise InvalidValue("A data set needs a name.", hint="create_dataset(name='…')")
    client = experiments.client()
    homes = experiments.current_experiment_id() if experiment_id is None else experiment_id
    user = user_of(client.host)
    given = {**({USER: user} if user else {}), **(tags or {})}
    made = data_sets_of(client).create(name, tags=given, experiment_ids=_ids(homes))
    return EvaluationDataset(made, client)


def get_dataset(
    name: str | None = None,
    dataset_id: str | None = None,
    version: int | str | EvaluationDatasetVersion | None = None,
) -> EvaluationDataset:
    """Return a data set by its id, or by its name if it is the only one of that name.

    With ``version``, which is a number or a digest, it is as it was then.
    """
    if (name is None) == (dataset_id is None):
        raise InvalidValue("A data set is found by its name or its id; give one of them.")
    client = experiments.client()
    store = data_sets_of(client)
    found = store.get(dataset_id) if dataset_id is not None else _of_name(store, str(name))
    pinned = None if version is None else _version(store, found, version)
    return EvaluationDataset(found, client, pinned)


def _of_name(store: DataSets, name: str) -> DataSet:
    found = store.search(filter=f"name = {literal(name)}", max_results=2)
    if not found:
        raise NotFound(f"There is no data set named {quoted(name)}.")
    if len(found) > 1:
        ids = " and ".join(each.data_set_id for each in found)
        raise InvalidValue(
            f"There are several data sets named {quoted(name)}.",
            hint=f"Give the dataset_id instead, such as {ids}.",
        )
    return found[0]


def _version(
    store: DataSets, data_set: DataSet, version: int | str | EvaluationDatasetVersion
) -> DataSetVersion:
    wanted = version.version if isinstance(version, EvaluationDatasetVersion) else version
    for each in paging.items(partial(store.versions, data_set.data_set_id)):
        if str(wanted) in (str(each.version), each.digest):
            return each
    raise NotFound(f"The data set {quoted(data_set.name)} has no version {quoted(str(wanted))}.")


def search_datasets(
    experiment_ids: str | Sequence[str] | None = None,
    filter_string: str | None = None,
    max_results: int | None = None,
    order_by: Sequence[str] | None = None,
) -> list[EvaluationDataset]:
    """Return data sets that match a filter, by default all; the last created first.

    A filter names ``name``, ``created_time``, ``last_update_time``, ``created_by``,
    ``last_updated_by`` and ``tags.KEY``.
    """
    client = experiments.client()
    search = partial(
        data_sets_of(client).search,
        _ids(experiment_ids or ()),
        filter=filter_string or "",
        order_by=list(order_by or ()),
    )
    found = paging.first(search, max_results, DEFAULT_PAGE)
    return [EvaluationDataset(each, client) for each in found]


def delete_dataset(name: str | None = None, dataset_id: str | None = None) -> None:
    """Remove a data set for good with all its versions, if it is there; by its id alone."""
    if name is not None or dataset_id is None:
        raise InvalidValue(
            "A data set is deleted by its id.",
            hint="delete_dataset(dataset_id=get_dataset(name='…').dataset_id)",
        )
    _store().delete(dataset_id)


def set_dataset_tags(dataset_id: str, tags: Mapping[str, Any]) -> None:
    """Set or change tags of a data set."""
    _store().set_tags(dataset_id, tags)


def delete_dataset_tag(dataset_id: str, key: str) -> None:
    """Remove a tag of a data set, if it is there."""
    _store().delete_tag(dataset_id, key)


def add_dataset_to_experiments(dataset_id: str, experiment_ids: Sequence[str]) -> EvaluationDataset:
    """Make a data set one of further experiments, too."""
    client = experiments.client()
    made = data_sets_of(client).add_to(dataset_id, _ids(experiment_ids))
    return EvaluationDataset(made, client)


def remove_dataset_from_experiments(
    dataset_id: str, experiment_ids: Sequence[str]
) -> EvaluationDataset:
    """Make a data set none of these experiments any more."""
    client = experiments.client()
    made = data_sets_of(client).remove_from(dataset_id, _ids(experiment_ids))
    return EvaluationDataset(made, client)


def _ids(given: str | Sequence[str]) -> list[str]:
    return [given] if isinstance(given, str) else [str(each) for each in given]
