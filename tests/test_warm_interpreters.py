"""An interpreter that has its imports behind it does what a new one would."""

from __future__ import annotations

import os
import select
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from peers.warm import warm


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with warm(Path(sys.executable), "json.tool", tmp_path_factory.mktemp("warm")) as made:
        yield made


CODE = """
import atexit, os, sys, threading
print(__name__, sys.argv[1:], os.getcwd(), os.environ["WHAT"], sys.stdin.read())
threading.Thread(target=print, args=("thread",)).start()
atexit.register(print, "end")
"""
ENDS = {
    "0": "",
    "3": "import sys; sys.exit(3)",
    "1": "import sys; sys.exit('words')",
    "1 ": "1 / 0",
    "-9": "import os; os.kill(os.getpid(), 9)",
}


@pytest.mark.parametrize("form", ["-c", "file"])
def test_code_meets_what_it_was_called_with(python: Path, tmp_path: Path, form: str) -> None:
    (tmp_path / "code.py").write_text(CODE)
    words = ["-c", CODE] if form == "-c" else ["code.py"]
    done = subprocess.run(
        [python, *words, "a", "b"],
        cwd=tmp_path,
        input="given",
        env={"WHAT": "set"},
        capture_output=True,
        text=True,
    )
    assert done.stdout == f"__main__ ['a', 'b'] {tmp_path} set given\nthread\nend\n", done.stderr
    shown = [python, "-c", "import sys; print('json.tool' in sys.modules)"]
    assert subprocess.run(shown, capture_output=True, text=True).stdout == "True\n"


@pytest.mark.parametrize("code", ENDS)
def test_it_ends_as_the_code_does(python: Path, code: str) -> None:
    done = subprocess.run([python, "-c", ENDS[code]], stderr=subprocess.PIPE)
    assert done.returncode == int(code)


def test_what_it_runs_does_not_outlive_it(python: Path) -> None:
    forever = "import os, sys; print(os.getpid(), flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [python, "-c", forever], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        over = os.pidfd_open(int(process.stdout.readline()))
        process.kill()
        ended, _, _ = select.select([over], [], [], 60)
    os.close(over)
    assert ended


def test_where_a_new_one_would_differ_it_is_a_new_one(python: Path, tmp_path: Path) -> None:
    (tmp_path / "json").mkdir()
    (tmp_path / "json" / "__init__.py").write_text("mine = True")
    env = {"PYTHONPATH": str(tmp_path)}
    code = "import json; print(json.mine)"
    done = subprocess.run([python, "-c", code], env=env, capture_output=True, text=True)
    assert done.stdout == "True\n", done.stderr
    flags = [python, "-O", "-c", "import sys; print(sys.flags.optimize)"]
    assert subprocess.run(flags, capture_output=True, text=True).stdout == "1\n"
