"""A plugin with one model flavor: the polynomials of NumPy."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pegboard import paths
from pegboard.contracts.models import ModelFlavor, Predictor, SavedFlavor, Trust
from pegboard.errors import InvalidValue
from pegboard.hookspecs import ApiName, Flavor, hookimpl
from pegboard_models.flavor_apis import flavor_api

FILE = "polynomial.json"


class PolynomialFlavor(ModelFlavor):
    """Saves objects of ``numpy.polynomial.Polynomial`` as their coefficients."""

    name = "polynomial"
    loader_module = "polynomials"
    row_wise = True

    def accepts(self, model: Any) -> bool:
        """Whether this is a polynomial."""
        kind = type(model)
        return kind.__name__ == "Polynomial" and kind.__module__.startswith("numpy.polynomial")

    def save(self, model: Any, directory: Path, options: Mapping[str, Any]) -> SavedFlavor:
        """Write the coefficients."""
        import numpy as np

        if options:
            raise InvalidValue(f"A polynomial has no option {min(options)!r}.")
        if not self.accepts(model):
            raise InvalidValue(f"{type(model).__name__} is not a polynomial.")
        (directory / FILE).write_text(json.dumps(model.convert().coef.tolist()))
        return SavedFlavor({"file": FILE}, FILE, [f"numpy=={np.__version__}"])

    def load(self, directory: Path, config: Mapping[str, Any], trust: Trust) -> Any:
        """Return the polynomial."""
        from numpy.polynomial import Polynomial

        file = paths.below(directory, config["file"])
        try:
            return Polynomial(json.loads(file.read_text()))
        except (OSError, TypeError, ValueError) as error:
            raise InvalidValue(f"{file} holds no polynomial: {error}") from error

    def predictor(self, model: Any, config: Mapping[str, Any]) -> Predictor:
        """Return what evaluates the polynomial."""
        return lambda data, params: model(data)


@hookimpl
def pegboard_model_flavors() -> Sequence[Flavor]:
    """Declare the flavor."""
    return [Flavor("polynomial", f"{__name__}:PolynomialFlavor", "NumPy's polynomials.")]


api = flavor_api("polynomial")


@hookimpl
def pegboard_api() -> Sequence[ApiName]:
    """Declare the module ``polynomial``: ``log_model``, ``save_model`` and ``load_model``."""
    return [ApiName("polynomial", f"{__name__}:api", "NumPy's polynomials.")]
