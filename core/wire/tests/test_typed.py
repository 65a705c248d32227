"""Endpoints that are declared by a class: what they read, what they refuse, how they look."""

from __future__ import annotations

import math
from enum import StrEnum
from typing import Annotated, Any

import pytest
from attrs import Factory, frozen
from pegboard.errors import InvalidValue
from pegboard_wire.http import Call, Identity, Permission
from pegboard_wire.typed import AtMost, Between, reader, schema, typed


class Color(StrEnum):
    RED = "red"
    BLUE = "blue"


@frozen
class Inner:
    key: str
    weight: float = 1.0


@frozen
class Request:
    name: Annotated[str, AtMost(5)]
    max_results: Annotated[int, Between(1, 100)] = 10
    color: Color | None = None
    inner: list[Inner] = Factory(list)
    names: tuple[str, ...] = ()
    labels: dict[str, str] = Factory(dict)
    flag: bool = False
    anything: Any = None


@pytest.mark.parametrize(
    ("fields", "read"),
    [
        ({"name": "a"}, Request("a")),
        ({"name": "a", "maxResults": "7"}, Request("a", 7)),
        ({"name": "a", "max_results": None, "color": "blue"}, Request("a", color=Color.BLUE)),
        ({"name": "a", "inner": [{"key": "k", "weight": "NaN"}]}, None),
        (
            {"name": "a", "names": ["x", "y"], "flag": True},
            Request("a", names=("x", "y"), flag=True),
        ),
        (
            {"name": "a", "labels": {"k": "v"}, "anything": [1]},
            Request("a", labels={"k": "v"}, anything=[1]),
        ),
        ({"name": "a", "unknown": 1}, Request("a")),
    ],
)
def test_a_request_is_read_as_mlflows_protocol_reads_it(
    fields: dict[str, Any], read: Request | None
) -> None:
    found = reader(Request)(fields, "")
    if read is not None:
        assert found == read
    else:
        assert math.isnan(found.inner[0].weight)


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({}, "'name' is required"),
        ({"name": ""}, "'name' is required"),
        ({"name": 3}, "'name' is 3, not a string"),
        ({"name": "abcdef"}, "'name' has 6 characters; 5 are allowed"),
        ({"name": "a", "max_results": 0}, "'max_results' is 0, not from 1 to 100"),
        ({"name": "a", "max_results": 1 << 70}, "beyond 64 bits"),
        ({"name": "a", "color": "green"}, "'color' is 'green', not one of red, blue"),
        ({"name": "a", "inner": [{"key": "k"}, {}]}, r"'inner\[1\].key' is required"),
        ({"name": "a", "inner": [3]}, r"'inner\[0\]' is 3, not an object"),
        ({"name": "a", "names": "x"}, "'names' is 'x', not an array"),
        ({"name": "a", "labels": {"k": 1}}, "'labels.k' is 1, not a string"),
        ({"name": "a", "flag": 1}, "'flag' is 1, not true or false"),
    ],
)
def test_what_is_wrong_in_a_request_is_named_with_its_path(
    fields: dict[str, Any], named: str
) -> None:
    with pytest.raises(InvalidValue, match=named):
        reader(Request)(fields, "")


def test_in_a_query_a_list_of_one_is_a_text() -> None:
    assert reader(Request, query=True)({"name": "a", "names": "x"}, "").names == ("x",)


def test_the_schema_says_the_same() -> None:
    made = schema(Request)
    assert made["required"] == ["name"]
    properties = made["properties"]
    assert properties["name"] == {"type": "string", "maxLength": 5}
    assert properties["max_results"] == {"type": "integer", "minimum": 1, "maximum": 100}
    assert properties["color"] == {"type": "string", "enum": ["red", "blue"]}
    assert properties["inner"]["items"]["required"] == ["key"]
    assert properties["labels"] == {
        "type": "object",
        "additionalProperties": {"type": "string"},
    }


def test_an_endpoint_hands_its_request_to_the_handler() -> None:
    def handle(call: Call, request: Request) -> dict[str, Any]:
        return {"name": request.name, "n": request.max_results}

    endpoint = typed("POST", "/api/x", handle, Permission.READ, "X.", Request, tags=("t",))
    call = Call(None, Identity("ann", frozenset()), {"name": "a", "max_results": 3}, {})  # type: ignore[arg-type]
    assert endpoint.handle(call) == {"name": "a", "n": 3}
    assert (endpoint.request, endpoint.tags) == (schema(Request), ("t",))


@frozen
class Odd:
    value: str | int = ""


def test_a_type_that_json_lacks_is_refused_when_it_is_declared() -> None:
    with pytest.raises(TypeError, match=r"str \| int"):
        reader(Odd)


@frozen
class Window:
    keys: list[str]
    from_: float | None = None


def test_a_name_that_python_keeps_is_written_with_an_underscore_in_the_class():
    assert reader(Window)({"keys": [], "from": 2}, "") == Window([], 2.0)
    assert set(schema(Window)["properties"]) == {"keys", "from"}
    with pytest.raises(InvalidValue, match="'from'"):
        reader(Window)({"keys": [], "from": "x"}, "")


@pytest.mark.parametrize(
    ("given", "keys"),
    [
        ('["a", "b,c"]', ["a", "b,c"]),
        ("[]", []),
        ("[a]", ["[a]"]),
        ("a", ["a"]),
        (["[a", "b]"], ["[a", "b]"]),
        ("[" * 5000 + "]" * 5000, ["[" * 5000 + "]" * 5000]),
    ],
)
def test_a_list_in_a_query_may_be_one_text_in_json(given, keys):
    assert reader(Window, query=True)({"keys": given}, "").keys == keys


@pytest.mark.parametrize("given", ['["a", 1]', '["a", null]', "[[]]"])
def test_wrong_items_of_a_list_in_json_are_named(given):
    with pytest.raises(InvalidValue, match="'keys"):
        reader(Window, query=True)({"keys": given}, "")


def test_a_body_has_no_list_as_a_text():
    with pytest.raises(InvalidValue, match="'keys' is"):
        reader(Window)({"keys": '["a"]'}, "")
