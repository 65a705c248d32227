"""Tables that hold settings of something else that they name, beside keys of their own."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import frozen
from pegboard import settings
from pegboard.errors import ConfigError


@frozen
class Upstream:
    kind: str
    weight: float = 1.0
    options: dict[str, Any] = settings.others()


@frozen
class Table:
    upstreams: tuple[Upstream, ...] = ()


def test_keys_of_others_are_kept_as_they_are() -> None:
    table = {"upstreams": [{"kind": "a", "weight": 2, "api_key": {"env": "KEY"}, "deep": [1]}]}
    read = settings.structure(Table, table, "x.toml: [t]")
    assert read.upstreams == (Upstream("a", 2.0, {"api_key": {"env": "KEY"}, "deep": [1]}),)


def test_they_are_in_no_output_and_no_keys_of_the_class() -> None:
    read = settings.structure(Table, {"upstreams": [{"kind": "a", "api_key": "marker"}]}, "t")
    assert "marker" not in repr(read)
    assert settings.keys(Upstream) == ["kind", "weight"]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"weight": 1}, "upstreams[0].kind: the key 'kind' is missing"),
        ({"kind": "a", "weight": "x"}, "upstreams[0].weight: expected a number, not 'x'"),
        ("a", "upstreams[0]: expected a table"),
    ],
)
def test_own_keys_are_checked(wrong: object, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        settings.structure(Table, {"upstreams": [wrong]}, "x.toml: [t]")
    assert said in caught.value.message


def test_the_field_itself_is_not_a_key() -> None:
    read = settings.structure(Table, {"upstreams": [{"kind": "a", "options": {"b": 1}}]}, "t")
    assert read.upstreams[0].options == {"options": {"b": 1}}
