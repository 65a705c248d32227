"""What is configured is served, and a change that is wrong changes nothing."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from pegboard.contracts.llm import Task
from pegboard.errors import ConfigError, Refused
from pegboard_gateway.catalog import making
from pegboard_gateway.catalog.live import LiveCatalog, catalog_of
from pegboard_gateway.settings import Budget, Cache, Limit, Price

from .conftest import MARKER, ONE, Place, stored

Open = Callable[[str], LiveCatalog]


def test_an_endpoint_in_short_has_one_target(open_catalog: Open) -> None:
    catalog = open_catalog(ONE)
    [endpoint] = catalog.current.endpoints.values()
    [target] = endpoint.targets
    assert (endpoint.name, endpoint.task) == ("chat", None)
    assert (target.key, target.provider, target.model_name) == ("chat/0", "plain", "small")
    assert target.model.options.api_key.value == MARKER


def test_the_long_name_of_the_table_is_the_same(open_catalog: Open) -> None:
    catalog = open_catalog(ONE.replace("gateway.", "plugins.gateway."))
    assert list(catalog.current.endpoints) == ["chat"]


def test_an_endpoint_in_full(open_catalog: Open) -> None:
    catalog = open_catalog(
        """
        [[gateway.endpoints]]
        name = "chat"
        task = "llm/v1/chat"
        limit = { calls = 100, per = "minute", by = "user" }
        limits = [{ tokens = 5_000, per = "10 minutes" }]
        budget = { usd = 20, per = "month" }
        cache = { ttl_seconds = 60 }
        timeouts = { total_seconds = 30 }
        retries = { attempts = 1 }
        routing = { fallback_on = ["rate_limit_exceeded"] }
        guardrails = [{ use = "pii", stage = "both", kinds = ["email"] }]
        trace = { experiment = "calls", content = false }
        tags = { team = "search" }

        [[gateway.endpoints.targets]]
        provider = "plain"
        model = "small"
        api_key = "a"
        weight = 3
        price = { input = 0.1, output = 0.4 }

        [[gateway.endpoints.targets]]
        provider = "plain"
        model = "large"
        api_key = "b"
        base_url = "https://other.example.org"
        fallback = 1
        max_parallel = 4
        max_output_tokens = 500
        """
    )
    endpoint = catalog.current.endpoints["chat"]
    assert endpoint.task is Task.CHAT
    assert endpoint.limits == (
        Limit(100, per="minute", by="user"),
        Limit(tokens=5000, per="10 minutes"),
    )
    assert endpoint.budgets == (Budget(20.0),)
    assert endpoint.cache == Cache(60.0)
    assert endpoint.timeouts.total_seconds == 30
    assert endpoint.routing.fallback_on == ("rate_limit_exceeded",)
    assert endpoint.guardrails[0].options == {"kinds": ["email"]}
    assert endpoint.tags == {"team": "search"}
    first, second = endpoint.targets
    assert (first.weight, first.fallback_order, first.price) == (3.0, 0, Price(0.1, 0.4))
    assert (second.fallback_order, second.max_parallel, second.max_output_tokens) == (1, 4, 500)


def test_endpoints_of_mlflows_file_are_beside_those_of_the_settings(
    place: Place, open_catalog: Open
) -> None:
    (place.path / "served.yaml").write_text(
        "endpoints: [{name: served, endpoint_type: llm/v1/chat, model: "
        "{provider: ollama, name: m, config: {}}}]"
    )
    catalog = open_catalog('[gateway]\nmlflow_config = "served.yaml"\n' + ONE)
    assert list(catalog.current.endpoints) == ["chat", "served"]
    assert catalog.current.endpoints["served"].source == str(place.path / "served.yaml")
    assert catalog.is_of_files("served")


WRONG = {
    "an unknown key": ("wieght = 2", "wieght: unknown key", "Did you mean 'weight'?"),
    "a key of the provider": (
        'api_kye = "x"',
        "api_kye: unknown key (did you mean 'api_key'?)",
        "",
    ),
    "a limit": ("limit = { calls = 0 }", "limit", "must be >= 1"),
    "a limit of nothing": ('limit = { per = "day" }', "limit", "expected calls or tokens"),
    "a period": ('limit = { calls = 1, per = "fortnight" }', "limit", "not 'fortnight'"),
    "a task": ('task = "llm/v1/chats"', "", "not 'llm/v1/chats'"),
    "a task that the provider lacks": ('task = "llm/v1/embeddings"', "task: plain cannot", ""),
    "a trouble": ('routing = { fallback_on = ["rain"] }', "routing", "'rain'"),
    "a budget": ("budget = { usd = -1 }", "budget", "must be >= 0"),
    "a share": ('limit = { calls = 1, by = "moon" }', "limit", "not 'moon'"),
    "targets too": ('targets = [{ provider = "plain", model = "m" }]', "provider:", "targets"),
    "a guardrail": ('guardrails = [{ use = "pia" }]', "guardrails: There is no", "'pia'"),
    "no text": ("base_url = 3", "base_url: expected text", ""),
}


@pytest.mark.parametrize("name", WRONG)
def test_errors_name_file_table_key_and_what_was_meant(
    name: str, place: Place, open_catalog: Open
) -> None:
    line, *said = WRONG[name]
    with pytest.raises(ConfigError) as caught:
        open_catalog(f"{ONE}    {line}\n")
    for part in (str(place.file), *said):
        assert part in str(caught.value)
    assert MARKER not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (ONE.replace('"plain"', '"plian"'), "provider: No installed plugin provides"),
        (ONE.replace("model =", "modle ="), "the key 'model' is missing"),
        (ONE.replace("PLAIN_KEY", "NOT_SET"), "the environment variable 'NOT_SET'"),
        (ONE.replace('"chat"', '"a b"'), "'a b' cannot be a name"),
        (ONE + ONE, "there is an endpoint 'chat' already"),
    ],
)
def test_what_is_missing_or_there_twice_is_told(text: str, said: str, open_catalog: Open) -> None:
    with pytest.raises(ConfigError) as caught:
        open_catalog(text)
    assert said in str(caught.value)


def test_only_providers_that_are_allowed_are_used(open_catalog: Open) -> None:
    catalog = open_catalog(f'[gateway]\nproviders = ["plain"]\n{ONE}')
    assert list(catalog.current.endpoints) == ["chat"]
    making.check_provider(catalog, "plain")
    with pytest.raises(Refused, match="'openai' is not allowed"):
        making.check_provider(catalog, "openai")
    with pytest.raises(ConfigError, match="'plain' is not allowed here"):
        open_catalog(f'[gateway]\nproviders = ["openai"]\n{ONE}')


def test_a_missing_key_of_an_upstream_is_no_trouble_of_other_commands(place: Place) -> None:
    place.write(ONE.replace("PLAIN_KEY", "NOT_SET"))
    assert place.host().settings("gateway").endpoints[0].name == "chat"


def test_no_key_is_shown(open_catalog: Open) -> None:
    catalog = open_catalog(ONE.replace('{ env = "PLAIN_KEY" }', f'"{MARKER}"'))
    stored(catalog)
    catalog.reload()
    assert MARKER not in repr(catalog.settings) + repr(catalog.current) + repr(catalog.status())
    assert "api_key" not in repr(catalog.settings)


# -- changes ----------------------------------------------------------------------------------


def test_a_change_is_taken_over_and_calls_keep_their_snapshot(
    place: Place, open_catalog: Open
) -> None:
    catalog = open_catalog(ONE)
    before = catalog.current
    assert not catalog.refresh()
    place.write(ONE.replace('"chat"', '"talk"'))
    assert catalog.refresh()
    assert list(catalog.current.endpoints) == ["talk"]
    assert list(before.endpoints) == ["chat"]
    assert catalog.current.revision == before.revision + 1


@pytest.mark.parametrize(
    "wrong", ["[[gateway.endpoints]", ONE.replace("plain", "none"), ONE + "    wieght = 1", None]
)
def test_a_wrong_change_keeps_what_was_and_says_why(
    wrong: str | None,
    place: Place,
    open_catalog: Open,
    caplog: pytest.LogCaptureFixture,
) -> None:
    catalog = open_catalog(ONE)
    before = catalog.current
    if wrong is None:
        place.file.unlink()
    else:
        place.write(wrong)
    with caplog.at_level(logging.ERROR, "pegboard.gateway"):
        assert not catalog.refresh()
    assert catalog.current is before
    assert str(place.file) in catalog.status().fault
    assert "keeps its endpoints" in caplog.text
    caplog.clear()
    # It is told once, not every second.
    assert not catalog.refresh()
    assert not caplog.text
    place.write(ONE.replace('"chat"', '"better"'))
    assert catalog.refresh()
    assert catalog.status().fault == ""


def test_models_that_stay_are_not_made_anew(place: Place, open_catalog: Open) -> None:
    catalog = open_catalog(ONE)
    model = catalog.current.endpoints["chat"].targets[0].model
    place.write(ONE + "    limit = { calls = 3 }\n")
    assert catalog.refresh()
    assert catalog.current.endpoints["chat"].targets[0].model is model
    place.write(ONE + '    organization = "o"\n')
    assert catalog.refresh()
    assert catalog.current.endpoints["chat"].targets[0].model is not model


def test_a_thread_takes_changes_over(place: Place, open_catalog: Open) -> None:
    catalog = open_catalog(ONE)
    first = catalog.current
    stop = catalog.watch()
    try:
        place.write(ONE.replace('"chat"', '"talk"'))
        waited = threading.Event()
        while catalog.current is first:
            waited.wait(0.01)
    finally:
        stop()
    assert list(catalog.current.endpoints) == ["talk"]


# -- the database -----------------------------------------------------------------------------


def test_looking_makes_no_database(place: Place, open_catalog: Open) -> None:
    catalog = open_catalog(ONE)
    catalog.refresh()
    assert [each.name for each in place.path.iterdir()] == ["pegboard.toml"]


def test_what_the_api_makes_is_served_by_every_process(open_catalog: Open) -> None:
    catalog, other = open_catalog(ONE), open_catalog(ONE)
    stored(catalog, limits=[{"calls": 5, "per": "hour"}])
    assert other.refresh()
    endpoint = other.current.endpoints["stored"]
    assert endpoint.source == "database"
    assert endpoint.targets[0].model.options.api_key.value == MARKER
    assert endpoint.targets[0].allowed_hosts == ()
    assert endpoint.limits == (Limit(5, per="hour"),)
    assert other.is_of_files("chat")
    assert not other.is_of_files("stored")


def test_a_stored_endpoint_that_cannot_be_served_is_named_and_harms_no_other(
    open_catalog: Open,
) -> None:
    catalog = open_catalog(ONE)
    ids = stored(catalog)
    stored(catalog, "second")
    catalog.store.credentials.delete_secret(ids["secret"])
    catalog.refresh()
    assert set(catalog.current.endpoints) == {"chat", "second"}
    [problem] = catalog.status().problems
    assert "'stored'" in problem
    assert "the secret of its model definition" in problem


def test_a_file_hides_the_endpoint_of_its_name_in_the_database(open_catalog: Open) -> None:
    catalog = open_catalog(ONE)
    stored(catalog, "chat")
    catalog.refresh()
    assert catalog.current.endpoints["chat"].source != "database"
    assert "is hidden by" in catalog.status().problems[0]


def test_a_database_that_is_gone_is_told_once_and_harms_no_file(
    place: Place, open_catalog: Open, caplog: pytest.LogCaptureFixture
) -> None:
    catalog = open_catalog(ONE)
    stored(catalog)
    assert catalog.refresh()
    before = catalog.current
    for file in catalog.store.path.parent.glob("gateway.db*"):
        file.unlink()
    caplog.clear()  # It told that nobody knows the price of the model.
    with caplog.at_level(logging.ERROR, "pegboard.gateway"):
        for _ in range(3):
            assert not catalog.refresh()
    assert catalog.current is before
    assert len(caplog.records) == 1
    assert "was removed" in caplog.text


def test_what_is_odd_is_told_once_until_it_is_mended(
    place: Place, open_catalog: Open, caplog: pytest.LogCaptureFixture
) -> None:
    catalog = open_catalog(ONE)
    stored(catalog, "chat")  # It is hidden by the file's, which is told as well.
    told = []
    for number, more in enumerate(("", "", "    price = { input = 1 }\n", "")):
        place.write(f"{ONE}{more}    tags = {{ change = '{number}' }}\n")
        with caplog.at_level(logging.WARNING, "pegboard.gateway"):
            caplog.clear()
            assert catalog.refresh()
        told.append((caplog.text.count("is hidden by"), caplog.text.count("is not known")))
    assert told == [(1, 1), (0, 0), (0, 0), (0, 1)]


def test_without_the_key_no_secret_is_served_and_all_else_is(
    place: Place, open_catalog: Open
) -> None:
    catalog = open_catalog(ONE)
    stored(catalog)
    catalog.store.keys.file.unlink()
    catalog.reload()
    assert list(catalog.current.endpoints) == ["chat"]
    assert "The key of the gateway's secrets is not there" in catalog.status().problems[0]


def test_a_host_has_one_catalog(place: Place) -> None:
    place.write(ONE)
    host = place.host()
    catalog = catalog_of(host)
    assert catalog_of(host) is catalog
    catalog.close()
    assert catalog_of(host) is not catalog
    catalog_of(host).close()


def test_paths_are_relative_to_the_file(place: Place, tmp_path: Path, open_catalog: Open) -> None:
    catalog = open_catalog('[gateway]\ndatabase = "kept/g.db"\nsecret_key_file = "../k"\n')
    assert catalog.store.path == place.path / "kept" / "g.db"
    assert catalog.store.keys.file == place.path / ".." / "k"
