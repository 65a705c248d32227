"""Models behind ``/invocations``: those that MLflow serves, and those that pegboard serves.

Such a server predicts from anything. Where a model speaks as OpenAI does (MLflow's flavors for
chat), its answers are taken as they are; a text for each input is made into an answer.
Source: mlflow.org, "Deploy MLflow model to a local inference server"; MLflow's own gateway.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from attrs import field, frozen, validators
from pegboard.contracts.llm import EventReader, Json, LLMError, LLMRequest, Task
from pegboard.errors import ConfigError
from pegboard_llm import contents, estimate, shapes
from pegboard_llm.checks import unsupported
from pegboard_llm.vendors import checked_url, fields, key_of

from pegboard_providers.openai_form import OpenAIForm
from pegboard_providers.settings import ServerAddress, extra_headers

_SAMPLING = "frequency_penalty max_tokens n presence_penalty stop temperature top_k top_p"


@frozen(kw_only=True)
class ServingSettings(ServerAddress):
    """A server of a model."""

    chat: str = field(default="messages", validator=validators.in_(("messages", "inputs")))
    """How a chat model receives what is said: ``messages``, as OpenAI's are, or ``inputs``, the
    text of a single message, as MLflow's gateway sends it."""
    fields: list[str] = field(factory=list)
    """Parameters of the model that requests may name, beside those that are usual."""


class ModelServing(OpenAIForm):
    """A model behind ``/invocations``."""

    settings = ServingSettings
    takes: ClassVar[Mapping[Task, frozenset[str]]] = fields(
        {
            Task.CHAT: f"messages {_SAMPLING} tools tool_choice response_format",
            Task.COMPLETION: f"prompt {_SAMPLING}",
            Task.EMBEDDING: "input encoding_format",
        }
    )

    def __init__(self, options: ServingSettings) -> None:
        super().__init__(options)
        if not options.base_url:
            raise ConfigError(
                f"There is no address of the {self.vendor}.",
                hint='Set "base_url" in the settings of this provider, such as '
                "http://localhost:5000.",
            )
        base = checked_url(options.base_url, "base_url").removesuffix("/invocations")
        self._address = f"{base}/invocations"
        if key := key_of(options.api_key, self.vendor, needed=False):
            self._headers["authorization"] = f"Bearer {key}"
        self._headers |= extra_headers(options.headers)
        more = frozenset(options.fields)
        self._takes = {task: known | more for task, known in self.takes.items()}

    def takes_of(self, model: str) -> Mapping[Task, frozenset[str]]:  # noqa: ARG002
        """Return what models take, with what the settings say."""
        return self._takes

    def url(self, request: LLMRequest) -> str:  # noqa: ARG002
        """Return where all requests go."""
        return self._address

    def body(self, request: LLMRequest) -> Json:
        """Return the request: as OpenAI's, or as inputs and parameters."""
        if request.task is Task.CHAT and self.options.chat == "messages":
            body = super().body(request)
            del body["model"]  # There is but one, and its signature may not know the word.
            body.pop("stream_options", None)
            return body
        if request.stream:
            raise unsupported(
                f"{self.vendor} streams chat models that take messages only.", "stream"
            )
        taken = self._takes[request.task]
        parameters = {
            key: value
            for key, value in request.body.items()
            if key in taken and key not in ("messages", "prompt", "input", "encoding_format")
        }
        made: Json = {"inputs": self._inputs(request)}
        if parameters:
            made["params"] = parameters
        return made

    def _no_stream(self) -> LLMError:
        what = f"{self.vendor} streams nothing but chat models that take messages."
        return unsupported(what, "stream")

    def _inputs(self, request: LLMRequest) -> list[str]:
        if request.task is not Task.CHAT:
            return contents.inputs(request, self.vendor)
        said = contents.messages(request, self.vendor)
        if len(said) > 1:
            what = f"{self.vendor} is set to take a single message."
            raise unsupported(what, "messages")
        return [said[0].text(self.vendor)]

    def read(self, request: LLMRequest, value: Json) -> Json:
        """Return what was predicted, as OpenAI's object."""
        if "choices" in value or value.get("object") == "list":
            return super().read(request, value)
        predicted = value["predictions"]
        if isinstance(predicted, list) and len(predicted) == 1 and isinstance(predicted[0], dict):
            predicted = predicted[0]
        if isinstance(predicted, dict):
            if predicted.get("object") == "list" or (
                "choices" in predicted and isinstance(predicted["choices"][0], dict)
            ):
                return super().read(request, predicted)
            predicted = _only(predicted)
        if request.task is Task.EMBEDDING:
            return self._vectors(request, predicted)
        return self._texts(request, predicted)

    def _vectors(self, request: LLMRequest, predicted: Any) -> Json:
        if predicted and all(type(x) in (int, float) for x in predicted):
            predicted = [predicted]
        vectors = [[x + 0.0 for x in vector] for vector in predicted]
        if len(vectors) != len(contents.inputs(request, self.vendor)) or not all(vectors):
            raise ValueError
        wanted = request.body.get("encoding_format")
        return shapes.embeddings(request.model, vectors, estimate.usage(request), wanted)

    def _texts(self, request: LLMRequest, predicted: Any) -> Json:
        texts = [predicted] if isinstance(predicted, str) else predicted
        if not texts or not isinstance(texts, list) or not all(isinstance(t, str) for t in texts):
            raise TypeError
        usage = estimate.usage(request, "".join(texts))
        if request.task is Task.COMPLETION:
            return shapes.completion(request.model, [(text, "stop") for text in texts], usage)
        choices = [shapes.choice(shapes.message(text), "stop", i) for i, text in enumerate(texts)]
        return shapes.chat(request.model, choices, usage)

    def events(self, request: LLMRequest) -> EventReader:
        """Return a new reader of a streamed answer."""
        if request.task is not Task.CHAT or self.options.chat != "messages":
            raise unsupported(
                f"{self.vendor} streams chat models that take messages only.", "stream"
            )
        return super().events(request)


def _only(predicted: Mapping[str, Any]) -> Any:
    """Return the list in a table of one column, or that of ``choices``."""
    if "choices" in predicted:
        return predicted["choices"]
    [value] = predicted.values()
    return value


class MlflowServing(ModelServing):
    """A model that MLflow serves."""

    vendor = "MLflow model server"


class PegboardServing(ModelServing):
    """A model that pegboard serves."""

    vendor = "pegboard model server"
