"""Runs by their ids, in few questions to the store."""

from __future__ import annotations

from collections.abc import Sequence

from pegboard.contracts.tracking import TrackingStore
from pegboard.entities import Run, ViewType
from pegboard.errors import NotFound
from pegboard.literals import literal

from pegboard_stores import cancellation

_VAIN = 3
"""After how many experiments that have one of the runs alone the others are read one by one."""
_AT_ONCE = 100


def load(store: TrackingStore, run_ids: Sequence[str]) -> tuple[list[Run], list[str]]:
    """Return runs in the order of their ids, each once, and the ids of those that there are not."""
    found: dict[str, Run] = {}
    missing: dict[str, None] = {}
    wanted = list(dict.fromkeys(run_ids))
    vain = 0
    for run_id in wanted:
        if run_id in found:
            continue
        cancellation.check()
        try:
            run = found[run_id] = store.get_run(run_id)
        except NotFound:
            missing[run_id] = None
            continue
        left = [each for each in wanted if each not in found and each not in missing][:_AT_ONCE]
        if left and vain < _VAIN:
            # Most often they are all of one experiment, which is read at once.
            page = store.search_runs(
                [run.info.experiment_id],
                filter=f"attributes.run_id IN ({', '.join(map(literal, left))})",
                view=ViewType.ALL,
                max_results=_AT_ONCE,
            )
            found |= {each.info.run_id: each for each in page}
            vain += not page
    return [found[run_id] for run_id in wanted if run_id in found], [*missing]
