"""MLflow's endpoints for review queues: traces that people are to label."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from attrs import frozen
from pegboard.errors import Refused
from pegboard_stores import refusals
from pegboard_stores.reviews import (
    QueueItem,
    QueueKind,
    ReviewQueue,
    ReviewQueues,
    ReviewStatus,
)
from pegboard_stores.reviews.contract import DEFAULT_PAGE
from pegboard_wire.http import Call, Permission, Result
from pegboard_wire.pages import page_json
from pegboard_wire.requests import NOTHING, page_size, page_token, store_of, text, texts
from pegboard_wire.scalars import get, integer
from pegboard_wire.schemas import EMPTY
from pegboard_wire.shapes import INT64, TEXT, array, choice, record
from pegboard_wire.typed import typed

BASE = "/api/3.0/mlflow/review-queues"


class Kind(StrEnum):
    """The kind of a queue, as the protocol names it."""

    USER = "USER"
    CUSTOM = "CUSTOM"


class Status(StrEnum):
    """What became of a trace, as the protocol names it."""

    PENDING = "PENDING"
    COMPLETE = "COMPLETE"
    DECLINED = "DECLINED"


class ItemType(StrEnum):
    """What a queue holds."""

    TRACE = "TRACE"


@frozen
class NewQueue:
    """A queue to make."""

    experiment_id: str
    name: str
    queue_type: Kind
    users: tuple[str, ...] = ()
    schema_ids: tuple[str, ...] = ()
    created_by: str | None = None
    """Of the protocol, and heeded by nobody: the owner is who asks."""


@frozen
class OfUser:
    """The queue of a user."""

    experiment_id: str
    user: str
    created_by: str | None = None
    """Of the protocol, too: it is the user."""


@frozen
class OfId:
    """A queue, by its id."""

    queue_id: str


@frozen
class Named:
    """A queue, by experiment and name."""

    experiment_id: str
    name: str


@frozen
class Listed:
    """A page of queues."""

    experiment_id: str
    user: str | None = None
    item_id: str | None = None
    max_results: int | None = None
    page_token: str | None = None


@frozen
class Changed:
    """What is to change of a queue; lists only where it is said so, as an empty one is one, too."""

    queue_id: str
    update_users: bool = False
    users: tuple[str, ...] = ()
    update_schema_ids: bool = False
    schema_ids: tuple[str, ...] = ()
    name: str | None = None
    new_owner: str | None = None


@frozen
class Added:
    """Traces to put into a queue."""

    queue_id: str
    item_type: ItemType = ItemType.TRACE
    item_ids: tuple[str, ...] = ()


@frozen
class Removed:
    """Traces to take out of a queue."""

    queue_id: str
    item_ids: tuple[str, ...] = ()


@frozen
class ListedItems:
    """A page of what a queue holds."""

    queue_id: str
    status: Status | None = None
    max_results: int | None = None
    page_token: str | None = None


@frozen
class NewStatus:
    """What became of a trace."""

    queue_id: str
    item_id: str
    status: Status
    completed_by: str | None = None


def queues_of(call: Call) -> ReviewQueues:
    """Return the review queues of the store that a call is about; NotSupported."""
    store = store_of(call)
    found = store.ability(ReviewQueues)
    if found is None:
        raise refusals.unsupported("review queues", store)
    return found


# -- in JSON, and back -----------------------------------------------------------------------------


def queue_json(queue: ReviewQueue) -> dict[str, Any]:
    """Return a queue as MLflow's clients know it."""
    return {
        "queue_id": queue.queue_id,
        "experiment_id": queue.experiment_id,
        "name": queue.name,
        "queue_type": queue.kind.upper(),
        **({"created_by": queue.created_by} if queue.created_by is not None else {}),
        "creation_time_ms": queue.created_time,
        "last_update_time_ms": queue.last_update_time,
        "users": list(queue.users),
        "schema_ids": list(queue.schema_ids),
    }


def read_queue(fields: Mapping[str, Any]) -> ReviewQueue:
    """Read a queue."""
    return ReviewQueue(
        queue_id=text(fields, "queue_id"),
        experiment_id=text(fields, "experiment_id"),
        name=text(fields, "name"),
        kind=QueueKind(Kind(text(fields, "queue_type")).lower()),
        created_by=get(fields, "created_by"),
        created_time=integer(get(fields, "creation_time_ms"), "creation_time_ms"),
        last_update_time=integer(get(fields, "last_update_time_ms"), "last_update_time_ms"),
        users=tuple(texts(fields, "users")),
        schema_ids=tuple(texts(fields, "schema_ids")),
    )


def item_json(item: QueueItem) -> dict[str, Any]:
    """Return what a queue holds as MLflow's clients know it."""
    found = {
        "queue_id": item.queue_id,
        "item_type": ItemType.TRACE,
        "item_id": item.item_id,
        "status": item.status.upper(),
        "completed_by": item.completed_by,
        "completed_time_ms": item.completed_time,
        "creation_time_ms": item.created_time,
        "last_update_time_ms": item.last_update_time,
    }
    return {key: value for key, value in found.items() if value is not None}


def read_item(fields: Mapping[str, Any]) -> QueueItem:
    """Read what a queue holds."""
    settled = get(fields, "completed_time_ms")
    return QueueItem(
        queue_id=text(fields, "queue_id"),
        item_id=text(fields, "item_id"),
        status=ReviewStatus(Status(text(fields, "status")).lower()),
        completed_by=get(fields, "completed_by"),
        completed_time=None if settled is None else integer(settled, "completed_time_ms"),
        created_time=integer(get(fields, "creation_time_ms"), "creation_time_ms"),
        last_update_time=integer(get(fields, "last_update_time_ms"), "last_update_time_ms"),
    )


# -- answers ---------------------------------------------------------------------------------------


def _answer(queue: ReviewQueue) -> Result:
    return {"review_queue": queue_json(queue)}


def _page(call: Call) -> dict[str, Any]:
    fields = call.parameters
    return {"max_results": page_size(fields, DEFAULT_PAGE), "page_token": page_token(fields)}


def _create(call: Call, given: NewQueue) -> Result:
    made = queues_of(call).create(
        given.experiment_id,
        given.name,
        QueueKind(given.queue_type.lower()),
        created_by=call.identity.name or None,
        users=given.users,
        schema_ids=given.schema_ids,
    )
    return _answer(made)


def _of_user(call: Call, given: OfUser) -> Result:
    return _answer(queues_of(call).of_user(given.experiment_id, given.user))


def _get(call: Call, given: OfId) -> Result:
    return _answer(queues_of(call).get(given.queue_id))


def _by_name(call: Call, given: Named) -> Result:
    return _answer(queues_of(call).by_name(given.experiment_id, given.name))


def _list(call: Call, given: Listed) -> Result:
    found = queues_of(call).list(
        given.experiment_id, user=given.user, item_id=given.item_id, **_page(call)
    )
    return page_json("review_queues", [queue_json(each) for each in found], found.token)


def _update(call: Call, given: Changed) -> Result:
    if given.new_owner is not None and Permission.DELETE not in call.identity.permissions:
        raise Refused(
            "To give a review queue another owner takes the permission to delete.",
            hint="Ask one who has it.",
        )
    made = queues_of(call).update(
        given.queue_id,
        name=given.name,
        owner=given.new_owner,
        users=given.users if given.update_users else None,
        schema_ids=given.schema_ids if given.update_schema_ids else None,
    )
    return _answer(made)


def _delete(call: Call, given: OfId) -> Result:
    queues_of(call).delete(given.queue_id)
    return NOTHING


def _add(call: Call, given: Added) -> Result:
    return {"items": [*map(item_json, queues_of(call).add(given.queue_id, given.item_ids))]}


def _remove(call: Call, given: Removed) -> Result:
    queues_of(call).remove(given.queue_id, given.item_ids)
    return NOTHING


def _items(call: Call, given: ListedItems) -> Result:
    status = None if given.status is None else ReviewStatus(given.status.lower())
    found = queues_of(call).items(given.queue_id, status=status, **_page(call))
    return page_json("items", [item_json(each) for each in found], found.token)


def _set_status(call: Call, given: NewStatus) -> Result:
    status, who = ReviewStatus(given.status.lower()), given.completed_by
    if call.identity.name:
        # Nobody settles a trace in another's name.
        who = None if status is ReviewStatus.PENDING else call.identity.name
    item = queues_of(call).set_status(given.queue_id, given.item_id, status, who)
    return {"item": item_json(item)}


# -- endpoints -------------------------------------------------------------------------------------

_READ, _WRITE, _DELETE = Permission.READ, Permission.WRITE, Permission.DELETE
_QUEUE = record(
    queue_id=TEXT, experiment_id=TEXT, name=TEXT, queue_type=choice(*Kind), created_by=TEXT,
    creation_time_ms=INT64, last_update_time_ms=INT64, users=array(TEXT), schema_ids=array(TEXT),
)  # fmt: skip
_ITEM = record(
    queue_id=TEXT, item_type=choice(*ItemType), item_id=TEXT, status=choice(*Status),
    completed_by=TEXT, completed_time_ms=INT64, creation_time_ms=INT64, last_update_time_ms=INT64,
)  # fmt: skip
_ONE, _ITEMS = record(review_queue=_QUEUE), array(_ITEM)
_TAGS = ("Reviews",)

ENDPOINTS = [
    typed(
        "POST", f"{BASE}/create", _create, _WRITE, "Make a review queue.", NewQueue, _ONE,
        tags=_TAGS,
    ),
    typed(
        "POST", f"{BASE}/get-or-create-user", _of_user, _WRITE,
        "Return the review queue of a user, made if need be.", OfUser, _ONE, tags=_TAGS,
    ),
    typed("GET", f"{BASE}/get", _get, _READ, "Return a review queue.", OfId, _ONE, tags=_TAGS),
    typed(
        "GET", f"{BASE}/get-by-name", _by_name, _READ, "Return the review queue of a name.",
        Named, _ONE, tags=_TAGS,
    ),
    typed(
        "GET", f"{BASE}/list", _list, _READ, "List review queues.",
        Listed, record(review_queues=array(_QUEUE), next_page_token=TEXT), tags=_TAGS,
    ),
    typed(
        "POST", f"{BASE}/update", _update, _WRITE, "Change a review queue.", Changed, _ONE,
        tags=_TAGS,
    ),
    typed(
        "POST", f"{BASE}/delete", _delete, _DELETE, "Remove a review queue.", OfId, EMPTY,
        tags=_TAGS,
    ),
    typed(
        "POST", f"{BASE}/items/add", _add, _WRITE, "Put traces into a review queue.",
        Added, record(items=_ITEMS), tags=_TAGS,
    ),
    typed(
        "POST", f"{BASE}/items/remove", _remove, _WRITE, "Take traces out of a review queue.",
        Removed, EMPTY, tags=_TAGS,
    ),
    typed(
        "GET", f"{BASE}/items/list", _items, _READ, "List the traces of a review queue.",
        ListedItems, record(items=_ITEMS, next_page_token=TEXT), tags=_TAGS,
    ),
    typed(
        "POST", f"{BASE}/items/set-status", _set_status, _WRITE,
        "Say what became of a trace in a review queue.", NewStatus, record(item=_ITEM),
        tags=_TAGS,
    ),
]  # fmt: skip
