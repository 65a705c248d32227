"""What changes in the registry through the server, told to webhooks."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Container, Iterator, Mapping
from copy import copy
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import frozen
from pegboard_stores.prompt_tags import IS_PROMPT, TEXT, TYPE, is_prompt

from pegboard_registry.webhooks import service
from pegboard_registry.webhooks.contract import webhooks_of
from pegboard_registry.wire.calls import registry_of

if TYPE_CHECKING:
    from pegboard.contracts.registry import ModelRegistry, Promotion
    from pegboard.entities.registry import ModelVersion, RegisteredModel
    from pegboard_wire.http import Call

    from pegboard_registry.webhooks.contract import DeliveryQueue

T = TypeVar("T")


@contextlib.contextmanager
def announced(call: Call) -> Iterator[tuple[ModelRegistry, Announcer]]:
    """Change the registry of a call, and queue the webhook events that the callback announces.

    Both happen in one transaction: there is no event without its change and no change without its
    event, even if this process dies in between. Changes behind gates go through ``promoted``.
    """
    registry = registry_of(call)
    queue = _listening(registry)
    if queue is None:
        yield registry, Announcer(registry, None)
        return
    with queue.changing():
        yield registry, Announcer(registry, queue)
    service.wake(queue)


def promoted(call: Call, change: Callable[[ModelRegistry, Announcer], T]) -> T:
    """Do the same by a function that may be called more than once, for what gates are asked about.

    A gate may take its time, and must not hold up other writers meanwhile. So a change that is to
    be asked about is undone, the gates are asked, and it is made again; if they would now be asked
    about another promotion, as others have changed something, they are.
    """
    registry = registry_of(call)
    queue = _listening(registry)
    if queue is None or registry.allow is None:
        with announced(call) as (plain, announcer):
            return change(plain, announcer)
    passed: set[Promotion] = set()
    asking = copy(registry)
    asking.allow = partial(_check_passed, passed)
    while True:
        try:
            with queue.changing():
                changed = change(asking, Announcer(registry, queue))
        except _NotAsked as missing:
            registry.allow(missing.promotion)
            passed.add(missing.promotion)
        else:
            service.wake(queue)
            return changed


def _listening(registry: ModelRegistry) -> DeliveryQueue | None:
    """Return the queue for events of a registry; None if webhooks are not served here."""
    webhooks = webhooks_of(registry)
    queue = None if webhooks is None else webhooks.queue
    return queue if queue is not None and queue.has_listeners() else None


class _NotAsked(Exception):
    """Ends a transaction, for gates to be asked."""

    def __init__(self, promotion: Promotion) -> None:
        self.promotion = promotion


def _check_passed(passed: Container[Promotion], promotion: Promotion) -> None:
    if promotion not in passed:
        raise _NotAsked(promotion)


@frozen
class Announcer:
    """Queues events, in MLflow's form; without a queue it does nothing.

    Models that are prompts have events of their own.
    """

    registry: ModelRegistry
    queue: DeliveryQueue | None

    def model_created(self, model: RegisteredModel) -> None:
        """A registered model was created."""
        prompt = is_prompt(model.tags)
        self._tell(
            "prompt.created" if prompt else "registered_model.created",
            name=model.name,
            tags=_shown(model.tags) if prompt else dict(model.tags),
            description=model.description,
        )

    def version_created(self, version: ModelVersion) -> None:
        """A version was created."""
        said = version.description or None
        if is_prompt(version.tags):
            self._tell(
                "prompt_version.created",
                name=version.name,
                version=version.version,
                template=version.tags.get(TEXT),
                tags=_shown(version.tags),
                description=said,
            )
            return
        self._tell(
            "model_version.created",
            name=version.name,
            version=version.version,
            source=version.source,
            run_id=version.run_id,
            tags=dict(version.tags),
            description=said,
        )

    def model_tag_set(self, name: str, key: str, value: str) -> None:
        """A tag of a registered model was set; only of prompts is that an event."""
        self._tell_of(name, None, "prompt_tag.set", key=key, value=value)

    def model_tag_deleted(self, name: str, key: str) -> None:
        """A tag of a registered model was removed; only of prompts is that an event."""
        self._tell_of(name, None, "prompt_tag.deleted", key=key)

    def version_tag_set(self, name: str, version: str, key: str, value: str) -> None:
        """A tag of a version was set."""
        events = "model_version_tag.set", "prompt_version_tag.set"
        self._tell_of(name, *events, version=version, key=key, value=value)

    def version_tag_deleted(self, name: str, version: str, key: str) -> None:
        """A tag of a version was removed."""
        events = "model_version_tag.deleted", "prompt_version_tag.deleted"
        self._tell_of(name, *events, version=version, key=key)

    def alias_created(self, name: str, alias: str, version: str) -> None:
        """An alias points at a version."""
        events = "model_version_alias.created", "prompt_alias.created"
        self._tell_of(name, *events, alias=alias, version=version)

    def alias_deleted(self, name: str, alias: str) -> None:
        """An alias was removed."""
        self._tell_of(name, "model_version_alias.deleted", "prompt_alias.deleted", alias=alias)

    def _tell_of(self, name: str, of_model: str | None, of_prompt: str, **data: Any) -> None:
        wanted = [event for event in (of_model, of_prompt) if event]
        if self.queue is None or not self.queue.wants(*wanted):
            return
        event = of_prompt if is_prompt(self.registry.get_model(name).tags) else of_model
        if event:
            self._tell(event, name=name, **data)

    def _tell(self, event: str, **data: Any) -> None:
        if self.queue is not None:
            self.queue.add(event, data)


def _shown(tags: Mapping[str, str]) -> dict[str, str]:
    """Return the tags that a user has given a prompt."""
    return {key: value for key, value in tags.items() if key not in (IS_PROMPT, TEXT, TYPE)}
