"""The commands that make keys, and show usage and budgets."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from attrs import evolve
from click.testing import CliRunner, Result
from pegboard import host
from pegboard.cli.shell import cli
from pegboard_gateway.commands.moments import began_at_ms, ends_at_ms
from pegboard_gateway.control.journal import Journal
from pegboard_gateway.control.key_store import KeyStore
from pegboard_gateway.control.rows import row_of
from pegboard_gateway.control.settling import Closed
from pegboard_gateway.entities import Caller, Outcome, Tokens, UsageRecord
from pegboard_gateway.usage.writer import UsageWriter, open_database

Shell = Callable[..., Result]

CONFIG = """
[[gateway.budgets]]
usd = 10
per = "month"
by = "global"
name = "all of it"

[[gateway.limits]]
calls = 100
per = "day"
by = "user"
"""


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PEGBOARD_CONFIG", raising=False)
    (tmp_path / "pegboard.toml").write_text(CONFIG)

    def call(*words: str) -> Result:
        host.use(None)
        try:
            return CliRunner().invoke(cli, ["gateway", *words], prog_name="pegboard")
        finally:
            host.use(None)

    return call


def calls(place: Path, *records: UsageRecord) -> None:
    directory = place / "pegruns" / "gateway"
    journal = Journal(directory / "journal")
    writer = UsageWriter(open_database(directory / "usage.db"), journal, keeps_levels=True)
    for number, record in enumerate(records):
        writer.add(Closed(f"c{number}", row_of(record, f"c{number}", admitted=True)))
    writer.close()
    journal.close()


def record(user: str, cost: int, model: str = "small") -> UsageRecord:
    return UsageRecord(
        id="r",
        started_ms=int(time.time() * 1000) - 1,
        endpoint="chat",
        task="llm/v1/chat",
        face="openai",
        outcome=Outcome.DONE,
        status=200,
        caller=Caller("k", user),
        provider="p",
        model=model,
        tokens=Tokens(10, 5),
        cost=cost,
        seconds=0.5,
    )


def test_a_key_is_shown_when_it_is_made_and_never_again(shell: Shell, tmp_path: Path) -> None:
    made = shell("keys", "create", "ci", "--user", "ann", "--limit", "5/minute", "--expires", "1d")
    assert made.exit_code == 0, made.output
    key = made.stdout.strip()
    found = KeyStore(tmp_path / "pegruns" / "gateway.db").find(key)
    assert found is not None
    assert found.expires_ms is not None
    assert abs(found.expires_ms - time.time() * 1000 - 86_400_000) < 60_000
    listed = shell("keys", "list")
    assert found.id in listed.stdout
    assert key.split("_", 2)[2] not in listed.stdout
    (described,) = json.loads(shell("keys", "list", "--json").stdout)
    assert (described["name"], described["user"], described["limits"]) == (
        "ci",
        "ann",
        ["5/minute"],
    )
    assert key not in json.dumps(described)
    assert shell("keys", "revoke", found.id).exit_code == 0
    assert json.loads(shell("keys", "list", "--json").stdout) == []
    assert "revoked" in shell("keys", "list", "--all").stdout


def test_a_key_with_a_budget_says_which_models_it_cannot_pay(shell: Shell, tmp_path: Path) -> None:
    endpoint = (
        '\n[[gateway.endpoints]]\nname = "{}"\nprovider = "openai-compatible"\nmodel = "big"\n'
    )
    endpoint += 'base_url = "http://127.0.0.1:1/v1"\n'
    free = endpoint + "price = {{ input = 0, output = 0 }}\n"
    (tmp_path / "pegboard.toml").write_text(endpoint.format("mine") + free.format("free"))

    def said(*words: str) -> str:
        return " ".join(shell("keys", "create", "ci", *words).stderr.split())

    told = (
        "The price of openai-compatible/big, at the endpoint 'mine', is not known: the key's budget"
    )
    text = said("--budget", "5 USD/day")
    assert told in text and "'free'" not in text and 'Set its "price"' in text
    assert told not in said("--limit", "5/day")
    assert told not in said("--budget", "5 USD/day", "--endpoint", "free")


def test_what_cannot_be_is_refused_with_what_to_do(shell: Shell) -> None:
    for words in (
        ("--limit", "many"),
        ("--budget", "5 EUR/day"),
        ("--expires", "someday"),
        ("--tag", "x"),
    ):
        refused = shell("keys", "create", "ci", *words)
        assert refused.exit_code == 2
        assert "rite" in refused.output
    assert shell("keys", "revoke", "nobody000000").exit_code == 1


def test_usage_is_shown_by_what_is_asked_for(shell: Shell, tmp_path: Path) -> None:
    assert "No calls" in shell("usage").output
    refused = evolve(record("eve", 0), outcome=Outcome.REFUSED, status=404)
    of_bob = (record("bob", 5 * 10**8), record("bob", 0, "large"))
    calls(tmp_path, record("ann", 10**9), *of_bob, refused)
    rows = json.loads(shell("usage", "--by", "user", "--by", "model", "--json").stdout)
    assert [(row["user"], row["model"], row["calls"], row["cost"]) for row in rows] == [
        ("ann", "small", 1, 10**9),
        ("bob", "small", 1, 5 * 10**8),
        ("eve", "small", 1, 0),
        ("bob", "large", 1, 0),
    ]
    text = shell("usage", "--by", "user", "--user", "bob").stdout
    assert "bob" in text
    assert "0.5" in text
    assert "ann" not in text
    titles, cells = shell("usage", "--by", "user", "--user", "eve").stdout.splitlines()
    assert titles.split()[:4] == ["User", "Calls", "Failed", "Refused"]
    assert cells.split()[:4] == ["eve", "1", "0", "1"]
    assert json.loads(shell("usage", "--until", "1h", "--json").stdout) == []
    assert shell("usage", "--since", "a while").exit_code == 2


def test_budgets_show_what_is_left(shell: Shell, tmp_path: Path) -> None:
    calls(tmp_path, record("ann", 10**9), record("bob", 5 * 10**8))
    rows = json.loads(shell("budgets", "--json").stdout)
    assert [(row["name"], row["subject"], row["used"], row["amount"]) for row in rows] == [
        ("all of it", "", 15 * 10**8, 10**10),
        ("", "ann", 1, 100),
        ("", "bob", 1, 100),
    ]
    text = shell("budgets").stdout
    assert "all of it" in text
    assert "1.5" in text


YAML = """
endpoints:
  - name: chat
    endpoint_type: llm/v1/chat
    model: {provider: openai, name: gpt-4o-mini, config: {openai_api_key: sk-1}}
    limit: {calls: 7, renewal_period: minute}
"""


def test_a_gateway_that_was_started_with_a_file_of_its_own_is_shown(
    shell: Shell, tmp_path: Path
) -> None:
    (tmp_path / "mlflow.yaml").write_text(YAML)
    named = ("--config", "mlflow.yaml")
    amounts = [row["amount"] for row in json.loads(shell("budgets", *named, "--json").stdout)]
    assert amounts == [10**10, 100, 7]
    [listed] = json.loads(shell("endpoints", "list", *named, "--json").stdout)
    assert (listed["name"], listed["source"]) == ("chat", str(tmp_path / "mlflow.yaml"))
    assert "mlflow.yaml" not in shell("endpoints", "list", "--json").stdout
    # One of TOML says where the database is, too.
    other = tmp_path / "elsewhere"
    other.mkdir()
    (other / "own.toml").write_text(CONFIG)
    calls(other, record("eve", 10**9))
    toml = ("--config", "elsewhere/own.toml")
    assert json.loads(shell("budgets", *toml, "--json").stdout)[1]["subject"] == "eve"
    assert shell("usage", *toml, "--by", "user").stdout.splitlines()[1].split()[0] == "eve"
    assert shell("keys", "create", "ci", *toml).exit_code == 0
    assert "ci" in shell("keys", "list", *toml).stdout and "ci" not in shell("keys", "list").stdout
    missing = shell("budgets", "--config", "none.yaml")
    assert missing.exit_code and "no file 'none.yaml'" in missing.stderr


def test_an_unknown_price_is_not_shown_as_none(shell: Shell, tmp_path: Path) -> None:
    calls(tmp_path, record("ann", 10**9), evolve(record("ann", 0), is_unpriced=True))
    shown = shell("usage")
    assert "1 + ?" in shown.stdout
    assert "Of 2 calls 1 have an unknown price" in " ".join(shown.stderr.split())
    assert "1 + ?" in shell("budgets").stdout
    rows = json.loads(shell("budgets", "--json").stdout)
    assert [(row["measure"], row["unpriced"]) for row in rows] == [("money", 1), ("calls", 0)]


def test_times_are_read_as_people_write_them() -> None:
    assert began_at_ms("24h", 100_000_000) == 100_000_000 - 86_400_000
    assert ends_at_ms("2d", 0) == 172_800_000
    assert ends_at_ms("2030-01-31", 0) == 1_896_048_000_000
    assert began_at_ms("2030-01-31T12:00+01:00", 0) == 1_896_048_000_000 + 11 * 3_600_000
