"""Models are saved to a directory, or logged: as logged models of an experiment."""

from __future__ import annotations

import logging
import os
import platform
import shutil
import uuid
from collections.abc import Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pegboard.contracts.models import ModelFlavor, SavedFlavor, Trust
from pegboard.errors import AlreadyExists, InvalidValue, translate_os_error

from pegboard_models import digests
from pegboard_models.loading import open_flavor
from pegboard_models.mlmodel import Model
from pegboard_models.model_files import PYTHON_FUNCTION
from pegboard_models.signature import ModelSignature

if TYPE_CHECKING:
    from pegboard_models.examples import Example
    from pegboard_models.info import ModelInfo

logger = logging.getLogger(__name__)

Requirements = Sequence[str] | str | os.PathLike[str] | None


def save_model(
    flavor: str | ModelFlavor,
    model: Any,
    path: str | os.PathLike[str],
    *,
    signature: ModelSignature | Literal[False] | None = None,
    input_example: Any = None,
    pip_requirements: Requirements = None,
    extra_pip_requirements: Requirements = None,
    conda_env: Mapping[str, Any] | str | os.PathLike[str] | None = None,
    code_paths: Sequence[str | os.PathLike[str]] | None = None,
    metadata: Mapping[str, Any] | None = None,
    options: Mapping[str, Any] | None = None,
    mlmodel: Model | None = None,
) -> Model:
    """Save a model to a directory that is not there yet, or is empty; return its ``MLmodel``.

    ``options`` are the flavor's own. Without ``signature`` it is inferred from ``input_example``,
    with False there is none. Without ``pip_requirements`` they are found out. ``mlmodel`` says what
    else the file ``MLmodel`` should say. All of the directory is there at the end, or nothing.
    """
    target = Path(path)
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise AlreadyExists(
            f"{target} is there already.", hint="Name a directory that does not exist yet."
        )
    partial = target.with_name(f".{target.name}.{uuid.uuid4().hex}.part")
    try:
        partial.mkdir(parents=True)
    except OSError as error:
        raise translate_os_error(error, target) from error
    try:
        made = _Save(open_flavor(flavor) if isinstance(flavor, str) else flavor, partial)
        made.mlmodel = mlmodel or Model()
        if metadata is not None:
            made.mlmodel.metadata = dict(metadata)
        made.write_model(model, options or {}, input_example)
        made.add_code(code_paths or ())
        made.add_example(signature)
        made.add_environment(pip_requirements, extra_pip_requirements, conda_env, model)
        made.finish()
        if target.exists():
            target.rmdir()
        partial.replace(target)
    except OSError as error:
        raise translate_os_error(error, target) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return made.mlmodel


class _Save:
    """One model on its way into a directory."""

    mlmodel: Model
    saved: SavedFlavor
    example: Example | None

    def __init__(self, flavor: ModelFlavor, directory: Path) -> None:
        self.flavor = flavor
        self.directory = directory

    def write_model(self, model: Any, options: Mapping[str, Any], input_example: Any) -> None:
        """Let the flavor write its files, and note what it says of them."""
        from pegboard_models import examples

        self.model = model
        self.example = None if input_example is None else examples.make(input_example)
        if self.example is not None and self.flavor.needs_example:
            options = {**options, "input_example": self.example.data}
        self.saved = self.flavor.save(model, self.directory, options)
        entry = {
            "loader_module": self.flavor.loader_module,
            "python_version": platform.python_version(),
            "env": {"conda": "conda.yaml", "virtualenv": "python_env.yaml"},
            **({"data": self.saved.data} if self.saved.data else {}),
            **self.saved.extra_pyfunc,
        }
        if self.flavor.name != PYTHON_FUNCTION:
            self.mlmodel.flavors[self.flavor.name] = {"code": None, **self.saved.config}
        self.mlmodel.flavors[PYTHON_FUNCTION] = entry

    def add_code(self, code_paths: Sequence[str | os.PathLike[str]]) -> None:
        """Copy code that the model needs to be imported from."""
        from pegboard_models import code

        place = code.copy(code_paths, self.directory)
        if place is not None:
            for entry in self.mlmodel.flavors.values():
                entry["code"] = place

    def add_example(self, signature: ModelSignature | Literal[False] | None) -> None:
        """Write the example, and infer the signature where none is given."""
        if signature:
            if not isinstance(signature, ModelSignature):
                raise InvalidValue(
                    f"The signature is {type(signature).__name__}, not a ModelSignature.",
                    hint="infer_signature(model_input, model_output) makes one.",
                )
            self.mlmodel.signature = signature
        elif signature is None:
            self._infer_signature()
        if self.example is not None:
            self.example.save(self.directory)
            self.mlmodel.saved_input_example_info = self.example.info

    def _infer_signature(self) -> None:
        from pegboard_models import inferring

        hinted = inferring.from_hints(self.model, self.example)
        if hinted is not None:
            self.mlmodel.signature = hinted
            self.mlmodel.is_signature_from_type_hint = True
        elif self.example is not None:
            self.mlmodel.signature = inferring.from_example(self.example, self._predict)

    def _predict(self, data: Any, params: Mapping[str, Any]) -> Any:
        """Return what the model predicts, as it will after it was loaded."""
        entry = self.mlmodel.flavors[PYTHON_FUNCTION]
        config = {**entry, **self.saved.config}
        if self.flavor.name == PYTHON_FUNCTION:
            native = self.flavor.load(self.directory, config, Trust(pickle=True))
        else:
            native = self.model
        return self.flavor.predictor(native, config)(deepcopy(data), params)

    def add_environment(
        self,
        pip_requirements: Requirements,
        extra_pip_requirements: Requirements,
        conda_env: Mapping[str, Any] | str | os.PathLike[str] | None,
        model: Any,
    ) -> None:
        """Write which packages the model needs."""
        from pegboard_models import environment, requirements

        def inferred() -> list[str]:
            self.mlmodel.save(self.directory)  # A fresh process loads what is there so far.
            return requirements.infer(
                self.directory,
                model,
                self.saved.requirements,
                in_fresh_process=self.flavor.name == PYTHON_FUNCTION,
                tabular=_is_tabular(self.mlmodel),
            )

        environment.write(
            self.directory, inferred, pip_requirements, extra_pip_requirements, conda_env
        )

    def finish(self) -> None:
        """Write ``MLmodel``, which says all of it."""
        from pegboard_models.version import version

        for cache in self.directory.rglob("__pycache__"):
            shutil.rmtree(cache, ignore_errors=True)
        self.mlmodel.pegboard_version = version()
        self.mlmodel.model_size_bytes = digests.total_size(self.directory)
        self.mlmodel.digest = digests.digest(self.directory)
        self.mlmodel.save(self.directory)


def _is_tabular(mlmodel: Model) -> bool:
    schema = mlmodel.get_input_schema()
    return schema is not None and not schema.is_tensor_spec()


def log_model(
    flavor: str | ModelFlavor,
    model: Any,
    *,
    name: str | None = None,
    artifact_path: str | None = None,
    run_id: str | None = None,
    registered_model_name: str | None = None,
    params: Mapping[str, Any] | None = None,
    tags: Mapping[str, Any] | None = None,
    model_type: str | None = None,
    step: int = 0,
    model_id: str | None = None,
    **saving: Any,
) -> ModelInfo:
    """Log a model to the active run, if there is one, and to its experiment; return what it is.

    ``saving`` are the arguments of ``save_model``. ``artifact_path`` is the older word for
    ``name``. ``model_id`` puts the files into a logged model that is there already. If anything
    goes wrong, the logged model is FAILED and nothing is registered.
    """
    from pegboard_models import logged

    return logged.log(
        open_flavor(flavor) if isinstance(flavor, str) else flavor,
        model,
        logged.Destination(
            name=name or artifact_path,
            run_id=run_id,
            registered_model_name=registered_model_name,
            params=dict(params or {}),
            tags=dict(tags or {}),
            model_type=model_type,
            step=step,
            model_id=model_id,
        ),
        saving,
    )
