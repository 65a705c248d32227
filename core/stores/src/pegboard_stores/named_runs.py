"""Runs by their ids, in few questions to the store; and by what people type."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial
from itertools import islice

from pegboard import paging
from pegboard.contracts.tracking import TrackingStore
from pegboard.entities import Run, ViewType
from pegboard.errors import InvalidValue, NotFound
from pegboard.literals import literal

from pegboard_stores import cancellation

_VAIN = 3
"""After how many experiments that have one of the runs alone the others are read one by one."""
_AT_ONCE = 100
_ID_PART = re.compile(r"[\w\-]{1,256}", re.ASCII)
_MANY = 5


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


def find(store: TrackingStore, reference: str) -> Run:
    """Return the run of an id, of the beginning of one, or of a name, if there is just one."""
    if _ID_PART.fullmatch(reference):
        try:
            return store.get_run(reference)
        except (NotFound, InvalidValue):
            pass
    found = _matching(store, f"attributes.run_name = {literal(reference)}")
    if _ID_PART.fullmatch(reference):
        # In LIKE an underscore stands for any character, and MLflow's servers know no escape, so
        # results are checked again.
        starting = _matching(store, f"attributes.run_id LIKE '{reference}%'")
        known = {run.info.run_id for run in found}
        found += [
            run
            for run in starting
            if run.info.run_id.startswith(reference) and run.info.run_id not in known
        ]
    if len(found) == 1:
        return found[0]
    if not found:
        raise NotFound(
            f"There is no run with the id or name {reference!r}.",
            hint="'pegboard runs list --view all' shows which there are.",
        )
    listed = ", ".join(f"{run.info.run_id} ({run.info.run_name})" for run in found[:_MANY])
    more = " and more" if len(found) > _MANY else ""
    raise InvalidValue(
        f"{reference!r} may mean several runs: {listed}{more}.",
        hint="Give the id, or more of its first characters.",
    )


def _matching(store: TrackingStore, where: str) -> list[Run]:
    """Return the first runs of all experiments that match, one more than are named at once."""
    everywhere = paging.items(partial(store.search_experiments, view=ViewType.ALL))
    ids = [experiment.experiment_id for experiment in everywhere]
    search = partial(store.search_runs, ids, filter=where, view=ViewType.ALL, max_results=_MANY + 1)
    return list(islice(paging.items(search), _MANY + 1))
