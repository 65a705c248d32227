"""The switches of an autologger: MLflow's, and those of one library."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import field, frozen
from pegboard.errors import InvalidValue

AUTOLOGGING_TAG = "mlflow.autologging"
"""The tag of a run that an autologger started; its value is the autologger's name."""


def _checked_tags(tags: Mapping[str, Any] | None) -> dict[str, str]:
    if tags is not None and not isinstance(tags, Mapping):
        raise InvalidValue(f"extra_tags is a dict, not {type(tags).__name__}.")
    return {str(key): str(value) for key, value in (tags or {}).items() if key != AUTOLOGGING_TAG}


@frozen(kw_only=True)
class Switches:
    """How one autologger works. ``options`` are the switches that only its library has."""

    disable: bool = False
    """Undo the autologger instead of putting it to work."""
    exclusive: bool = False
    """Leave runs alone that the user started."""
    disable_for_unsupported_versions: bool = False
    """Do nothing for a version of the library that the autologger was not tested with."""
    silent: bool = False
    """Say nothing, not even warnings."""
    log_models: bool = True
    log_input_examples: bool = False
    """With the model, a few rows of the training data; only if models are logged."""
    log_model_signatures: bool = True
    """With the model, what it takes and returns; only if models are logged."""
    log_datasets: bool = True
    registered_model_name: str | None = None
    """Under which name each model is registered as a new version, if at all."""
    extra_tags: Mapping[str, str] = field(default=None, converter=_checked_tags)
    """Set on the runs that the autologger starts."""
    options: Mapping[str, Any] = field(factory=dict)
