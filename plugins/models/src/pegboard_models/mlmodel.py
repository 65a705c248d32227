"""The file ``MLmodel``: what a model's directory holds, and how it is loaded.

Its keys are MLflow's; ``pegboard_version`` and ``digest`` are ours.
"""

from __future__ import annotations

import datetime
import json
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attrs import define, field
from pegboard import uris
from pegboard.errors import InvalidValue, NotFound, PegboardError, quoted

from pegboard_models import yaml_files
from pegboard_models.model_files import FILE_NAME, PYTHON_FUNCTION
from pegboard_models.schema import ParamSchema, Schema
from pegboard_models.signature import ModelSignature

MLFLOW_VERSION = "3.17.2"
"""The version of MLflow whose layout is written."""

_OPTIONAL = ("artifact_path", "run_id", "metadata", "model_size_bytes", "resources", "env_vars",
             "auth_policy", "saved_input_example_info", "digest", "pegboard_version")  # fmt: skip
"""Keys that are left out if there is no value."""


def _now() -> str:
    return str(datetime.datetime.now(datetime.UTC).replace(tzinfo=None))


@define
class Model:
    """What ``MLmodel`` says of a model.

    ``flavors`` maps the name of each flavor to its entry. ``extra`` holds the keys that are known
    to neither MLflow nor us; they are kept.
    """

    flavors: dict[str, dict[str, Any]] = field(factory=dict)
    signature: ModelSignature | None = None
    artifact_path: str | None = None
    run_id: str | None = None
    model_id: str | None = None
    model_uuid: str | None = field(factory=lambda: uuid.uuid4().hex)
    utc_time_created: str = field(factory=_now)
    saved_input_example_info: dict[str, Any] | None = None
    model_size_bytes: int | None = None
    metadata: dict[str, Any] | None = None
    resources: Any = None
    prompts: list[str] | None = None
    env_vars: list[str] | None = None
    auth_policy: dict[str, Any] | None = None
    is_signature_from_type_hint: bool = False
    type_hint_from_example: bool = False
    mlflow_version: str | None = MLFLOW_VERSION
    pegboard_version: str | None = None
    digest: str | None = None
    extra: dict[str, Any] = field(factory=dict)

    def get_input_schema(self) -> Schema | None:
        """Return the schema of the input, None if it is not known."""
        return self.signature.inputs if self.signature else None

    def get_output_schema(self) -> Schema | None:
        """Return the schema of the output, None if it is not known."""
        return self.signature.outputs if self.signature else None

    def get_params_schema(self) -> ParamSchema | None:
        """Return the schema of the params, None if there are none."""
        return self.signature.params if self.signature else None

    @property
    def pyfunc(self) -> dict[str, Any] | None:
        """The entry of the flavor ``python_function``, None if there is none."""
        return self.flavors.get(PYTHON_FUNCTION)

    def add_flavor(self, name: str, **config: Any) -> Model:
        """Set the entry of a flavor; return the model."""
        self.flavors[name] = config
        return self

    def load_input_example(self, path: str | Path) -> Any:
        """Return the example of input in a model's directory, None if there is none."""
        from pegboard_models import examples

        return examples.load(self, Path(path))

    def get_serving_input(self, path: str | Path) -> str | None:
        """Return the example as the body of a request to a scoring server, None if none."""
        from pegboard_models import examples

        return examples.serving_input(self, Path(path))

    def to_dict(self) -> dict[str, Any]:
        """Return it as it is written."""
        content: dict[str, Any] = dict(self.extra)
        for name in ("flavors", "model_id", "model_uuid", "utc_time_created", "prompts"):
            content[name] = getattr(self, name)
        for name in _OPTIONAL:
            if (value := getattr(self, name)) is not None:
                content[name] = value
        if self.mlflow_version is not None:
            content["mlflow_version"] = self.mlflow_version
        if self.signature is not None:
            content["signature"] = self.signature.to_dict()
            content["is_signature_from_type_hint"] = self.is_signature_from_type_hint
            content["type_hint_from_example"] = self.type_hint_from_example
        return content

    def to_yaml(self) -> str:
        """Return it as YAML."""
        return yaml_files.dump(self.to_dict())

    def to_json(self) -> str:
        """Return it as JSON."""
        return json.dumps(self.to_dict(), default=str)

    def save(self, path: str | Path) -> None:
        """Write it, to a file or into a directory, at once."""
        file = _file(Path(path))
        partial = file.with_name(f".{file.name}.{uuid.uuid4().hex}")
        partial.write_text(self.to_yaml(), encoding="utf-8")
        partial.replace(file)

    @classmethod
    def load(cls, path: str | Path) -> Model:
        """Read it, from a file, a directory, or the URI of a model.

        NotFound if there is none; InvalidValue, which names the file, if it is damaged.
        """
        if uris.parse(str(path)).scheme != uris.PLAIN_PATH:
            from pegboard_models.model_files import local_copy

            path = local_copy(str(path))
        file = _file(Path(path))
        if not file.is_file():
            raise NotFound(
                f"There is no model in {file.parent}: it has no file {FILE_NAME!r}.",
                hint="Name the directory of a model, such as models:/m-…, or runs:/RUN/NAME.",
            )
        content = yaml_files.load(file)
        try:
            return cls.from_dict(content)
        except PegboardError as error:
            raise InvalidValue(f"{file} is damaged: {error.message}", hint=error.hint) from error

    @classmethod
    def from_dict(cls, content: Any) -> Model:
        """Return what ``to_dict`` returned, also of MLflow's."""
        if not isinstance(content, Mapping):
            raise InvalidValue("it is not a mapping of keys to values.")
        rest = dict(content)
        flavors = rest.pop("flavors", None)
        if not isinstance(flavors, Mapping) or not all(
            isinstance(name, str) and isinstance(entry, Mapping) for name, entry in flavors.items()
        ):
            raise InvalidValue("'flavors' should map names to entries.")
        signature = rest.pop("signature", None)
        if signature is not None and not isinstance(signature, Mapping):
            raise InvalidValue("'signature' should be a mapping.")
        known = {
            name: _checked(name, rest.pop(name)) for name in _TYPES if rest.get(name) is not None
        }
        return cls(
            flavors={name: dict(entry) for name, entry in flavors.items()},
            signature=_signature(signature),
            model_uuid=known.pop("model_uuid", None),
            mlflow_version=known.pop("mlflow_version", None),
            utc_time_created=str(known.pop("utc_time_created", "")),
            extra={key: value for key, value in rest.items() if key not in _TYPES},
            **known,
        )


_TYPES: Mapping[str, tuple[type, ...]] = {
    "artifact_path": (str,),
    "run_id": (str,),
    "model_id": (str,),
    "model_uuid": (str,),
    "utc_time_created": (str, datetime.datetime),
    "saved_input_example_info": (dict,),
    "model_size_bytes": (int,),
    "metadata": (dict,),
    "resources": (dict, list),
    "prompts": (list,),
    "env_vars": (list,),
    "auth_policy": (dict,),
    "is_signature_from_type_hint": (bool,),
    "type_hint_from_example": (bool,),
    "mlflow_version": (str, float),
    "pegboard_version": (str,),
    "digest": (str,),
}


def _checked(name: str, value: Any) -> Any:
    if not isinstance(value, _TYPES[name]):
        raise InvalidValue(f"{name!r} is {quoted(value)}, which is not {_TYPES[name][0].__name__}.")
    return value


def _signature(content: Mapping[str, Any] | None) -> ModelSignature | None:
    if content is None or not any(content.values()):
        return None
    return ModelSignature.from_dict(content)


def _file(path: Path) -> Path:
    return path if path.name == FILE_NAME and not path.is_dir() else path / FILE_NAME
