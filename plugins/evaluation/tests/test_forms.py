"""``pegboard eval run``: prompts × models × cases out of a file, and what is asserted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pegboard
import pytest
from click.testing import CliRunner, Result
from pegboard.cli.shell import cli
from pegboard.errors import PegboardError
from pegboard_evaluation import data_sets
from pegboard_evaluation.genai.scoring import Scorer
from pegboard_evaluation.suites import assertions
from pegboard_evaluation.suites.source import At, Source
from pegboard_evaluation.suites.suite import read
from pegboard_testing.llm_server import FakeOpenAI

genai = pegboard.genai
MODEL = "openai:/gpt-4o-mini"


def written(place: Path, text: str, name: str = "f.eval.yaml") -> Path:
    (place / name).write_text(text, encoding="utf-8")
    return place / name


def eval_run(place: Path, *words: Any) -> Result:
    uri = f"sqlite:{place}/runs.db"
    return CliRunner().invoke(cli, ["--tracking-uri", uri, "eval", "run", *map(str, words)])


# -- assertions ----------------------------------------------------------------------------------

SCHEMA = {"type": "object", "required": ["a"]}
SAID: list[tuple[Any, str, bool]] = [
    ({"equals": "Paris"}, "Paris", True),
    ({"equals": "Paris"}, "paris", False),
    ({"type": "equals", "value": "{{ city }}"}, "Paris", True),
    ({"equals": {"a": 1}}, '{"a": 1}', True),
    ({"equals": 1}, "true", False),
    ({"not-equals": "Paris"}, "Rome", True),
    ({"contains": "ar"}, "Paris", True),
    ({"contains": "AR"}, "Paris", False),
    ({"icontains": "AR"}, "Paris", True),
    ({"contains-any": ["x", "P"]}, "Paris", True),
    ({"contains-all": "P, x"}, "Paris", False),
    ({"icontains-all": ["p", "S"]}, "Paris", True),
    ({"not-contains": "x"}, "Paris", True),
    ({"regex": r"^P\w+$"}, "Paris", True),
    ({"not-regex": r"\d"}, "Paris 1", False),
    ({"starts-with": "Pa"}, "Paris", True),
    ("is-json", '{"a": 1}', True),
    ("is-json", "Paris", False),
    ("not-is-json", "Paris", True),
    ({"is-json": SCHEMA}, '{"a": 1}', True),
    ({"is-json": SCHEMA}, '{"b": 1}', False),
    ({"length": 5}, "Paris", True),
    ({"type": "length", "min": 2, "unit": "words"}, "Paris", False),
    ("pii_detection", "ann@example.com", False),
    ({"RegexMatch": "^P"}, "Paris", True),
    ({"python": "own.py:short"}, "Paris", True),
    ({"type": "python", "value": "own.py:share", "threshold": 0.5}, "Paris", True),
    ({"type": "python", "value": "own.py:share", "threshold": 0.9}, "Paris", False),
    ({"python": "own.py:share"}, "Paris", False),
    ({"not-python": "own.py:scorer"}, "Paris", True),
]
OWN = """
from pegboard.genai import scorer as _scorer
def short(outputs): return len(outputs) < 9
def share(outputs, inputs, expectations): return 0.6
scorer = _scorer(name="none")(lambda outputs: "no")
"""


def at(place: Path) -> At:
    return At(Source(place / "f.yaml"))


@pytest.mark.parametrize("case", range(len(SAID)))
def test_assertions_say_whether_an_answer_passes(case: int, tmp_path: Path) -> None:
    given, answer, passes = SAID[case]
    written(tmp_path, OWN, "own.py")
    check = assertions.read(at(tmp_path), given).check("it", {"city": "Paris"}, None)
    assert isinstance(check, Scorer)
    found = check.run(inputs={}, outputs=answer, expectations={})
    feedback = found if hasattr(found, "value") else pegboard.entities.Feedback("it", found)
    verdict = check.verdict([feedback])
    assert verdict.passed is passes
    assert verdict.why or verdict.passed


# -- what is wrong ---------------------------------------------------------------------------------

HEAD = "prompts: '{{ q }}'\nmodels: openai:/gpt-4o-mini\n"
CASE = "cases:\n  - vars: {q: a}\n    assert:\n      - "
WRONG: list[tuple[str, str]] = [
    ("", "expected a table"),
    ("a: [", "line 1"),
    ("promts: x", r"line 1, promts: There is no field 'promts'\.\nDid you mean 'prompts'\?"),
    (HEAD, "There are no 'cases'"),
    (HEAD + "models: x", "line 2, models: 'models' is there once more in line 3"),
    (HEAD + "cases:\n  - vars: {q: a}", r"line 4, cases\[0\]: Nothing is asserted"),
    (
        HEAD + CASE + "equal: a",
        "line 6, .*equal: There is no assertion 'equal'.\nDid you mean 'equa",
    ),
    (HEAD + CASE + "llm-rubric: polite", "Here it is 'guidelines'"),
    (HEAD + CASE + "contains", "'contains' needs a 'value'"),
    (HEAD + CASE + "correctness", "'correctness' needs an expectation: 'expected_facts' or"),
    (HEAD + CASE + "{equals: a, treshold: 1}", "Did you mean 'threshold'"),
    (HEAD + CASE + "{equals: a, threshold: 1}", "it has no threshold"),
    (HEAD + CASE + "{equals: a, weight: -1}", "weight: expected a number, at least 0"),
    (HEAD + CASE + "latency: 5000", "has no unit.\nWrite '5000ms'"),
    (HEAD + CASE + "regex: '('", "not a regular expression"),
    (HEAD + CASE + "is-json: {type: 5}", "not a JSON schema"),
    (HEAD + CASE + "equals: '{{ p }}'", "There is no variable 'p'.\nThere are: 'q'"),
    (HEAD + CASE + "equals: '{{ q | upper }}'", "is not a variable"),
    (HEAD + CASE + "python: gone.py:f", "There is no file 'gone.py'"),
    (HEAD + CASE + "python: own.py:shrt", "own.py has no 'shrt'.\nDid you mean 'short'"),
    (HEAD + CASE + "python: bad.py:f", "bad.py fails: ZeroDivisionError"),
    (HEAD + "cases: gone.csv", "There is no file 'gone.csv'"),
    (HEAD + "cases: own.py", "not read from '.py'"),
    (HEAD + "cases: ragged.csv", "line 3: the row has not as many cells"),
    (
        HEAD.replace("q }}", "qq }}") + CASE + "equals: a",
        "variable 'qq', in the case 'a'.\nDid you",
    ),
    (HEAD.replace("}}", "}} {% if x %}") + CASE + "equals: a", "cannot be rendered in line 1"),
    (HEAD.replace("openai:/", "openai:chat:") + CASE + "equals: a", "mean 'openai:/gpt-4o-mini'"),
    (HEAD.replace("openai:/gpt-4o-mini", "own.py:share") + CASE + "equals: a", "takes 'outputs'"),
    ("models: openai:/m\n" + CASE + "equals: a", "There are no 'prompts'"),
    (HEAD + "repeat: 0\n" + CASE + "equals: a", "repeat: expected a whole number"),
]


@pytest.mark.parametrize("case", range(len(WRONG)))
def test_errors_name_the_line_and_what_is_meant(case: int, tmp_path: Path) -> None:
    text, said = WRONG[case]
    written(tmp_path, OWN, "own.py")
    written(tmp_path, "1 / 0", "bad.py")
    written(tmp_path, "q,__expected\na,b\nc\n", "ragged.csv")
    with pytest.raises(PegboardError, match=f"(?s)f.eval.yaml.*{said}"):
        read(written(tmp_path, text))


def test_a_form_that_is_wrong_is_misuse(place: Path) -> None:
    done = eval_run(place, written(place, "models: x"))
    assert (done.exit_code, done.stdout) == (2, "")
    assert "There are no 'cases'" in done.stderr
    assert eval_run(place, place / "gone.yaml").exit_code == 2


# -- cases and prompts -----------------------------------------------------------------------------

WAYS = {
    "inline": "cases: [{vars: {q: a}, assert: [{equals: b}]}, {vars: {q: c}, assert: [is-json]}]",
    "promptfoo": "tests: [{vars: {q: a}, assert: [{type: equals, value: b}]}, "
    "{vars: {q: c}, assert: [{type: is-json}]}]",
    "csv": "cases: c.csv",
    "jsonl": "cases: [{file: c.jsonl}]",
    "data set": "cases: datasets:/letters\ndefaults: {assert: [{equals: '{{ expectations.a }}'}]}",
}


@pytest.mark.parametrize("way", WAYS)
def test_cases_come_from_many_places(way: str, place: Path) -> None:
    written(place, "q,__expected,__description\na,b,first\nc,is-json,\n", "c.csv")
    lines = [
        {"vars": {"q": "a"}, "assert": [{"equals": "b"}]},
        {"inputs": {"q": "c"}, "assert": ["is-json"]},
    ]
    written(place, "\n".join(map(json.dumps, lines)), "c.jsonl")
    data_sets.create_dataset("letters").merge_records(
        [{"inputs": {"q": q}, "expectations": {"a": a}} for q, a in (("a", "b"), ("c", "d"))]
    )
    suite = read(written(place, f"{HEAD}{WAYS[way]}"))
    asserted = [(dict(case.variables), case.checks[0].kind) for case in suite.cases]
    second = "equals" if way == "data set" else "is-json"
    assert asserted == [({"q": "a"}, "equals"), ({"q": "c"}, second)]
    assert suite.cases[0].name == ("first" if way == "csv" else "a")
    assert suite.cases[0].checks[0].value == "b"
    form = f"{HEAD}cases: [{{vars: {{q: a}}, assert: [registered: short]}}]"
    with pytest.raises(PegboardError, match=r"line 3, .*'short'"):
        read(written(place, form))
    genai.scorers.ResponseLength(name="short", max_length=9).register()
    (check,) = read(written(place, form)).cases[0].checks
    assert check.run(outputs="twelve signs").value == "no"
    with pytest.raises(PegboardError, match=r"line 3, cases: .*'gone'"):
        read(written(place, HEAD + "cases: datasets:/gone"))


def test_prompts_are_texts_files_and_messages(tmp_path: Path) -> None:
    written(tmp_path, "Long: {{ q.text }}", "long.txt")
    written(tmp_path, '[{"role": "system", "content": "Be {{ how }}"}]', "chat.json")
    form = {
        "prompts": [
            "Say {{q}}",
            "{% if how %}Be {{ how }} {{ q.text|upper }}{% endif %}",
            "long.txt",
            "file://chat.json",
            {"name": "own", "messages": [{"role": "user", "content": "{{ how }}"}]},
        ],
        "models": {"model": MODEL, "params": {"temperature": 0}},
        "defaults": {"vars": {"how": "brief"}, "assert": ["is-json"]},
        "cases": [{"vars": {"q": {"text": "x"}}}],
    }
    suite = read(written(tmp_path, json.dumps(form), "f.json"))
    told = {each.name: each.messages(suite.cases[0].variables) for each in suite.prompts}
    assert told == {
        "prompt-1": [{"role": "user", "content": 'Say {\n "text": "x"\n}'}],
        "prompt-2": [{"role": "user", "content": "Be brief X"}],
        "long": [{"role": "user", "content": "Long: x"}],
        "chat": [{"role": "system", "content": "Be brief"}],
        "own": [{"role": "user", "content": "brief"}],
    }
    toml = 'models = "own.py:short"\n[[cases]]\nvars = {outputs = "a"}\nassert = ["is-json"]\n'
    written(tmp_path, OWN, "own.py")
    assert read(written(tmp_path, toml, "f.toml")).prompts[0].name == "-"


# -- the command -----------------------------------------------------------------------------------

FORM = """
name: birds
prompts:
  - "wren {{ q }}"
  - {name: other, text: "robin {{ q }}"}
models:
  - {name: small, model: openai:/gpt-4o-mini, params: {max_tokens: 50}}
  - agent.py:agent
cases:
  - vars: {q: one}
    assert: [{contains: wren}, {cost: 0.01, weight: 0}]
  - vars: {q: two}
    name: the second
    assert: [{equals: "wren two"}, {not-contains: robin}]
    threshold: 0.5
defaults:
  assert: [{latency: 1m}]
"""
AGENT = """
from pathlib import Path
def agent(prompt, q):
    with (Path(__file__).parent / "calls").open("a") as log:
        log.write(f"{prompt}\\n")
    if prompt == "robin two":
        raise LookupError("no bird")
    return prompt
"""


def test_a_form_is_a_run_of_each_prompt_and_model(server: FakeOpenAI, place: Path) -> None:
    file = written(place, FORM)
    written(place, AGENT, "agent.py")
    done = eval_run(place, file, "--junit", place / "j.xml", "--json")
    assert done.exit_code == 1, done.output
    told = json.loads(done.stdout)
    assert len(server.seen) == 4
    counts = [
        (each["prompt"], each["model"], each["passed"], each["failed"], each["errors"])
        for each in told["columns"]
    ]
    assert counts == [
        ("prompt-1", "small", 2, 0, 0),
        ("prompt-1", "agent.py:agent", 2, 0, 0),
        ("other", "small", 0, 2, 0),
        ("other", "agent.py:agent", 0, 1, 1),
    ]
    first, second = told["columns"][2]["cases"]
    assert first["reasons"] == ["contains: It is 'robin one', without 'wren'."]
    assert second["score"] == pytest.approx(1 / 3)
    assert second["reasons"][-1] == "score: it is 0.3333; at least 0.5 is wanted."
    assert told["columns"][3]["cases"][1]["reasons"] == ["LookupError: no bird"]
    assert told["spent"] == pytest.approx(sum(each["spent"] for each in told["columns"])) != 0

    # Each is a run with error bars, traces and costs, within one of the whole form.
    parent = pegboard.get_run(told["run_id"])
    assert parent.data.metrics == {"passed/mean": 0.5}
    child = pegboard.get_run(told["columns"][0]["run_id"])
    assert child.data.tags["mlflow.parentRunId"] == parent.info.run_id
    assert child.data.params == {"prompt": "prompt-1", "model": MODEL, "max_tokens": "50"}
    assert child.data.metrics["passed/mean"] == child.data.metrics["contains/mean"] == 1
    assert child.data.metrics["cost/mean"] > 0
    trace = pegboard.get_trace(told["columns"][0]["cases"][0]["trace_id"])
    assert trace.info.token_usage["output_tokens"] == 2
    assert pegboard.evaluation.figures_of("birds")["figures"][0]["count"] == 2

    suites = ElementTree.parse(place / "j.xml").getroot()
    assert [each.get("name") for each in suites][2] == "other × small"
    assert [len(list(suites.iter(tag))) for tag in ("testcase", "failure", "error")] == [8, 3, 1]

    # What is there is not asked again; what failed is, and what changed.
    asked = len(server.seen)
    file.write_text(FORM.replace('"robin {{ q }}"', '"robin! {{ q }}"'), encoding="utf-8")
    again = eval_run(
        place, file, "--resume", "birds", "--fail-under", "0%", "--compare-to", "birds"
    )
    assert again.exit_code == 0, again.output
    assert len(server.seen) == asked + 2
    assert {*(place / "calls").read_text().splitlines()[4:]} == {"robin! one", "robin! two"}
    assert again.stdout.splitlines()[:3] == [
        "          small  agent.py:agent",
        "prompt-1    2/2             2/2",
        "other       0/2             0/2",
    ]
    assert "Failed: the second · other × small" in again.stdout
    assert "the same" in again.stdout


def test_repeats_budgets_and_estimates(server: FakeOpenAI, place: Path) -> None:
    form = f"{HEAD}cases:\n  - vars: {{q: a bird}}\n    assert: [{{equals: a bird}}, safety]\n"
    file = written(place, form)
    estimated = eval_run(place, file, "--estimate", "--json")
    told = json.loads(estimated.stdout)
    assert (estimated.exit_code, told["calls"], server.seen) == (0, 2, [])
    assert told["unknown"] == {}
    shown = eval_run(place, file, "--estimate", "--repeat", "3")
    assert "6 calls, at most about $" in shown.stderr

    stopped = eval_run(place, file, "--repeat", "3", "--budget", "0")
    assert (stopped.exit_code, server.seen) == (1, [])
    assert "0/3" in stopped.stdout
    assert f"pegboard eval run {file} --resume" in stopped.stderr
    run_id = stopped.stderr.split("--resume ")[1].strip()

    whole = eval_run(place, file, "--repeat", "3", "--resume", run_id, "--json")
    told = json.loads(whole.stdout)
    assert told["run_id"] == run_id
    names = [each["case"] for each in told["columns"][0]["cases"]]
    assert names == ["a bird #1", "a bird #2", "a bird #3"]
    assert told["columns"][0]["metrics"]["equals/mean"] == 1
    assert set(told["columns"][0]["costs"]) == {"safety", "predict_fn"}
    assert told["columns"][0]["costs"]["predict_fn"]["calls"] == 3


def test_a_run_that_is_surely_worse_fails(place: Path) -> None:
    written(place, "def good(q): return q\ndef bad(q): return ''\n", "m.py")
    cases = "".join(f"  - {{vars: {{q: 'a{n}'}}, assert: [contains: a]}}\n" for n in range(12))
    before = eval_run(place, written(place, f"name: good\nmodels: m.py:good\ncases:\n{cases}"))
    assert before.exit_code == 0, before.output
    bad = written(place, f"models: m.py:bad\ncases:\n{cases}")
    worse = eval_run(place, bad, "--fail-under", "0", "--compare-to", "good", "--json")
    assert worse.exit_code == 1
    (compared,) = json.loads(worse.stdout)["compared"].values()
    assert (compared["passed"]["lost"], compared["passed"]["verdict"]) == (12, "worse")
    twice = written(
        place, "models: [m.py:bad, m.py:good]\ncases: [{vars: {q: b}, assert: [is-json]}]"
    )
    other = eval_run(place, twice, "--compare-to", "good")
    assert "no row in common" in other.stderr
    with pegboard.start_run() as run:
        pass
    refused = eval_run(place, bad, "--resume", run.info.run_id)
    assert "is not of a test form" in refused.stderr


def test_the_form_in_the_readme_is_one(tmp_path: Path) -> None:
    readme = Path(__file__).resolve().parent.parent / "README.md"
    form = readme.read_text(encoding="utf-8").split("```yaml\n")[1].split("```")[0]
    (tmp_path / "prompts").mkdir()
    written(tmp_path, "{{ country }}?", "prompts/short.txt")
    written(tmp_path, "def answer(prompt, country): return prompt", "agent.py")
    written(tmp_path, "country,__expected\nPeru,Lima\n", "cases.csv")
    suite = read(written(tmp_path, form))
    assert (len(suite.pairs), len(suite.all_rows)) == (6, 6)
    names = [[check.name for check in case.checks] for case in suite.cases]
    assert names == [
        ["latency", "cost", "contains", "not-icontains"],
        ["latency", "cost", "correctness", "safety"],
        ["latency", "cost", "equals"],
    ]
