"""What the commands say of a prompt, a version or an alias that there is not."""

from __future__ import annotations

import shlex
from pathlib import Path

import pegboard
import pytest
from click.testing import CliRunner, Result
from pegboard.cli.shell import cli

NO_PROMPT = "There is no prompt named 'none'."
NO_VERSION = "The prompt 'have' has no version '9'."
NO_ALIAS = "The prompt 'have' has no alias 'none'."
ONE_VERSION = ("show {}", "diff {} have", "diff have {}", "alias {} x", "export out {}")
ONE_ALIAS = ("unalias {}", "rollback {}", "traffic {}", "traffic {} 1=9", "traffic {} --end")
SAID = {
    **{(each, "none"): NO_PROMPT for each in (*ONE_VERSION, "versions {}", "delete --yes {}")},
    **{(each, "none/1"): NO_PROMPT for each in (*ONE_VERSION, "delete --yes {}")},
    **{(each, "none@live"): NO_PROMPT for each in (*ONE_VERSION, *ONE_ALIAS)},
    **{(each, "have/9"): NO_VERSION for each in (*ONE_VERSION, "delete --yes {}")},
    **{(each, "have@none"): NO_ALIAS for each in (*ONE_VERSION, *ONE_ALIAS)},
    ("versions {}", "have/9"): "'have/9' names a version, not a prompt.",
    ("versions {}", "have@none"): "'have@none' names a version, not a prompt.",
    ("traffic {} 9=1", "have@live"): NO_VERSION,
    ("export out have --alias {}", "none"): NO_ALIAS,
    ("export out --alias {}", "none"): "No prompt has the alias 'none'.",
    **{(each, "have/9"): "is not of the form NAME@ALIAS" for each in ONE_ALIAS},
    ("delete --yes {}", "have@none"): "is not of the form NAME or NAME/VERSION",
    ("show {}", "a model"): "'a model' is a registered model, not a prompt.",
}


def run(*words: str) -> Result:
    uri = pegboard.get_tracking_uri()
    return CliRunner().invoke(cli, ["--tracking-uri", uri, "prompts", *words])


def test_every_command_says_what_there_is_not(place: Path) -> None:
    del place
    pegboard.register_prompt("have", "Hi {{ name }}")
    pegboard.set_prompt_alias("have", "live", 1)
    client = pegboard.Client()
    client.create_registered_model("a model")
    client.create_model_version("a model", "x")
    wrong = {}
    for (command, named), said in SAID.items():
        words = shlex.split(command.replace("{}", shlex.quote(named)))
        found = run(*words)
        if said not in found.output or found.exit_code not in (1, 2):
            wrong[" ".join(words)] = (found.exit_code, found.output)
    assert wrong == {}
    prompt = pegboard.load_prompt("have@live", cache_ttl_seconds=0)
    assert (prompt.version, [*prompt.aliases]) == (1, ["live"])


@pytest.mark.usefixtures("place")
def test_an_alias_that_was_removed_can_be_brought_back_by_the_command() -> None:
    for text in ("one", "two"):
        pegboard.register_prompt("have", text)
    for number in (1, 2):
        pegboard.set_prompt_alias("have", "live", number)
    assert run("unalias", "have@live").exit_code == 0
    found = run("rollback", "have@live")
    assert found.exit_code == 0, found.output
    assert pegboard.load_prompt("have@live", cache_ttl_seconds=0).version == 2
