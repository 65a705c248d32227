"""A loaded model that answers requests, alone or several with one call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pegboard.errors import PegboardError

from pegboard_serving import answers
from pegboard_serving.layouts import Rows, joined
from pegboard_serving.payloads import Payload
from pegboard_serving.signature import Expected

if TYPE_CHECKING:
    from pegboard_models import PyFuncModel


_LONGEST = 300


class ModelFault(Exception):
    """The model itself raised an error, which is the cause."""


def told(fault: ModelFault) -> str:
    """Return what a client sees of an error in the model: its first line."""
    line = str(fault).strip().partition("\n")[0][:_LONGEST]
    return f"The model cannot predict from this input: {type(fault.__cause__).__name__}: {line}"


class Scorer:
    """A model and what its signature says; safe to use from several threads if the model is."""

    def __init__(self, model: PyFuncModel) -> None:
        self.expected = Expected.of(model.metadata)
        self.splits = self.expected.layout is not None
        """Whether the predictions for several requests can be made together: so far they could."""
        self._model = model

    def answer(self, payload: Payload) -> bytes:
        """Return the predictions for one request as JSON.

        Raises SchemaMismatch for input that does not fit, and ModelFault.
        """
        data = payload.input(self.expected.layout)
        return answers.encoded(self.predict(data, payload.params, checked=payload.is_checked))

    def predict(self, data: Any, params: Any = None, *, checked: bool = False) -> Any:
        """Return the model's predictions, as the model made them.

        ``checked``: the data was made by the layout, so there is nothing left to check.
        """
        predict = self._model.predict_checked if checked else self._model.predict
        try:
            return predict(data, params or None)
        except PegboardError:
            raise
        except Exception as error:
            raise ModelFault(str(error)) from error

    def answer_all(self, requests: Sequence[Rows]) -> Sequence[Any]:
        """Return for each of several requests its predictions as JSON, or its error."""
        if len(requests) > 1 and self.splits:
            together = self._together(requests)
            if together is not None:
                return together
        return [self._alone(rows) for rows in requests]

    def _together(self, requests: Sequence[Rows]) -> Sequence[Any] | None:
        layout = self.expected.layout
        assert layout is not None
        try:
            predictions = self.predict(layout.build(joined(requests)), checked=True)
        except (PegboardError, ModelFault):
            # One bad row must not fail the requests of others.
            return None
        taken = answers.parts(predictions, [len(rows) for rows in requests])
        if taken is None:
            self.splits = False
            return None
        return [answers.dumps(part) for part in taken]

    def _alone(self, rows: Rows) -> Any:
        layout = self.expected.layout
        assert layout is not None
        try:
            return answers.encoded(self.predict(layout.build(rows), checked=True))
        except (PegboardError, ModelFault) as error:
            return error
