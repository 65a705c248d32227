"""What this distribution adds to the host. Imports nothing until it is used."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pegboard.hookspecs import ApiName, Autologger, Flavor, hookimpl

if TYPE_CHECKING:
    pass


@hookimpl
def pegboard_model_flavors() -> Sequence[Flavor]:
    """Declare the flavor of scikit-learn models."""
    return [Flavor("sklearn", "pegboard_sklearn.flavor:SklearnFlavor", "scikit-learn models")]


@hookimpl
def pegboard_autologgers() -> Sequence[Autologger]:
    """Declare what logs the training of scikit-learn models by itself."""
    return [
        Autologger(
            "sklearn",
            "sklearn",
            "pegboard_sklearn.autologging:autolog",
            "What scikit-learn models are trained on, and what comes of it",
        )
    ]


@hookimpl
def pegboard_api() -> Sequence[ApiName]:
    """Declare ``pegboard.sklearn``."""
    return [ApiName("sklearn", "pegboard_sklearn.api:sklearn", "Models of scikit-learn")]
