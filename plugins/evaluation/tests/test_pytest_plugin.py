"""Tests of pytest that evaluate: ``@pegboard.test``, and test forms as files of tests."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pegboard
import pytest

FORM = """
models: m.py:echo
cases:
  - {vars: {q: good}, assert: [contains: good]}
  - {vars: {q: bad}, assert: [contains: good]}
  - {vars: {q: broken}, assert: [contains: good]}
"""
FUNCTION = """
def echo(q):
    with open("calls", "a") as log:
        log.write(f"{q}\\n")
    if q == "broken":
        raise OSError("no route")
    return q
"""
TESTS = """
import pegboard, pytest

@pegboard.genai.scorer
def good(outputs):
    return outputs == "good"

def evaluated(said):
    return pegboard.genai.evaluate([{"inputs": {"q": "?"}, "outputs": said}], [good])

@pegboard.test
@pytest.mark.parametrize("said", ["good", "bad"])
def test_quality(said):
    result = evaluated(said)
    assert result.passed, result.reason

@pegboard.test()
def test_threshold():
    assert evaluated("good").metrics["good/mean"] >= 0.9

@pegboard.test
def test_skipped():
    pytest.skip("not today")

def test_plain():
    assert pegboard.active_run() is not None, "that of the tests before"
"""
CHEAP = """
import sys
def test_nothing_of_weight_is_loaded():
    assert "pegboard_evaluation.pytest_plugin" in sys.modules
    assert not {"pegboard", "attrs", "numpy", "pandas"} & set(sys.modules)
"""


ENTRY = "pegboard_evaluation.pytest_plugin"


def test_a_form_is_a_file_of_tests_and_a_marked_test_has_a_run(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, text in {
        "pytest.ini": "[pytest]\n",
        "f.eval.yaml": FORM,
        "wrong.eval.yaml": "models: 5",
        "m.py": FUNCTION,
        "test_own.py": TESTS,
    }.items():
        (place / name).write_text(text, encoding="utf-8")
    # Those of other distributions take seconds to load.
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    words = ["-p", ENTRY, "-p", "no:cacheprovider", "--import-mode=importlib", "-rA"]
    words += ["--continue-on-collection-errors", "-k", "not broken", str(place)]
    pytest.main(words)
    said = capsys.readouterr().out
    assert "2 failed, 4 passed, 1 skipped, 1 deselected, 1 error" in said, said
    assert "wrong.eval.yaml, line 1: There are no 'cases'." in said
    assert "PASSED f.eval.yaml::good[m.py:echo]" in said
    assert "contains: It is 'bad', without 'good'." in said
    assert "good: value=False" in said
    asked = sorted((place / "calls").read_text().split())
    assert asked == ["bad", "good"], "each is asked once, and what is not selected never"

    found = pegboard.search_runs(output_format="list")
    runs = {each.data.tags.get("mlflow.runType"): each for each in found}
    assert runs["genai_evaluate_suite"].data.metrics == {"passed/mean": 0.5}
    assert runs["test"].info.status == "FAILED"
    traces = pegboard.search_traces(run_id=runs["test"].info.run_id, return_type="list")
    tags = [each.info.tags for each in traces]
    told = {(each["mlflow.test.name"], each.get("mlflow.test.case_id")) for each in tags}
    assert told == {
        ("test_own.py::test_quality[good]", "good"),
        ("test_own.py::test_quality[bad]", "bad"),
        ("test_own.py::test_threshold", None),
    }


def test_pytest_itself_loads_nothing_of_weight(tmp_path: Path) -> None:
    (found,) = entry_points(group="pytest11", name="pegboard_evaluation")
    assert found.value == ENTRY
    (tmp_path / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    (tmp_path / "test_cheap.py").write_text(CHEAP, encoding="utf-8")
    environ = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    command = [sys.executable, "-m", "pytest", "-p", ENTRY, "-p", "no:cacheprovider"]
    done = subprocess.run(
        command, cwd=tmp_path, env=environ, capture_output=True, text=True, check=False
    )
    assert "1 passed" in done.stdout, f"{done.stdout}{done.stderr}"
