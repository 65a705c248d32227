"""Prompts and their versions, with MLflow's names. Values: what changes one makes a new one."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, Self

from attrs import asdict, field, frozen
from pegboard.errors import InvalidState, InvalidValue
from pegboard_llm import filling, templates, variables
from pegboard_llm.templates import VARIABLE, Template
from pegboard_llm.values import json_of
from pegboard_llm.variables import Variable
from pegboard_stores import prompt_tags as keys
from pegboard_stores import prompt_traffic
from pegboard_stores.validation import version_number

from pegboard_prompts import tagging, trials
from pegboard_prompts.model_config import PromptModelConfig

_SHORT = 30


@frozen(kw_only=True)
class Include:
    """A version of a prompt that another one includes; ``alias`` is what it was asked for by."""

    name: str
    version: int
    alias: str | None = None

    @property
    def asked(self) -> str:
        """What stands for it in the template: NAME@ALIAS or NAME/VERSION."""
        return f"{self.name}@{self.alias}" if self.alias else f"{self.name}/{self.version}"


@frozen
class Prompt:
    """A name, and what is known of all versions of a prompt. Times are in ms.

    ``aliases`` maps each alias to a version; ``latest`` is the newest, None if there is none.
    """

    name: str
    description: str | None = None
    creation_timestamp: int | None = None
    tags: dict[str, str] = field(factory=dict)
    last_updated_timestamp: int | None = None
    aliases: dict[str, int] = field(factory=dict)
    latest: int | None = None

    def traffic(self, alias: str) -> dict[int, float]:
        """Return the weights of the versions that callers of an alias share; empty: it has none."""
        return prompt_traffic.read(self.tags, alias)


@frozen(slots=False, init=False)
class PromptVersion:
    """One version of a prompt. Times are in ms.

    ``raw_tags`` are the tags that the registry keeps, in which the template is, too.
    """

    name: str
    version: int = field(converter=int)
    raw_tags: Mapping[str, str] = field(repr=False)
    commit_message: str | None = None
    creation_timestamp: int = 0
    last_updated_timestamp: int | None = None
    user_id: str | None = None
    aliases: Sequence[str] = ()

    def __init__(
        self,
        name: str,
        version: int | str,
        template: Template,
        commit_message: str | None = None,
        creation_timestamp: int | None = None,
        tags: Mapping[str, Any] | None = None,
        aliases: Sequence[str] | None = None,
        last_updated_timestamp: int | None = None,
        user_id: str | None = None,
        response_format: Any = None,
        model_config: PromptModelConfig | Mapping[str, Any] | None = None,
    ) -> None:
        """Make one that no registry has, as MLflow does; InvalidValue says what is wrong."""
        raw = tagging.tags_of(
            templates.checked(template),
            response_format=response_format,
            model_config=model_config,
            tags=tags,
        )
        given = (commit_message, creation_timestamp or 0, last_updated_timestamp, user_id)
        self._set(name, version_number(version), raw, *given, tuple(aliases or ()))

    @classmethod
    def of_tags(cls, name: str, version: int, raw_tags: Mapping[str, str], *more: Any) -> Self:
        """Return one from what a registry keeps; ``more`` are the other fields, in their order."""
        made = cls.__new__(cls)
        made._set(name, version, raw_tags, *more)
        return made

    def _set(self, *fields: Any) -> None:
        self.__attrs_init__(*fields)

    @property
    def text(self) -> str:
        """The template as a text: that of a chat is the JSON of its messages."""
        tried = trials.template_of(self.name)
        if tried is None:
            return self.raw_tags[keys.TEXT]
        return tried if isinstance(tried, str) else json.dumps(tried)

    @property
    def is_text_prompt(self) -> bool:
        """Whether it is a text, not the messages of a chat."""
        return self.raw_tags.get(keys.TYPE) != keys.CHAT_TYPE

    @property
    def template(self) -> Template:
        """The text, or the messages: a list of dicts with 'role' and 'content'."""
        text = self.text
        if self.is_text_prompt:
            return text
        found = self._parsed("messages", text)
        if not isinstance(found, list) or not all(map(_is_message, found)):
            raise InvalidState(f"{self._what('messages')} are not a list of objects with a role.")
        return found

    @property
    def messages(self) -> list[dict[str, Any]]:
        """The messages; a text is one message of the user."""
        template = self.template
        return [{"role": "user", "content": template}] if isinstance(template, str) else template

    @cached_property
    def _own_names(self) -> tuple[str, ...]:
        return tuple(templates.variables(self.template))

    @property
    def _names(self) -> tuple[str, ...]:
        tried = trials.template_of(self.name)
        return self._own_names if tried is None else tuple(templates.variables(tried))

    @property
    def variables(self) -> set[str]:
        """The names of the variables."""
        return set(self._names)

    @property
    def variable_names(self) -> list[str]:
        """The names of the variables, in the order in which they are in the template."""
        return list(self._names)

    @cached_property
    def variable_info(self) -> Mapping[str, Variable]:
        """Type, default and description of the variables that have some."""
        return variables.loaded(self.raw_tags.get(keys.VARIABLES))

    @property
    def is_jinja(self) -> bool:
        """Whether the template has statements of Jinja."""
        return "{%" in self.text and templates.is_jinja(self.template)

    @property
    def response_format(self) -> dict[str, Any] | None:
        """The JSON schema that answers have to fit."""
        return self._json(keys.RESPONSE_FORMAT)

    @property
    def model_config(self) -> dict[str, Any] | None:
        """Which model it is for, with which settings; see ``PromptModelConfig``."""
        return self._json(keys.MODEL_CONFIG)

    def _json(self, key: str) -> dict[str, Any] | None:
        text = self.raw_tags.get(key)
        what = "model config" if key == keys.MODEL_CONFIG else "response format"
        found = None if text is None else self._parsed(what, text)
        if found is not None and not isinstance(found, dict):
            raise InvalidState(f"{self._what(what)} is not an object.")
        return found

    def _parsed(self, what: str, text: str) -> Any:
        try:
            return json_of(text)
        except ValueError as error:
            raise InvalidState(f"{self._what(what)} cannot be read: {error}.") from None

    def _what(self, what: str) -> str:
        return f"The {what} of the prompt {self.name!r}, version {self.version},"

    @property
    def source(self) -> Template:
        """The template as it was written: with the names of what it includes."""
        text = self.raw_tags.get(keys.SOURCE)
        if text is None:
            return self.template
        found: Template = text if self.is_text_prompt else self._parsed("source", text)
        return found

    @property
    def includes(self) -> list[Include]:
        """The versions of other prompts that it includes."""
        text = self.raw_tags.get(keys.INCLUDES)
        return [] if text is None else [Include(**each) for each in self._parsed("includes", text)]

    @property
    def tags(self) -> dict[str, str]:
        """The tags that users gave the version."""
        return {
            key: value
            for key, value in self.raw_tags.items()
            if key not in keys.OF_VERSION and not key.startswith(keys.OWN)
        }

    @property
    def description(self) -> str | None:
        """The commit message."""
        return self.commit_message

    @property
    def uri(self) -> str:
        """The URI of this version."""
        return f"prompts:/{self.name}/{self.version}"

    def format(
        self, /, allow_partial: bool = False, use_jinja_sandbox: bool = True, **values: Any
    ) -> Any:
        """Return the text or the messages with the variables replaced, in one pass.

        InvalidValue names all variables that are missing; with ``allow_partial`` they stay, and a
        PromptVersion is returned. Values that no variable takes are ignored; None becomes "None".
        Templates with ``{% … %}`` are rendered by Jinja, in its sandbox and nowhere else; there,
        what is missing is empty.
        """
        template, names, known = self.template, self._names, self.variable_info
        if templates.is_jinja(template):
            values = variables.completed([*names, *known], known, values)
            return self._rendered(values, use_jinja_sandbox)
        if known:
            values = variables.completed(names, known, values)
        missing = templates.missing(names, values)
        if missing and not allow_partial:
            told = ", ".join(map(repr, missing))
            raise InvalidValue(
                f"Missing variables: {told} of the prompt {self.name!r}, version {self.version}.",
                hint="Give them to format(), or call it with allow_partial=True.",
            ).about("missing_variables", names=missing)
        filled = templates.filled(template, values)
        return self.with_template(filled) if missing else filled

    def _rendered(self, values: Mapping[str, Any], use_jinja_sandbox: bool) -> Template:
        if not use_jinja_sandbox:
            raise InvalidValue(
                "Prompts are rendered in Jinja's sandbox only: they are data, not programs."
            )
        return filling.rendered(self.template, values)

    def with_template(self, template: Template) -> PromptVersion:
        """Return this version with another template."""
        text = template if isinstance(template, str) else json.dumps(template)
        kind = PromptVersion if trials.template_of(self.name) is None else _Fixed
        fields = asdict(self, recurse=False) | {"raw_tags": {**self.raw_tags, keys.TEXT: text}}
        return kind.of_tags(*fields.values())

    def to_single_brace_format(self) -> Template:
        """Return the template with {variable} for {{ variable }}, as LangChain has it."""
        return templates.mapped(self.template, lambda text: VARIABLE.sub(r"{\1}", text))

    def __str__(self) -> str:
        text = self.text if len(self.text) <= _SHORT else f"{self.text[:_SHORT]}..."
        return f"PromptVersion(name={self.name}, version={self.version}, template={text})"

    __repr__ = __str__


@frozen(slots=False, init=False)
class _Fixed(PromptVersion):
    """One whose template stays, whatever is tried."""

    @property
    def text(self) -> str:
        return self.raw_tags[keys.TEXT]

    @property
    def _names(self) -> tuple[str, ...]:
        return self._own_names


def _is_message(given: Any) -> bool:
    return isinstance(given, dict) and isinstance(given.get("role"), str)


_PROMPT_NAME = re.compile(r"[a-zA-Z0-9_.-]+")
_PATHS = (".", "..")


def checked_name(name: Any) -> str:
    """Return a name that a prompt may have: ASCII letters, digits, '_', '-' and '.'."""
    if not isinstance(name, str) or _PROMPT_NAME.fullmatch(name) is None or name in _PATHS:
        raise InvalidValue(
            f"A prompt cannot be named {name!r:.60}.",
            hint="A name has letters from a to z, digits, '_', '-' and '.' only.",
        )
    return name
