"""Which model a prompt is for, and with what settings."""

from __future__ import annotations

import json
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from attrs import define, field, fields
from pegboard.errors import InvalidValue


def _number(_: Any, attribute: Any, value: Any) -> None:
    if value is not None and (isinstance(value, bool) or not isinstance(value, (int, float))):
        raise _wrong(attribute.name, value, "a number")


def _whole(_: Any, attribute: Any, value: Any) -> None:
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise _wrong(attribute.name, value, "a whole number of at least 1")


def _text(_: Any, attribute: Any, value: Any) -> None:
    if value is not None and not isinstance(value, str):
        raise _wrong(attribute.name, value, "a text")


def _texts(_: Any, attribute: Any, value: Any) -> None:
    fits = isinstance(value, (list, tuple)) and all(isinstance(each, str) for each in value)
    if value is not None and not fits:
        raise _wrong(attribute.name, value, "a list of texts")


def _within(least: float, most: float | None = None) -> Any:
    def check(_: Any, attribute: Any, value: Any) -> None:
        _number(_, attribute, value)
        if value is not None and not (least <= value and (most is None or value <= most)):
            limits = f"of at least {least:g}" if most is None else f"from {least:g} to {most:g}"
            raise _wrong(attribute.name, value, f"a number {limits}")

    return check


def _wrong(name: str, value: Any, wanted: str) -> InvalidValue:
    return InvalidValue(f"The model's {name} is {value!r:.60}, not {wanted}.")


@define(kw_only=True)
class PromptModelConfig:
    """A model and its settings; ``extra_params`` are those that only some models know."""

    provider: str | None = field(default=None, validator=_text)
    model_name: str | None = field(default=None, validator=_text)
    temperature: float | None = field(default=None, validator=_within(0))
    max_tokens: int | None = field(default=None, validator=_whole)
    top_p: float | None = field(default=None, validator=_within(0, 1))
    top_k: int | None = field(default=None, validator=_whole)
    frequency_penalty: float | None = field(default=None, validator=_number)
    presence_penalty: float | None = field(default=None, validator=_number)
    stop_sequences: list[str] | None = field(default=None, validator=_texts)
    extra_params: dict[str, Any] = field(factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return what is set, with the extra parameters among the others."""
        known = {name: getattr(self, name) for name in _KNOWN}
        return {name: each for name, each in known.items() if each is not None} | self.extra_params

    @classmethod
    def from_dict(cls, config_dict: Mapping[str, Any]) -> PromptModelConfig:
        """Return the settings of a dict, unknown keys as extra parameters.

        InvalidValue for a key that is nearly a known one: it would have no effect.
        """
        given = config_dict.get("extra_params") or {}
        if not isinstance(given, Mapping):
            raise _wrong("extra_params", given, "a dict")
        extra = dict(given)
        for name in config_dict:
            if name in _KNOWN or name == "extra_params":
                continue
            near = get_close_matches(str(name), _KNOWN, 1, 0.8)
            if near:
                raise InvalidValue(
                    f"The model's settings have no {name!r}.",
                    hint=f"Do you mean {near[0]!r}? If not, put it into 'extra_params'.",
                )
            extra[str(name)] = config_dict[name]
        known = {name: each for name, each in config_dict.items() if name in _KNOWN}
        return cls(**known, extra_params=extra)


_KNOWN = [each.name for each in fields(PromptModelConfig) if each.name != "extra_params"]


def dumped(given: PromptModelConfig | Mapping[str, Any]) -> str:
    """Return settings as the text of a tag; InvalidValue if they are wrong."""
    if not isinstance(given, PromptModelConfig):
        if not isinstance(given, Mapping):
            raise InvalidValue(
                f"The model's settings are {given!r:.60}, not a dict.",
                hint='Write {"model_name": "…", "temperature": 0.2}.',
            )
        given = PromptModelConfig.from_dict(given)
    try:
        return json.dumps(given.to_dict(), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InvalidValue(f"The model's settings cannot be kept as JSON: {error}.") from None
