"""``pegboard.types``: what schemas are made of, under the names of ``mlflow.types``."""

from __future__ import annotations

import sys

from pegboard_models.datatypes import AnyType, Array, DataType, Map, Object, Property
from pegboard_models.schema import ColSpec, ParamSchema, ParamSpec, Schema, TensorSpec

__all__ = [
    "AnyType",
    "Array",
    "ColSpec",
    "DataType",
    "Map",
    "Object",
    "ParamSchema",
    "ParamSpec",
    "Property",
    "Schema",
    "TensorSpec",
    "schema",
]

schema = sys.modules[__name__]
"""``mlflow.types.schema`` has these names too."""
