"""``pegboard.pytorch``: the flavor's functions, autologging, and state dicts as artifacts."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pegboard.errors import InvalidValue
from pegboard_models import TrustLike, flavor_api, require_pickle, trust_of

from pegboard_pytorch.autologging import autolog
from pegboard_pytorch.autologging.checkpoints import load_checkpoint

if TYPE_CHECKING:
    import os

STATE_DICT_FILE = "state_dict.pth"


def log_state_dict(state_dict: Mapping[str, Any], artifact_path: str, **kwargs: Any) -> None:
    """Log a state dict, of a module or an optimizer, as an artifact of the active run.

    It is not a model: load it with ``load_state_dict``. ``kwargs`` are those of ``torch.save``.
    """
    from pegboard_scripting.fluent.logging import log_artifacts

    with tempfile.TemporaryDirectory(prefix="pegboard-") as place:
        save_state_dict(state_dict, place, **kwargs)
        log_artifacts(place, artifact_path)


def save_state_dict(
    state_dict: Mapping[str, Any], path: str | os.PathLike[str], **kwargs: Any
) -> None:
    """Write a state dict into a directory, as ``state_dict.pth``."""
    import torch

    if not isinstance(state_dict, dict):
        raise InvalidValue(
            f"{type(state_dict).__name__} is not a state dict.",
            hint="Give what a module's or an optimizer's state_dict() returns.",
        )
    place = Path(path)
    place.mkdir(parents=True, exist_ok=True)
    torch.save(state_dict, place / STATE_DICT_FILE, **kwargs)


def load_state_dict(
    state_dict_uri: str | os.PathLike[str], *, trust: TrustLike = None, **kwargs: Any
) -> dict[str, Any]:
    """Return a state dict of a directory or artifact; ``kwargs`` are those of ``torch.load``.

    Tensors and plain values are read without further ado; anything else needs ``trust``.
    """
    import pickle

    import torch
    from pegboard_scripting import artifacts

    trusted = trust_of(trust)
    file = Path(artifacts.download_artifacts(str(state_dict_uri))) / STATE_DICT_FILE
    options = {"weights_only": not trusted.pickle, **kwargs}
    if not options["weights_only"]:
        require_pickle(trusted, f"The pickle {file}")
    try:
        loaded: dict[str, Any] = torch.load(file, **options)
    except FileNotFoundError:
        raise InvalidValue(f"{state_dict_uri} holds no {STATE_DICT_FILE}.") from None
    except pickle.UnpicklingError as error:
        require_pickle(trusted, f"{file} holds more than tensors and plain values, and so")
        raise InvalidValue(f"{file} is damaged: {error}") from error
    except (RuntimeError, EOFError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise InvalidValue(f"{file} is damaged: {reason}") from error
    return loaded


_FUNCTIONS = (autolog, load_checkpoint, log_state_dict, save_state_dict, load_state_dict)
pytorch = flavor_api("pytorch", {function.__name__: function for function in _FUNCTIONS})
