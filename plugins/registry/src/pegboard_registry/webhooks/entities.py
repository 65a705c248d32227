"""Webhooks, what they are called for, and what became of a call."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from attrs import frozen

EVENTS = (
    "budget_policy.exceeded",
    "model_version.created",
    "model_version_alias.created",
    "model_version_alias.deleted",
    "model_version_tag.deleted",
    "model_version_tag.set",
    "prompt.created",
    "prompt_alias.created",
    "prompt_alias.deleted",
    "prompt_tag.deleted",
    "prompt_tag.set",
    "prompt_version.created",
    "prompt_version_tag.deleted",
    "prompt_version_tag.set",
    "registered_model.created",
)
"""What a webhook may be called for, as MLflow names it: the entity and the action.

The registry knows all of it but budgets: of these a gateway tells, if there is one.
"""


class WebhookStatus(StrEnum):
    """Whether a webhook is called."""

    ACTIVE = "ACTIVE"
    DISABLED = "DISABLED"


@frozen
class Webhook:
    """A URL that is called for some events. Its secret, if it has one, is never shown.

    Times are in ms.
    """

    webhook_id: str
    name: str
    url: str
    events: Sequence[str]
    status: WebhookStatus
    creation_timestamp: int
    last_updated_timestamp: int
    description: str | None = None
    has_secret: bool = False


class DeliveryState(StrEnum):
    """How far the delivery of an event to a webhook is."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    FAILED = "failed"


@frozen
class Delivery:
    """An event that is, was or could not be delivered to a webhook. Times are in ms.

    ``attempts`` counts the calls made so far; ``next_attempt`` is when the next one is due.
    ``response_status`` and ``error`` are those of the last one.
    """

    number: int
    delivery_id: str
    webhook_id: str
    event: str
    state: DeliveryState
    created: int
    attempts: int = 0
    next_attempt: int | None = None
    finished: int | None = None
    response_status: int | None = None
    error: str | None = None


@frozen
class TestResult:
    """How a webhook answered a call that was made to try it."""

    __test__ = False

    success: bool
    response_status: int | None = None
    response_body: str | None = None
    error_message: str | None = None
