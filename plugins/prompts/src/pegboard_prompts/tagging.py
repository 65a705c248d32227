"""The tags that a version of a prompt is made of: MLflow's, and a few beside them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pegboard.errors import InvalidValue
from pegboard_llm import filling, variables
from pegboard_llm.templates import Template
from pegboard_stores import prompt_tags as keys
from pegboard_stores.validation import MAX_REGISTRY_TEXT, registry_tags

from pegboard_prompts import model_config as config
from pegboard_prompts import schemas


def tags_of(
    template: Template,
    *,
    response_format: Any = None,
    model_config: config.PromptModelConfig | Mapping[str, Any] | None = None,
    described: Mapping[str, Any] | None = None,
    tags: Mapping[str, Any] | None = None,
) -> dict[str, str]:
    """Return the tags of a version; InvalidValue says what is wrong with it."""
    try:
        text = template if isinstance(template, str) else json.dumps(template, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InvalidValue(f"The messages cannot be kept as JSON: {error}.") from None
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InvalidValue(f"The prompt is no text that can be kept: {error}.") from None
    if len(text) > MAX_REGISTRY_TEXT:
        raise InvalidValue(
            f"The prompt has {len(text):,} characters; {MAX_REGISTRY_TEXT:,} are allowed.",
            hint="Let a variable take the long part of it, such as documents or examples.",
        )
    given = registry_tags(user_tags(tags or {}))
    given |= {
        keys.IS_PROMPT: "true",
        keys.TEXT: text,
        keys.TYPE: keys.TEXT_TYPE if isinstance(template, str) else keys.CHAT_TYPE,
    }
    if response_format:
        given[keys.RESPONSE_FORMAT] = json.dumps(schema_of(response_format))
    if model_config:
        given[keys.MODEL_CONFIG] = config.dumped(model_config)
    if described:
        if not isinstance(described, Mapping):
            raise InvalidValue(
                f"The variables are described by {described!r:.60}.",
                hint='Write {"count": {"type": "integer", "default": 3, "description": "…"}}.',
            )
        known = variables.read(described, filling.names(template))
        given[keys.VARIABLES] = variables.dumped(known)
    return given


def user_tags(tags: Mapping[str, Any]) -> dict[str, Any]:
    """Return tags of a user; InvalidValue if one would change what the prompt is."""
    for key in tags:
        if key in keys.OF_VERSION or str(key).startswith(keys.OWN):
            raise InvalidValue(
                f"The tag {key!r} is reserved: it holds a part of the prompt.",
                hint="Register another version, or use set_prompt_model_config.",
            )
    return dict(tags)


def schema_of(response_format: Any) -> dict[str, Any]:
    """Return a JSON schema; that of a class of pydantic is asked for.

    InvalidValue if it is not a dict, cannot be kept as JSON, or is not as in JSON Schema.
    """
    made = getattr(response_format, "model_json_schema", None)
    schema = made() if isinstance(response_format, type) and made else response_format
    if not isinstance(schema, Mapping):
        raise InvalidValue(
            f"The response format is {schema!r:.60}, not a JSON schema.",
            hint="Give a dict, or a class of pydantic.",
        )
    try:
        json.dumps(schema, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidValue(f"The response format cannot be kept as JSON: {error}.") from None
    schemas.check(schema)
    return dict(schema)
