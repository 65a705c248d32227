"""Tests that are bound to a prompt, and the gate that they open."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pegboard
import pytest
from click.testing import CliRunner, Result
from pegboard import config, host
from pegboard.cli.shell import cli
from pegboard.errors import InvalidValue, PegboardError, Refused
from pegboard_evaluation import data_sets
from pegboard_evaluation.prompt_tests import optimizing, testing
from pegboard_evaluation.prompt_tests.optimizing import optimize_prompt
from pegboard_scripting.client import Client
from pegboard_testing.llm_server import FakeOpenAI, Fault, saying

MODEL, PROPOSER = "openai:/gpt-4o-mini", "openai:/gpt-4o"
GATES = '[registry.gates]\nproduction = ["prompt-tests"]\n'
CITIES = [{"country": f"country {n}", "capital": f"city {n}"} for n in range(6)]
FORM = f"""
models: {MODEL}
cases: datasets:/cities
defaults:
  assert:
    - contains: "{{{{ capital }}}}"
fail_under: 0.9
"""
GOOD, BETTER, BAD = "It is {{capital}}.", "Well, it is {{capital}}!", "Who knows {{country}}?"


@pytest.fixture
def client(place: Path, server: FakeOpenAI) -> Client:
    """Have a prompt with two good versions and a bad one, and a gate."""
    (place / "pegboard.toml").write_text(GATES)
    host.current().close()
    host.use(host.Host(config.load({}, place)))
    pegboard.set_tracking_uri(f"sqlite:{place / 'runs.db'}")
    made = Client()
    data_sets.create_dataset("cities").merge_records([{"inputs": each} for each in CITIES])
    kept = {"mlflow.prompt.is_prompt": "true"}
    made.registry.create_model("support", tags=kept)
    for text in (GOOD, BETTER, BAD):
        tags = {**kept, "mlflow.prompt.text": text}
        made.registry.create_version("support", "prompt-template", tags=tags)
    return made


def written(place: Path, text: str) -> Path:
    (place / "support.eval.yaml").write_text(text)
    return place / "support.eval.yaml"


def run(place: Path, *words: Any) -> Result:
    uri = f"sqlite:{place / 'runs.db'}"
    return CliRunner().invoke(cli, ["--tracking-uri", uri, "prompts", "test", *map(str, words)])


def promote(client: Client, version: int) -> str:
    """Promote a version, and return why it is refused; "" if it is not."""
    try:
        client.set_registered_model_alias("support", "production", str(version))
    except Refused as error:
        return str(error)
    return ""


def test_an_alias_is_for_versions_that_pass_the_tests(
    client: Client, place: Path, server: FakeOpenAI
) -> None:
    assert "pegboard prompts test support --bind FILE" in promote(client, 1)
    assert run(place, "support", "--bind", written(place, FORM)).exit_code == 0
    assert not server.seen
    assert "pegboard prompts test support/1" in promote(client, 1)

    first = run(place, "support/1")
    assert (first.exit_code, "support/1 passes." in first.output) == (0, True), first.output
    assert "If it breaks off: pegboard prompts test support/1 --resume " in first.output
    assert not promote(client, 1)

    # More records than the tests were bound to change nothing.
    data_sets.get_dataset("cities").merge_records([{"inputs": {"country": "x", "capital": "y"}}])
    server.seen.clear()
    found = json.loads(run(place, "support", "--json").stdout)
    assert len(server.seen) == len(CITIES), "the champion's answers are kept"
    assert (found["prompt"], found["passed"]) == ("support/3", False)
    [compared] = found["compared"].values()
    passed = compared["passed"]
    assert (passed["verdict"], passed["rows"], passed["lost"]) == ("worse", 6, 6)
    assert passed["interval"] == [-1, -1]
    worse = run(place, "support/3")
    assert worse.exit_code == 1
    assert "0 of 6 cases pass, and 90% have to" in worse.output
    assert "surely worse than the champion" in promote(client, 3)

    assert run(place, "support/2").exit_code == 0
    assert not promote(client, 2)
    assert client.registry.version_by_alias("support", "production").version == "2"
    run(place, "support", "--bind", written(place, FORM.replace("0.9", "0.8")))
    assert "tested before its tests were changed" in promote(client, 1)


def test_an_alias_that_moves_meanwhile_changes_nothing_of_a_test(
    client: Client, place: Path, server: FakeOpenAI
) -> None:
    testing.bind(client, "support", written(place, FORM))
    client.registry.set_alias("support", "candidate", "1")
    found = testing.carry_out(
        client,
        "support@candidate",
        told=lambda _: client.registry.set_alias("support", "candidate", "3"),
    )
    assert client.registry.version_by_alias("support", "candidate").version == "3"
    assert (found.version.version, found.passed) == ("1", True)
    told = client.get_run(found.outcomes.run_id).data.tags
    assert json.loads(told["mlflow.linkedPrompts"]) == [{"name": "support", "version": "1"}]
    assert not promote(client, 1)
    assert "it was not tested" in promote(client, 3)
    said = {each.body["messages"][0]["content"] for each in server.seen}
    assert said == {f"It is {each['capital']}." for each in CITIES}


def test_what_breaks_or_is_a_trial_opens_no_gate(
    client: Client, place: Path, server: FakeOpenAI
) -> None:
    testing.bind(client, "support", written(place, FORM))
    trial = testing.carry_out(client, "support/1", model="openai:/gpt-4o")
    assert trial.passed
    assert "it was not tested" in promote(client, 1)
    server.faults += [Fault(status=400)] * len(CITIES)
    assert not testing.carry_out(client, "support/1").passed
    assert "0 of 6 cases pass" in promote(client, 1)
    stopped = testing.carry_out(client, "support/2", budget=0)
    assert not stopped.passed
    assert "it was not tested" in promote(client, 2)
    again = testing.carry_out(client, "support/2", resume=stopped.outcomes.run_id)
    assert again.passed and again.outcomes.run_id == stopped.outcomes.run_id
    assert not promote(client, 2)


UNBINDABLE = [
    (FORM + "prompts: Hi", "leave it out"),
    (FORM.replace("datasets:/cities", "cases.csv"), "have no files, such as 'cases.csv'"),
    (FORM.replace("datasets:/cities", "{file: cases.csv}"), "have no files"),
    (FORM.replace("datasets:/cities", "datasets:/none"), "no data set named 'none'"),
    (FORM.replace("datasets:/cities", "datasets:/cities@9"), "set 'cities' has no version '9'"),
    (FORM.replace("datasets:/cities", "datasets:/empty"), "'empty' has no records"),
    (FORM.replace("contains:", "registered:"), "The experiment '0' has no scorer named"),
    (FORM.replace("contains:", "contans:"), "support.eval.yaml, defaults.assert[0].contans"),
    (FORM.replace(MODEL, "nope:/x"), "provides the LLM provider 'nope'"),
    (FORM.replace("contains:", "python:"), "run no code of a file"),
    (FORM.replace("contains:", "not-python:"), "run no code of a file"),
    (FORM.replace(MODEL, "own.py:model"), "run no code of a file"),
    (FORM.replace(f"models: {MODEL}", ""), "name a model"),
    (FORM.replace("0.9", "90"), "a share, from 0 to 1"),
    (FORM.replace("datasets:/cities", "[{vars: {capital: x}}]"), "lacks the variable 'country'"),
    ("[]", "expected a table"),
]


def test_tests_that_others_wrote_past_the_command_name_no_files(
    client: Client, place: Path, server: FakeOpenAI
) -> None:
    """Who may write tags of a prompt runs no code, and reads no file, where it is tested."""
    mark, code = place / "mark", place / "theirs.py"
    code.write_text(f"open({str(mark)!r}, 'w')\ndef check(*a, **k): return True\nmodel = check\n")
    (place / "theirs.csv").write_text("country,capital\nx,y\n")
    testing.bind(client, "support", written(place, FORM))
    bound = json.loads(client.registry.get_model("support").tags["pegboard.prompt.tests"])
    for change in (
        {"cases": f"{place}/theirs.csv"},
        {"cases": [f"file://{place}/theirs.csv"]},
        {"models": f"{code}:model"},
        {"defaults": {"assert": [{"python": f"{code}:check"}]}},
        {"defaults": {"assert": [{"type": "not-python", "value": f"{code}:check"}]}},
    ):
        text = json.dumps({**bound, "form": {**bound["form"], **change}})
        client.registry.set_model_tag("support", "pegboard.prompt.tests", text)
        with pytest.raises(InvalidValue, match="names no files"):
            testing.carry_out(client, "support/1")
    assert not mark.exists() and not server.seen


def test_tests_that_cannot_be_are_refused_when_they_are_bound(client: Client, place: Path) -> None:
    data_sets.create_dataset("empty")
    for form, said in UNBINDABLE:
        with pytest.raises(PegboardError) as error:
            testing.bind(client, "support", written(place, form))
        assert said in str(error.value)
    assert "pegboard.prompt.tests" not in client.registry.get_model("support").tags
    with pytest.raises(PegboardError, match="has no tests"):
        testing.carry_out(client, "support")


def test_a_model_needs_no_tests_and_forged_outcomes_open_nothing(
    client: Client, place: Path
) -> None:
    client.registry.create_model("iris")
    client.registry.create_version("iris", "s3://b/m")
    client.set_registered_model_alias("iris", "production", "1")
    tests = testing.bind(client, "support", written(place, FORM))
    digest = tests.digest(client.registry.get_version("support", "3"))
    with pegboard.start_run() as other:
        pass
    for run_id, said in (
        ("0" * 32, "not there any more"),
        (other.info.run_id, "tested something else"),
    ):
        made = json.dumps({"run_id": run_id, "digest": digest, "passed": True})
        client.registry.set_version_tag("support", "3", "pegboard.prompt.tested", made)
        assert said in promote(client, 3)


NO_PROMPT, NO_VERSION = "There is no prompt named 'none'.", "'support' has no version '9'."
SAID = {
    "none": NO_PROMPT,
    "none/1": NO_PROMPT,
    "none@live": NO_PROMPT,
    "support/9": NO_VERSION,
    "support@none": "The prompt 'support' has no alias 'none'.",
    "iris": "'iris' is a registered model, not a prompt.",
    "support": "The prompt 'support' has no tests.",
    "support@": "'support@' names no prompt.",
    "''": "'' names no prompt.",
}
BOUND = {
    "--against none": "The prompt 'support' has no alias 'none'.",
    "--resume none": "There is no run with the id 'none'.",
    "--model nope:/x": "No installed plugin provides the LLM provider 'nope'.",
    "--model gpt": "error: The model that is asked: 'gpt' does not name a model.",
}
REFINED = {
    "--proposer nope:/x": "No installed plugin provides the LLM provider 'nope'.",
    "--proposer gpt": "'gpt' does not name a model.",
    f"--proposer {PROPOSER} --resume none": "There is no run with the id 'none'.",
}


def test_every_command_says_what_there_is_not_and_asks_nobody(
    client: Client, place: Path, server: FakeOpenAI
) -> None:
    client.registry.create_model("iris")
    client.registry.create_version("iris", "s3://b/m")
    commands = {f"test {named}": said for named, said in SAID.items()}
    commands |= {f"optimize {named} --proposer {MODEL}": said for named, said in SAID.items()}
    wrong = {}

    def look() -> None:
        uri = f"sqlite:{place / 'runs.db'}"
        for command, said in commands.items():
            words = ["--tracking-uri", uri, "prompts", *shlex.split(command)]
            found = CliRunner().invoke(cli, words)
            if said not in found.output or found.exit_code not in (1, 2):
                wrong[command] = (found.exit_code, found.output)

    look()
    assert run(place, "support", "--bind", written(place, FORM)).exit_code == 0
    commands = {f"test support {words}": said for words, said in BOUND.items()}
    commands |= {f"optimize support {words}": said for words, said in REFINED.items()}
    look()
    assert wrong == {}
    assert not server.seen
    assert client.search_runs(["0"]) == []


# -- refining --------------------------------------------------------------------------------------


def asked_of(server: FakeOpenAI, model: str) -> list[str]:
    return [
        each.body["messages"][-1]["content"]
        for each in server.seen
        if each.body["model"] == model.rpartition("/")[2]
    ]


def test_the_best_variant_is_registered_and_what_breaks_off_goes_on(
    client: Client, place: Path, server: FakeOpenAI, caplog: pytest.LogCaptureFixture
) -> None:
    both = "{{country}}: {{capital}}."
    kept = {
        "mlflow.prompt.is_prompt": "true",
        "mlflow.prompt.text": "In {{country}}? No idea of {{capital}}",
        "_mlflow_prompt_model_config": '{"temperature": 0.5}',
    }
    client.registry.create_version("support", "prompt-template", tags=kept)
    form = FORM.replace('contains: "{{ capital }}"', 'equals: "{{ country }}: {{ capital }}."')
    testing.bind(client, "support", written(place, form))
    proposals = [{"template": "Hi {{other}}"}, {"template": both}, {"template": f"{both} Ok?"}]
    runs: list[str] = []

    def told(column: Any) -> None:
        """Have the next two calls, which are the proposer's, answered; then break off."""
        if column.prompt.endswith("variant 2"):
            raise KeyboardInterrupt
        if len(server.seen) == 3:
            server.faults += [saying(json.dumps(each)) for each in proposals[:2]]

    # Three of six cases are asked; then two proposals, of which the first is no variant.
    with pytest.raises(KeyboardInterrupt):
        optimize_prompt("support", PROPOSER, begun=runs.append, told=told, client=client)
    again = f"pegboard prompts optimize support/4 --proposer {PROPOSER} --resume {runs[0]}"
    assert again in caplog.text
    assert len(asked_of(server, PROPOSER)) == 2
    assert "In country 0? No idea" in asked_of(server, PROPOSER)[0]
    assert len(asked_of(server, MODEL)) == 6

    server.seen.clear()
    server.faults.append(saying(json.dumps(proposals[2])))
    found = optimize_prompt("support", PROPOSER, resume=runs[0], begun=runs.append, client=client)
    assert len(asked_of(server, PROPOSER)) == 1, "what was proposed is not asked for again"
    assert len(asked_of(server, MODEL)) == 3 + 6, "a variant, then the other half of two"
    assert (found.tried, found.refused, found.stopped) == (2, 1, "")
    assert (found.before, found.after, found.interval) == (0, 1, (1, 1))
    made = found.registered
    assert made is not None
    assert (made.version, made.run_id) == ("5", runs[0])
    assert made.tags["mlflow.prompt.text"] == both
    assert made.tags["_mlflow_prompt_model_config"] == '{"temperature": 0.5}'
    assert made.description == "Refined from support/4: score +1, 95%: +1 to +1."
    assert client.registry.get_version("support", "4").tags == kept
    once = optimize_prompt("support", PROPOSER, resume=runs[0], client=client)
    assert once.registered == made, "it is registered once"


def test_what_cannot_be_refined_says_why(client: Client, place: Path, server: FakeOpenAI) -> None:
    with pytest.raises(PegboardError, match="has no tests"):
        optimize_prompt("support", PROPOSER, client=client)
    testing.bind(client, "support", written(place, FORM))
    with pytest.raises(PegboardError, match="price of 'gateway:/x' is not known"):
        optimize_prompt("support", "gateway:/x", budget=1, client=client)
    with pytest.raises(PegboardError, match="refines no prompt"):
        with pegboard.start_run() as other:
            pass
        optimize_prompt("support", PROPOSER, resume=other.info.run_id, client=client)
    stopped = optimize_prompt("support", PROPOSER, budget=0, client=client)
    assert stopped.stopped and stopped.registered is None
    assert not server.seen
    testing.bind(client, "support", written(place, FORM.replace("0.9", "0.8")))
    with pytest.raises(PegboardError, match="went by other tests"):
        optimize_prompt("support", PROPOSER, resume=stopped.run_id, client=client)
    uri = f"sqlite:{place / 'runs.db'}"
    words = ["--tracking-uri", uri, "prompts", "optimize", "support/1", "--proposer", PROPOSER]
    done = CliRunner().invoke(cli, [*words, "--rounds", "1"])
    assert (done.exit_code, "No variant is better" in done.output) == (0, True), done.output
    assert optimizing._variant('x {"template": "Hi {{a}}"} y', _version("{{a}}")) == "Hi {{a}}"


def _version(text: str) -> Any:
    from pegboard_llm.prompts import Prompt

    return Prompt("p", "1", text)
