"""Signatures: the schemas of a model's input, output and params."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from attrs import frozen
from pegboard.errors import InvalidValue, PegboardError

from pegboard_models.datatypes import AnyType
from pegboard_models.schema import ColSpec, ParamSchema, Schema

logger = logging.getLogger(__name__)


@frozen(repr=False)
class ModelSignature:
    """What a model takes and returns. At least one of the three is known."""

    inputs: Schema | None = None
    outputs: Schema | None = None
    params: ParamSchema | None = None

    def __attrs_post_init__(self) -> None:
        for name, kind in (("inputs", Schema), ("outputs", Schema), ("params", ParamSchema)):
            given = getattr(self, name)
            if given is not None and not isinstance(given, kind):
                raise InvalidValue(
                    f"The {name} of a signature are a {kind.__name__}, not {type(given).__name__}.",
                    hint="infer_signature makes a signature from data.",
                )
        if self.inputs is None and self.outputs is None and self.params is None:
            raise InvalidValue("A signature needs at least one of inputs, outputs and params.")

    def __repr__(self) -> str:
        return (
            f"inputs: \n  {self.inputs!r}\noutputs: \n  {self.outputs!r}\n"
            f"params: \n  {self.params!r}\n"
        )

    def to_dict(self) -> dict[str, str | None]:
        """Return it as MLflow writes it: each schema as JSON text."""
        return {
            "inputs": self.inputs.to_json() if self.inputs else None,
            "outputs": self.outputs.to_json() if self.outputs else None,
            "params": self.params.to_json() if self.params else None,
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> ModelSignature:
        """Return what ``to_dict`` wrote."""
        inputs, outputs, params = (content.get(key) for key in ("inputs", "outputs", "params"))
        return cls(
            Schema.from_json(inputs) if inputs else None,
            Schema.from_json(outputs) if outputs else None,
            ParamSchema.from_json(params) if params else None,
        )


def infer_signature(
    model_input: Any = None,
    model_output: Any = None,
    params: Mapping[str, Any] | None = None,
) -> ModelSignature:
    """Return the signature that examples of input, output and params have.

    Examples are tables of pandas or polars, arrays, dicts, lists, scalars, tensors. Data of an
    unknown type is accepted unchecked, which the log says.
    """
    from pegboard_models import inference

    def schema_of(what: str, data: Any) -> Schema | None:
        if data is None:
            return None
        try:
            return inference.schema(data)
        except PegboardError as error:
            logger.warning(
                "The schema of the model's %s cannot be inferred, so anything is accepted there: "
                "%s",
                what,
                error.message,
            )
            return Schema([ColSpec(AnyType())])

    return ModelSignature(
        schema_of("input", model_input),
        schema_of("output", model_output),
        inference.param_schema(params) if params else None,
    )
