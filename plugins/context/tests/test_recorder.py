"""The environment and the uncommitted changes that are recorded beside a run."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import logging, sys
logging.basicConfig(stream=sys.stdout, format="%(message)s")
from pegboard import host
from pegboard_scripting.client import Client
client = Client("memory:recorded")
def start(**keywords):
    return client.create_run("0", **keywords)
def began(run, **options):
    plugin = host.current().manager.get_plugin("context")
    plugin.pegboard_run_started(run, client, options)
def ended(run):
    plugin = host.current().manager.get_plugin("context")
    plugin.pegboard_run_ending(run, "FINISHED")
    client.set_terminated(run.info.run_id)
def files(run):
    return [entry.path for entry in client.list_artifacts(run.info.run_id, "environment")]
def text(run, name):
    path = client.download_artifacts(run.info.run_id, "environment/" + name)
    return open(path, encoding="utf-8", errors="replace").read()
def dirty(run):
    return client.get_run(run.info.run_id).data.tags.get("mlflow.source.git.dirty")
"""

ONE_RUN = "run = start(); began(run); ended(run); print(dirty(run), files(run))"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a git repository with one committed file."""
    (tmp_path / "module.py").write_text("x = 1\n")
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.com"]
    for command in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "--message", "x"]):
        clean = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
        subprocess.run(["git", *identity, *command], cwd=tmp_path, env=clean, check=True)
    return tmp_path


def output_of(project: Path, code: str) -> str:
    (project / "train.py").write_text(SCRIPT + code)
    done = subprocess.run([sys.executable, "train.py"], cwd=project, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_environment_and_changes_are_there_when_the_run_has_ended(project: Path) -> None:
    (project / "module.py").write_text("x = 2\n")
    output = output_of(
        project,
        """
run = start(); began(run); ended(run)
print(files(run))
print(dirty(run))
print(text(run, "requirements.txt"))
print(text(run, "environment.json"))
print(text(run, "uncommitted.patch"))
""",
    )
    names, dirty, rest = output.split("\n", 2)
    assert names == str(
        [f"environment/{n}" for n in ("environment.json", "requirements.txt", "uncommitted.patch")]
    )
    assert dirty == "true"
    assert "\npsutil==" in rest
    assert '"version": "' + ".".join(map(str, sys.version_info[:3])) in rest
    assert "-x = 1\n+x = 2\n" in rest
    assert "client = Client" not in rest, "the untracked script must not be in the patch"


def test_a_clean_tree_gives_a_tag_and_no_patch(project: Path) -> None:
    output = output_of(
        project, "run = start(); began(run); ended(run); print(dirty(run), files(run))"
    )
    assert output.startswith("false ")
    assert "uncommitted.patch" not in output


def test_outside_of_git_only_the_environment_is_recorded(tmp_path: Path) -> None:
    output = output_of(
        tmp_path, "run = start(); began(run); ended(run); print(dirty(run), files(run))"
    )
    assert output == "None ['environment/environment.json', 'environment/requirements.txt']\n"


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ("record_git = false", "None ['environment.json', 'requirements.txt']"),
        ("record_patch = false", "true ['environment.json', 'requirements.txt']"),
        ("record_environment = false", "true ['uncommitted.patch']"),
        ("record_git = false\nrecord_environment = false", "None []"),
    ],
)
def test_settings_turn_the_pieces_off(project: Path, settings: str, expected: str) -> None:
    (project / "module.py").write_text("x = 2\n")
    (project / "pegboard.toml").write_text(f"[plugins.context]\n{settings}\n")
    code = "run = start(); began(run); ended(run)\n"
    code += "print(dirty(run), [path.partition('/')[2] for path in files(run)])"
    assert output_of(project, code) == f"{expected}\n"


def test_a_setting_turns_system_metrics_on(project: Path) -> None:
    (project / "pegboard.toml").write_text("[plugins.context]\nsystem_metrics = true\n")
    code = "run = start(); began(run); ended(run)\n"
    code += "print(sorted(client.get_run(run.info.run_id).data.metrics)[0])"
    assert output_of(project, code) == "system/cpu_utilization_percentage\n"


def test_a_resumed_run_keeps_what_its_first_start_recorded(project: Path) -> None:
    code = """
run = start(); began(run); ended(run)
before = text(run, "environment.json"), dirty(run)
open("module.py", "w").write("x = 3\\n")
run = client.get_run(run.info.run_id); began(run); ended(run)
print((text(run, "environment.json"), dirty(run)) == before, len(files(run)))
"""
    assert output_of(project, code) == "True 2\n"


def test_a_child_of_a_run_that_is_recorded_gets_the_tag_and_no_files(project: Path) -> None:
    code = """
parent = start(); began(parent)
child = start(tags={"mlflow.parentRunId": parent.info.run_id}); began(child); ended(child)
ended(parent)
orphan = start(tags={"mlflow.parentRunId": parent.info.run_id}); began(orphan); ended(orphan)
print(len(files(parent)), dirty(child), files(child), len(files(orphan)))
"""
    assert output_of(project, code) == "2 false [] 2\n"


def test_a_failure_is_reported_and_the_run_goes_on(project: Path) -> None:
    code = """
run = start(); client.delete_run(run.info.run_id); began(run)
host.current().manager.get_plugin("context").pegboard_run_ending(run, "FINISHED")
print("still here")
"""
    lines = [line for line in output_of(project, code).splitlines() if line]
    assert lines[-1] == "still here"
    assert lines[0].startswith("The environment of run ")
    assert lines[0].endswith("is deleted.")
