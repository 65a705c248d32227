from __future__ import annotations

import pytest
from pegboard.errors import InvalidValue, NotFound, Refused, StoreError
from pegboard_registry.webhooks.entities import EVENTS, DeliveryState, WebhookStatus
from pegboard_registry.webhooks.payloads import EXAMPLES
from pegboard_registry.webhooks.queue import KEPT
from pegboard_registry.webhooks.secrets import Keyring

CREATED = ["model_version.created"]


def test_a_webhook_is_created_changed_and_deleted(hooks, receiver) -> None:
    made = hooks.store.create("hook", receiver.url(), CREATED, description="d", secret="s")
    assert hooks.store.get(made.webhook_id) == made
    assert (made.name, made.events, made.has_secret) == ("hook", CREATED, True)
    changed = hooks.store.update(
        made.webhook_id,
        name="other",
        events=["prompt.created", "model_version.created"],
        description="",
        secret="",
        status=WebhookStatus.DISABLED,
    )
    assert changed.events == ["model_version.created", "prompt.created"]
    assert (changed.name, changed.description, changed.has_secret) == ("other", None, False)
    assert changed.status is WebhookStatus.DISABLED
    assert changed.url == made.url
    hooks.store.delete(made.webhook_id)
    for use in (hooks.store.get, hooks.store.delete, hooks.store.deliveries, hooks.store.test):
        with pytest.raises(NotFound):
            use(made.webhook_id)


def test_webhooks_are_listed_the_last_first_page_by_page(hooks, receiver) -> None:
    for name in "abc":
        hooks.store.create(name, receiver.url(), CREATED)
    first = hooks.store.list(max_results=2)
    rest = hooks.store.list(max_results=2, page_token=first.token)
    assert [each.name for each in [*first, *rest]] == ["c", "b", "a"]
    assert rest.token is None


@pytest.mark.parametrize("name", ["", "-a", "a-", "a b", "ä", "x" * 64])
def test_a_name_that_mlflow_would_not_take_is_refused(hooks, receiver, name) -> None:
    with pytest.raises(InvalidValue):
        hooks.store.create(name, receiver.url(), CREATED)


@pytest.mark.parametrize("events", [[], ["nothing.happened"], ["registered_model.deleted"]])
def test_an_event_that_there_is_not_is_refused(hooks, receiver, events) -> None:
    with pytest.raises(InvalidValue):
        hooks.store.create("hook", receiver.url(), events)


def test_a_url_is_checked_when_it_is_set(hooks, receiver) -> None:
    with pytest.raises(Refused):
        hooks.store.create("hook", "http://10.0.0.1/", CREATED)
    made = hooks.store.create("hook", receiver.url(), CREATED)
    with pytest.raises(Refused):
        hooks.store.update(made.webhook_id, url="http://169.254.169.254/latest")
    assert hooks.store.get(made.webhook_id).url == receiver.url()


def test_the_secret_is_in_no_file_of_the_database(hooks, receiver, tmp_path) -> None:
    made = hooks.store.create("hook", receiver.url(), CREATED, secret="very-secret-text")
    hooks.registry.database.connection().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    for file in tmp_path.iterdir():
        if file.is_file():
            assert b"very-secret-text" not in file.read_bytes()
    assert hooks.store.queue.secret_of(made.webhook_id) == (receiver.url(), "very-secret-text")
    assert "very-secret-text" not in repr(made)


def test_the_key_is_for_its_owner_alone_and_all_find_the_same(tmp_path) -> None:
    sealed = Keyring(tmp_path / "x.db").seal("secret")
    assert Keyring(tmp_path / "x.db").open(sealed) == "secret"
    (key,) = tmp_path.iterdir()
    assert key.stat().st_mode & 0o777 == 0o600


def test_a_key_of_the_environment_goes_before_the_file(tmp_path, monkeypatch) -> None:
    from cryptography.fernet import Fernet

    monkeypatch.setenv("MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY", Fernet.generate_key().decode())
    sealed = Keyring(tmp_path / "x.db").seal("secret")
    assert list(tmp_path.iterdir()) == []
    assert Keyring(tmp_path / "x.db").open(sealed) == "secret"
    monkeypatch.setenv("PEGBOARD_WEBHOOK_KEY", Fernet.generate_key().decode())
    with pytest.raises(StoreError, match="another key"):
        Keyring(tmp_path / "x.db").open(sealed)


def test_every_event_can_be_tried(hooks, receiver) -> None:
    assert set(EXAMPLES) == set(EVENTS)
    made = hooks.store.create("hook", receiver.url(), EVENTS)
    for event in EVENTS:
        assert hooks.store.test(made.webhook_id, event).success
    sent = [f"{each.json['entity']}.{each.json['action']}" for each in receiver.received]
    assert sent == [*EVENTS]
    receiver.answers = [(500, {}, b"broken")]
    failed = hooks.store.test(made.webhook_id)
    assert (failed.success, failed.response_status, failed.response_body) == (False, 500, "broken")


def test_an_event_waits_for_those_that_ask_for_it(hooks, receiver) -> None:
    wants = hooks.store.create("a", receiver.url(), CREATED).webhook_id
    other = hooks.store.create("b", receiver.url(), ["prompt.created"]).webhook_id
    off = hooks.store.create("c", receiver.url(), CREATED, status=WebhookStatus.DISABLED).webhook_id
    hooks.store.queue.add("model_version.created", {"name": "m"})
    assert [len(hooks.store.deliveries(each)) for each in (wants, other, off)] == [1, 0, 0]
    (delivery,) = hooks.store.deliveries(wants)
    assert (delivery.event, delivery.state) == ("model_version.created", DeliveryState.WAITING)


def test_one_delivery_at_a_time_goes_to_a_webhook_and_none_twice(hooks, receiver) -> None:
    for name in "ab":
        hooks.store.create(name, receiver.url(), CREATED)
    for _ in range(2):
        hooks.store.queue.add("model_version.created", {})
    first, second = hooks.store.queue.claim(60), hooks.store.queue.claim(60)
    assert first.webhook_id != second.webhook_id
    assert hooks.store.queue.claim(60) is None
    hooks.store.queue.finish(first, delivered=True, status=200, error=None)
    third = hooks.store.queue.claim(60)
    assert third.webhook_id == first.webhook_id
    assert third.number not in (first.number, second.number)


def test_what_a_process_that_died_had_claimed_is_made_by_another(hooks, receiver) -> None:
    hooks.store.create("a", receiver.url(), CREATED)
    hooks.store.queue.add("model_version.created", {})
    dead = hooks.store.queue.claim(0.0)
    again = hooks.store.queue.claim(60)
    assert (again.delivery_id, again.attempt) == (dead.delivery_id, 2)


def test_the_log_does_not_grow_for_ever(hooks, receiver) -> None:
    webhook = hooks.store.create("a", receiver.url(), CREATED).webhook_id
    with hooks.registry.database.writing():
        for _ in range(KEPT + 20):
            hooks.store.queue.add("model_version.created", {})
            claim = hooks.store.queue.claim(60)
            hooks.store.queue.finish(claim, delivered=True, status=200, error=None)
    with hooks.store.database.reading() as connection:
        counting = "SELECT count(*) FROM webhook_delivery WHERE webhook = ?"
        assert connection.execute(counting, (webhook,)).fetchone() == (KEPT,)
