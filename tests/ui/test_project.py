"""The page of a workflow's run while it goes on, fails and is resumed; and that of a single run."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Served
from pegboard.entities import RunStatus
from pegboard_scripting.client import Client
from playwright.sync_api import Page, expect

SECONDS = 300
EVIL = "<img src=x onerror=\"window.escaped='yes'\">"
WORKFLOW = {
    "name": "churn",
    "params": {"items": ["plain", EVIL]},
    "steps": {
        "load": {"command": "python load.py", "outputs": ["rows.csv"]},
        "train": {
            "foreach": "${params.items}",
            "retries": 1,
            "command": "python train.py",
            "params": {"item": "${item}"},
            "inputs": {"rows": "load.rows.csv"},
        },
        "best": {"command": "python best.py", "needs": ["train"]},
    },
}
LOAD = """
import os, pathlib, time
print("\\n".join(f"line {number}" for number in range(9000)))
print("waiting", flush=True)
while not pathlib.Path(os.environ["GATE"]).exists():
    time.sleep(0.1)
print("went on", flush=True)
pathlib.Path(os.environ["PEGBOARD_OUTPUTS"], "rows.csv").write_text("1\\n")
time.sleep(2)
"""
TRAIN = """
import os, pathlib, sys
print(sys.argv, flush=True)
if "img" in str(sys.argv) and not pathlib.Path(os.environ["GATE"] + "2").exists():
    sys.exit("it cannot be trained")
"""


def test_a_workflow_is_followed_from_its_first_step_to_its_last(
    page: Page,
    fresh: Served,
    tmp_path: Path,
    accessible: Callable[[Page], None],
    request: pytest.FixtureRequest,
) -> None:
    ending = request.addfinalizer
    folder, gate = tmp_path / "project", tmp_path / "gate"
    folder.mkdir()
    files = {"load.py": LOAD, "train.py": TRAIN, "best.py": "print('the best')"}
    for name, text in {**files, "workflow.yaml": json.dumps(WORKFLOW)}.items():
        (folder / name).write_text(text)
    client = Client(fresh.url)

    def began(*words: str) -> subprocess.Popen[bytes]:
        command = [str(Path(sys.executable).with_name("pegboard")), "workflows", *words]
        variables = {**os.environ, "PEGBOARD_TRACKING_URI": fresh.url, "GATE": str(gate)}
        process = subprocess.Popen(command, env=variables, cwd=tmp_path, stdout=subprocess.DEVNULL)
        # Nothing goes on if this test fails.
        ending(process.terminate)
        return process

    process = began("run", str(folder), "--env-manager", "local")
    while not (runs := list(client.search_runs(["0"], "tags.`mlflow.source.type` = 'WORKFLOW'"))):
        assert process.poll() is None
        time.sleep(0.1)
    run_id = runs[0].info.run_id
    page.goto(f"{fresh.url}/runs/{run_id}")
    page.get_by_role("link", name="workflow g w").wait_for()
    page.keyboard.press("g")
    page.keyboard.press("w")
    steps = page.get_by_role("navigation", name="Steps").get_by_role("link")
    expect(steps).to_have_text(
        [re.compile("load.*running"), re.compile("train.*waiting"), re.compile("best.*waiting")]
    )
    log = page.get_by_role("region", name="Log")
    expect(log).to_contain_text("line 8999\nwaiting", timeout=SECONDS * 1000)
    page.reload()
    expect(page.get_by_text(re.compile("before this: the whole log"))).to_be_visible()
    assert "line 1\n" not in (log.text_content() or "")
    accessible(page)
    gate.touch()
    expect(log).to_contain_text("waiting\nwent on", timeout=SECONDS * 1000)
    # Who reads at the end stays there.
    expect(log).to_have_js_property("scrollTop", _end(page))
    assert process.wait(SECONDS) == 1
    expect(steps.nth(0)).to_have_text(re.compile("done"))
    expect(steps.nth(1)).to_have_text(re.compile("failed, 1 of 2"))
    expect(steps.nth(2)).to_have_text(re.compile("blocked"))
    # The step that failed is shown now, and of it the task that did.
    about = page.get_by_role("region", name="train")
    expect(about).to_contain_text(f"train[{EVIL}]")
    expect(about).to_contain_text("attempt 2")
    expect(about.get_by_text("All attempts").get_by_role("link")).to_have_count(2)
    expect(log).to_contain_text("it cannot be trained")
    expect(page.get_by_role("region", name="Outcome")).to_contain_text("failed")
    accessible(page)
    page.keyboard.press("k")
    expect(log).to_contain_text("plain")
    expect(page).to_have_url(re.compile(r"step=train&task=train(%5B|\[)plain"))
    page.keyboard.press("[")
    page.keyboard.press("l")
    outputs = page.get_by_role("region", name="Outputs")
    expect(outputs.get_by_role("link", name="rows.csv")).to_have_attribute(
        "href", re.compile("tab=artifacts&path=rows.csv")
    )

    gate.with_name("gate2").touch()
    process = began("resume", run_id)
    assert process.wait(SECONDS) == 0
    expect(steps.nth(2)).to_have_text(re.compile("done"))
    expect(steps.nth(0)).to_have_text(re.compile("kept"))
    expect(page.get_by_role("region", name="Outcome")).to_contain_text("finished")
    assert client.get_run(run_id).info.status is RunStatus.FINISHED

    page.keyboard.press("]")
    page.keyboard.press("]")
    page.keyboard.press("l")
    expect(log).to_have_text("the best\n")
    page.keyboard.press("Enter")
    page.get_by_role("link", name="log g w").wait_for()
    page.keyboard.press("g")
    page.keyboard.press("w")
    expect(page.get_by_role("region", name="Outcome")).to_contain_text("python best.py")
    expect(log).to_have_text("the best\n")
    accessible(page)
    assert page.evaluate("window.escaped") is None


def _end(page: Page) -> int:
    return int(page.locator(".prj-log").evaluate("(log) => log.scrollHeight - log.clientHeight"))
