"""The webhooks of a server, MLflow's or ours."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from pegboard.entities import Page
from pegboard_wire.client.api import Api, is_path_part, path_part
from pegboard_wire.scalars import boolean, get, integer, items, message, need, string

from pegboard_registry.webhooks import checks
from pegboard_registry.webhooks.contract import PAGE, Webhooks, no_webhook
from pegboard_registry.webhooks.entities import (
    Delivery,
    DeliveryState,
    TestResult,
    Webhook,
    WebhookStatus,
)
from pegboard_registry.wire.governance import BASE
from pegboard_registry.wire.webhooks import event_json, read_event

if TYPE_CHECKING:
    from pegboard_registry.client.registry import RestRegistry


class RestWebhooks(Webhooks):
    """Webhooks of a server, which delivers for them itself."""

    def __init__(self, registry: RestRegistry) -> None:
        self._registry = registry
        self._api: Api = registry.api

    def create(
        self,
        name: str,
        url: str,
        events: Iterable[str],
        *,
        description: str | None = None,
        secret: str | None = None,
        status: WebhookStatus = WebhookStatus.ACTIVE,
    ) -> Webhook:
        """Create a webhook."""
        answer = self._api.post(
            "webhooks",
            name=name,
            url=url,
            events=[event_json(event) for event in checks.events(events)],
            description=description,
            secret=secret,
            status=status.value,
        )
        return self._api.read(answer, lambda given: _webhook(given.get("webhook")))

    def get(self, webhook_id: str) -> Webhook:
        """Return a webhook."""
        answer = self._api.get(_path(webhook_id))
        return self._api.read(answer, lambda given: _webhook(given.get("webhook")))

    def update(
        self,
        webhook_id: str,
        *,
        name: str | None = None,
        url: str | None = None,
        events: Iterable[str] | None = None,
        description: str | None = None,
        secret: str | None = None,
        status: WebhookStatus | None = None,
    ) -> Webhook:
        """Change what is not None."""
        answer = self._api.patch(
            _path(webhook_id),
            name=name,
            url=url,
            events=None
            if events is None
            else [event_json(event) for event in checks.events(events)],
            description=description,
            secret=secret,
            status=None if status is None else status.value,
        )
        return self._api.read(answer, lambda given: _webhook(given.get("webhook")))

    def list(self, *, max_results: int = PAGE, page_token: str | None = None) -> Page[Webhook]:
        """Return webhooks, the last created first."""
        answer = self._api.get("webhooks", max_results=max_results, page_token=page_token)
        return self._api.read_page(answer, "webhooks", _webhook)

    def delete(self, webhook_id: str) -> None:
        """Remove a webhook."""
        self._api.delete(_path(webhook_id))

    def test(self, webhook_id: str, event: str | None = None) -> TestResult:
        """Have the server call a webhook with an example."""
        chosen = None if event is None else event_json(checks.events([event])[0])
        answer = self._api.post(f"{_path(webhook_id)}/test", event=chosen)
        return self._api.read(answer, lambda given: _result(given.get("result")))

    def deliveries(
        self, webhook_id: str, *, max_results: int = PAGE, page_token: str | None = None
    ) -> Page[Delivery]:
        """Return what was or is to be delivered; NotSupported by MLflow's servers."""
        path = f"{BASE}/{_path(webhook_id)}/deliveries"
        fields = {"max_results": max_results, "page_token": page_token}
        answer = self._registry.own("a log of deliveries", lambda: self._api.get(path, **fields))
        return self._api.read_page(answer, "deliveries", _delivery)


def _path(webhook_id: str) -> str:
    if not is_path_part(webhook_id):
        raise no_webhook(webhook_id)
    return f"webhooks/{path_part(webhook_id)}"


def _webhook(value: Any) -> Webhook:
    fields = message(value, "webhook")
    return Webhook(
        webhook_id=string(need(fields, "webhook_id"), "webhook_id"),
        name=string(need(fields, "name"), "name"),
        url=string(need(fields, "url"), "url"),
        events=[read_event(each) for each in items(get(fields, "events"), "events")],
        status=checks.status(_text(fields, "status") or "ACTIVE"),
        creation_timestamp=_integer(fields, "creation_timestamp") or 0,
        last_updated_timestamp=_integer(fields, "last_updated_timestamp") or 0,
        description=_text(fields, "description"),
    )


def _result(value: Any) -> TestResult:
    fields = message(value, "result")
    success = get(fields, "success")
    return TestResult(
        success is not None and boolean(success, "success"),
        _integer(fields, "response_status"),
        _text(fields, "response_body"),
        _text(fields, "error_message"),
    )


def _delivery(value: Any) -> Delivery:
    fields = message(value, "deliveries")
    return Delivery(
        number=integer(need(fields, "number"), "number"),
        delivery_id=string(need(fields, "delivery_id"), "delivery_id"),
        webhook_id=string(need(fields, "webhook_id"), "webhook_id"),
        event=string(need(fields, "event"), "event"),
        state=DeliveryState(string(need(fields, "state"), "state")),
        created=_integer(fields, "created") or 0,
        attempts=_integer(fields, "attempts") or 0,
        next_attempt=_integer(fields, "next_attempt"),
        finished=_integer(fields, "finished"),
        response_status=_integer(fields, "response_status"),
        error=_text(fields, "error"),
    )


def _text(fields: Mapping[str, Any], name: str) -> str | None:
    value = get(fields, name)
    return None if value is None else string(value, name)


def _integer(fields: Mapping[str, Any], name: str) -> int | None:
    value = get(fields, name)
    return None if value is None else integer(value, name)
