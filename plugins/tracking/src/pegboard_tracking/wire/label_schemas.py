"""MLflow's endpoints for label schemas: what people are asked about the traces of an experiment."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import attrs
from attrs import frozen
from pegboard.errors import InvalidValue
from pegboard_stores import refusals
from pegboard_stores.reviews import (
    Categorical,
    FreeText,
    Input,
    LabelSchema,
    LabelSchemas,
    LabelType,
    Numeric,
    PassFail,
    content,
)
from pegboard_stores.reviews.contract import DEFAULT_PAGE
from pegboard_wire.http import Call, Permission, Result
from pegboard_wire.pages import page_json
from pegboard_wire.requests import NOTHING, page_size, page_token, store_of, text
from pegboard_wire.scalars import boolean, get, integer, message
from pegboard_wire.schemas import EMPTY
from pegboard_wire.shapes import BOOLEAN, INT64, TEXT, array, choice, record
from pegboard_wire.typed import reader, schema, typed

BASE = "/api/3.0/mlflow/label-schemas"


class Kind(StrEnum):
    """The type of a question, as the protocol names it."""

    FEEDBACK = "FEEDBACK"
    EXPECTATION = "EXPECTATION"


@frozen
class GivenInput:
    """A form of answers: one of them."""

    pass_fail: PassFail | None = None
    categorical: Categorical | None = None
    numeric: Numeric | None = None
    text: FreeText | None = None

    def one(self) -> Input:
        """Return the one that is there; InvalidValue."""
        found = [each for each in attrs.astuple(self, recurse=False) if each is not None]
        if len(found) != 1:
            raise InvalidValue(
                f"The field 'input' holds {len(found)} forms of answers.",
                hint=f"Give one of {', '.join(content.INPUTS)}.",
            )
        made: Input = found[0]
        return made


@frozen
class NewSchema:
    """A question to add."""

    experiment_id: str
    name: str
    type: Kind
    input: GivenInput
    instruction: str | None = None
    enable_comment: bool = False


@frozen
class OfId:
    """A question, by its id."""

    schema_id: str


@frozen
class Named:
    """A question, by experiment and name."""

    experiment_id: str
    name: str


@frozen
class Listed:
    """A page of the questions of an experiment."""

    experiment_id: str
    max_results: int | None = None
    page_token: str | None = None


@frozen
class Changed:
    """What is to change of a question."""

    schema_id: str
    name: str | None = None
    instruction: str | None = None
    enable_comment: bool | None = None
    input: GivenInput | None = None


def schemas_of(call: Call) -> LabelSchemas:
    """Return the label schemas of the store that a call is about; NotSupported."""
    store = store_of(call)
    found = store.ability(LabelSchemas)
    if found is None:
        raise refusals.unsupported("label schemas", store)
    return found


def schema_json(given: LabelSchema) -> dict[str, Any]:
    """Return a question as MLflow's clients know it."""
    found = {
        "schema_id": given.schema_id,
        "experiment_id": given.experiment_id,
        "name": given.name,
        "type": given.type.upper(),
        "instruction": given.instruction,
        "enable_comment": given.enable_comment,
        "input": content.input_json(given.input),
        "created_by": given.created_by,
        "created_at": given.created_time,
        "last_updated_at": given.last_update_time,
        "is_default": given.is_default,
    }
    return {key: value for key, value in found.items() if value is not None}


_read_input = reader(GivenInput)


def read_schema(fields: Mapping[str, Any]) -> LabelSchema:
    """Read a question; what it leaves out is what protocol buffers leave out."""
    said = get(fields, "instruction")
    return LabelSchema(
        schema_id=text(fields, "schema_id"),
        experiment_id=text(fields, "experiment_id"),
        name=text(fields, "name"),
        type=LabelType(Kind(text(fields, "type")).lower()),
        input=_read_input(message(get(fields, "input"), "input"), "input.").one(),
        instruction=said if said is None else str(said),
        enable_comment=boolean(get(fields, "enable_comment") or False, "enable_comment"),
        created_by=get(fields, "created_by"),
        created_time=integer(get(fields, "created_at"), "created_at"),
        last_update_time=integer(get(fields, "last_updated_at"), "last_updated_at"),
        is_default=boolean(get(fields, "is_default") or False, "is_default"),
    )


def _answer(made: LabelSchema) -> Result:
    return {"label_schema": schema_json(made)}


def _create(call: Call, given: NewSchema) -> Result:
    made = schemas_of(call).create(
        given.experiment_id,
        given.name,
        type=LabelType(given.type.lower()),
        input=given.input.one(),
        instruction=given.instruction,
        enable_comment=given.enable_comment,
        created_by=call.identity.name or None,
    )
    return _answer(made)


def _get(call: Call, given: OfId) -> Result:
    return _answer(schemas_of(call).get(given.schema_id))


def _by_name(call: Call, given: Named) -> Result:
    return _answer(schemas_of(call).by_name(given.experiment_id, given.name))


def _list(call: Call, given: Listed) -> Result:
    fields = call.parameters
    found = schemas_of(call).list(
        given.experiment_id,
        max_results=page_size(fields, DEFAULT_PAGE),
        page_token=page_token(fields),
    )
    return page_json("label_schemas", [schema_json(each) for each in found], found.token)


def _update(call: Call, given: Changed) -> Result:
    made = schemas_of(call).update(
        given.schema_id,
        name=given.name,
        instruction=given.instruction,
        enable_comment=given.enable_comment,
        input=None if given.input is None else given.input.one(),
    )
    return _answer(made)


def _delete(call: Call, given: OfId) -> Result:
    schemas_of(call).delete(given.schema_id)
    return NOTHING


_READ, _WRITE, _DELETE = Permission.READ, Permission.WRITE, Permission.DELETE
_SCHEMA = record(
    schema_id=TEXT, experiment_id=TEXT, name=TEXT, type=choice(*Kind), instruction=TEXT,
    enable_comment=BOOLEAN, input=schema(GivenInput), created_by=TEXT, created_at=INT64,
    last_updated_at=INT64, is_default=BOOLEAN,
)  # fmt: skip
_ONE = record(label_schema=_SCHEMA)
_TAGS = ("Reviews",)

ENDPOINTS = [
    typed(
        "POST", f"{BASE}/create", _create, _WRITE, "Add a question about traces.",
        NewSchema, _ONE, tags=_TAGS,
    ),
    typed("GET", f"{BASE}/get", _get, _READ, "Return a question.", OfId, _ONE, tags=_TAGS),
    typed(
        "GET", f"{BASE}/get-by-name", _by_name, _READ, "Return the question of a name.",
        Named, _ONE, tags=_TAGS,
    ),
    typed(
        "GET", f"{BASE}/list", _list, _READ, "List the questions of an experiment.",
        Listed, record(label_schemas=array(_SCHEMA), next_page_token=TEXT), tags=_TAGS,
    ),
    typed(
        "PATCH", f"{BASE}/update", _update, _WRITE, "Change a question.",
        Changed, _ONE, tags=_TAGS,
    ),
    typed(
        "DELETE", f"{BASE}/delete", _delete, _DELETE, "Remove a question.", OfId, EMPTY,
        tags=_TAGS,
    ),
]  # fmt: skip
