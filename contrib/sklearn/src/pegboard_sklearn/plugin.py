"""What this distribution adds to the host. Imports nothing until it is used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pegboard.hookspecs import ApiName, Autologger, Component, hookimpl

if TYPE_CHECKING:
    from pegboard.contracts.models import ModelFlavor


@hookimpl
def pegboard_model_flavors() -> Sequence[Component[ModelFlavor]]:
    """Declare the flavor of scikit-learn models."""
    return [Component("sklearn", _open_flavor, "scikit-learn models")]


@hookimpl
def pegboard_autologgers() -> Sequence[Autologger]:
    """Declare what logs the training of scikit-learn models by itself."""
    return [
        Autologger(
            "sklearn",
            "sklearn",
            _autolog,
            "What scikit-learn models are trained on, and what comes of it",
        )
    ]


@hookimpl
def pegboard_api() -> Sequence[ApiName]:
    """Declare ``pegboard.sklearn``."""
    return [ApiName("sklearn", _load_api, "Models of scikit-learn")]


def _open_flavor(settings: Mapping[str, Any]) -> ModelFlavor:
    del settings
    from pegboard_sklearn.flavor import SklearnFlavor

    return SklearnFlavor()


def _autolog(**switches: Any) -> None:
    from pegboard_models.autologging import call

    from pegboard_sklearn.autologging import autolog

    call(autolog, switches)


def _load_api() -> Any:
    from pegboard_sklearn.api import sklearn

    return sklearn
