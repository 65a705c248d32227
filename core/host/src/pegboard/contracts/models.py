"""The contract of model flavors: how models of a library become files, and models again."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Protocol

from attrs import field, frozen


@frozen
class SavedFlavor:
    """What a flavor wrote into a model's directory, for the file ``MLmodel``.

    ``config`` is the flavor's own entry, plain values only; ``data`` is the file or directory that
    a generic load starts from, relative to the model's directory; ``requirements`` are the Python
    packages, pinned, that loading it needs.
    """

    config: Mapping[str, Any]
    data: str
    requirements: Sequence[str] = ()
    extra_pyfunc: Mapping[str, Any] = field(factory=dict)
    """More for the entry ``python_function``, that another reader of it needs."""


@frozen
class Trust:
    """What the caller lets a load do. By default nothing that can run code hidden in a file."""

    pickle: bool = False
    """Whether files may be read that can run any code when they are (pickle and the like)."""
    types: Sequence[str] = ()
    """Fully qualified names of types that may be made although a safe format does not know them."""


class Predictor(Protocol):
    """A loaded model in its generic form.

    ``data`` is what the signature's form asks for: a pandas DataFrame, a numpy array, a dict of
    arrays, a list. ``params`` are those of the signature, with defaults filled in.
    """

    def __call__(self, data: Any, params: Mapping[str, Any]) -> Any:
        """Return the predictions for ``data``, one per row."""
        ...


class ModelFlavor(ABC):
    """Saves and loads the models of one library."""

    name: ClassVar[str]
    """The key in ``MLmodel``, MLflow's where it has one: ``sklearn``."""

    loader_module: ClassVar[str]
    """What MLflow calls its own loader for these files: ``mlflow.sklearn``."""

    row_wise: ClassVar[bool] = False
    """Whether what is predicted for a row depends on nothing but that row, so that the rows of
    several requests can be predicted together, and those of a large file in pieces."""

    needs_example: ClassVar[bool] = False
    """Whether ``save`` gets the example of input, if there is one, as the option
    ``input_example``."""

    @abstractmethod
    def accepts(self, model: Any) -> bool:
        """Whether this is a model of the library, told without importing it."""

    @abstractmethod
    def save(self, model: Any, directory: Path, options: Mapping[str, Any]) -> SavedFlavor:
        """Write a model into a directory.

        ``options`` are the flavor's own; an unknown one is an InvalidValue. If a model cannot be
        written in a form that is safe to load, the error names the option that writes it anyway.
        """

    @abstractmethod
    def load(self, directory: Path, config: Mapping[str, Any], trust: Trust) -> Any:
        """Return the library's own model. ``config`` is the flavor's entry of ``MLmodel``.

        Reads what MLflow wrote too. Raises Refused for what ``trust`` does not allow, and
        InvalidValue, which names the file, for what is damaged or missing.
        """

    @abstractmethod
    def predictor(self, model: Any, config: Mapping[str, Any]) -> Predictor:
        """Return the generic form of a model that ``load`` returned."""
