"""What the commands share: finding experiments and runs by what people type, and paging."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, TypeVar

import click
from pegboard import paging
from pegboard.cli.opening import open_host
from pegboard.contracts.tracking import TrackingStore
from pegboard.entities import Experiment, Run, ViewType
from pegboard.errors import InvalidValue, NotFound

F = TypeVar("F", bound=Callable[..., Any])

PAGE = 1000
_VIEWS = {
    "active": ViewType.ACTIVE_ONLY,
    "deleted": ViewType.DELETED_ONLY,
    "all": ViewType.ALL,
}

view_option = click.option(
    "--view",
    type=click.Choice(list(_VIEWS)),
    default="active",
    show_default=True,
    help="Whether to look at what is in use, what is deleted, or both.",
)
filter_option = click.option(
    "--filter",
    "filter_text",
    default="",
    metavar="TEXT",
    help="Which ones, for instance \"metrics.r2 > 0.4 AND params.model = 'ridge'\".",
)
order_option = click.option(
    "--order-by",
    multiple=True,
    metavar="KEY",
    help='What comes first, for instance "metrics.r2 DESC". May be repeated.',
)
experiment_option = click.option(
    "-x",
    "--experiment",
    "experiments",
    multiple=True,
    metavar="NAME_OR_ID",
    help="Only this experiment; may be repeated. Without it: all of them.",
)


def limit_option(default: int | None) -> Callable[[F], F]:
    """Return the option ``--limit``."""
    return click.option(
        "--limit",
        type=click.IntRange(min=1),
        default=default,
        show_default=default is not None,
        help="The most to take." if default else "The most to take; without it: all.",
    )


def open_store(*, create: bool = False) -> TrackingStore:
    """Return the tracking store that the configuration and options name.

    NoStore if it is not there, unless ``create``: then it is made.
    """
    return open_host(click.get_current_context(), creates_stores=create).tracking_store()


def view_of(name: str) -> ViewType:
    """Return the view that a value of ``--view`` stands for."""
    return _VIEWS[name]


def all_experiments(
    store: TrackingStore,
    view: ViewType = ViewType.ALL,
    *,
    filter_text: str = "",
    order_by: Sequence[str] = (),
) -> Iterator[Experiment]:
    """Yield all experiments that match."""
    search = store.search_experiments
    return paging.items(
        partial(search, filter=filter_text, order_by=order_by, view=view, max_results=PAGE)
    )


def find_experiment(store: TrackingStore, reference: str) -> Experiment:
    """Return the experiment of a name, or else of an id."""
    found = store.get_experiment_by_name(reference)
    if found is not None:
        return found
    try:
        return store.get_experiment(reference)
    except (NotFound, InvalidValue):
        raise NotFound(
            f"There is no experiment with the name or id {reference!r}.",
            hint="'pegboard experiments list --view all' shows which there are.",
        ) from None


def chosen_experiments(
    store: TrackingStore, references: Sequence[str], view: ViewType
) -> dict[str, Experiment]:
    """Return the experiments to look for runs in, by id; all of them if none is named."""
    if references:
        found: Iterator[Experiment] = (find_experiment(store, name) for name in references)
    else:
        # The runs of a deleted experiment are deleted too.
        active_only = view is ViewType.ACTIVE_ONLY
        found = all_experiments(store, ViewType.ACTIVE_ONLY if active_only else ViewType.ALL)
    return {experiment.experiment_id: experiment for experiment in found}


def matching_runs(
    store: TrackingStore,
    experiment_ids: Sequence[str],
    *,
    filter_text: str = "",
    order_by: Sequence[str] = (),
    view: ViewType = ViewType.ACTIVE_ONLY,
    limit: int | None = None,
) -> Iterator[Run]:
    """Yield the runs that match, fetched page by page."""
    size = PAGE if limit is None else min(PAGE, limit)
    search = partial(
        store.search_runs,
        experiment_ids,
        filter=filter_text,
        order_by=order_by,
        view=view,
        max_results=size,
    )
    found = paging.items(search)
    for count, run in enumerate(found, start=1):
        yield run
        if count == limit:
            return


def key_value(text: str) -> tuple[str, str]:
    """Return the two sides of ``KEY=VALUE``."""
    key, mark, value = text.partition("=")
    if not key or not mark:
        raise InvalidValue(f"{text!r} is not of the form KEY=VALUE.")
    return key, value
