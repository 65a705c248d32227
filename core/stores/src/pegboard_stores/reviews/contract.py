"""The contracts of label schemas and review queues, and the values that they speak of.

Times are ms since 1970.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from enum import StrEnum
from typing import TypeAlias

from attrs import frozen
from pegboard.entities import Page

DEFAULT_PAGE = 100
"""How many schemas, queues or items a page has, if nobody says."""


class LabelType(StrEnum):
    """What an answer becomes: an assessment of a trace, or what was expected of it."""

    FEEDBACK = "feedback"
    EXPECTATION = "expectation"


@frozen
class PassFail:
    """Two buttons; the answer is true for the first."""

    positive_label: str
    negative_label: str


@frozen
class Categorical:
    """One of several texts, or some of them."""

    options: tuple[str, ...]
    multi_select: bool = False


@frozen
class Numeric:
    """A number within bounds, both included; None: without this bound."""

    min_value: float | None = None
    max_value: float | None = None


@frozen
class FreeText:
    """Any text, up to a number of characters."""

    max_length: int | None = None


Input: TypeAlias = PassFail | Categorical | Numeric | FreeText
"""In which form a question is answered."""


@frozen(kw_only=True)
class LabelSchema:
    """A question about the traces of an experiment. The answer is an assessment of its name."""

    schema_id: str
    experiment_id: str
    name: str
    type: LabelType
    input: Input
    created_time: int
    last_update_time: int
    instruction: str | None = None
    enable_comment: bool = False
    """Whether to ask for the reason, too."""
    created_by: str | None = None
    is_default: bool = False
    """Whether every experiment has it: it is neither changed nor deleted."""


class LabelSchemas(ABC):
    """Keeps questions. Unknown ids are NotFound, and a deleted experiment Deleted.

    What is no question is InvalidValue (``content``); two of one name AlreadyExists.
    """

    @abstractmethod
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

    @abstractmethod
    def get(self, schema_id: str) -> LabelSchema:
        """Return a question."""

    @abstractmethod
    def by_name(self, experiment_id: str, name: str) -> LabelSchema:
        """Return the question of this name."""

    @abstractmethod
    def list(
        self, experiment_id: str, *, max_results: int = DEFAULT_PAGE, page_token: str | None = None
    ) -> Page[LabelSchema]:
        """Return the questions of an experiment, the last made first, the default one among them.

        MLflow's servers have those of the same ms in any order.
        """

    @abstractmethod
    def update(
        self,
        schema_id: str,
        *,
        name: str | None = None,
        instruction: str | None = None,
        enable_comment: bool | None = None,
        input: Input | None = None,
    ) -> LabelSchema:
        """Change what is not None. The kind of input stays, and whether it takes several options.

        Answers that are there keep their meaning so.
        """

    @abstractmethod
    def delete(self, schema_id: str) -> None:
        """Remove a question, if it is there; InvalidValue for the default one. Answers stay."""


class QueueKind(StrEnum):
    """Whose queue it is: of one user, who answers all questions, or made for a purpose."""

    USER = "user"
    CUSTOM = "custom"


class ReviewStatus(StrEnum):
    """What became of a trace in a queue."""

    PENDING = "pending"
    COMPLETE = "complete"
    DECLINED = "declined"


@frozen(kw_only=True)
class ReviewQueue:
    """Traces that people are to label."""

    queue_id: str
    experiment_id: str
    name: str
    kind: QueueKind
    created_time: int
    last_update_time: int
    created_by: str | None = None
    """The owner."""
    users: Sequence[str] = ()
    """Who is to work on it, in lower case and sorted; any one of them settles a trace."""
    schema_ids: Sequence[str] = ()
    """Its questions, sorted; a queue of a user has none of its own, and so all."""


@frozen(kw_only=True)
class QueueItem:
    """A trace in a queue."""

    queue_id: str
    item_id: str
    """The id of the trace."""
    status: ReviewStatus
    created_time: int
    last_update_time: int
    completed_by: str | None = None
    completed_time: int | None = None


class ReviewQueues(ABC):
    """Keeps queues and what they hold.

    Unknown ids are NotFound, and a deleted experiment Deleted; wrong values InvalidValue. Names of
    queues are told apart without regard to case; AlreadyExists.
    """

    @abstractmethod
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

    @abstractmethod
    def of_user(self, experiment_id: str, user: str) -> ReviewQueue:
        """Return the queue of a user, made if need be."""

    @abstractmethod
    def get(self, queue_id: str) -> ReviewQueue:
        """Return a queue."""

    @abstractmethod
    def by_name(self, experiment_id: str, name: str) -> ReviewQueue:
        """Return the queue of this name."""

    @abstractmethod
    def list(
        self,
        experiment_id: str,
        *,
        user: str | None = None,
        item_id: str | None = None,
        max_results: int = DEFAULT_PAGE,
        page_token: str | None = None,
    ) -> Page[ReviewQueue]:
        """Return queues, the last made first: those a user works on, those that hold a trace."""

    @abstractmethod
    def update(
        self,
        queue_id: str,
        *,
        name: str | None = None,
        owner: str | None = None,
        users: Sequence[str] | None = None,
        schema_ids: Sequence[str] | None = None,
    ) -> ReviewQueue:
        """Change what is not None; InvalidValue for the queue of a user.

        Questions are not changed while the queue holds traces.
        """

    @abstractmethod
    def delete(self, queue_id: str) -> None:
        """Remove a queue, if it is there. Traces and their assessments stay."""

    @abstractmethod
    def add(self, queue_id: str, item_ids: Sequence[str]) -> Sequence[QueueItem]:
        """Put traces of its experiment into a queue; return all, in this order.

        One that is there stays as it is. NotFound for a trace of another experiment, too; then
        none is added.
        """

    @abstractmethod
    def remove(self, queue_id: str, item_ids: Sequence[str]) -> None:
        """Take traces out of a queue, as far as they are in it."""

    @abstractmethod
    def items(
        self,
        queue_id: str,
        *,
        status: ReviewStatus | None = None,
        max_results: int = DEFAULT_PAGE,
        page_token: str | None = None,
    ) -> Page[QueueItem]:
        """Return what a queue holds, the last added first, and then by id."""

    @abstractmethod
    def set_status(
        self, queue_id: str, item_id: str, status: ReviewStatus, completed_by: str | None = None
    ) -> QueueItem:
        """Say what became of a trace, and who did it, which PENDING alone must not say.

        Setting the status that it has changes nothing: the first to settle a trace is named.
        """
