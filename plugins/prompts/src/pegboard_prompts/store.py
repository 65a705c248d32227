"""Prompts in a model registry: there is no other store, so every client of it sees the same."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import attrs
from pegboard.entities import Page
from pegboard.entities.registry import Author
from pegboard.errors import AlreadyExists, FilterError, InvalidValue, NotFound
from pegboard_llm import templates
from pegboard_llm.templates import Template
from pegboard_stores import prompt_tags as keys
from pegboard_stores import prompt_traffic as traffic
from pegboard_stores import refusals

from pegboard_prompts import codec, composition, tagging, uris
from pegboard_prompts.entities import Include, Prompt, PromptVersion, checked_name
from pegboard_prompts.model_config import PromptModelConfig
from pegboard_prompts.model_config import dumped as dumped_config
from pegboard_prompts.uris import Reference

if TYPE_CHECKING:
    from pegboard.contracts.registry import ModelRegistry

PAGE = 100
_IS_PROMPT = f"tags.`{keys.IS_PROMPT}` = 'true'"
NOBODY = Author()
_STAYS = (keys.RESPONSE_FORMAT, keys.MODEL_CONFIG, keys.VARIABLES)


class PromptStore:
    """The prompts of a registry. NotFound for prompts, versions and aliases that there are not.

    ``changed`` is called with the name after each change: caches of a process hang on it.
    """

    def __init__(
        self, registry: ModelRegistry, changed: Callable[[str], None] | None = None
    ) -> None:
        self.registry = registry
        self._changed = changed or (lambda _: None)

    # -- registering ---------------------------------------------------------------------------

    def register(
        self,
        name: str,
        template: Template,
        *,
        commit_message: str | None = None,
        tags: Mapping[str, Any] | None = None,
        response_format: Any = None,
        model_config: PromptModelConfig | Mapping[str, Any] | None = None,
        variables: Mapping[str, Any] | None = None,
        pinned: dict[str, int] | None = None,
        experiment_id: str | None = None,
        by: Author = NOBODY,
    ) -> PromptVersion:
        """Add the next version to a prompt, which is created if need be.

        ``tags`` are set on the version and, as MLflow does it, on the prompt. What the template
        includes is put in now: see ``composition``, also for ``pinned``.
        """
        checked_name(name)
        written = templates.checked(template)
        whole, includes = composition.composed(name, written, self.find, pinned)
        raw = tagging.tags_of(
            whole,
            response_format=response_format,
            model_config=model_config,
            described=variables,
            tags=tags,
        )
        if includes:
            raw |= _composed_tags(written, includes)
        self._ensure(name, dict(tagging.user_tags(tags or {})), commit_message, experiment_id)
        made = self.registry.create_version(
            name, keys.PLACEHOLDER, tags=raw, description=commit_message or "", by=by
        )
        self._changed(name)
        return codec.version_of(made)

    def register_once(
        self,
        base: PromptVersion,
        template: Template,
        commit_message: str,
        run_id: str,
        by: Author = NOBODY,
    ) -> PromptVersion:
        """Add a version that is as another one but for its template: one for each run."""
        from pegboard.literals import literal

        if run_id:
            where = f"name = {literal(base.name)} AND run_id = {literal(run_id)} AND {_IS_PROMPT}"
            for there in self.registry.search_versions(filter=where, max_results=1):
                return codec.version_of(there)
        made = tagging.tags_of(templates.checked(template))
        raw = {key: base.raw_tags[key] for key in _STAYS if key in base.raw_tags} | made
        found = self.registry.create_version(
            base.name,
            keys.PLACEHOLDER,
            run_id=run_id or None,
            tags=raw,
            description=commit_message,
            by=by,
        )
        self._changed(base.name)
        return codec.version_of(found)

    def _ensure(
        self,
        name: str,
        tags: dict[str, Any],
        description: str | None,
        experiment_id: str | None,
    ) -> None:
        """Create a prompt if there is none, else add tags to it."""
        given = {key: str(value) for key, value in tags.items()}
        try:
            there = self.registry.get_model(name)
        except NotFound:
            linked = {keys.EXPERIMENTS: f",{experiment_id},"} if experiment_id else {}
            new = {keys.IS_PROMPT: "true", **given, **linked}
            try:
                self.registry.create_model(name, tags=new, description=description or "")
            except AlreadyExists:
                there = self.registry.get_model(name)  # Somebody else was quicker.
            else:
                return
        if not keys.is_prompt(there.tags):
            raise codec.not_a_prompt(name)
        known = there.tags.get(keys.EXPERIMENTS) or ","
        if experiment_id and f",{experiment_id}," not in known:
            given[keys.EXPERIMENTS] = f"{known}{experiment_id},"
        for key, value in given.items():
            if there.tags.get(key) != value:
                self.registry.set_model_tag(name, key, value)

    # -- reading -------------------------------------------------------------------------------

    def get(self, name: str) -> Prompt:
        """Return a prompt."""
        with refusals.of_prompts():
            return codec.prompt_of(self.registry.get_model(name))

    def find(self, reference: Reference) -> PromptVersion:
        """Return the version that a reference names now."""
        with refusals.of_prompts():
            if reference.version is not None:
                found = self.registry.get_version(reference.name, reference.version)
            else:
                assert reference.alias is not None
                found = self.registry.version_by_alias(reference.name, reference.alias)
        return codec.version_of(found)

    def load(self, name_or_uri: str, version: int | str | None = None) -> PromptVersion:
        """Return the version that a name or a URI names now; the newest, if it names none."""
        return self.find(uris.parse(name_or_uri, version))

    def version(self, name: str, version: int | str) -> PromptVersion:
        """Return a version by its number."""
        return self.load(name, version)

    def for_key(self, reference: Reference, key: str) -> PromptVersion:
        """Return the version of an alias that a key gets; without shares it is the alias's."""
        if reference.alias is None:
            return self.find(reference)
        shares = self.get(reference.name).traffic(reference.alias)
        if not shares:
            return self.find(reference)
        number = traffic.chosen(reference.name, reference.alias, shares, key)
        return self.find(Reference(reference.name, str(number), None))

    def search(
        self,
        filter: str = "",
        *,
        max_results: int = PAGE,
        order_by: Sequence[str] = (),
        page_token: str | None = None,
    ) -> Page[Prompt]:
        """Return a page of prompts that match (``name``, ``tags.KEY``, ``experiment_id``)."""
        narrowed = _narrowed(filter)
        try:
            page = self.registry.search_models(
                filter=narrowed, order_by=order_by, max_results=max_results, page_token=page_token
            )
        except FilterError as error:
            if error.text != narrowed:
                raise
            raise FilterError(
                "The registry cannot search for this.",
                text=filter,
                column=max(filter.find("experiment_id"), 0),
                hint="An experiment is compared so: experiment_id = '3'.",
            ) from None
        return Page(map(codec.prompt_of, page), page.token)

    def versions(
        self, name: str, *, max_results: int = PAGE, page_token: str | None = None
    ) -> Page[PromptVersion]:
        """Return a page of the versions of a prompt, the newest first; NotFound."""
        from pegboard.literals import literal

        if page_token is None:
            self.get(name)
        page = self.registry.search_versions(
            filter=f"name = {literal(name)} AND {_IS_PROMPT}",
            order_by=["version_number DESC"],
            max_results=max_results,
            page_token=page_token,
        )
        whole = (each for each in page if keys.TEXT in each.tags)
        return Page(map(codec.version_of, whole), page.token)

    # -- changing ------------------------------------------------------------------------------

    def set_alias(self, name: str, alias: str, version: int | str, by: Author = NOBODY) -> None:
        """Let an alias point at a version; refused by a gate."""
        found = self.version(name, version)
        self.registry.set_alias(name, alias, str(found.version), by=by)
        self._changed(name)

    def delete_alias(self, name: str, alias: str, by: Author = NOBODY) -> None:
        """Remove an alias, if it is there."""
        self.get(name)
        self.registry.delete_alias(name, alias, by=by)
        self._changed(name)

    def rollback(self, name: str, alias: str, by: Author = NOBODY) -> PromptVersion:
        """Take the last move of an alias back, and return the version that it points at now."""
        self.get(name)
        found = self.registry.rollback_alias(name, alias, by=by)
        self._changed(name)
        return codec.version_of(found)

    def set_traffic(self, name: str, shares: Mapping[Any, Any], alias: str) -> dict[int, float]:
        """Share the callers of an alias between versions; {} ends it. Return the weights.

        Each version must be allowed by the gates of the alias.
        """
        if not isinstance(shares, Mapping):
            raise InvalidValue(f"The shares are {shares!r:.60}.", hint="Write {3: 90, 4: 10}.")
        wanted = traffic.checked(shares)
        prompt = self.get(name)
        if alias not in prompt.aliases:
            raise NotFound(
                f"The prompt {name!r} has no alias {alias!r}.",
                hint="Set it first: to those who name no key it is the version to use.",
            )
        for number in wanted:
            self.version(name, number)
        key = f"{keys.TRAFFIC}{alias}"
        if wanted:
            self.registry.set_model_tag(name, key, traffic.dumped(wanted))
        else:
            self.registry.delete_model_tag(name, key)
        self._changed(name)
        return wanted

    def set_tag(self, name: str, key: str, value: Any) -> None:
        """Set or change a tag of a prompt."""
        tagging.user_tags({key: value})
        self.get(name)
        self.registry.set_model_tag(name, key, str(value))
        self._changed(name)

    def delete_tag(self, name: str, key: str) -> None:
        """Remove a tag of a prompt, if it is there."""
        tagging.user_tags({key: ""})
        self.get(name)
        self.registry.delete_model_tag(name, key)
        self._changed(name)

    def set_version_tag(self, name: str, version: int | str, key: str, value: Any) -> None:
        """Set or change a tag of a version."""
        tagging.user_tags({key: value})
        self._set(self.version(name, version), key, str(value))

    def delete_version_tag(self, name: str, version: int | str, key: str) -> None:
        """Remove a tag of a version, if it is there."""
        tagging.user_tags({key: ""})
        self._unset(self.version(name, version), key)

    def set_model_config(
        self, name: str, version: int | str, config: PromptModelConfig | Mapping[str, Any]
    ) -> None:
        """Set or change which model a version is for, and with which settings."""
        self._set(self.version(name, version), keys.MODEL_CONFIG, dumped_config(config))

    def delete_model_config(self, name: str, version: int | str) -> None:
        """Forget which model a version is for."""
        self._unset(self.version(name, version), keys.MODEL_CONFIG)

    def _set(self, version: PromptVersion, key: str, value: str) -> None:
        self.registry.set_version_tag(version.name, str(version.version), key, value)
        self._changed(version.name)

    def _unset(self, version: PromptVersion, key: str) -> None:
        self.registry.delete_version_tag(version.name, str(version.version), key)
        self._changed(version.name)

    def delete_version(self, name: str, version: int | str, by: Author = NOBODY) -> None:
        """Remove a version, and the aliases that point at it; its number is not used again."""
        found = self.version(name, version)
        self.registry.delete_version(name, str(found.version), by=by)
        self._changed(name)

    def delete(self, name: str, by: Author = NOBODY) -> None:
        """Remove a prompt with all its versions; its history is kept."""
        self.get(name)
        self.registry.delete_model(name, by=by)
        self._changed(name)


def _composed_tags(written: Template, includes: list[Include]) -> dict[str, str]:
    text = written if isinstance(written, str) else json.dumps(written)
    return {
        keys.SOURCE: text,
        keys.INCLUDES: json.dumps([attrs.asdict(each) for each in includes]),
    }


_OF_EXPERIMENT = re.compile(r"\bexperiment_id\s*=\s*(?:'(\d+)'|\"(\d+)\")", re.IGNORECASE)


def _narrowed(filter: str) -> str:
    """Return a filter that only prompts match. ``experiment_id = '3'`` is about a tag.

    FilterError if it is wrong by itself: else its fault would be told of a text that nobody wrote,
    and a parenthesis too many would let models through that are no prompts.
    """
    from pegboard_stores import filters

    if not filter.strip():
        return _IS_PROMPT
    known = filters.REGISTERED_MODELS
    attributes = {**known.attributes, "experiment_id": filters.Type.ID}
    filters.parse_filter(filter, attrs.evolve(known, name="prompts", attributes=attributes))
    tag = f"tags.`{keys.EXPERIMENTS}`"
    given = _OF_EXPERIMENT.sub(lambda match: f"{tag} LIKE '%,{match[1] or match[2]},%'", filter)
    # MLflow's servers know no parentheses, and no OR.
    return f"({given}) AND {_IS_PROMPT}" if _OR.search(given) else f"{given} AND {_IS_PROMPT}"


_OR = re.compile(r"\bor\b", re.IGNORECASE)
