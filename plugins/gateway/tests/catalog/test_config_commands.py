"""The commands that show, check and change the configuration, and the admin API behind them."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from pegboard import host
from pegboard.cli.shell import cli

from .conftest import MARKER, ONE, Place, Vendors

Shell = Callable[..., Result]


@pytest.fixture
def shell(place: Place, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shell]:
    """Return what runs ``pegboard gateway …`` on the configuration of the place."""
    place.write(ONE)
    monkeypatch.setenv("UPSTREAM_KEY", MARKER)
    monkeypatch.delenv("PEGBOARD_CONFIG", raising=False)

    def call(*words: str, of: str = "gateway") -> Result:
        # Each call is a process of its own to the catalog.
        host.use(None)
        opened = host.current()
        opened.register(Vendors(), "vendors")
        try:
            return CliRunner().invoke(cli, [of, *words], prog_name="pegboard")
        finally:
            opened.close()
            host.use(None)

    yield call


ADD = ("endpoints", "add", "new", "--provider", "plain", "--model", "large")


def test_an_endpoint_is_added_listed_shown_and_removed(shell: Shell, place: Place) -> None:
    added = shell(
        *ADD,
        *("--api-key-env", "UPSTREAM_KEY", "--set", "organization=o", "--task", "llm/v1/chat"),
        *("--limit", "100/minute", "--budget", "20.5/month", "--tag", "team=search"),
    )
    assert added.exit_code == 0, added.output
    listed = json.loads(shell("endpoints", "list", "--json").stdout)
    assert [each["name"] for each in listed] == ["chat", "new"]
    assert "large" in shell("endpoints", "list").stdout
    shown = json.loads(shell("endpoints", "show", "new", "--json").stdout)
    assert shown["source"] == "database"
    assert shown["task"] == "llm/v1/chat"
    assert shown["targets"][0]["model"] == "large"
    assert (shown["limits"][0]["calls"], shown["limits"][0]["per"]) == (100, "minute")
    assert (shown["budgets"][0]["usd"], shown["budgets"][0]["per"]) == (20.5, "month")
    assert shown["tags"] == {"team": "search"}
    text = shell("endpoints", "show", "new").stdout
    assert "100 calls a minute" in text
    assert "not known" in text.splitlines()[-1]
    secrets = shell("secrets", "list").stdout
    assert "sk-...-key" in secrets
    for file in place.path.rglob("*"):
        if file.is_file():
            assert MARKER.encode() not in file.read_bytes()
    assert shell("endpoints", "remove", "new", "--yes").exit_code == 0
    assert json.loads(shell("secrets", "list", "--json").stdout) == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((*ADD[:2], "chat", *ADD[3:]), "It is configured in"),
        ((*ADD[:2], "a b", *ADD[3:]), "'a b' cannot be a name"),
        ((*ADD[:4], "none", *ADD[5:]), "No installed plugin provides"),
        ((*ADD, "--api-key-env", "NOT_SET_AT_ALL"), "'NOT_SET_AT_ALL' is not set"),
        ((*ADD, "--set", "api_kye=x"), "did you mean 'api_key'?"),
        ((*ADD, "--set", "base_url=http://169.254.169.254/"), "not on the public internet"),
        ((*ADD, "--set", "base_url=http://example.org/"), "is not encrypted"),
        ((*ADD, "--set", "api_key=k", "--task", "llm/v1/embeddings"), "plain cannot do"),
        ((*ADD, "--set", "api_key=k", "--limit", "5/fortnight"), "not 'fortnight'"),
        (("endpoints", "show", "other"), "There is no endpoint 'other'"),
        (("endpoints", "remove", "other", "--yes"), "There is no endpoint 'other'"),
        (("endpoints", "remove", "chat", "--yes"), "Remove it there"),
        (("check", "none.toml"), "There is no file"),
    ],
)
def test_what_is_wrong_is_told_and_changes_nothing(
    words: tuple[str, ...], said: str, shell: Shell, place: Place
) -> None:
    result = shell(*words)
    # 2: what was said is wrong; 1: it is right, and was refused.
    refused = ("It is configured in", "not on the public", "is not encrypted", "There is no end")
    wanted = 1 if said.startswith((*refused, "Remove it there")) else 2
    assert result.exit_code == wanted
    assert said in " ".join(result.output.split())
    assert [each.name for each in place.path.iterdir()] == ["pegboard.toml"]


def test_nobody_is_asked_where_nobody_is(shell: Shell) -> None:
    assert shell("endpoints", "remove", "chat").exit_code == 2


@pytest.mark.parametrize(
    ("name", "text", "code", "said"),
    [
        ("new.toml", ONE, 0, "chat: plain/small"),
        ("new.toml", ONE + "    wieght = 1", 2, "Did you mean 'weight'?"),
        ("new.toml", "[[gateway", 2, "is not valid TOML"),
        ("new.yaml", "endpoints: []", 0, "there are no endpoints"),
        ("new.yaml", "endpoints: [{name: a, endpoint_typ: b}]", 2, "'endpoint_type'?"),
    ],
)
def test_a_file_is_checked_before_it_is_used(
    name: str, text: str, code: int, said: str, shell: Shell, place: Place
) -> None:
    (place.path / name).write_text(text)
    result = shell("check", name)
    assert (result.exit_code, said in " ".join(result.output.split())) == (code, True)


def test_a_key_with_an_address_in_it_is_a_key(shell: Shell, place: Place) -> None:
    key = '{"token_uri": "https://10.0.0.1/secret-of-ours"}'
    assert shell(*ADD, "--set", "api_key=k", "--set", f"organization={key}").exit_code == 0
    assert "secret-of-ours" not in shell("endpoints", "show", "new", "--json").stdout
    for file in place.path.rglob("gateway.db*"):
        assert b"secret-of-ours" not in file.read_bytes()


def test_what_is_in_use_is_checked(shell: Shell, place: Place) -> None:
    told = shell("check")
    assert told.exit_code == 0
    # Nobody knows what the vendor of these tests takes.
    assert "The price of plain/small, at the endpoint 'chat', is not known" in told.stderr
    assert shell(*ADD, "--set", "api_key=k").exit_code == 0
    key: Path = next(place.path.rglob("*.key"))
    key.unlink()
    result = shell("check")
    assert result.exit_code == 1
    assert "The key of the gateway's secrets is not there" in result.output


BUDGETS = {
    "none": ("", "what its calls cost stays open."),
    "refuses": ("budget = { usd = 5 }", "the budget of 5 USD per month refuses its calls."),
    "allows": (
        'budget = { usd = 5, unpriced = "allow", name = "lab" }',
        "what its calls cost stays open, and the budget 'lab' does not count them.",
    ),
    "alerts": ('budget = { usd = 5, action = "alert" }', "5 USD per month does not count them."),
    "of all": ('[[gateway.budgets]]\nusd = 5\nby = "global"', "5 USD per month refuses its calls."),
    "priced": ("price = { input = 1 }", ""),
}


@pytest.mark.parametrize("more", BUDGETS)
def test_a_budget_that_cannot_count_is_named(shell: Shell, place: Place, more: str) -> None:
    table, said = BUDGETS[more]
    place.write(f"{textwrap.dedent(ONE)}{table}")
    checked = " ".join(shell("check").stderr.split())
    found = json.loads(shell("--json", of="doctor").stdout)
    prices = [each for each in found if each["check"] == "gateway prices"]
    assert {"gateway"} == {each["check"] for each in found if each["found"].startswith("1 endp")}
    if not said:
        assert prices == [] and "price" not in checked
        return
    assert said in checked
    [warning] = prices
    assert warning["state"] == "warn" and f"{warning['found']}.".endswith(said)
    assert warning["advice"] == 'Set its "price".'


def test_secrets_are_rotated(shell: Shell, place: Place) -> None:
    assert "There are no secrets" in shell("secrets", "rotate").output
    shell(*ADD, "--set", "api_key=k")
    before = next(place.path.rglob("*.key")).read_text()
    assert "Encrypted anew: 1 secret" in shell("secrets", "rotate").output
    assert next(place.path.rglob("*.key")).read_text() != before
    assert shell("check").exit_code == 0


def test_keys_are_revoked_where_the_endpoints_cannot_be_read(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PLAIN_KEY")
    assert "'PLAIN_KEY'" in shell("check").output
    made = shell("keys", "create", "ci", "--budget", "1 USD/day", "--json")
    assert made.exit_code == 0, made.output
    key = json.loads(made.stdout)["id"]
    assert shell("keys", "revoke", key).exit_code == 0
    assert "revoked" in shell("keys", "list", "--all").stdout
    for words in (("usage",), ("secrets", "list"), ("secrets", "rotate")):
        assert shell(*words).exit_code == 0
