"""Schemas: what goes into a model and what comes out, by columns or by tensors; and params.

Their JSON is MLflow's.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from attrs import field, frozen
from pegboard.errors import InvalidValue, quoted

from pegboard_models.datatypes import (
    ColumnType,
    DataType,
    Object,
    column_type,
    type_from_dict,
)

if TYPE_CHECKING:
    import numpy as np


@frozen(repr=False)
class ColSpec:
    """A column, or the only thing there is. ``name`` is text, or a number for unnamed columns."""

    type: ColumnType = field(converter=column_type)
    name: str | int | None = None
    required: bool = True

    def __repr__(self) -> str:
        need = "required" if self.required else "optional"
        front = "" if self.name is None else f"{self.name!r}: "
        return f"{front}{self.type!r} ({need})"

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON."""
        named = {} if self.name is None else {"name": self.name}
        return {**self.type.to_dict(), **named, "required": self.required}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> ColSpec:
        """Return what JSON describes."""
        required = content.get("required", True)
        return cls(type_from_dict(content), content.get("name"), required is not False)


def _shape(given: Sequence[Any]) -> tuple[int, ...]:
    if isinstance(given, (str, bytes)) or not all(isinstance(size, int) for size in given):
        raise InvalidValue(f"{quoted(given)} is not a shape: a list of whole numbers is one.")
    return tuple(given)


def _tensor_type(given: Any) -> np.dtype[Any]:
    import numpy as np

    try:
        dtype = np.dtype(given)
    except (TypeError, ValueError):
        raise InvalidValue(f"{quoted(given)} is not a type of NumPy's.") from None
    # The length of the longest text in a sample says nothing about other data.
    plain: np.dtype[Any] = np.dtype(dtype.type) if dtype.char in "US" else dtype
    return plain


@frozen(repr=False)
class TensorSpec:
    """An array: its NumPy type and its shape, in which -1 is any size."""

    type: np.dtype[Any] = field(converter=_tensor_type)
    shape: tuple[int, ...] = field(converter=_shape)
    name: str | None = None

    required = True

    def __repr__(self) -> str:
        front = "" if self.name is None else f"{self.name!r}: "
        return f"{front}Tensor({self.type.name!r}, {self.shape!r})"

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON."""
        named = {} if self.name is None else {"name": self.name}
        spec = {"dtype": self.type.name, "shape": list(self.shape)}
        return {**named, "type": "tensor", "tensor-spec": spec}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> TensorSpec:
        """Return what JSON describes."""
        spec = content.get("tensor-spec")
        if not isinstance(spec, Mapping) or not {"dtype", "shape"} <= set(spec):
            raise InvalidValue("A tensor is described without its 'dtype' and 'shape'.")
        if not isinstance(spec["shape"], list):
            raise InvalidValue(f"{quoted(spec['shape'])} is not the shape of a tensor.")
        return cls(spec["dtype"], spec["shape"], content.get("name"))


Spec = ColSpec | TensorSpec


def _specs(given: Sequence[Spec]) -> list[Spec]:
    specs = list(given)
    if not specs:
        raise InvalidValue("A schema needs at least one input.")
    kinds = {type(each) for each in specs}
    if not kinds <= {ColSpec, TensorSpec}:
        raise InvalidValue("A schema is made of ColSpec or of TensorSpec.")
    if len(kinds) > 1:
        raise InvalidValue("A schema is made either of ColSpec or of TensorSpec, not of both.")
    unnamed = sum(each.name is None for each in specs)
    if unnamed not in (0, len(specs)):
        raise InvalidValue("Either all inputs of a schema have names, or none has.")
    if unnamed and len(specs) > 1 and kinds == {TensorSpec}:
        raise InvalidValue("Several tensors in a schema need names.")
    if unnamed and not all(each.required for each in specs):
        raise InvalidValue("An optional input of a schema needs a name.")
    return specs


@frozen(repr=False)
class Schema:
    """The columns or tensors of a table, of a dict or of a list."""

    inputs: list[Spec] = field(converter=_specs)

    def __repr__(self) -> str:
        return repr(self.inputs)

    def __len__(self) -> int:
        return len(self.inputs)

    def __iter__(self) -> Iterator[Spec]:
        return iter(self.inputs)

    def is_tensor_spec(self) -> bool:
        """Whether it is made of tensors."""
        return isinstance(self.inputs[0], TensorSpec)

    def has_input_names(self) -> bool:
        """Whether the inputs have names."""
        return self.inputs[0].name is not None

    def input_names(self) -> list[str | int]:
        """Return the names, or numbers from 0 on."""
        return [self._name(each, number) for number, each in enumerate(self.inputs)]

    def required_input_names(self) -> list[str | int]:
        """Return the names of the columns that must be there."""
        return [self._name(each, n) for n, each in enumerate(self.inputs) if each.required]

    def optional_input_names(self) -> list[str | int]:
        """Return the names of the columns that may be missing."""
        return [self._name(each, n) for n, each in enumerate(self.inputs) if not each.required]

    @staticmethod
    def _name(spec: Spec, number: int) -> str | int:
        return number if spec.name is None else spec.name

    def input_types(self) -> list[Any]:
        """Return the types of the inputs."""
        return [each.type for each in self.inputs]

    def column_types(self) -> list[ColumnType]:
        """Return the types of the columns; none of a schema of tensors."""
        return [each.type for each in self.inputs if isinstance(each, ColSpec)]

    def input_dict(self) -> dict[str | int, Spec]:
        """Return the inputs by name."""
        return dict(zip(self.input_names(), self.inputs, strict=True))

    def input_types_dict(self) -> dict[str | int, Any]:
        """Return the types of the inputs by name."""
        return dict(zip(self.input_names(), self.input_types(), strict=True))

    def numpy_types(self) -> list[np.dtype[Any]]:
        """Return the NumPy types of the inputs; InvalidValue if one is not a scalar's."""
        return [each.type if isinstance(each, TensorSpec) else _numpy(each) for each in self.inputs]

    def to_dict(self) -> list[dict[str, Any]]:
        """Return it as JSON."""
        return [each.to_dict() for each in self.inputs]

    def to_json(self) -> str:
        """Return it as JSON text."""
        return json.dumps(self.to_dict())

    @classmethod
    def from_json(cls, text: str) -> Schema:
        """Return what JSON text describes."""
        return cls(
            [
                TensorSpec.from_dict(each)
                if each.get("type") == "tensor"
                else ColSpec.from_dict(each)
                for each in _items(text, "schema")
            ]
        )


def _numpy(spec: ColSpec) -> np.dtype[Any]:
    if not isinstance(spec.type, DataType):
        raise InvalidValue(f"NumPy has no type for {spec!r}.")
    return spec.type.to_numpy()


def _items(text: str, what: str) -> list[Mapping[str, Any]]:
    try:
        items = json.loads(text)
    except (ValueError, TypeError, RecursionError) as error:
        raise InvalidValue(f"A {what} is not valid JSON: {error}") from None
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise InvalidValue(f"A {what} is not a list of objects.")
    return items


# -- params ----------------------------------------------------------------------------------------


def _optional_shape(given: Sequence[int] | None) -> tuple[int, ...] | None:
    return None if given is None else _shape(given)


@frozen(repr=False)
class ParamSpec:
    """An option of a model's predictions. ``shape`` is None for one value, (-1,) for a list."""

    name: str = field(converter=str)
    dtype: ColumnType = field(converter=column_type)
    default: Any
    shape: tuple[int, ...] | None = field(default=None, converter=_optional_shape)

    def __attrs_post_init__(self) -> None:
        if not isinstance(self.dtype, (DataType, Object)) or self.dtype is DataType.binary:
            raise InvalidValue(f"The param {quoted(self.name)} cannot be of type {self.dtype!r}.")
        if self.shape not in (None, (-1,)):
            raise InvalidValue(
                f"The param {quoted(self.name)} has the shape {self.shape!r}.",
                hint="None is that of one value, (-1,) that of a list.",
            )
        object.__setattr__(self, "default", self.checked(self.default))

    def checked(self, value: Any) -> Any:
        """Return a value, converted if that is safe; SchemaMismatch if it is of another type."""
        from pegboard_models.enforcement import param_value

        return param_value(value, self)

    def __repr__(self) -> str:
        shape = "" if self.shape is None else f" (shape: {self.shape})"
        return f"{self.name!r}: {self.dtype!r} (default: {self.default}){shape}"

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON."""
        default = self.default
        if self.dtype is DataType.datetime and default is not None:
            default = [v.isoformat() for v in default] if self.shape else default.isoformat()
        shape = None if self.shape is None else list(self.shape)
        return {"name": self.name, "default": default, "shape": shape, **self.dtype.to_dict()}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> ParamSpec:
        """Return what JSON describes."""
        kind = content.get("type", content.get("dtype"))
        if kind is None or not {"name", "default"} <= set(content):
            raise InvalidValue("A param is described without its 'name', 'type' and 'default'.")
        dtype = type_from_dict({**content, "type": kind})
        return cls(content["name"], dtype, content["default"], content.get("shape"))


def _distinct(given: Sequence[ParamSpec]) -> list[ParamSpec]:
    params = list(given)
    seen: set[str] = set()
    for each in params:
        if not isinstance(each, ParamSpec):
            raise InvalidValue(f"A schema of params holds ParamSpecs; {quoted(each)} is not one.")
        if each.name in seen:
            raise InvalidValue(f"The param {quoted(each.name)} is declared twice.")
        seen.add(each.name)
    return params


@frozen(repr=False)
class ParamSchema:
    """The options of a model's predictions."""

    params: list[ParamSpec] = field(converter=_distinct)

    def __repr__(self) -> str:
        return repr(self.params)

    def __len__(self) -> int:
        return len(self.params)

    def __iter__(self) -> Iterator[ParamSpec]:
        return iter(self.params)

    def to_dict(self) -> list[dict[str, Any]]:
        """Return it as JSON."""
        return [each.to_dict() for each in self.params]

    def to_json(self) -> str:
        """Return it as JSON text."""
        return json.dumps(self.to_dict())

    @classmethod
    def from_json(cls, text: str) -> ParamSchema:
        """Return what JSON text describes."""
        return cls([ParamSpec.from_dict(each) for each in _items(text, "schema of params")])
