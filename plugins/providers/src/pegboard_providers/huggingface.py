"""Hugging Face's Text Generation Inference: chat in OpenAI's form, completions by ``/generate``.

Source: huggingface.co/docs/text-generation-inference, "Messages API", "API reference".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from pegboard.contracts.llm import EventReader, HttpReply, Json, LLMError, LLMRequest, Task, Trouble
from pegboard.errors import ConfigError
from pegboard_llm import contents, estimate, shapes
from pegboard_llm.checks import unsupported
from pegboard_llm.vendors import Stream, checked_url, fields, key_of

from pegboard_providers.openai_form import OpenAIForm
from pegboard_providers.settings import ServerAddress, extra_headers

_GENERATE = {
    "best_of": "best_of",
    "frequency_penalty": "frequency_penalty",
    "repetition_penalty": "repetition_penalty",
    "seed": "seed",
    "top_k": "top_k",
    "typical_p": "typical_p",
    "echo": "return_full_text",
}
_TROUBLES = {
    "overloaded": Trouble.OVERLOADED,
    "generation": Trouble.SERVER,
    "incomplete_generation": Trouble.SERVER,
}


class TextGenerationInference(OpenAIForm):
    """A server of Text Generation Inference."""

    vendor = "Text Generation Inference"
    settings = ServerAddress
    takes: ClassVar[Mapping[Task, frozenset[str]]] = fields(
        {
            Task.CHAT: (
                "messages frequency_penalty logit_bias logprobs max_completion_tokens max_tokens"
                " presence_penalty response_format seed stop temperature tool_choice tools"
                " top_logprobs top_p"
            ),
            Task.COMPLETION: (
                "prompt best_of echo frequency_penalty max_tokens repetition_penalty seed"
                " temperature top_k top_p typical_p"
            ),
        }
    )
    renames: ClassVar[Mapping[str, str]] = {"max_completion_tokens": "max_tokens"}

    def __init__(self, options: ServerAddress) -> None:
        super().__init__(options)
        if not options.base_url:
            raise ConfigError(
                "There is no address of the server of Text Generation Inference.",
                hint='Set "base_url" in the settings of this provider.',
            )
        self._server = checked_url(options.base_url, "base_url").removesuffix("/v1")
        self.base = f"{self._server}/v1"
        if key := key_of(options.api_key, self.vendor, needed=False):
            self._headers["authorization"] = f"Bearer {key}"
        self._headers |= extra_headers(options.headers)

    def url(self, request: LLMRequest) -> str:
        """Return where a request goes."""
        if request.task is Task.CHAT:
            return super().url(request)
        return f"{self._server}/generate_stream" if request.stream else f"{self._server}/generate"

    def body(self, request: LLMRequest) -> Json:
        """Return the request in OpenAI's form, or in that of ``/generate``."""
        if request.task is Task.CHAT:
            return super().body(request)
        asked = request.body
        texts = contents.inputs(request, self.vendor)
        if len(texts) > 1:
            raise unsupported(f"{self.vendor} completes one text at a time.", "prompt")
        parameters: Json = {
            theirs: asked[ours] for ours, theirs in _GENERATE.items() if ours in asked
        }
        if "max_tokens" in asked:
            parameters["max_new_tokens"] = asked["max_tokens"]
        # It takes numbers above 0 and, of top_p, below 1 only; these mean what it does without.
        if (temperature := asked.get("temperature")) is not None:
            if temperature > 0:
                parameters |= {"temperature": temperature, "do_sample": True}
            else:
                parameters["do_sample"] = False
        if 0 < asked.get("top_p", 1) < 1:
            parameters["top_p"] = asked["top_p"]
        parameters["details"] = True
        if not request.stream:
            parameters["decoder_input_details"] = True
        return {"inputs": texts[0], "parameters": parameters}

    def read(self, request: LLMRequest, value: Json) -> Json:
        """Return an answer in OpenAI's form."""
        if request.task is Task.CHAT:
            return super().read(request, value)
        text, details = value["generated_text"] + "", value["details"]
        prefill = details.get("prefill") or ()
        prompt = len(prefill) or estimate.prompt_tokens(request)
        usage = shapes.usage(prompt, _count(details["generated_tokens"]), estimated=not prefill)
        return shapes.completion(request.model, [(text, _reason(details["finish_reason"]))], usage)

    def events(self, request: LLMRequest) -> EventReader:
        """Return a new reader of a streamed answer."""
        if request.task is Task.CHAT:
            return super().events(request)
        return _Generated(self, request)

    def error(self, reply: HttpReply) -> LLMError:
        """Return what a reply means; where too much is asked of it, it says so with 429."""
        error = super().error(reply)
        if reply.status == 429 and error.trouble is Trouble.RATE and b"overloaded" in reply.body:
            error.trouble = Trouble.OVERLOADED
        return error


class _Generated(Stream):
    """Events of ``/generate_stream``: a token each."""

    def on(self, name: str, event: Json) -> Iterable[Json]:  # noqa: ARG002
        """Return the chunks that an event stands for."""
        if "error" in event:
            error = self.fail(event)
            error.trouble = _TROUBLES.get(event.get("error_type", ""), error.trouble)
            raise error
        token = event["token"]
        text = "" if token.get("special") else token["text"] + ""
        self.said.append(text)
        found = [self.chunks.text(text)] if text else []
        if (details := event.get("details")) is not None:
            count = _count(details["generated_tokens"])
            length = details.get("input_length")
            counted = type(length) is int
            prompt = length if counted else estimate.prompt_tokens(self.request)
            self.usage = shapes.usage(prompt, count, estimated=not counted)
            self.complete = True
            found += self.chunks.finish(_reason(details["finish_reason"]))
        return found


def _reason(said: Any) -> str:
    return "length" if said == "length" else "stop"


def _count(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise TypeError
    return value
