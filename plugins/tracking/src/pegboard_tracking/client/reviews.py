"""The label schemas and review queues of a server, MLflow's or ours."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from pegboard.contracts.tracking import SEARCH_LIMIT
from pegboard.entities import Page
from pegboard_stores import refusals, validation
from pegboard_stores.reviews import (
    Input,
    LabelSchema,
    LabelSchemas,
    LabelType,
    QueueItem,
    QueueKind,
    ReviewQueue,
    ReviewQueues,
    ReviewStatus,
    content,
)
from pegboard_stores.reviews.contract import DEFAULT_PAGE
from pegboard_wire.client.api import Api
from pegboard_wire.scalars import get, items, message

from pegboard_tracking.wire import label_schemas, review_queues

T = TypeVar("T")

_SCHEMAS, _QUEUES = label_schemas.BASE, review_queues.BASE


class RestLabelSchemas(LabelSchemas):
    """Label schemas behind a server, which says who made them."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def create(
        self,
        experiment_id: str,
        name: str,
        *,
        type: LabelType,
        input: Input,
        instruction: str | None = None,
        enable_comment: bool = False,
        created_by: str | None = None,
    ) -> LabelSchema:
        """Add a question to an experiment."""
        del created_by
        answer = self._api.post(
            f"{_SCHEMAS}/create",
            experiment_id=known_id(experiment_id),
            name=content.schema_name(name),
            type=type.upper(),
            input=content.input_json(content.checked_input(input)),
            instruction=content.instruction(instruction),
            enable_comment=enable_comment,
        )
        return self._one(answer)

    def _one(self, answer: Mapping[str, Any]) -> LabelSchema:
        return _one(self._api, answer, "label_schema", label_schemas.read_schema)

    def get(self, schema_id: str) -> LabelSchema:
        """Return a question."""
        if not schema_id:
            raise content.no_schema(schema_id)
        return self._one(self._api.get(f"{_SCHEMAS}/get", schema_id=schema_id))

    def by_name(self, experiment_id: str, name: str) -> LabelSchema:
        """Return the question of this name."""
        if not name:
            raise content.no_schema(name)
        answer = self._api.get(
            f"{_SCHEMAS}/get-by-name", experiment_id=known_id(experiment_id), name=name
        )
        return self._one(answer)

    def list(
        self, experiment_id: str, *, max_results: int = DEFAULT_PAGE, page_token: str | None = None
    ) -> Page[LabelSchema]:
        """Return the questions of an experiment, the last made first."""
        answer = self._api.get(
            f"{_SCHEMAS}/list",
            experiment_id=known_id(experiment_id),
            max_results=validation.page_size(max_results, SEARCH_LIMIT),
            page_token=page_token,
        )
        return self._api.read_page(answer, "label_schemas", label_schemas.read_schema)

    def update(
        self,
        schema_id: str,
        *,
        name: str | None = None,
        instruction: str | None = None,
        enable_comment: bool | None = None,
        input: Input | None = None,
    ) -> LabelSchema:
        """Change what is not None."""
        if not schema_id:
            raise content.no_schema(schema_id)
        answer = self._api.patch(
            f"{_SCHEMAS}/update",
            schema_id=schema_id,
            name=name if name is None else content.schema_name(name),
            instruction=content.instruction(instruction),
            enable_comment=enable_comment,
            input=None if input is None else content.input_json(content.checked_input(input)),
        )
        return self._one(answer)

    def delete(self, schema_id: str) -> None:
        """Remove a question, if it is there."""
        if schema_id:
            self._api.delete(f"{_SCHEMAS}/delete", schema_id=schema_id)


class RestReviewQueues(ReviewQueues):
    """Review queues behind a server, which says who made them."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def create(
        self,
        experiment_id: str,
        name: str,
        kind: QueueKind,
        *,
        created_by: str | None = None,
        users: Sequence[str] = (),
        schema_ids: Sequence[str] = (),
    ) -> ReviewQueue:
        """Make an empty queue."""
        del created_by
        name, people, questions = content.new_queue(kind, name, users, schema_ids)
        answer = self._api.post(
            f"{_QUEUES}/create",
            experiment_id=known_id(experiment_id),
            name=name,
            queue_type=kind.upper(),
            users=people,
            schema_ids=questions,
        )
        return self._one(answer)

    def _one(self, answer: Mapping[str, Any]) -> ReviewQueue:
        return _one(self._api, answer, "review_queue", review_queues.read_queue)

    def of_user(self, experiment_id: str, user: str) -> ReviewQueue:
        """Return the queue of a user, made if need be."""
        answer = self._api.post(
            f"{_QUEUES}/get-or-create-user",
            experiment_id=known_id(experiment_id),
            user=content.user(user),
        )
        return self._one(answer)

    def get(self, queue_id: str) -> ReviewQueue:
        """Return a queue."""
        return self._one(self._api.get(f"{_QUEUES}/get", queue_id=_known(queue_id)))

    def by_name(self, experiment_id: str, name: str) -> ReviewQueue:
        """Return the queue of this name."""
        answer = self._api.get(
            f"{_QUEUES}/get-by-name", experiment_id=known_id(experiment_id), name=_known(name)
        )
        return self._one(answer)

    def list(
        self,
        experiment_id: str,
        *,
        user: str | None = None,
        item_id: str | None = None,
        max_results: int = DEFAULT_PAGE,
        page_token: str | None = None,
    ) -> Page[ReviewQueue]:
        """Return queues, the last made first."""
        answer = self._api.get(
            f"{_QUEUES}/list",
            experiment_id=known_id(experiment_id),
            user=user,
            item_id=item_id,
            max_results=validation.page_size(max_results, SEARCH_LIMIT),
            page_token=page_token,
        )
        return self._api.read_page(answer, "review_queues", review_queues.read_queue)

    def update(
        self,
        queue_id: str,
        *,
        name: str | None = None,
        owner: str | None = None,
        users: Sequence[str] | None = None,
        schema_ids: Sequence[str] | None = None,
    ) -> ReviewQueue:
        """Change what is not None."""
        answer = self._api.post(
            f"{_QUEUES}/update",
            queue_id=_known(queue_id),
            name=name if name is None else content.queue_name(name),
            new_owner=owner if owner is None else content.owner(owner),
            update_users=users is not None,
            users=content.users(users or ()),
            update_schema_ids=schema_ids is not None,
            schema_ids=list(schema_ids or ()),
        )
        return self._one(answer)

    def delete(self, queue_id: str) -> None:
        """Remove a queue, if it is there."""
        if queue_id:
            self._api.post(f"{_QUEUES}/delete", queue_id=queue_id)

    # -- what queues hold ------------------------------------------------------------------------

    def add(self, queue_id: str, item_ids: Sequence[str]) -> Sequence[QueueItem]:
        """Put traces of its experiment into a queue; return all, in this order."""
        wanted = content.items(item_ids)
        answer = self._api.post(
            f"{_QUEUES}/items/add", queue_id=_known(queue_id), item_type="TRACE", item_ids=wanted
        )
        return self._api.read(
            answer,
            lambda fields: [
                review_queues.read_item(message(each, "items"))
                for each in items(get(fields, "items"), "items")
            ],
        )

    def remove(self, queue_id: str, item_ids: Sequence[str]) -> None:
        """Take traces out of a queue, as far as they are in it."""
        wanted = content.items(item_ids)
        self._api.post(f"{_QUEUES}/items/remove", queue_id=_known(queue_id), item_ids=wanted)

    def items(
        self,
        queue_id: str,
        *,
        status: ReviewStatus | None = None,
        max_results: int = DEFAULT_PAGE,
        page_token: str | None = None,
    ) -> Page[QueueItem]:
        """Return what a queue holds, the last added first, and then by id."""
        answer = self._api.get(
            f"{_QUEUES}/items/list",
            queue_id=_known(queue_id),
            status=status and status.upper(),
            max_results=validation.page_size(max_results, SEARCH_LIMIT),
            page_token=page_token,
        )
        return self._api.read_page(answer, "items", review_queues.read_item)

    def set_status(
        self, queue_id: str, item_id: str, status: ReviewStatus, completed_by: str | None = None
    ) -> QueueItem:
        """Say what became of a trace, and who did it, which PENDING alone must not say."""
        who = content.completed_by(status, completed_by)
        if not item_id.strip():
            raise content.not_in(queue_id, item_id)
        answer = self._api.post(
            f"{_QUEUES}/items/set-status",
            queue_id=_known(queue_id),
            item_id=item_id,
            status=status.upper(),
            completed_by=who,
        )
        return _one(self._api, answer, "item", review_queues.read_item)


def _one(
    api: Api, answer: Mapping[str, Any], name: str, read: Callable[[Mapping[str, Any]], T]
) -> T:
    return api.read(answer, lambda fields: read(message(get(fields, name), name)))


def _known(queue_id: str) -> str:
    if not queue_id:
        raise content.no_queue(queue_id)
    return queue_id


def known_id(experiment_id: str) -> str:
    """Return the id of an experiment: one that is no number is not there (MLflow: is wrong)."""
    if not (experiment_id.isascii() and experiment_id.isdigit()):
        raise refusals.no_experiment(experiment_id)
    return experiment_id
