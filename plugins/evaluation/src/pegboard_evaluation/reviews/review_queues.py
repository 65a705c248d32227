"""``pegboard.genai.review_queues``: traces that wait for people, under MLflow's names."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from attrs import frozen
from pegboard.contracts.tracking import TrackingStore
from pegboard.entities import Page
from pegboard.errors import InvalidValue, quoted
from pegboard_scripting.client.author import user_of
from pegboard_scripting.fluent import experiments
from pegboard_stores import refusals
from pegboard_stores import reviews as kept
from pegboard_stores.reviews import QueueKind as ReviewQueueType
from pegboard_stores.reviews import ReviewStatus
from pegboard_stores.reviews.contract import DEFAULT_PAGE

__all__ = [
    "ReviewItemType",
    "ReviewQueue",
    "ReviewQueueItem",
    "ReviewQueueType",
    "ReviewStatus",
    "add_items_to_review_queue",
    "create_review_queue",
    "delete_review_queue",
    "get_or_create_user_queue",
    "get_review_queue",
    "list_review_queue_items",
    "list_review_queues",
    "remove_items_from_review_queue",
    "set_review_queue_item_status",
    "update_review_queue",
]


class ReviewItemType(StrEnum):
    """What a queue holds."""

    TRACE = "trace"


@frozen
class ReviewQueue:
    """Traces that people are to label."""

    queue_id: str
    experiment_id: str
    name: str
    queue_type: ReviewQueueType
    created_by: str | None
    creation_time_ms: int
    last_update_time_ms: int
    users: list[str]
    schema_ids: list[str]
    """Its questions; a user's queue has none of its own, and so all of the experiment's."""


@frozen
class ReviewQueueItem:
    """A trace in a queue, and what became of it."""

    queue_id: str
    item_type: ReviewItemType
    item_id: str
    status: ReviewStatus
    creation_time_ms: int
    last_update_time_ms: int
    completed_by: str | None = None
    completed_time_ms: int | None = None


def kept_in(store: TrackingStore) -> kept.ReviewQueues:
    """Return the queues of a store; NotSupported if it keeps none."""
    found = store.ability(kept.ReviewQueues)
    if found is None:
        raise refusals.unsupported("review queues", store)
    return found


def _queues() -> kept.ReviewQueues:
    return kept_in(experiments.client().store)


def _home(experiment_id: str | None) -> str:
    return experiments.current_experiment_id() if experiment_id is None else str(experiment_id)


def _queue(given: kept.ReviewQueue) -> ReviewQueue:
    return ReviewQueue(
        given.queue_id,
        given.experiment_id,
        given.name,
        given.kind,
        given.created_by,
        given.created_time,
        given.last_update_time,
        list(given.users),
        list(given.schema_ids),
    )


def _item(given: kept.QueueItem) -> ReviewQueueItem:
    return ReviewQueueItem(
        given.queue_id,
        ReviewItemType.TRACE,
        given.item_id,
        given.status,
        given.created_time,
        given.last_update_time,
        given.completed_by,
        given.completed_time,
    )


def create_review_queue(
    name: str,
    *,
    queue_type: str = "custom",
    users: Sequence[str] | None = None,
    schema_ids: Sequence[str] | None = None,
    experiment_id: str | None = None,
) -> ReviewQueue:
    """Make a queue in an experiment, by default the current one; AlreadyExists.

    ``queue_type`` is ``"custom"``, with up to ten users and the questions that ``schema_ids`` name,
    or ``"user"``: that of the user ``name``, who answers all questions.
    """
    if queue_type not in [*ReviewQueueType]:
        raise InvalidValue(
            f"The type of a review queue is {quoted(queue_type)}.", hint="It is user or custom."
        )
    made = _queues().create(
        _home(experiment_id),
        name,
        ReviewQueueType(queue_type),
        created_by=user_of(experiments.client().host),
        users=users or (),
        schema_ids=schema_ids or (),
    )
    return _queue(made)


def get_or_create_user_queue(user: str, *, experiment_id: str | None = None) -> ReviewQueue:
    """Return the queue of a user, made if need be."""
    return _queue(_queues().of_user(_home(experiment_id), user))


def get_review_queue(
    queue_id: str | None = None, *, name: str | None = None, experiment_id: str | None = None
) -> ReviewQueue:
    """Return a queue by its id, or by its name in an experiment; NotFound."""
    if (queue_id is None) == (name is None):
        raise InvalidValue("A review queue is found by its queue_id or its name; give one.")
    if queue_id is not None:
        return _queue(_queues().get(queue_id))
    return _queue(_queues().by_name(_home(experiment_id), str(name)))


def list_review_queues(
    *,
    user: str | None = None,
    experiment_id: str | None = None,
    max_results: int | None = None,
    page_token: str | None = None,
) -> Page[ReviewQueue]:
    """Return queues, the last made first, if need be those of a user alone."""
    found = _queues().list(
        _home(experiment_id),
        user=user,
        max_results=max_results or DEFAULT_PAGE,
        page_token=page_token,
    )
    return Page([*map(_queue, found)], found.token)


def update_review_queue(
    queue_id: str,
    *,
    name: str | None = None,
    new_owner: str | None = None,
    users: Sequence[str] | None = None,
    schema_ids: Sequence[str] | None = None,
) -> ReviewQueue:
    """Change what is not None; questions only while the queue is empty."""
    made = _queues().update(
        queue_id, name=name, owner=new_owner, users=users, schema_ids=schema_ids
    )
    return _queue(made)


def delete_review_queue(queue_id: str) -> None:
    """Remove a queue, if it is there; traces and what was said of them stay."""
    _queues().delete(queue_id)


def add_items_to_review_queue(queue_id: str, *, item_ids: Sequence[str]) -> list[ReviewQueueItem]:
    """Put traces into a queue; those that are there stay as they are. NotFound."""
    return [*map(_item, _queues().add(queue_id, item_ids))]


def remove_items_from_review_queue(queue_id: str, *, item_ids: Sequence[str]) -> None:
    """Take traces out of a queue, as far as they are in it."""
    _queues().remove(queue_id, item_ids)


def list_review_queue_items(
    queue_id: str,
    *,
    status: str | None = None,
    max_results: int | None = None,
    page_token: str | None = None,
) -> Page[ReviewQueueItem]:
    """Return what a queue holds, the last added first: all, or pending, complete or declined."""
    found = _queues().items(
        queue_id,
        status=None if status is None else _status(status),
        max_results=max_results or DEFAULT_PAGE,
        page_token=page_token,
    )
    return Page([*map(_item, found)], found.token)


def set_review_queue_item_status(
    queue_id: str, *, item_id: str, status: str, completed_by: str | None = None
) -> ReviewQueueItem:
    """Say what became of a trace: complete, declined, or pending again.

    ``completed_by`` is by default the user of this process.
    """
    wanted = _status(status)
    if completed_by is None and wanted is not ReviewStatus.PENDING:
        completed_by = user_of(experiments.client().host)
    return _item(_queues().set_status(queue_id, item_id, wanted, completed_by))


def _status(given: str) -> ReviewStatus:
    if given not in [*ReviewStatus]:
        raise InvalidValue(
            f"The status of a trace in a queue is {quoted(given)}.",
            hint=f"It is one of {', '.join(ReviewStatus)}.",
        )
    return ReviewStatus(given)
