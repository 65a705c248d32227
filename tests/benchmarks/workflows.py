"""How long it takes to decide on a workflow of 100 steps of which none changed.

The whole process counts, and what it would take inside a script. Others have no such thing:
MLflow's multi-step example compares parameters in a script of its own.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from processes import folder
from rows import Row

STEPS, _QUICK_STEPS, _LEAST_OF = 100, 20, 3
_STEP = """\
  s{number}:
    command: "echo {{n}} > $PEGBOARD_OUTPUTS/out.txt"
    params: {{n: {number}}}
    outputs: [out.txt]
"""
_INPUT = "    inputs: {{before: s{before}.out.txt}}\n"
_SCRIPT = """
import sys, time
from pegboard_workflows.api import plan
began = time.perf_counter()
found = plan(sys.argv[1])
print(time.perf_counter() - began, sum(each.runs for each in found), len(found))
"""


def measure(quick: bool) -> list[Row]:
    """Run the steps once, ten in a row after each other; then nothing has to run."""
    count = _QUICK_STEPS if quick else STEPS
    with folder() as place:
        project = place / "project"
        project.mkdir()
        text = "name: many\nsteps:\n"
        for number in range(count):
            text += _STEP.format(number=number)
            text += _INPUT.format(before=number - 1) if number % 10 else ""
        (project / "workflow.yaml").write_text(text)
        for number in range(count):
            (project / f"module_{number}.py").write_text(f"VALUE = {number}\n" * 100)
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("MLFLOW", "PEGBOARD"))}
        pegboard = str(Path(sys.executable).with_name("pegboard"))
        run = [pegboard, "workflows", "run", str(project)]
        subprocess.run(run, cwd=place, env=kept, check=True, capture_output=True)
        whole, inside = [], []
        for _ in range(_LEAST_OF):
            began = time.perf_counter()
            subprocess.run(run, cwd=place, env=kept, check=True, capture_output=True)
            whole.append(time.perf_counter() - began)
            words = [sys.executable, "-c", _SCRIPT, str(project)]
            done = subprocess.run(words, cwd=place, env=kept, check=True, stdout=subprocess.PIPE)
            seconds, running, decided = done.stdout.split()
            assert (int(running), int(decided)) == (0, count)
            inside.append(float(seconds))
    what = f"workflow of {count} unchanged steps"
    return [
        Row(f"{what}: run, whole process", "s", min(whole), goal=1.0, better="less"),
        Row(f"{what}: plan, in a script", "s", min(inside), goal=1.0, better="less"),
    ]
