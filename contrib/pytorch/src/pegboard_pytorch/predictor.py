"""Predictions of a PyTorch module from tables, arrays and dicts of arrays."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from pegboard.errors import InvalidValue

from pegboard_pytorch.formats.exported import as_tensor


class PyTorchPredictor:
    """Calls a module without gradients, as it is when it does not train.

    A DataFrame becomes one float32 tensor and gives a DataFrame with the same index; an array gives
    an array; a dict gives the arguments by name. Floating-point inputs get the model's precision. A
    module that returns several tensors gives a list or a dict of arrays.
    """

    def __init__(self, module: Any, device: str | None = None) -> None:
        """Predict where the module is, or move it to ``device`` (an exported one stays)."""
        import torch

        self._is_program = isinstance(module, torch.fx.GraphModule)
        self._module = module if device is None or self._is_program else module.to(device)
        tensor = next((p for p in self._module.parameters() if p.is_floating_point()), None)
        self._dtype = None if tensor is None else tensor.dtype
        self._device = torch.device("cpu") if tensor is None else tensor.device

    def __call__(self, data: Any, params: Mapping[str, Any]) -> Any:
        """Return the module's output for ``data``; ``params`` are further arguments by name."""
        import torch

        with torch.no_grad(), self._not_training():
            try:
                if isinstance(data, Mapping):
                    inputs = {name: self._input(value) for name, value in data.items()}
                    output = self._module(**inputs, **params)
                else:
                    output = self._module(self._input(data), **params)
            except (RuntimeError, TypeError, ValueError, AssertionError) as error:
                reason = str(error).strip().partition("\n")[0]
                raise InvalidValue(f"The module does not take these inputs: {reason}") from error
        result = _plain(output)
        return _table(result, data) if hasattr(data, "columns") else result

    @contextmanager
    def _not_training(self) -> Iterator[None]:
        if self._is_program or not self._module.training:
            yield
            return
        self._module.eval()
        try:
            yield
        finally:
            self._module.train()

    def _input(self, value: Any) -> Any:
        tensor = as_tensor(value).to(self._device)
        convert = self._dtype is not None and tensor.is_floating_point()
        return tensor.to(self._dtype) if convert else tensor


def _plain(output: Any) -> Any:
    import torch

    if isinstance(output, torch.Tensor):
        return output.cpu().numpy()
    if isinstance(output, Mapping):
        return {str(name): _plain(value) for name, value in output.items()}
    if isinstance(output, (tuple, list)):
        return [_plain(value) for value in output]
    return output


def _table(result: Any, given: Any) -> Any:
    """Return a table like the one that was given; several tensors are a column each."""
    if isinstance(result, (list, Mapping)):
        named = result if isinstance(result, Mapping) else dict(enumerate(result))
        result = {name: list(v) if v.ndim > 1 else v for name, v in named.items()}
    return type(given)(result, index=given.index)
