"""ONNX models as files: one file, or one and its large tensors beside it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pegboard.errors import InvalidValue
from pegboard.paths import below

if TYPE_CHECKING:
    from collections.abc import Iterator

    from onnx import GraphProto, ModelProto, TensorProto

LARGEST_FILE = 2**31 - 2**20
"""How many bytes of tensors go into one file: protocol buffers end at 2 GiB."""


def write(model: ModelProto, path: Path, *, external: bool | None) -> None:
    """Write a model and check it.

    ``external`` puts tensors of 1 KiB and more into ``NAME.data``; None: only if they are too
    large for one file. InvalidValue if the result is not a valid model.
    """
    import onnx

    if external or (external is None and tensor_bytes(model) > LARGEST_FILE):
        # Writing tensors elsewhere takes them out of the model, which is the caller's.
        copy = onnx.ModelProto()
        copy.CopyFrom(model)
        onnx.save_model(copy, path, save_as_external_data=True, location=f"{path.name}.data")
    else:
        onnx.save_model(model, path)
    _check(path)


def read(directory: Path, name: str) -> ModelProto:
    """Return a model of a directory with all its tensors; InvalidValue if it is damaged.

    UnsafePath if it wants tensors from outside of its directory.
    """
    import onnx
    from google.protobuf.message import DecodeError

    path = below(directory, name)
    if not path.is_file():
        raise InvalidValue(f"The model lacks its file {path}.")
    try:
        model = onnx.load_model(path, load_external_data=False)
    except DecodeError as error:
        raise _damaged(path, error) from error
    _check_external(model, path)
    _check(path)
    onnx.load_external_data_for_model(model, str(path.parent))
    return model


def tensor_bytes(model: ModelProto) -> int:
    """Return the size of a model's initial tensors, which is nearly all of it."""
    return sum(
        len(tensor.raw_data) + 8 * (len(tensor.float_data) + len(tensor.int64_data))
        for tensor in model.graph.initializer
    )


def _check(path: Path) -> None:
    import onnx

    try:
        onnx.checker.check_model(str(path))
    except (onnx.checker.ValidationError, ValueError, RuntimeError) as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> InvalidValue:
    reason = str(error).strip().partition("\n")[0]
    return InvalidValue(f"{path} is not a valid ONNX model: {reason}")


def _check_external(model: ModelProto, path: Path) -> None:
    """Check that tensors which are kept elsewhere are kept in files below the model's own."""
    for tensor in _tensors(model.graph):
        for entry in tensor.external_data:
            if entry.key != "location":
                continue
            if not below(path.parent, entry.value).is_file():
                raise InvalidValue(f"{path} needs the file {entry.value!r}, which it lacks.")


def _tensors(graph: GraphProto) -> Iterator[TensorProto]:
    yield from graph.initializer
    for node in graph.node:
        for attribute in node.attribute:
            yield attribute.t
            yield from attribute.tensors
            for inner in (attribute.g, *attribute.graphs):
                if inner.node or inner.initializer:
                    yield from _tensors(inner)
