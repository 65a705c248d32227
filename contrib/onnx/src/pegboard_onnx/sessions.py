"""Sessions of ONNX Runtime: which hardware runs a model, and how."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pegboard.errors import InvalidValue

from pegboard_onnx import files

if TYPE_CHECKING:
    from onnx import ModelProto
    from onnxruntime import InferenceSession, SessionOptions

DEFAULT_PROVIDERS = ("CUDAExecutionProvider", "CPUExecutionProvider")
"""What runs a model by default: NVIDIA's hardware if it is there, else the CPU."""

CPU = "CPUExecutionProvider"

_MODES = {"sequential": "ORT_SEQUENTIAL", "parallel": "ORT_PARALLEL"}
_OPTIONS = (
    "execution_mode",
    "extra_session_config",
    "graph_optimization_level",
    "inter_op_num_threads",
    "intra_op_num_threads",
)

_log = logging.getLogger(__name__)


def check_providers(providers: Sequence[Any]) -> list[Any]:
    """Return providers, names or pairs of a name and its options, as MLmodel keeps them."""
    if isinstance(providers, str):
        providers = [providers]
    plain = [list(p) if isinstance(p, (tuple, list)) else p for p in providers]
    for provider in plain:
        if not isinstance(_provider_name(provider), str):
            raise InvalidValue(
                f"{provider!r} is not an execution provider of ONNX Runtime.",
                hint="Give names such as 'CPUExecutionProvider', or pairs of a name and options.",
            )
    return plain


def check_session_options(options: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return the options of a session; InvalidValue for one that is not known."""
    if not options:
        return None
    unknown = sorted(set(options) - set(_OPTIONS))
    if unknown:
        raise InvalidValue(
            f"{', '.join(map(repr, unknown))} is not among onnx_session_options.",
            hint=f"They are: {', '.join(_OPTIONS)}.",
        )
    mode = options.get("execution_mode")
    if mode is not None and str(mode).lower() not in _MODES:
        raise InvalidValue(f"execution_mode should be 'sequential' or 'parallel', not {mode!r}.")
    return dict(options)


def open_session(
    model: ModelProto, providers: Sequence[Any] | None, options: Mapping[str, Any] | None
) -> InferenceSession:
    """Return a session for a model on the first of the providers that can run it."""
    usable = _usable(check_providers(providers or DEFAULT_PROVIDERS))
    try:
        return _open(model, usable, _session_options(options))
    except Exception as error:
        if usable == [CPU]:
            raise InvalidValue(f"ONNX Runtime cannot run the model: {error}") from error
        _log.warning("ONNX Runtime could not start %s (%s); using the CPU.", usable, error)
        return _open(model, [CPU], _session_options(options))


def _open(model: ModelProto, providers: list[Any], options: SessionOptions) -> InferenceSession:
    from onnxruntime import InferenceSession

    if files.tensor_bytes(model) <= files.LARGEST_FILE:
        return InferenceSession(model.SerializeToString(), options, providers=providers)
    with tempfile.TemporaryDirectory(prefix="pegboard-onnx-") as place:
        path = Path(place) / "model.onnx"
        files.write(model, path, external=True)
        return InferenceSession(str(path), options, providers=providers)


def _usable(wanted: list[Any]) -> list[Any]:
    from onnxruntime import get_available_providers

    available = set(get_available_providers())
    usable = [
        tuple(p) if isinstance(p, list) else p for p in wanted if _provider_name(p) in available
    ]
    missing = [p for p in wanted if _provider_name(p) not in available]
    # The default list names hardware that few machines have: no news.
    if missing and wanted != list(DEFAULT_PROVIDERS):
        _log.warning("ONNX Runtime has no %s here; using %s.", missing, usable or [CPU])
    return usable or [CPU]


def _provider_name(provider: Any) -> Any:
    if isinstance(provider, (list, tuple)):
        return provider[0] if provider else None
    return provider


def _session_options(options: Mapping[str, Any] | None) -> SessionOptions:
    import onnxruntime

    made = onnxruntime.SessionOptions()
    given = check_session_options(options) or {}
    for name in ("inter_op_num_threads", "intra_op_num_threads"):
        if given.get(name) is not None:
            setattr(made, name, given[name])
    if mode := given.get("execution_mode"):
        made.execution_mode = getattr(onnxruntime.ExecutionMode, _MODES[str(mode).lower()])
    if (level := given.get("graph_optimization_level")) is not None:
        made.graph_optimization_level = onnxruntime.GraphOptimizationLevel(level)
    for key, value in (given.get("extra_session_config") or {}).items():
        made.add_session_config_entry(key, value)
    return made
