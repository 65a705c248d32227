from __future__ import annotations

import threading

from pegboard_registry.webhooks.entities import WebhookStatus

EVENT = "model_version.created"


def test_an_event_is_delivered_and_logged(hooks, receiver, eventually) -> None:
    webhook = hooks.store.create("hook", receiver.url(), [EVENT], secret="s").webhook_id
    with hooks.delivering() as deliverer:
        hooks.store.queue.add(EVENT, {"name": "m", "version": "1"})
        deliverer.wake()
        eventually(lambda: hooks.log(webhook) == [("delivered", 1, 200)])
    (request,) = receiver.received
    told = request.json
    assert told.pop("timestamp").endswith("+00:00")
    assert told == {
        "entity": "model_version",
        "action": "created",
        "data": {"name": "m", "version": "1"},
    }
    (delivery,) = hooks.store.deliveries(webhook)
    assert request.headers["X-MLflow-Delivery-Id"] == delivery.delivery_id


def test_what_fails_for_a_while_is_tried_again_under_the_same_id(
    hooks, receiver, eventually
) -> None:
    receiver.answers = [(503, {}, b""), (500, {}, b"")]
    webhook = hooks.store.create("hook", receiver.url(), [EVENT]).webhook_id
    hooks.store.queue.add(EVENT, {})
    with hooks.delivering():
        eventually(lambda: hooks.log(webhook) == [("delivered", 3, 200)])
    ids = {each.headers["X-MLflow-Delivery-Id"] for each in receiver.received}
    assert (len(ids), len(receiver.received)) == (1, 3)


def test_what_fails_too_often_or_for_good_is_given_up(hooks, receiver, eventually) -> None:
    receiver.answers = [(503, {}, b"")] * 3 + [(400, {}, b"")]
    webhook = hooks.store.create("hook", receiver.url(), [EVENT]).webhook_id
    hooks.store.queue.add(EVENT, {})
    with hooks.delivering(attempts=3) as deliverer:
        eventually(lambda: hooks.log(webhook) == [("failed", 3, 503)])
        hooks.store.queue.add(EVENT, {})
        deliverer.wake()
        eventually(lambda: hooks.log(webhook)[1:] == [("failed", 1, 400)])
    errors = [each.error for each in hooks.store.deliveries(webhook)]
    assert errors == ["It answered with the status 400.", "It answered with the status 503."]


def test_what_was_waiting_is_delivered_after_a_restart(hooks, receiver, eventually) -> None:
    webhook = hooks.store.create("hook", receiver.url(), [EVENT]).webhook_id
    hooks.store.queue.add(EVENT, {"name": "before"})
    hooks.registry.close()
    again = type(hooks)(hooks.place)
    with again.delivering():
        eventually(lambda: again.log(webhook) == [("delivered", 1, 200)])
    again.registry.close()
    assert receiver.received[0].json["data"] == {"name": "before"}


def test_two_that_deliver_at_once_deliver_each_event_once_and_in_order(
    hooks, receiver, eventually
) -> None:
    webhook = hooks.store.create("hook", receiver.url(), [EVENT]).webhook_id
    other = type(hooks)(hooks.place)
    for number in range(20):
        hooks.store.queue.add(EVENT, {"number": number})
    with hooks.delivering(), other.delivering():
        eventually(lambda: hooks.log(webhook) == [("delivered", 1, 200)] * 20)
    other.registry.close()
    assert [each.json["data"]["number"] for each in receiver.received] == [*range(20)]


def test_a_slow_receiver_holds_up_no_other(hooks, receiver, eventually) -> None:
    receiver.hold = threading.Event()
    slow = hooks.store.create("slow", receiver.url("/slow"), [EVENT]).webhook_id
    for _ in range(10):
        hooks.store.queue.add(EVENT, {})
    with hooks.delivering() as deliverer:
        receiver.wait(1)
        receiver.hold, held = None, receiver.hold
        quick = hooks.store.create("quick", receiver.url("/quick"), [EVENT]).webhook_id
        hooks.store.queue.add(EVENT, {})
        deliverer.wake()
        eventually(lambda: hooks.log(quick) == [("delivered", 1, 200)])
        assert [state for state, *_ in hooks.log(slow)] == ["waiting"] * 11
        held.set()
        eventually(lambda: hooks.log(slow) == [("delivered", 1, 200)] * 11)


def test_what_waits_for_a_webhook_that_is_switched_off_or_deleted_is_not_sent(
    hooks, receiver, eventually
) -> None:
    off = hooks.store.create("off", receiver.url("/off"), [EVENT]).webhook_id
    gone = hooks.store.create("gone", receiver.url("/gone"), [EVENT]).webhook_id
    kept = hooks.store.create("kept", receiver.url("/kept"), [EVENT]).webhook_id
    hooks.store.queue.add(EVENT, {})
    hooks.store.update(off, status=WebhookStatus.DISABLED)
    hooks.store.delete(gone)
    with hooks.delivering() as deliverer:
        eventually(lambda: hooks.log(kept) == [("delivered", 1, 200)])
        assert hooks.log(off) == [("waiting", 0, None)]
        hooks.store.update(off, status=WebhookStatus.ACTIVE)
        deliverer.wake()
        eventually(lambda: hooks.log(off) == [("delivered", 1, 200)])
    assert sorted(each.path for each in receiver.received) == ["/kept", "/off"]
