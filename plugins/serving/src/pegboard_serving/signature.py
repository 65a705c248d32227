"""What a model expects, worked out once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

from pegboard_serving.layouts import Table, Tensor, layout_of

if TYPE_CHECKING:
    from pegboard_models import Model, Schema


@frozen
class Expected:
    """The schema of a model's input and what follows from it."""

    schema: Schema | None
    layout: Table | Tensor | None
    param_names: frozenset[str]
    is_raw: bool
    """Whether the model checks its input itself, so ``inputs`` are handed over as they came."""

    @staticmethod
    def of(model: Model) -> Expected:
        """Return what a model expects."""
        signature = model.signature
        schema = None if signature is None else signature.inputs
        params = None if signature is None else signature.params
        names = frozenset(spec.name for spec in params) if params is not None else frozenset()
        is_raw = model.is_signature_from_type_hint
        return Expected(schema, None if is_raw else layout_of(schema), names, is_raw)
