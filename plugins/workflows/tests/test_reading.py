"""Files of workflows: what they may say, and what is told of those that are wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from pegboard import host
from pegboard.errors import PegboardError
from pegboard_projects import opened
from pegboard_workflows import carrying_out
from pegboard_workflows.api import plan
from pegboard_workflows.carrying_out import Asked
from pegboard_workflows.code import Code
from pegboard_workflows.planner import Choices, Planner
from pegboard_workflows.reading import file_in, workflow_of
from pegboard_workflows.workflow import Step, Workflow

from .conftest import write

STEP = "steps:\n  a: {run: s.sh, outputs: [out]}\n"
WRONG: dict[str, tuple[str, str]] = {
    "no steps": ("name: x\n", "a workflow has 'steps'"),
    "not a mapping": ("- a\n", "line 1: the file is "),
    "not YAML": ("steps: [\n", "line 2: this is not YAML"),
    "an unknown key": (f"concurency: 2\n{STEP}", "line 1: 'concurency' means nothing here. Did"),
    "an unknown key of a step": (f"{STEP}  b: {{comand: x}}\n", "Did you mean 'command'?"),
    "nothing to run": ("steps:\n  a: {outputs: [x]}\n", "line 2: the step 'a' needs either 'run'"),
    "too much to run": ("steps:\n  a: {run: s.sh, command: x}\n", "needs either 'run'"),
    "a step's name": ("steps:\n  a.b: {run: s.sh}\n", "the name of a step has letters"),
    "the workflow's name": (f"name: a/b\n{STEP}", "line 1: the name has letters"),
    "an output above": ("steps:\n  a: {run: s.sh, outputs: [../x]}\n", "not a path below"),
    "outputs of another kind": ("steps:\n  a: {run: s.sh, outputs: 3}\n", "outputs are paths"),
    "an unknown output": (
        f"{STEP}  b: {{run: s.sh, inputs: {{x: a.oot}}}}\n",
        "Did you mean 'out'",
    ),
    "an unknown giver": (
        f"{STEP}  b: {{run: s.sh, inputs: {{x: c.out}}}}\n",
        "Did you mean 'a.out'",
    ),
    "an input of itself": ("steps:\n  a: {run: s.sh, outputs: [o], inputs: {x: a.o}}\n", "neither"),
    "an input that is a list": (f"{STEP}  b: {{run: s.sh, inputs: {{x: [1]}}}}\n", "STEP.OUTPUT"),
    "an input for two": (
        f"{STEP}  b: {{run: s.sh, inputs: {{x: a.out}}, params: {{x: 1}}}}\n",
        "x is both an input and a parameter",
    ),
    "an unknown step": (f"{STEP}  bb: {{run: s.sh, needs: [b]}}\n", "no other step 'b'"),
    "a step that needs itself": ("steps:\n  a: {run: s.sh, needs: [a]}\n", "no other step 'a'"),
    "a ring": (
        "steps:\n  a: {run: s.sh, needs: c}\n  b: {run: s.sh, needs: a}\n"
        "  c: {run: s.sh, needs: b}\n",
        "line 2: the steps need each other: a → b → c → a.",
    ),
    "an unknown parameter": (
        f"params: {{rate: 1}}\n{STEP}  b: {{run: s.sh, params: {{x: '${{params.rat}}'}}}}\n",
        "line 4: ${params.rat}: the workflow has no parameter 'rat'. Did you mean 'rate'?",
    ),
    "an item of nothing": (
        "steps:\n  a: {run: s.sh, params: {x: '${item}'}}\n",
        "an item only in the params of a step with foreach",
    ),
    "a reference that is none": (
        "steps:\n  a: {run: s.sh, params: {x: '${env.X}'}}\n",
        "expected is params.NAME, item, or steps.STEP.metrics.NAME",
    ),
    "a result of an unknown step": (
        f"{STEP}  b: {{run: s.sh, params: {{x: '${{steps.c.metrics.m}}'}}}}\n",
        "there is no other step 'c'",
    ),
    "an unknown output as a value": (
        f"{STEP}  b: {{run: s.sh, params: {{x: '${{steps.a.outputs.m}}'}}}}\n",
        "the step 'a' has no output 'm'",
    ),
    "a foreach of one": ("steps:\n  a: {run: s.sh, foreach: 3}\n", "foreach is a list"),
    "a foreach of nothing": ("steps:\n  a: {run: s.sh, foreach: []}\n", "foreach is a list"),
    "retries below none": ("steps:\n  a: {run: s.sh, retries: -1}\n", "whole number from 0"),
    "no task at a time": (f"concurrency: 0\n{STEP}", "concurrency is 0, not a whole number from 1"),
    "a time of no kind": ("steps:\n  a: {run: s.sh, timeout: soon}\n", "such as 90, 90s, 15m or"),
    "a cache of no kind": ("steps:\n  a: {run: s.sh, cache: maybe}\n", "not true or false"),
    "code elsewhere": ("steps:\n  a: {run: s.sh, code: [../x]}\n", "not a pattern of files below"),
    "a parameter's name": ("steps:\n  a: {run: s.sh, params: {x y: 1}}\n", "name of a parameter"),
    # What the project does not have.
    "an unknown script": ("steps:\n  a: {run: t.sh}\n", "has no entry point 't.sh'"),
    "a parameter that has to be given": ("steps:\n  a: {run: e}\n", "no value is given for n"),
    "a parameter of another type": (
        "params: {n: x}\nsteps:\n  a: {run: e, params: {n: '${params.n}'}}\n",
        "line 3: n is 'x', which is not a whole number",
    ),
    "an item of another type": (
        "steps:\n  a: {run: e, foreach: [1, x], params: {n: '${item}'}}\n",
        "line 2: n is 'x', which is not a whole number",
    ),
    "a part that an item has not": (
        "steps:\n  a: {run: s.sh, foreach: {b: [1]}, params: {n: '${item.c}'}}\n",
        "line 2: the item {\"b\": 1} has no 'c'",
    ),
    "a command with braces": ("steps:\n  a: {command: 'echo ${HOME}'}\n", "write {{HOME}}"),
    "code that is not there": ("steps:\n  a: {run: s.sh, code: [x*.py]}\n", "matches 'x*.py'"),
    "an unknown runner": (f"backend: nowhere\n{STEP}", "be run: There is no runner 'nowhere'"),
    "an unknown setting of it": (f"backend_config: {{x: 1}}\n{STEP}", "settings of 'local'"),
    "an unknown environment": (f"env_manager: poetry\n{STEP}", "no environment manager 'poetry'"),
}


@pytest.mark.parametrize(("text", "expected"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_told_with_its_place(text: str, expected: str, place: Path) -> None:
    folder = write(place / "p", text, s_sh="true")
    (folder / "MLproject").write_text(
        "entry_points: {e: {parameters: {n: int}, command: 'echo {n}'}}"
    )
    with pytest.raises(PegboardError) as error:
        plan("p")
    assert expected in str(error.value)
    assert not (place / "pegruns").exists()


def test_all_faults_are_told_together(place: Path) -> None:
    text = "concurrency: x\nsteps:\n  a: {run: s.sh, needs: b}\n  c: {retries: 1.5}\n"
    write(place / "p", text)
    with pytest.raises(PegboardError) as error:
        plan("p")
    lines = str(error.value).splitlines()
    assert len(lines) == 5
    file = place / "p/workflow.yaml"
    assert [line.partition(":")[0].removeprefix("  - ") for line in lines[1:]] == [
        f"{file}, line 3",
        f"{file}, line 4",
        f"{file}, line 4",
        f"{file}, line 1",
    ]


STEP_A = Step(name="a", run="s.sh")
WORKFLOW = Workflow(name="w", file=Path("workflow.yaml"), directory=Path(), steps={"a": STEP_A})
W: dict[str, Any] = {"backend": "w", "backend_config": {"w": 1}}
S: dict[str, Any] = {"backend": "s", "backend_config": {"s": 1}}
PARAMETERS: dict[str, tuple[dict[str, object], str]] = {
    "an unknown name": ({"rat": 1, "must": 1}, "no parameter 'rat'. Did you mean 'rate'?"),
    "none": ({}, "no value is given for must"),
    "not a number": ({"must": 1, "rate": "x"}, "rate is 'x', which is not a number"),
    "not a list": ({"must": 1, "many": "x"}, "many is 'x', which is not a list"),
}


@pytest.mark.parametrize(("given", "expected"), PARAMETERS.values(), ids=PARAMETERS)
def test_parameters_are_checked(given: dict[str, object], expected: str, place: Path) -> None:
    text = f"params: {{rate: 0.5, many: [1], must: null}}\n{STEP}"
    write(place / "p", text, s_sh="true")
    with pytest.raises(PegboardError) as error:
        carrying_out.plan(Asked(uri="p", parameters=given))
    assert expected in str(error.value)


BACKENDS: dict[str, tuple[Choices, Step, Workflow, tuple[str | None, dict[str, int]]]] = {
    "nobody says it": (Choices(), STEP_A, WORKFLOW, (None, {})),
    "the workflow": (Choices(), STEP_A, evolve(WORKFLOW, **W), ("w", {"w": 1})),
    "a step": (Choices(), evolve(STEP_A, **S), evolve(WORKFLOW, **W), ("s", {"s": 1})),
    "settings of a step": (
        Choices(),
        evolve(STEP_A, backend_config={"s": 1}),
        evolve(WORKFLOW, **W),
        ("w", {"s": 1}),
    ),
    "the caller": (
        Choices(backend="c"),
        evolve(STEP_A, **S),
        evolve(WORKFLOW, **W),
        ("c", {}),
    ),
    "settings of the caller": (
        Choices(backend_config={"c": 1}),
        STEP_A,
        evolve(WORKFLOW, **W),
        ("w", {"c": 1}),
    ),
}


@pytest.mark.parametrize(
    ("choices", "step", "workflow", "expected"), BACKENDS.values(), ids=BACKENDS
)
def test_where_a_step_runs_is_said_with_its_settings(
    choices: Choices, step: Step, workflow: Workflow, expected: object, place: Path
) -> None:
    with opened(host.current(), str(place), None) as found:
        assert Planner(workflow, {}, found, choices).backend(step) == expected


def test_a_workflow_stands_in_one_of_several_files(tmp_path: Path) -> None:
    files = {
        "pyproject.toml": "[tool.pegboard.workflow.steps.a]\nrun = 's.sh'\ntimeout = '2h'\n",
        "MLproject": "workflow: {steps: {a: {run: s.sh, timeout: 2h}}}\n",
        "workflow.yml": "steps: {a: {run: s.sh, timeout: 7200}}\n",
        "workflow.yaml": "steps: {a: {run: s.sh, timeout: 120m}}\n",
    }
    assert file_in(tmp_path) is None
    for number, (name, text) in enumerate(files.items()):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "other.txt").write_text("")
        (folder / name).write_text(text)
        found = file_in(folder)
        assert found == folder / name
        workflow = workflow_of(found)
        assert workflow.steps["a"].timeout_seconds == 7200
        assert workflow.name == str(number)


def test_code_is_what_people_write_and_git_does_not_ignore(place: Path) -> None:
    import subprocess

    files = ("a.py", "lib/b.py", ".hidden", "runs.db", "pegruns/x", "__pycache__/a.pyc", "drop.log")
    for name in (*files, "workflow.yaml"):
        file = place / "p" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(name)
    folder = place / "p"
    code = Code(folder, [folder / "workflow.yaml"])
    assert list(code.of(None).files) == ["a.py", "drop.log", "lib/b.py"]
    assert list(code.of(["lib"]).files) == ["lib/b.py"]
    assert list(code.of(["*.py", "**/*.py"]).files) == ["a.py", "lib/b.py"]
    (folder / ".gitignore").write_text("*.log\n")
    subprocess.run(["git", "init", "-q", str(folder)], check=True)
    code.refresh()
    now = code.of(None)
    assert list(now.files) == [".gitignore", ".hidden", "a.py", "lib/b.py"]
    assert str(now) == "4 files (those that git does not ignore)"
    (folder / "a.py").write_text("other")
    assert code.of(None) is now
    code.refresh()
    assert code.of(None).digest != now.digest
    (folder / "a.py").unlink()
    (folder / "a.py").symlink_to("a.py")
    code.refresh()
    assert list(code.of(None).files) == [".gitignore", ".hidden", "lib/b.py"]
    (folder / "a.py").unlink()
    (folder / "a.py").write_text("a.py")
    (folder / ".gitignore").write_text("*\n")
    code.refresh()
    assert list(code.of(None).files) == ["a.py", "drop.log", "lib/b.py"]
    (folder / ".gitignore").write_text("*.log\n")
    code.refresh()
    now = code.of(None)
    inner = folder / "inner"
    subprocess.run(["git", "init", "-q", str(inner)], check=True)
    (inner / "c.py").write_text("c")
    code.refresh()
    assert set(code.of(None).files) - set(now.files) == {"inner/c.py"}
