"""A version of a prompt in the registry, as the request that it makes to a model.

Variables are filled in once: what stands in a value is text, whatever it looks like. A template of
Jinja is rendered in its sandbox, within bounds.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from attrs import field, frozen
from pegboard.contracts.llm import Json, LLMError, Task, Trouble
from pegboard.entities.registry import ModelVersion
from pegboard.errors import InvalidValue, quoted
from pegboard_stores import prompt_tags as tags

from pegboard_llm import checks, filling, templates, values
from pegboard_llm import variables as described
from pegboard_llm.templates import Template, lookup
from pegboard_llm.variables import Variable

MOST_CHARACTERS = 16 << 20
"""How long a prompt may become: a long value may stand in it many times."""
VARIABLES = "variables"
"""The field of a request that a prompt is filled with."""
VERSION = "prompt_version"
"""The field of a request for the only version of its prompt that a client takes."""
_CONFIG = {
    "temperature": "temperature",
    "max_tokens": "max_tokens",
    "top_p": "top_p",
    "top_k": "top_k",
    "frequency_penalty": "frequency_penalty",
    "presence_penalty": "presence_penalty",
    "stop_sequences": "stop",
}
"""The fields of a request for what a prompt's model config says."""
_OF_MODEL = ("provider", "model_name")
_NOT_ITS = frozenset(
    {"messages", "model", "prompt", "stream", "stream_options", VARIABLES, VERSION}
)
_LONGEST = {"max_tokens", "max_completion_tokens"}


@frozen
class Prompt:
    """A version of a prompt."""

    name: str
    version: str
    template: Template = field(repr=False)
    """A text, or the messages of a chat."""
    fields: Mapping[str, Any] = field(factory=dict, repr=False)
    """What else of a request it says: temperature and the like, and the form of the answer."""
    model: str = ""
    """The model that its config names, as ``PROVIDER:/MODEL``; empty: none."""
    known: Mapping[str, Variable] = field(factory=dict, repr=False)
    """Type, default and description of the variables that have some."""

    @property
    def key(self) -> str:
        """What it is called: ``NAME/VERSION``."""
        return f"{self.name}/{self.version}"

    @property
    def variables(self) -> list[str]:
        """The names of its variables, in the order in which they first stand there."""
        return templates.variables(self.template)

    @property
    def is_jinja(self) -> bool:
        """Whether it has statements of Jinja, which take time."""
        return templates.is_jinja(self.template)

    def body(
        self,
        given: Mapping[str, Any],
        more: Mapping[str, Any] | None = None,
        task: Task = Task.CHAT,
    ) -> Json:
        """Return the body of a request, with what a caller says beside the variables.

        A text is what the user says; before messages of the caller's it is the system's. LLMError
        INVALID names all variables that are missing; UNSUPPORTED for a task that it is not for.
        """
        more = dict(more or {})
        filled = self.filled(given)
        kept = {name: value for name, value in self.fields.items() if name not in more}
        if _LONGEST & more.keys():
            kept = {name: value for name, value in kept.items() if name not in _LONGEST}
        if task is Task.CHAT:
            after = list(more.pop("messages", ()))
            if isinstance(filled, str):
                filled = [{"role": "system" if after else "user", "content": filled}]
            return {"messages": [*filled, *after], **kept, **more}
        if task is not Task.COMPLETION or not isinstance(filled, str):
            kind = "text" if isinstance(filled, str) else "conversation"
            raise LLMError(
                Trouble.UNSUPPORTED,
                f"The prompt {self.key!r} is a {kind}, which is not for {task.value}.",
                param="model",
            )
        if "prompt" in more:
            values.invalid(
                f"What is asked for says the prompt {self.key!r}: give {VARIABLES!r}.", "prompt"
            )
        kept.pop("response_format", None)
        return {"prompt": filled, **kept, **more}

    def filled(self, given: Mapping[str, Any]) -> Template:
        """Return the template with its variables filled in; LLMError INVALID.

        null is a value that is not given. A text is taken for the number, the list, … that it is
        written as, where the variable takes one.
        """
        # Those of a template of Jinja that are described; they were found when it was registered.
        named = [*self.variables, *(self.known if self.is_jinja else ())]
        there = {name: value for name, value in given.items() if value is not None}
        try:
            found = described.completed(named, self.known, there, written=True)
            if self.is_jinja:
                return filling.rendered(self.template, found)
        except InvalidValue as error:
            raise LLMError(
                Trouble.INVALID,
                f"The prompt {self.key!r} cannot be filled in: {error.message}",
                hint=error.hint,
                param=VARIABLES,
            ) from None
        missing = [name for name in named if lookup(name, found) in (templates.MISSING, None)]
        if missing:
            raise _missing(self.key, missing, given, named)
        shown = {name: _shown(lookup(name, found)) for name in named}
        if sum(len(shown[name]) for name in templates.places(self.template)) > MOST_CHARACTERS:
            values.invalid(
                f"With these values the prompt {self.key!r} would have more than "
                f"{MOST_CHARACTERS:,} characters.",
                VARIABLES,
            )
        return templates.filled(self.template, shown)


def _missing(
    key: str, missing: Sequence[str], given: Mapping[str, Any], named: Sequence[str]
) -> LLMError:
    what = "variable" if len(missing) == 1 else "variables"
    others = [name for name in given if name not in named]
    like = [(name, near) for name in missing if (near := values.near(name, others))]
    hint = " ".join(f"Did you mean {name!r} by {near!r}?" for name, near in like)
    return LLMError(
        Trouble.INVALID,
        f"The prompt {key!r} lacks the {what} {', '.join(map(repr, missing))}.",
        hint=hint or f"Give all in the field {VARIABLES!r}: {{{missing[0]!r}: …}}.",
        param=VARIABLES,
    )


def _shown(value: Any) -> str:
    """Return a value as it stands in a prompt: a text as it is, all else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


# -- reading -------------------------------------------------------------------------------------


def read(version: ModelVersion) -> Prompt:
    """Return the prompt that a version in the registry is; InvalidValue says what is wrong."""
    kept = version.tags
    key = f"{version.name}/{version.version}"
    if not tags.is_prompt(kept) or tags.TEXT not in kept:
        raise InvalidValue(f"{key!r} is a model in the registry, not a prompt.")
    template: Any = kept[tags.TEXT]
    if kept.get(tags.TYPE) == tags.CHAT_TYPE:
        template = _loaded(key, "messages", template)
        if not isinstance(template, list) or not all(isinstance(each, dict) for each in template):
            raise InvalidValue(f"The messages of the prompt {key!r} are not a list of objects.")
    try:
        filling.check(template)
    except InvalidValue as error:
        raise InvalidValue(f"The prompt {key!r}: {error.message}", hint=error.hint) from None
    config = _loaded(key, "model config", kept.get(tags.MODEL_CONFIG) or "{}")
    fields = _fields(key, config)
    if kept.get(tags.RESPONSE_FORMAT):
        schema = _loaded(key, "response format", kept[tags.RESPONSE_FORMAT])
        form = {"name": "answer", "schema": schema}
        fields["response_format"] = {"type": "json_schema", "json_schema": form}
    provider, model = (config.get(each) for each in _OF_MODEL)
    made = Prompt(
        version.name,
        version.version,
        template,
        fields,
        f"{provider}:/{model}" if provider and model else "",
        described.loaded(kept.get(tags.VARIABLES)),
    )
    check(made)
    return made


def check(prompt: Prompt) -> None:
    """Refuse a prompt that is no request to any model; InvalidValue."""
    said = prompt.template
    messages = [{"role": "user", "content": said}] if isinstance(said, str) else list(said)
    try:
        checks.checked(Task.CHAT, {**prompt.fields, "messages": messages}, prompt.key)
    except LLMError as error:
        text = f"No model takes the prompt {prompt.key!r}: {error.message}"
        raise InvalidValue(text) from None


def _loaded(key: str, what: str, text: str) -> Any:
    try:
        return values.json_of(text)
    except ValueError:
        raise InvalidValue(
            f"The {what} of the prompt {key!r} is not JSON: {quoted(text[:60])}."
        ) from None


def _fields(key: str, config: Any) -> Json:
    if not isinstance(config, dict):
        raise InvalidValue(f"The model config of the prompt {key!r} is not an object.")
    extra = config.get("extra_params") or {}
    if not isinstance(extra, dict):
        raise InvalidValue(f"'extra_params' of the prompt {key!r} is not an object.")
    own = {
        _CONFIG.get(name, name): value
        for name, value in config.items()
        if name not in (*_OF_MODEL, "extra_params") and value is not None
    }
    found = {**extra, **own}
    if taken := sorted((_NOT_ITS | checks.STEERING) & found.keys()):
        raise InvalidValue(f"The model config of the prompt {key!r} must not say {taken[0]!r}.")
    return found
