"""The methods of ``pegboard.Client`` about prompts, MLflow's; each is a function of the client."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pegboard.entities import Page
from pegboard.errors import InvalidValue, NotFound
from pegboard_llm.templates import Template
from pegboard_stores.prompt_tags import LINKED

from pegboard_prompts import cache, linking, uris
from pegboard_prompts.entities import Prompt, PromptVersion
from pegboard_prompts.model_config import PromptModelConfig
from pegboard_prompts.store import PAGE, PromptStore

if TYPE_CHECKING:
    from pegboard_scripting.client import Client


def prompts_of(client: Client) -> PromptStore:
    """Return the prompts of a client's registry; what it changes is forgotten in the cache."""
    return PromptStore(client.registry, cache.forget)


def register_prompt(
    client: Client,
    name: str,
    template: Template,
    commit_message: str | None = None,
    tags: Mapping[str, Any] | None = None,
    response_format: Any = None,
    model_config: PromptModelConfig | Mapping[str, Any] | None = None,
    *,
    variables: Mapping[str, Any] | None = None,
    experiment_id: str | None = None,
    user: str | None = None,
) -> PromptVersion:
    """Add the next version to a prompt, which is created if need be; see ``register_prompt``."""
    return prompts_of(client).register(
        name,
        template,
        commit_message=commit_message,
        tags=tags,
        response_format=response_format,
        model_config=model_config,
        variables=variables,
        experiment_id=experiment_id,
        by=client._author(user, commit_message or ""),
    )


def load_prompt(
    client: Client,
    name_or_uri: str,
    version: int | str | None = None,
    allow_missing: bool = False,
    cache_ttl_seconds: float | None = None,
    *,
    key: str | None = None,
) -> PromptVersion | None:
    """Return a version of a prompt, from the cache if it is there; see ``pegboard.load_prompt``."""
    known = (client.registry_uri, name_or_uri, version, key)
    if cache_ttl_seconds != 0:
        found = cache.get(known)
        if found is not None:
            return found
    reference = uris.parse(name_or_uri, version)
    store, since = prompts_of(client), cache.moment()
    try:
        found = store.find(reference) if key is None else store.for_key(reference, key)
    except NotFound:
        if allow_missing:
            return None
        raise
    seconds = cache_ttl_seconds
    if seconds is None:
        seconds = cache.ttl(by_number=reference.version is not None)
    cache.keep(known, found, seconds, since)
    return found


def search_prompts(
    client: Client,
    filter_string: str | None = None,
    max_results: int = PAGE,
    order_by: Sequence[str] | None = None,
    page_token: str | None = None,
) -> Page[Prompt]:
    """Return a page of prompts that match; by default ordered by name."""
    return prompts_of(client).search(
        filter_string or "",
        max_results=max_results,
        order_by=order_by or (),
        page_token=page_token,
    )


def search_prompt_versions(
    client: Client, name: str, max_results: int | None = None, page_token: str | None = None
) -> Page[PromptVersion]:
    """Return a page of the versions of a prompt, the newest first."""
    return prompts_of(client).versions(name, max_results=max_results or PAGE, page_token=page_token)


def get_prompt(client: Client, name: str) -> Prompt | None:
    """Return a prompt, None if there is none of that name."""
    try:
        return prompts_of(client).get(name)
    except NotFound:
        return None


def get_prompt_version(client: Client, name: str, version: int | str) -> PromptVersion | None:
    """Return a version of a prompt, None if there is none."""
    try:
        return prompts_of(client).version(name, version)
    except NotFound:
        return None


def get_prompt_version_by_alias(client: Client, name: str, alias: str) -> PromptVersion:
    """Return the version that an alias points at; NotFound."""
    return prompts_of(client).load(f"{uris.SCHEME}{name}@{alias}")


def delete_prompt(client: Client, name: str, *, reason: str = "", user: str | None = None) -> None:
    """Remove a prompt with all its versions; its history is kept."""
    prompts_of(client).delete(name, client._author(user, reason))


def delete_prompt_version(
    client: Client,
    name: str,
    version: int | str,
    *,
    reason: str = "",
    user: str | None = None,
) -> None:
    """Remove a version of a prompt, and the aliases that point at it."""
    prompts_of(client).delete_version(name, version, client._author(user, reason))


def set_prompt_alias(
    client: Client,
    name: str,
    alias: str,
    version: int | str,
    *,
    reason: str = "",
    user: str | None = None,
) -> None:
    """Let an alias point at a version of a prompt; refused by a gate."""
    prompts_of(client).set_alias(name, alias, version, client._author(user, reason))


def delete_prompt_alias(
    client: Client, name: str, alias: str, *, reason: str = "", user: str | None = None
) -> None:
    """Remove an alias of a prompt, if it is there."""
    prompts_of(client).delete_alias(name, alias, client._author(user, reason))


def rollback_prompt_alias(
    client: Client, name: str, alias: str, *, reason: str = "", user: str | None = None
) -> PromptVersion:
    """Take the last move of an alias back, and return the version that it points at now."""
    return prompts_of(client).rollback(name, alias, client._author(user, reason))


def set_prompt_traffic(
    client: Client,
    name: str,
    shares: Mapping[Any, float],
    alias: str = "production",
) -> dict[int, float]:
    """Share the callers of an alias between versions: {3: 90, 4: 10}; {} ends it."""
    return prompts_of(client).set_traffic(name, shares, alias)


def set_prompt_tag(client: Client, name: str, key: str, value: Any) -> None:
    """Set or change a tag of a prompt."""
    prompts_of(client).set_tag(name, key, value)


def delete_prompt_tag(client: Client, name: str, key: str) -> None:
    """Remove a tag of a prompt, if it is there."""
    prompts_of(client).delete_tag(name, key)


def set_prompt_version_tag(
    client: Client, name: str, version: int | str, key: str, value: Any
) -> None:
    """Set or change a tag of a version of a prompt."""
    prompts_of(client).set_version_tag(name, version, key, value)


def delete_prompt_version_tag(client: Client, name: str, version: int | str, key: str) -> None:
    """Remove a tag of a version of a prompt, if it is there."""
    prompts_of(client).delete_version_tag(name, version, key)


def set_prompt_model_config(
    client: Client,
    name: str,
    version: int | str,
    model_config: PromptModelConfig | Mapping[str, Any],
) -> None:
    """Set or change which model a version is for, and with which settings."""
    prompts_of(client).set_model_config(name, version, model_config)


def delete_prompt_model_config(client: Client, name: str, version: int | str) -> None:
    """Forget which model a version is for."""
    prompts_of(client).delete_model_config(name, version)


def link_prompt_version_to_run(client: Client, run_id: str, prompt: str | PromptVersion) -> None:
    """Link a version, itself or by its URI, to a run."""
    linking.to_run(client, run_id, _version(client, prompt))


def link_prompt_version_to_model(
    client: Client, name: str, version: int | str, model_id: str
) -> None:
    """Link a version to a logged model."""
    linking.to_model(client, model_id, prompts_of(client).version(name, version))


def link_prompt_versions_to_trace(
    client: Client, prompt_versions: Iterable[PromptVersion | str], trace_id: str
) -> None:
    """Link versions, themselves or by their URIs, to a trace that has ended."""
    linking.to_trace(client, trace_id, [_version(client, each) for each in prompt_versions])


def list_linked_prompts(client: Client, run_id: str) -> list[PromptVersion]:
    """Return the versions that a run used; those that were deleted since are left out."""
    tags: Any = client.get_run(run_id).data.tags
    pairs = linking.read(tags.get(LINKED))
    found = [get_prompt_version(client, name, number) for name, number in pairs]
    return [each for each in found if each is not None]


def _version(client: Client, prompt: str | PromptVersion) -> PromptVersion:
    if isinstance(prompt, str):
        return prompts_of(client).load(prompt)
    if not isinstance(prompt, PromptVersion):
        raise InvalidValue(
            f"{prompt!r:.60} is not a version of a prompt.",
            hint="Give what load_prompt returns, or a URI: prompts:/NAME/3.",
        )
    return prompt
