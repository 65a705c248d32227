"""A prompt and an endpoint as a model, as MLflow 2.x saves one: it answers row by row.

The endpoint is one of a gateway, or ``PROVIDER:/MODEL``: then the vendor is asked directly.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from attrs import asdict, frozen
from pegboard.contracts.models import ModelFlavor, Predictor, SavedFlavor, Trust
from pegboard.errors import InvalidValue, quoted
from pegboard_llm import filling, templates

NAME = "promptlab"
LOADER = "mlflow.prompt.promptlab_model"
FILE = "parameters.yaml"
_URI = re.compile(r"[a-z][a-z0-9-]*:/.+", re.S)
_RENAMED = {"stop_sequences": "stop"}


@frozen(kw_only=True)
class PromptlabModel:
    """A template, an endpoint, and what both were tried with."""

    prompt_template: str
    prompt_parameters: Mapping[str, str]
    model_parameters: Mapping[str, str]
    model_route: str

    @property
    def uri(self) -> str:
        """What language model is asked."""
        return (
            self.model_route if _URI.match(self.model_route) else f"endpoints:/{self.model_route}"
        )

    @property
    def fields(self) -> dict[str, Any]:
        """The parameters of the model, which are kept as texts, as what they are."""
        return {
            _RENAMED.get(name, name): _value(text) for name, text in self.model_parameters.items()
        }

    def answer(self, row: Mapping[str, Any]) -> str:
        """Fill in the template, and return what the model says; LLMError."""
        from pegboard_llm.api import complete

        missing = [name for name in self.prompt_parameters if name not in row]
        if missing:
            raise InvalidValue(f"The input lacks the column {quoted(missing[0])}.")
        values = {name: row[name] for name in self.prompt_parameters}
        is_jinja = templates.is_jinja(self.prompt_template)
        fill = filling.rendered if is_jinja else templates.filled
        prompt = fill(self.prompt_template, values)
        return complete(self.uri, prompt, **self.fields).text


def _value(text: str) -> Any:
    """Return the number, the list, … that a text of a parameter stands for, or else the text."""
    try:
        return json.loads(text)
    except ValueError:
        pass
    try:
        # What Python writes of a list.
        return json.loads(text.replace("'", '"'))
    except ValueError:
        return text


class Promptlab(ModelFlavor):
    """Saves and loads them; the file is YAML of plain values, so to load one needs no trust."""

    name: ClassVar[str] = NAME
    loader_module: ClassVar[str] = LOADER
    row_wise: ClassVar[bool] = True

    def accepts(self, model: Any) -> bool:
        """Whether this is one."""
        return isinstance(model, PromptlabModel)

    def save(self, model: Any, directory: Path, options: Mapping[str, Any]) -> SavedFlavor:
        """Write ``parameters.yaml``."""
        import yaml  # not when a server that offers to make such models starts

        if options:
            raise InvalidValue(f"Such models have no option {sorted(options)[0]!r}.")
        plain = {**asdict(model, recurse=False)}
        plain = {key: dict(v) if isinstance(v, Mapping) else v for key, v in plain.items()}
        (directory / FILE).write_text(
            yaml.safe_dump(plain, default_flow_style=False, allow_unicode=True), encoding="utf-8"
        )
        return SavedFlavor({}, "", (), {"parameters_path": FILE})

    def load(self, directory: Path, config: Mapping[str, Any], trust: Trust) -> PromptlabModel:
        """Return the model; InvalidValue if its file is damaged."""
        import yaml

        del trust
        name = str(config.get("parameters_path", FILE))
        if name in (".", "..") or "/" in name or "\\" in name:
            raise InvalidValue(f"{name!r} does not lie in the directory of the model.")
        path = directory / name
        try:
            found = yaml.safe_load(path.read_text(encoding="utf-8"))
            return PromptlabModel(
                prompt_template=str(found["prompt_template"]),
                prompt_parameters=_texts(found["prompt_parameters"]),
                model_parameters=_texts(found["model_parameters"]),
                model_route=str(found["model_route"]),
            )
        except (OSError, yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
            raise InvalidValue(f"{path} is damaged or missing: {error!r}.") from None

    def predictor(self, model: Any, config: Mapping[str, Any]) -> Predictor:
        """Return what asks the endpoint for each row of a table."""
        del config

        def predict(data: Any, params: Mapping[str, Any]) -> list[str]:
            del params
            rows = data.to_dict("records") if hasattr(data, "to_dict") else list(data)
            return [model.answer(row) for row in rows]

        return predict


def _texts(given: Mapping[str, Any]) -> dict[str, str]:
    return {str(key): str(value) for key, value in given.items()}
