"""What questions and queues may be, and the forms of answers in JSON. The limits are MLflow's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import attrs
from pegboard.errors import AlreadyExists, InvalidValue, NotFound, quoted

from pegboard_stores.reviews.contract import (
    Categorical,
    FreeText,
    Input,
    LabelSchema,
    Numeric,
    PassFail,
    QueueKind,
    ReviewQueue,
    ReviewStatus,
)

LONGEST_NAME = 250
LONGEST_INSTRUCTION = 1000
LONGEST_LABEL = 64
MOST_OPTIONS = 10
MOST_USERS = 10
DEFAULT_NAME = "Feedback"
"""The question that every experiment has."""
DEFAULT_INSTRUCTION = "Share any feedback on this trace."
RESERVED_QUEUE = "default"

INPUTS: Mapping[str, type[Input]] = {
    "pass_fail": PassFail,
    "categorical": Categorical,
    "numeric": Numeric,
    "text": FreeText,
}


# -- refusals --------------------------------------------------------------------------------------


def no_schema(what: str) -> NotFound:
    """No question has this id or name."""
    return NotFound(f"There is no label schema {quoted(what)}.")


def schema_taken(name: str) -> AlreadyExists:
    """Another question has this name."""
    return AlreadyExists(f"The experiment has a label schema named {quoted(name)} already.")


def no_queue(what: str) -> NotFound:
    """No queue has this id or name."""
    return NotFound(f"There is no review queue {quoted(what)}.")


def queue_taken(name: str) -> AlreadyExists:
    """Another queue has this name."""
    return AlreadyExists(
        f"The experiment has a review queue named {quoted(name)} already.",
        hint="Names of queues are told apart without regard to case.",
    )


def no_items(queue: ReviewQueue, item_ids: Iterable[str]) -> NotFound:
    """Traces to be reviewed are not there."""
    return NotFound(
        f"The experiment {queue.experiment_id} has no trace "
        f"{', '.join(map(quoted, item_ids))}, so the queue {quoted(queue.name)} cannot hold it."
    )


def not_in(queue_id: str, item_id: str) -> NotFound:
    """A trace is not in a queue."""
    return NotFound(f"The trace {quoted(item_id)} is not in the review queue {quoted(queue_id)}.")


def frozen_questions(name: str) -> InvalidValue:
    """A queue that holds traces keeps its questions."""
    return InvalidValue(
        f"The review queue {quoted(name)} holds traces, so its questions stay as they are.",
        hint="Take the traces out first, or make another queue.",
    )


# -- questions -------------------------------------------------------------------------------------


def _text(value: object, what: str, longest: int, least: int = 1) -> str:
    if not isinstance(value, str) or not least <= len(value) <= longest:
        raise InvalidValue(f"The {what} is not a text of {least} to {longest} characters.")
    return value


def schema_name(name: str) -> str:
    """Return the name of a question; InvalidValue."""
    _text(name, "name of the label schema", LONGEST_NAME)
    if name.strip().lower() == DEFAULT_NAME.lower():
        raise InvalidValue(
            f"{quoted(name)} is the name of the question that every experiment has.",
            hint="Choose another name.",
        )
    return name


def instruction(given: str | None) -> str | None:
    """Return what is said to those who answer; InvalidValue."""
    return given if given is None else _text(given, "instruction", LONGEST_INSTRUCTION, 0)


def checked_input(given: Input) -> Input:
    """Return a form of answers that can be; InvalidValue."""
    match given:
        case PassFail(positive, negative):
            for each in (positive, negative):
                _text(each, "label of pass or fail", LONGEST_LABEL)
            if positive == negative:
                raise InvalidValue(f"Both labels of pass and fail are {quoted(positive)}.")
        case Categorical(options):
            if not 1 <= len(options) <= MOST_OPTIONS or len({*options}) < len(options):
                raise InvalidValue(f"Options are 1 to {MOST_OPTIONS} texts, each once.")
            for each in options:
                _text(each, "option", LONGEST_LABEL)
        case Numeric(float() | int() as low, float() | int() as high):
            if not low < high:
                raise InvalidValue(f"min_value is {low}, and not below max_value, which is {high}.")
        case FreeText(int() as longest) if longest < 1:
            raise InvalidValue(f"max_length is {longest}, and has to be 1 or more.")
    return given


def check_change(known: LabelSchema, new: Input | None) -> None:
    """Refuse what would give answers that are there another meaning; InvalidValue."""
    if known.is_default:
        raise InvalidValue("The question that every experiment has cannot be changed.")
    if new is None:
        return
    if type(new) is not type(known.input):
        raise InvalidValue("The kind of input of a label schema stays as it was made.")
    if getattr(new, "multi_select", None) != getattr(known.input, "multi_select", None):
        raise InvalidValue("Whether a label schema takes several options stays as it is.")


def check_deletable(known: LabelSchema) -> None:
    """Refuse the default question; InvalidValue."""
    if known.is_default:
        raise InvalidValue("The question that every experiment has cannot be deleted.")


def input_json(given: Input) -> dict[str, Any]:
    """Return a form of answers in JSON: its kind, and in it what is not None."""
    name = next(name for name, kind in INPUTS.items() if isinstance(given, kind))
    fields = {key: value for key, value in attrs.asdict(given).items() if value is not None}
    return {name: {k: list(v) if isinstance(v, tuple) else v for k, v in fields.items()}}


def read_input(fields: Mapping[str, Any]) -> Input:
    """Return the form of answers that ``input_json`` wrote."""
    [(name, values)] = fields.items()
    given: Any = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
    return INPUTS[name](**given)


# -- queues ----------------------------------------------------------------------------------------


def user(given: str) -> str:
    """Return a user as queues know them, so that they are found as the source of assessments."""
    return _text(given.strip().lower(), "user", LONGEST_NAME)


def owner(given: str) -> str:
    """Return an owner; InvalidValue."""
    return _text(given.strip(), "owner", LONGEST_NAME)


def users(given: Sequence[str]) -> list[str]:
    """Return users, each once and sorted; InvalidValue."""
    found = sorted({*map(user, given)})
    if len(found) > MOST_USERS:
        raise InvalidValue(f"A review queue has up to {MOST_USERS} users, not {len(found)}.")
    return found


def queue_name(given: str) -> str:
    """Return the name of a queue that is not a user's; InvalidValue."""
    found = _text(given.strip(), "name of the review queue", LONGEST_NAME)
    if found.lower() == RESERVED_QUEUE:
        raise InvalidValue(
            f"{quoted(found)} is the queue of whoever has no name.", hint="Choose another name."
        )
    return found


def new_queue(
    kind: QueueKind, name: str, given: Sequence[str], schema_ids: Sequence[str]
) -> tuple[str, list[str], list[str]]:
    """Return the name, users and questions of a queue to be made; InvalidValue."""
    people, questions = users(given), sorted({each.strip() for each in schema_ids})
    if kind is QueueKind.CUSTOM:
        return queue_name(name), people, questions
    name = user(name)
    if people not in ([], [name]):
        raise InvalidValue(f"The queue of the user {quoted(name)} has no other users.")
    if questions:
        raise InvalidValue("The queue of a user has all label schemas, and none of its own.")
    return name, [name], []


def check_changeable(queue: ReviewQueue) -> None:
    """Refuse the queue of a user; InvalidValue."""
    if queue.kind is QueueKind.USER:
        raise InvalidValue(f"The queue of the user {quoted(queue.name)} cannot be changed.")


def items(given: Sequence[str]) -> list[str]:
    """Return ids of traces, each once; InvalidValue."""
    found = [*dict.fromkeys(each.strip() for each in given)]
    if not found or not all(found):
        raise InvalidValue("item_ids names no trace.", hint="Give ids of traces.")
    return found


def completed_by(status: ReviewStatus, given: str | None) -> str | None:
    """Return who settled a trace; InvalidValue."""
    if status is ReviewStatus.PENDING:
        if given is not None:
            raise InvalidValue("completed_by is not given for what is pending again.")
        return None
    if given is None or not given.strip():
        raise InvalidValue(f"completed_by says who made it {status}.")
    return user(given)
