"""What README.md shows is run."""

from __future__ import annotations

import doctest
import re
import shlex
from pathlib import Path

from click.testing import CliRunner
from pegboard.cli.shell import cli

README = Path(__file__).resolve().parent.parent / "README.md"


def test_the_readme_is_true(place: Path) -> None:
    result = doctest.testfile(str(README), module_relative=False)
    assert result.attempted > 10
    assert result.failed == 0
    text = README.read_text()
    found = re.search(r"```markdown\n(.*?)```", text, re.DOTALL)
    commands = re.search(r"```bash\n(.*?)```", text, re.DOTALL)
    assert found is not None and commands is not None
    (place / "hello.md").write_text(found[1])
    for line in commands[1].splitlines():
        _, *words = shlex.split(line, comments=True)
        done = CliRunner().invoke(cli, words)
        assert done.exit_code == 0, done.output
