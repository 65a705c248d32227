"""Custom models with their own loader: a module with a function ``_load_pyfunc(path)``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from pegboard.contracts.models import ModelFlavor, Predictor, SavedFlavor, Trust
from pegboard.errors import InvalidValue, NotSupported

from pegboard_models import copying
from pegboard_models.model_files import PYTHON_FUNCTION


class LoaderModule(ModelFlavor):
    """Saves a file or directory, and the name of the module that loads it."""

    name: ClassVar[str] = PYTHON_FUNCTION

    def __init__(self, module: str) -> None:
        self.loader_module = module  # type: ignore[misc]

    def accepts(self, model: Any) -> bool:
        """Whether this is a path, or nothing."""
        return model is None or isinstance(model, Path)

    def save(self, model: Any, directory: Path, options: Mapping[str, Any]) -> SavedFlavor:
        """Copy the data, if there is any."""
        if options:
            raise InvalidValue(f"A loader module has no option {sorted(options)[0]!r}.")
        if model is None:
            return SavedFlavor({}, "", (), {"streamable": False})
        if not model.exists():
            raise InvalidValue(f"The data path {str(model)!r} does not exist.")
        place = directory / "data" / model.name
        copying.copy(model, place)
        return SavedFlavor({}, f"data/{model.name}", (), {"streamable": False})

    def load(self, directory: Path, config: Mapping[str, Any], trust: Trust) -> Any:
        """Not here: the module is imported where the model's code is."""
        del directory, config, trust
        raise NotSupported("A model with a loader of its own is loaded in its generic form.")

    def predictor(self, model: Any, config: Mapping[str, Any]) -> Predictor:
        """Not here: see ``load``."""
        del model, config
        raise NotSupported("A model with a loader of its own is loaded in its generic form.")
