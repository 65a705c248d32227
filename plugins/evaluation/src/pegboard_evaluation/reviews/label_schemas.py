"""``pegboard.genai.label_schemas``: what people are asked about traces, under MLflow's names."""

from __future__ import annotations

from functools import partial

from pegboard import paging
from pegboard.contracts.tracking import TrackingStore
from pegboard.entities import Page
from pegboard.errors import InvalidValue, quoted
from pegboard_scripting.client.author import user_of
from pegboard_scripting.fluent import experiments
from pegboard_stores import refusals
from pegboard_stores import reviews as kept
from pegboard_stores.reviews.contract import DEFAULT_PAGE

from pegboard_evaluation.reviews.forms import (
    InputCategorical,
    InputCategoricalList,
    InputNumeric,
    InputPassFail,
    InputText,
    InputType,
    LabelSchema,
    LabelSchemaType,
    schema,
    to_kept,
)

EXPECTED_FACTS = "expected_facts"
GUIDELINES = "guidelines"
EXPECTED_RESPONSE = "expected_response"

__all__ = [
    "EXPECTED_FACTS",
    "EXPECTED_RESPONSE",
    "GUIDELINES",
    "InputCategorical",
    "InputCategoricalList",
    "InputNumeric",
    "InputPassFail",
    "InputText",
    "LabelSchema",
    "LabelSchemaType",
    "create_label_schema",
    "delete_label_schema",
    "get_label_schema",
    "list_label_schemas",
    "update_label_schema",
]


def kept_in(store: TrackingStore) -> kept.LabelSchemas:
    """Return the questions of a store; NotSupported if it keeps none."""
    found = store.ability(kept.LabelSchemas)
    if found is None:
        raise refusals.unsupported("label schemas", store)
    return found


def _schemas() -> kept.LabelSchemas:
    return kept_in(experiments.client().store)


def _home(experiment_id: str | None) -> str:
    return experiments.current_experiment_id() if experiment_id is None else str(experiment_id)


def create_label_schema(
    name: str,
    *,
    type: str,
    input: InputType,
    instruction: str | None = None,
    enable_comment: bool = False,
    overwrite: bool = False,
    experiment_id: str | None = None,
    title: str | None = None,
) -> LabelSchema:
    """Add a question to an experiment, by default the current one; AlreadyExists.

    Args:
        name: what people read, and the name of their assessments.
        type: ``"feedback"``, or ``"expectation"`` for what the answer should have been.
        input: InputPassFail, InputCategorical, InputNumeric or InputText.
        instruction: said to those who answer.
        enable_comment: whether to ask for the reason, too.
        overwrite: whether to change the question of this name, if there is one. Its kind of input
            stays.
        experiment_id: the experiment.
        title: what hosted servers of MLflow show beside the name; here the instruction, if there
            is none.
    """
    instruction = title if instruction is None else instruction
    if type not in [*LabelSchemaType]:
        raise InvalidValue(
            f"The type of a label schema is {quoted(type)}.", hint="It is feedback or expectation."
        )
    store, home, form = _schemas(), _home(experiment_id), to_kept(input)
    if overwrite:
        known = [each for each in _all(store, home) if each.name == name]
        if known and known[0].type == type:
            made = store.update(
                known[0].schema_id,
                instruction=instruction,
                enable_comment=enable_comment,
                input=form,
            )
            return schema(made)
    made = store.create(
        home,
        name,
        type=kept.LabelType(type),
        input=form,
        instruction=instruction,
        enable_comment=enable_comment,
        created_by=user_of(experiments.client().host),
    )
    return schema(made)


def _all(store: kept.LabelSchemas, home: str) -> list[kept.LabelSchema]:
    return [*paging.items(partial(store.list, home))]


def get_label_schema(
    name: str | None = None, *, schema_id: str | None = None, experiment_id: str | None = None
) -> LabelSchema:
    """Return a question by its id, or by its name in an experiment; NotFound."""
    if (name is None) == (schema_id is None):
        raise InvalidValue("A label schema is found by its name or its schema_id; give one.")
    if schema_id is not None:
        return schema(_schemas().get(schema_id))
    return schema(_schemas().by_name(_home(experiment_id), str(name)))


def list_label_schemas(
    experiment_id: str | None = None,
    *,
    max_results: int = DEFAULT_PAGE,
    page_token: str | None = None,
) -> Page[LabelSchema]:
    """Return the questions of an experiment, the last made first; ``token`` is the next page's."""
    found = _schemas().list(_home(experiment_id), max_results=max_results, page_token=page_token)
    return Page([schema(each) for each in found], found.token)


def update_label_schema(
    schema_id: str,
    *,
    name: str | None = None,
    instruction: str | None = None,
    enable_comment: bool | None = None,
    input: InputType | None = None,
) -> LabelSchema:
    """Change what is not None. The kind of input stays, so that answers keep their meaning."""
    made = _schemas().update(
        schema_id,
        name=name,
        instruction=instruction,
        enable_comment=enable_comment,
        input=None if input is None else to_kept(input),
    )
    return schema(made)


def delete_label_schema(
    name: str | None = None, *, schema_id: str | None = None, experiment_id: str | None = None
) -> None:
    """Remove a question, if it is there; what was answered stays."""
    if (name is None) == (schema_id is None):
        raise InvalidValue("A label schema is deleted by its schema_id or its name; give one.")
    store = _schemas()
    for each in [] if name is None else _all(store, _home(experiment_id)):
        if each.name == name:
            schema_id = each.schema_id
    if schema_id is not None:
        store.delete(schema_id)
