"""What projects say about themselves, and what is told of mistakes in it."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from pegboard_projects.entry_points import EntryPoint
from pegboard_projects.errors import ProjectError
from pegboard_projects.parameters import Parameter
from pegboard_projects.reading import project_file


def written(place: Path, name: str, text: str) -> Path:
    place.mkdir(exist_ok=True)
    (place / name).write_text(text)
    return place


PUBLIC = """
name: tutorial
python_env: python_env.yaml
entry_points:
  main:
    parameters:
      alpha: float
      batch-size: {type: int, default: 32}
      mode: {default: fast}
      nothing: {type: string, default: null}
    command: "python -O train.py \\
        --alpha {alpha} --batch {batch-size} && echo '{{}}' {mode} {nothing}"
  empty:
    parameters:
    command: "true"
"""


def test_a_public_file_reads_as_it_was_meant(tmp_path: Path) -> None:
    place = written(tmp_path, "mlPROJECT", PUBLIC)
    written(tmp_path, "python_env.yaml", "dependencies: []")
    project = project_file.load(place)
    assert (project.name, project.kind, project.notes) == ("tutorial", "python", [])
    main = project.entry_points["main"]
    values, faults = main.values({})
    assert faults == ["no value is given for alpha, nothing"]
    values, faults = main.values({"alpha": "0.5", "nothing": "", "seed": "1 2"})
    assert faults == main.faults() == []
    assert main.render(values) == (
        "python -O train.py --alpha 0.5 --batch 32 && echo '{}' fast '' --seed '1 2'"
    )
    assert project.entry_points["empty"].render({}) == "true"


def test_a_pyproject_says_the_same(tmp_path: Path) -> None:
    text = """
[project]
name = "other"
dependencies = ["attrs"]
[tool.pegboard.project]
name = "mine"
[tool.pegboard.project.entry_points.main]
command = "python x.py {p}"
parameters = { p = { type = "int", default = 3 } }
"""
    project = project_file.load(written(tmp_path, "pyproject.toml", text))
    assert (project.name, project.kind) == ("mine", "pyproject")
    assert project.entry_points["main"].parameters["p"].default == "3"


BROKEN = {
    "entry_points: [": "line 1",
    "- a": "not a mapping",
    "entry_points:\n  main: python": "line 2.*'main' is a text, not a mapping",
    "entry_points:\n  main:\n    parameters: {}": "line 2.*needs a command",
    "entry_points:\n  main:\n    command: 3": "line 3.*not a text",
    "entry_points:\n  main: {command: x}\n  main: {command: y}": "line 3.*a second time",
    "entry_points:\n  main:\n    command: x\n    parameters: [a]": "line 4.*not a mapping",
    "entry_points:\n  m:\n    command: x\n    parameters:\n      'a;b': int": "line 5.*name",
    "entry_points:\n  m:\n    command: x\n    parameters:\n      a: 3": "line 5.*a type",
    "conda_env: a\npython_env: b": "one environment",
    "name: x\nconda_env: nowhere.yaml": "line 2.*not there",
    "conda_env: ../x.yaml": "climbs",
    "docker_env:\n  volumes: []": "needs an image",
    "docker_env:\n  image: i\n  environment: [[a]]": "NAME or",
    "databricks_spark_job: {python_file: x}": "Databricks only",
    "name: &a [*a]": "line 1.*not a text",
    "a: b: c": "line 1",
    "\x00": "not YAML",
}


@pytest.mark.parametrize("text", BROKEN)
def test_a_mistake_is_told_with_its_line(text: str, tmp_path: Path) -> None:
    written(tmp_path, "MLproject", text)
    with pytest.raises(ProjectError, match=f"(?s)MLproject.*{BROKEN[text]}"):
        project_file.load(tmp_path)


def test_what_is_odd_is_told_and_does_no_harm(tmp_path: Path) -> None:
    text = "entry_point: {}\nentry_points:\n  main:\n    command: x {a}\n    parameters:\n"
    text += "      a: {type: int, default: 0.5}\n      b: {type: Date, default: x}\n"
    project = project_file.load(written(tmp_path, "MLproject", text))
    said = "\n".join(project.notes)
    assert "line 1: 'entry_point' means nothing here. Did you mean 'entry_points'?" in said
    assert "line 6: the default of a is '0.5', which is not a whole number" in said
    assert "line 7: the type 'Date' is not known" in said


VALUES = [
    ("float", "abc", "a number"),
    ("float", "1e-3", ""),
    ("number", "nan", ""),
    ("int", "3", ""),
    ("integer", "3.0", "a whole number"),
    ("uri", "file", "a URI"),
    ("uri", "s3://a/b", ""),
    ("bool", "True", ""),
    ("bool", "maybe", "true or false"),
    ("list", '["a", 1', "a list"),
    ("list", "a,b", ""),
    ("choice", "c", "none of a, b"),
    ("choice", "a", ""),
    ("str", "anything; $(x)", ""),
    ("Date", "anything", ""),
]


@pytest.mark.parametrize(("kind", "value", "expected"), VALUES)
def test_values_are_really_checked(kind: str, value: str, expected: str) -> None:
    parameter = Parameter(name="p", type=kind, choices=("a", "b"))
    fault = parameter.fault(value)
    assert (expected in fault) if expected else fault == ""


RENDERED = [
    ("bool", "true", "x {p}", "x --p"),
    ("bool", "False", "x {p}", "x "),
    # As public projects write it, with a value behind an option.
    ("bool", "True", "x --p {p}", "x --p True"),
    ("bool", "True", "x --p={p}", "x --p=True"),
    ("list", "a, b c", "x {p}", "x a 'b c'"),
    ("list", '["a,b", 1]', "x --p {p}", "x --p a,b 1"),
    ("string", "it's; $(x)", "x {p}", "x " + shlex.quote("it's; $(x)")),
    ("string", "", "x {p} {{p}}", "x '' {p}"),
]


@pytest.mark.parametrize(("kind", "value", "command", "expected"), RENDERED)
def test_a_command_gets_the_value_as_its_type_says(
    kind: str, value: str, command: str, expected: str
) -> None:
    parameter = Parameter(name="p", type=kind)
    point = EntryPoint(name="main", command=command, parameters={"p": parameter})
    assert point.render({"p": value}) == expected


def test_a_shell_reads_the_values_as_they_were_given() -> None:
    values = {
        "a": "it's",
        "b": '$(touch x); `y` \\ "z"\n-n',
        "c-d": "--x",
        "e": "",
        "f": "é {a} 😀",
    }
    declared = {key: Parameter(name=key) for key in ("a", "b", "c-d")}
    point = EntryPoint(name="main", command="run {a} {b} {c-d}", parameters=declared)
    words = ["run", values["a"], values["b"], values["c-d"], "--e", "", "--f", values["f"]]
    assert shlex.split(point.render(values)) == words


@pytest.mark.parametrize("command", ["x {", "x {a:>3}", "x {a!r}", "x {}", "x {a.b}", "x ${HOME}"])
def test_braces_that_are_no_parameter_are_told(command: str) -> None:
    point = EntryPoint(name="m", command=command, parameters={"a": Parameter(name="a")})
    assert point.faults()


@pytest.mark.parametrize("name", ["a b", "x;y", "$(x)", "-x", "", "a\nb", "é"])
def test_keys_that_a_shell_would_read_otherwise_are_refused(name: str) -> None:
    _, faults = EntryPoint(name="m", command="x").values({name: "1"})
    assert faults == [f"{name!r} cannot be the name of a parameter"]
