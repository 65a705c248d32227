"""MLflow's endpoints for webhooks, and one that shows what became of deliveries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from attrs import asdict
from pegboard.errors import Refused
from pegboard_wire.http import Call, Endpoint, Permission, Result
from pegboard_wire.pages import page_json
from pegboard_wire.pairs import JsonObject
from pegboard_wire.requests import NOTHING, optional_text, page_size, page_token, text
from pegboard_wire.scalars import get, items, message, missing, need, string
from pegboard_wire.schemas import EMPTY, page_limit
from pegboard_wire.sentences import BOUNDED_PAGE
from pegboard_wire.shapes import BOOLEAN, INT32, INT64, TEXT, array, choice, record

from pegboard_registry.webhooks import checks
from pegboard_registry.webhooks.contract import LIMIT, PAGE, Webhooks, need_webhooks
from pegboard_registry.webhooks.entities import (
    EVENTS,
    DeliveryState,
    Webhook,
    WebhookStatus,
)
from pegboard_registry.wire.calls import registry_of
from pegboard_registry.wire.governance import BASE


def _webhooks(call: Call) -> Webhooks:
    """Return the webhooks; on a server with users they are for administrators alone."""
    if call.identity.name and Permission.ADMIN not in call.identity.permissions:
        raise Refused("Webhooks are for administrators.")
    return need_webhooks(registry_of(call))


# -- JSON ------------------------------------------------------------------------------------------


def webhook_json(webhook: Webhook) -> JsonObject:
    """Return a webhook, without its secret."""
    made: JsonObject = {
        "webhook_id": webhook.webhook_id,
        "name": webhook.name,
        "url": webhook.url,
        "events": [event_json(event) for event in webhook.events],
        "status": webhook.status.value,
        "creation_timestamp": webhook.creation_timestamp,
        "last_updated_timestamp": webhook.last_updated_timestamp,
    }
    if webhook.description:
        made["description"] = webhook.description
    return made


def event_json(event: str) -> JsonObject:
    """Return an event."""
    entity, _, action = event.partition(".")
    return {"entity": entity.upper(), "action": action.upper()}


def read_event(value: Any) -> str:
    """Read an event."""
    fields = message(value, "events")
    entity = string(need(fields, "entity"), "entity")
    return f"{entity}.{string(need(fields, 'action'), 'action')}".lower()


def _read_events(fields: Mapping[str, Any]) -> Sequence[str] | None:
    """Return the events of a request; None if it has none, which changes nothing."""
    given = items(get(fields, "events"), "events")
    return [read_event(each) for each in given] or None


def _read_status(fields: Mapping[str, Any]) -> WebhookStatus | None:
    given = optional_text(fields, "status")
    return checks.status(given) if given else None


# -- what is asked ---------------------------------------------------------------------------------


def _create(call: Call) -> Result:
    given = call.parameters
    name, url, events = text(given, "name"), text(given, "url"), _read_events(given)
    if events is None:
        raise missing("events")
    made = _webhooks(call).create(
        name,
        url,
        events,
        description=optional_text(given, "description") or None,
        secret=optional_text(given, "secret") or None,
        status=_read_status(given) or WebhookStatus.ACTIVE,
    )
    return {"webhook": webhook_json(made)}


def _list(call: Call) -> Result:
    given = call.parameters
    found = _webhooks(call).list(
        max_results=page_size(given, PAGE, LIMIT), page_token=page_token(given)
    )
    return page_json("webhooks", [*map(webhook_json, found)], found.token)


def _get(call: Call) -> Result:
    return {"webhook": webhook_json(_webhooks(call).get(_id(call)))}


def _id(call: Call) -> str:
    return text(call.parameters, "webhook_id")


def _update(call: Call) -> Result:
    given = call.parameters
    changed = _webhooks(call).update(
        _id(call),
        name=optional_text(given, "name") or None,
        url=optional_text(given, "url") or None,
        events=_read_events(given),
        description=_optional(given, "description"),
        secret=_optional(given, "secret"),
        status=_read_status(given),
    )
    return {"webhook": webhook_json(changed)}


def _optional(fields: Mapping[str, Any], name: str) -> str | None:
    value = get(fields, name)
    return None if value is None else string(value, name)


def _delete(call: Call) -> Result:
    _webhooks(call).delete(_id(call))
    return NOTHING


def _test(call: Call) -> Result:
    event = get(call.parameters, "event")
    result = _webhooks(call).test(_id(call), None if event is None else read_event(event))
    told = {name: value for name, value in asdict(result).items() if value is not None}
    return {"result": told}


def _deliveries(call: Call) -> Result:
    given = call.parameters
    found = _webhooks(call).deliveries(
        _id(call), max_results=page_size(given, PAGE, LIMIT), page_token=page_token(given)
    )
    shown = [
        {name: value for name, value in asdict(each).items() if value is not None} for each in found
    ]
    return page_json("deliveries", shown, found.token)


# -- endpoints -------------------------------------------------------------------------------------

_EVENT = record(
    "entity",
    "action",
    entity=choice(*sorted({each.partition(".")[0].upper() for each in EVENTS})),
    # Updates send no events yet, but the protocol has the word.
    action=choice("CREATED", "DELETED", "EXCEEDED", "SET", "UPDATED"),
)
_STATUS = choice(*(each.value for each in WebhookStatus))
_FIELDS = {
    "name": TEXT,
    "description": TEXT,
    "url": TEXT,
    "events": array(_EVENT),
    "secret": TEXT,
    "status": _STATUS,
}
_WEBHOOK = record(
    webhook_id=TEXT,
    name=TEXT,
    description=TEXT,
    url=TEXT,
    events=array(_EVENT),
    status=_STATUS,
    creation_timestamp=INT64,
    last_updated_timestamp=INT64,
)
_ANSWER = record(webhook=_WEBHOOK)
_RESULT = record(success=BOOLEAN, response_status=INT32, response_body=TEXT, error_message=TEXT)
_DELIVERY = record(
    number=INT64,
    delivery_id=TEXT,
    webhook_id=TEXT,
    event=TEXT,
    state=choice(*(each.value for each in DeliveryState)),
    created=INT64,
    attempts=INT64,
    next_attempt=INT64,
    finished=INT64,
    response_status=INT64,
    error=TEXT,
)

_ALL = "/api/2.0/mlflow/webhooks"
_ONE = _ALL + "/{webhook_id}"
_TAGS = ("Webhooks",)
_READ, _WRITE, _REMOVE = Permission.READ, Permission.WRITE, Permission.DELETE
_BY_ID = record("webhook_id", webhook_id=TEXT)

ENDPOINTS = [
    Endpoint(
        "POST", _ALL, _create, _WRITE, "Create a webhook.",
        record("name", "url", "events", **_FIELDS), _ANSWER, tags=_TAGS,
    ),
    Endpoint(
        "GET", _ALL, _list, _READ, "List webhooks.",
        record(max_results=page_limit(LIMIT), page_token=TEXT),
        record(webhooks=array(_WEBHOOK), next_page_token=TEXT), tags=_TAGS,
        sentences=BOUNDED_PAGE,
    ),
    Endpoint("GET", _ONE, _get, _READ, "Return a webhook.", _BY_ID, _ANSWER, tags=_TAGS),
    Endpoint(
        "PATCH", _ONE, _update, _WRITE, "Change a webhook.",
        record("webhook_id", webhook_id=TEXT, **_FIELDS), _ANSWER, tags=_TAGS,
    ),
    Endpoint(
        "DELETE", _ONE, _delete, _REMOVE, "Remove a webhook and its log.", _BY_ID, EMPTY,
        tags=_TAGS,
    ),
    Endpoint(
        "POST", _ONE + "/test", _test, _WRITE, "Call a webhook with an example.",
        record("webhook_id", webhook_id=TEXT, event=_EVENT), record(result=_RESULT), tags=_TAGS,
    ),
    Endpoint(
        "GET", BASE + "/webhooks/{webhook_id}/deliveries", _deliveries, _READ,
        "Return past and pending deliveries of a webhook, the last first.",
        record("webhook_id", webhook_id=TEXT, max_results=page_limit(LIMIT), page_token=TEXT),
        record(deliveries=array(_DELIVERY), next_page_token=TEXT), tags=_TAGS,
    ),
]  # fmt: skip
