"""Labeling sessions, under the names of MLflow's hosted servers: here they are review queues."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

from attrs import frozen
from pegboard import paging
from pegboard.errors import InvalidValue, NotFound, NotSupported, quoted
from pegboard_scripting.fluent import experiments
from pegboard_tracing.api import Trace, traces_of

from pegboard_evaluation.data_sets import create_dataset, get_dataset
from pegboard_evaluation.reviews import label_schemas, review_queues
from pegboard_evaluation.reviews.review_queues import ReviewQueue


@frozen
class LabelingSession:
    """Traces that people label, and the questions that they answer: a review queue."""

    queue: ReviewQueue

    @property
    def name(self) -> str:
        """The name."""
        return self.queue.name

    @property
    def assigned_users(self) -> list[str]:
        """Who works on it."""
        return self.queue.users

    @property
    def label_schemas(self) -> list[str]:
        """The names of its questions."""
        ids = self.queue.schema_ids
        return [label_schemas.get_label_schema(schema_id=each).name for each in ids]

    @property
    def labeling_session_id(self) -> str:
        """The id of the queue."""
        return self.queue.queue_id

    mlflow_run_id = labeling_session_id
    """The same: hosted servers make a run of each session."""

    @property
    def experiment_id(self) -> str:
        """The experiment."""
        return self.queue.experiment_id

    def add_traces(self, traces: Any) -> LabelingSession:
        """Add traces, their JSON or ids in a list, or what ``search_traces`` returned."""
        given: Iterable[Any] = traces["trace"] if hasattr(traces, "columns") else traces
        ids = [_id_of(each) for each in given]
        if ids:
            review_queues.add_items_to_review_queue(self.queue.queue_id, item_ids=ids)
        return self

    def add_dataset(
        self, dataset_name: str, record_ids: Sequence[str] | None = None
    ) -> LabelingSession:
        """Add the traces that records of a data set come from; InvalidValue if there are none."""
        table = get_dataset(dataset_name).to_df()
        if record_ids is not None:
            table = table[table["dataset_record_id"].isin(list(record_ids))]
        ids = [*table[table["source_type"] == "TRACE"]["source_id"]]
        if not ids:
            raise InvalidValue(
                f"No record of the data set {quoted(dataset_name)} comes from a trace.",
                hint="People label traces; merge_records takes traces.",
            )
        return self.add_traces(ids)

    def sync(self, to_dataset: str) -> None:
        """Merge what is labelled, and what people expected, into a data set, made if need be."""
        client = experiments.client()
        found = [
            traces_of(client).get(each.item_id)
            for each in paging.items(
                partial(
                    review_queues.list_review_queue_items, self.queue.queue_id, status="complete"
                )
            )
        ]
        try:
            data_set = get_dataset(to_dataset)
        except NotFound:
            data_set = create_dataset(to_dataset, self.experiment_id)
        if found:
            data_set.merge_records([*map(Trace.of, found)])

    def set_assigned_users(self, assigned_users: Sequence[str]) -> LabelingSession:
        """Let others work on it."""
        made = review_queues.update_review_queue(self.queue.queue_id, users=assigned_users)
        return LabelingSession(made)


def _id_of(given: Any) -> str:
    if isinstance(given, str):
        try:
            return str(json.loads(given)["info"]["trace_id"])
        except (ValueError, TypeError, KeyError):
            return given
    if isinstance(given, Trace):
        return given.info.trace_id
    raise InvalidValue(f"{quoted(given)} is not a trace.")


def create_labeling_session(
    name: str,
    *,
    assigned_users: Sequence[str] | None = None,
    agent: str | None = None,
    label_schemas: Sequence[str] | None = None,
    enable_multi_turn_chat: bool = False,
    custom_inputs: Any = None,
) -> LabelingSession:
    """Make a session in the current experiment; ``label_schemas`` are names of questions.

    NotSupported for an agent to chat with, which hosted servers have.
    """
    if agent is not None or enable_multi_turn_chat or custom_inputs is not None:
        raise NotSupported(
            "A labeling session here is about traces, and has no agent to chat with."
        )
    home = experiments.current_experiment_id()
    asked = [_schema_id(each, home) for each in label_schemas or ()]
    return LabelingSession(
        review_queues.create_review_queue(name, users=assigned_users, schema_ids=asked)
    )


def _schema_id(name: str, experiment_id: str) -> str:
    return str(label_schemas.get_label_schema(name, experiment_id=experiment_id).schema_id)


def get_labeling_sessions() -> list[LabelingSession]:
    """Return the sessions of the current experiment, the last made first."""
    found = paging.items(review_queues.list_review_queues)
    return [LabelingSession(each) for each in found if each.queue_type == "custom"]


def get_labeling_session(run_id: str) -> LabelingSession:
    """Return a session by its ``mlflow_run_id``; NotFound."""
    return LabelingSession(review_queues.get_review_queue(run_id))


def delete_labeling_session(labeling_session: LabelingSession) -> None:
    """Remove a session, if it is there; traces and labels stay."""
    review_queues.delete_review_queue(labeling_session.queue.queue_id)
