"""Finding runs again."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Literal, overload

from pegboard import paging
from pegboard.entities import Run, ViewType
from pegboard.errors import InvalidValue

from pegboard_scripting.fluent.experiments import client, current_experiment_id, search_experiments

if TYPE_CHECKING:
    import pandas

MAX_RUNS = 100_000
_PAGE = 10_000


@overload
def search_runs(
    experiment_ids: Sequence[str] | None = None,
    filter_string: str = "",
    run_view_type: int = ViewType.ACTIVE_ONLY,
    max_results: int = MAX_RUNS,
    order_by: Sequence[str] | None = None,
    output_format: Literal["pandas"] = "pandas",
    search_all_experiments: bool = False,
    experiment_names: Sequence[str] | None = None,
) -> pandas.DataFrame: ...


@overload
def search_runs(
    experiment_ids: Sequence[str] | None = None,
    filter_string: str = "",
    run_view_type: int = ViewType.ACTIVE_ONLY,
    max_results: int = MAX_RUNS,
    order_by: Sequence[str] | None = None,
    *,
    output_format: Literal["list"],
    search_all_experiments: bool = False,
    experiment_names: Sequence[str] | None = None,
) -> list[Run]: ...


def search_runs(
    experiment_ids: Sequence[str] | None = None,
    filter_string: str = "",
    run_view_type: int = ViewType.ACTIVE_ONLY,
    max_results: int = MAX_RUNS,
    order_by: Sequence[str] | None = None,
    output_format: Literal["pandas", "list"] = "pandas",
    search_all_experiments: bool = False,
    experiment_names: Sequence[str] | None = None,
) -> list[Run] | pandas.DataFrame:
    """Return the runs that match, as a ``pandas`` table or a ``list``; last started first.

    They are searched in the experiments given, by ids or by names, else in the active one, or in
    all that are not deleted. The table has the columns ``run_id``, ``experiment_id``, ``status``,
    ``artifact_uri``, ``start_time``, ``end_time``, ``metrics.*``, ``params.*`` and ``tags.*``.
    """
    if output_format not in ("pandas", "list"):
        raise InvalidValue(f"output_format is {output_format!r}; it should be 'pandas' or 'list'.")
    ids = _experiments(experiment_ids, experiment_names, search_all_experiments)
    search = partial(
        client().search_runs,
        ids,
        filter_string=filter_string,
        run_view_type=run_view_type,
        order_by=order_by,
    )
    found: list[Run] = paging.first(search, max_results, _PAGE) if ids else []
    if output_format == "list":
        return found
    from pegboard_scripting.client.frames import runs_frame

    return runs_frame(found)


def _experiments(
    ids: Sequence[str] | None, names: Sequence[str] | None, everywhere: bool
) -> list[str]:
    if ids and names:
        raise InvalidValue("search_runs takes experiment_ids or experiment_names, not both.")
    if ids:
        return [ids] if isinstance(ids, str) else [str(experiment_id) for experiment_id in ids]
    if names:
        return _ids_of([names] if isinstance(names, str) else names)
    if everywhere:
        return [experiment.experiment_id for experiment in search_experiments()]
    return [current_experiment_id()]


def _ids_of(names: Sequence[str]) -> list[str]:
    found = []
    for name in names:
        experiment = client().get_experiment_by_name(name)
        if experiment is None:
            warnings.warn(f"There is no experiment named {name!r}.", stacklevel=4)
        else:
            found.append(experiment.experiment_id)
    return found
