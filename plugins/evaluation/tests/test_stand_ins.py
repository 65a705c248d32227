"""What stands for a model's answer fits the schema that it was asked for."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest
from pegboard_evaluation.genai.vendors import stand_ins

VERDICT = {
    "type": "object",
    "properties": {
        "verdict": {"enum": ["yes", "no"], "type": "string"},
        "reason": {"type": "string"},
    },
    "required": ["verdict", "reason"],
}
TREE = {
    "type": "object",
    "properties": {"inner": {"anyOf": [{"$ref": "#/$defs/T"}, {"type": "null"}]}},
}


@pytest.mark.parametrize(
    "schema",
    [
        {
            "type": "object",
            "$defs": {"V": VERDICT},
            "properties": {
                "verdicts": {"type": "array", "items": {"$ref": "#/$defs/V"}, "minItems": 5},
                "count": {"type": "integer", "minimum": 2},
                "share": {"type": "number"},
                "same": {"const": "same"},
                "perhaps": {"anyOf": [{"type": "null"}, {"type": "boolean"}]},
            },
            "required": ["verdicts", "count", "share", "same", "perhaps"],
        },
        {"$ref": "#/$defs/T", "$defs": {"T": TREE}},
    ],
)
def test_it_fits(schema: Any) -> None:
    jsonschema.validate(stand_ins.fitting(schema), schema)
