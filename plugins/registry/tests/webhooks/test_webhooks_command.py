from __future__ import annotations

import json

import pytest
from click.testing import CliRunner
from pegboard import config, host
from pegboard.cli.shell import cli


@pytest.fixture
def shell(tmp_path, monkeypatch, receiver):
    """The command line on a new store, which may call the receiver."""
    for name in [*config.ENVIRONMENT, "PEGBOARD_CONFIG", "PEGBOARD_DEBUG"]:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    allowed = f'[plugins.registry]\nwebhook_allow = ["127.0.0.1:{receiver.port}"]\n'
    (tmp_path / "pegboard.toml").write_text(allowed)
    monkeypatch.chdir(tmp_path)
    host.use(None)
    host.current().tracking_store()

    def call(*args, **options):
        whole = ["registry", "webhooks", *args]
        return CliRunner().invoke(cli, whole, prog_name="pegboard", **options)

    yield call
    host.current().close()
    host.use(None)


def shown(result):
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_a_webhook_is_created_tried_listed_and_deleted(shell, receiver, monkeypatch) -> None:
    monkeypatch.setenv("PEGBOARD_WEBHOOK_SECRET", "between us")
    made = shown(
        shell(
            *("create", "ci", receiver.url(), "-e", "model_version.created"),
            *("--description", "builds", "--signed", "--json"),
        )
    )
    assert (made["name"], made["has_secret"]) == ("ci", True)
    webhook = made["webhook_id"]
    assert "between us" not in json.dumps(made)
    assert shown(shell("test", webhook, "--json"))["success"] is True
    assert "X-MLflow-Signature" in receiver.received[0].headers
    assert "ci" in shell("list").output
    assert [each["webhook_id"] for each in shown(shell("list", "--json"))] == [webhook]
    refused = shell("delete", webhook)
    assert refused.exit_code == 2
    assert shell("delete", webhook, "--yes").exit_code == 0
    assert shown(shell("list", "--json")) == []


def test_a_webhook_that_fails_fails_the_command(shell, receiver) -> None:
    shell("create", "ci", receiver.url(), "-e", "prompt.created")
    webhook = shown(shell("list", "--json"))[0]["webhook_id"]
    receiver.answers = [(500, {}, b"broken")]
    result = shell("test", webhook)
    assert result.exit_code == 1
    assert "status 500" in result.output


def test_deliveries_are_shown(shell, receiver) -> None:
    from pegboard_registry.webhooks.contract import need_webhooks

    shell("create", "ci", receiver.url(), "-e", "prompt.created")
    webhook = shown(shell("list", "--json"))[0]["webhook_id"]
    assert "Nothing was to be delivered yet." in shell("deliveries", webhook).output
    registry = host.current().model_registry()
    need_webhooks(registry).queue.add("prompt.created", {})
    (delivery,) = shown(shell("deliveries", webhook, "--json"))
    assert (delivery["event"], delivery["state"]) == ("prompt.created", "waiting")
    assert "waiting" in shell("deliveries", webhook).output


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (("create", "ci", "http://10.0.0.1/", "-e", "prompt.created"), 1, "webhook_allow"),
        (("create", "ci", "ftp://example.com/", "-e", "prompt.created"), 2, "https://"),
        (("create", "ci", "https://example.com/"), 2, "--event"),
        (("create", "ci", "https://example.com/", "-e", "x.y"), 2, "x.y"),
        (("delete", "nobody", "--yes"), 1, "no webhook"),
        (("test", "nobody"), 1, "no webhook"),
        (("deliveries", "nobody"), 1, "no webhook"),
    ],
)
def test_what_is_wrong_is_said(shell, args, code, said) -> None:
    result = shell(*args)
    assert result.exit_code == code, result.output
    assert said in result.output
