"""URIs of models."""

from __future__ import annotations

import pytest
from pegboard.errors import InvalidValue
from pegboard_scripting import model_uris
from pegboard_scripting.model_uris import ModelUri

MODEL_ID = f"m-{'0a' * 16}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("models:/iris/3", {"name": "iris", "version": "3"}),
        ("models:///iris/3", {"name": "iris", "version": "3"}),
        ("models:/iris/003", {"name": "iris", "version": "3"}),
        (
            "models:/iris/3/data/model.pkl",
            {"name": "iris", "version": "3", "path": "data/model.pkl"},
        ),
        ("models:/iris@champion", {"name": "iris", "alias": "champion"}),
        ("models:/iris@champion/a/b", {"name": "iris", "alias": "champion", "path": "a/b"}),
        ("models:/a@b@c", {"name": "a@b", "alias": "c"}),
        ("models:/iris/latest", {"name": "iris", "alias": "latest"}),
        ("models:/iris/Latest", {"name": "iris", "alias": "latest"}),
        ("models:/iris/Production", {"name": "iris", "stage": "Production"}),
        ("models:/with space/2", {"name": "with space", "version": "2"}),
        ("Models:/iris/3", {"name": "iris", "version": "3"}),
        (f"models:/{MODEL_ID}", {"model_id": MODEL_ID}),
        (f"models:/{MODEL_ID}/data/x", {"model_id": MODEL_ID, "path": "data/x"}),
        ("models:/m-small/3", {"name": "m-small", "version": "3"}),
        ("models:/another-id", {"model_id": "another-id"}),
        ("models:/a@b/7", {"name": "a@b", "version": "7"}),
    ],
)
def test_a_uri_names_a_version_or_a_logged_model(text: str, expected: dict[str, str]) -> None:
    assert model_uris.is_model_uri(text)
    assert model_uris.parse(text) == ModelUri(text, **expected)


@pytest.mark.parametrize(
    "text",
    [
        "models:",
        "models:/",
        "models://iris/3",
        "models:///",
        "models:/@a",
        "models:/a@",
        "runs:/a/b",
        "",
        "iris/3",
        "models:/a\0b/3",
        "models:////iris/3",
    ],
)
def test_what_names_no_model_is_refused(text: str) -> None:
    with pytest.raises(InvalidValue, match="does not name a model"):
        model_uris.parse(text)


def test_a_huge_number_is_not_read_digit_by_digit() -> None:
    assert model_uris.parse(f"models:/iris/{'9' * 5000}").version == "9" * 18
