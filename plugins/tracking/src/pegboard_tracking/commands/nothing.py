"""What to say when a search on the command line finds nothing."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice

from pegboard.contracts.tracking import TrackingStore
from pegboard.entities import Experiment, ViewType
from pegboard_stores.filters import EXPERIMENTS, RUNS, Kind, parse_filter
from pegboard_stores.search_hints import note_unknown_keys

from pegboard_tracking.commands import common


def explain_runs(
    store: TrackingStore, chosen: Mapping[str, Experiment], filter_text: str, view: ViewType
) -> None:
    """Say which metrics, params and tags of a filter no run of some experiments has."""
    if not filter_text.strip():
        return
    keys: dict[Kind, set[str]] = {Kind.METRIC: set(), Kind.PARAM: set(), Kind.TAG: set()}
    runs = list(common.matching_runs(store, list(chosen), view=view, limit=common.PAGE + 1))
    for run in runs[: common.PAGE]:
        keys[Kind.METRIC].update(run.data.latest)
        keys[Kind.PARAM].update(run.data.params)
        keys[Kind.TAG].update(run.data.tags)
    if not runs:
        return
    owners = "No run" if len(runs) <= common.PAGE else f"None of the last {common.PAGE} runs"
    if len(chosen) == 1:
        [experiment] = chosen.values()
        owners += f" in {experiment.name!r}"
    note_unknown_keys(parse_filter(filter_text, RUNS), keys, owners)


def explain_experiments(store: TrackingStore, filter_text: str, view: ViewType) -> None:
    """Say which tags of a filter no experiment has."""
    if not filter_text.strip():
        return
    found = islice(common.all_experiments(store, view), common.PAGE)
    tags = {key for experiment in found for key in experiment.tags}
    note_unknown_keys(parse_filter(filter_text, EXPERIMENTS), {Kind.TAG: tags}, "No experiment")
