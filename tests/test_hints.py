"""Commands that messages tell people to type."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from pegboard.errors import command_line

ROOT = Path(__file__).parent.parent
SOURCES = sorted(ROOT.glob("*/src/**/*.py")) + sorted(ROOT.glob("*/*/src/**/*.py"))
_COMMAND = re.compile(r"\b(pegboard [a-z]+|pip install|uv pip install|cd)( [\w./-]+)* ['\"]?$")
"""The beginning of a command, up to the place of a value."""


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0")), min_size=1))
def test_a_shell_reads_the_words_that_were_meant(words: list[str]) -> None:
    assert shlex.split(command_line(*words)) == words


def _unquoted(tree: ast.AST) -> Iterator[str]:
    """Yield the beginnings of commands that a value is put behind as it is."""
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            for before, value in zip(node.values, node.values[1:], strict=False):
                if isinstance(before, ast.Constant) and isinstance(value, ast.FormattedValue):
                    text = str(before.value)
                    if _COMMAND.search(text):
                        yield text


def test_what_is_looked_for_would_be_found() -> None:
    guilty = 'f"hint: pegboard artifacts list -r {run}"; f"Try: pip install pegboard-{name}"'
    assert len(list(_unquoted(ast.parse(guilty)))) == 1
    assert list(_unquoted(ast.parse("f'in pegboard.toml: {x} and pegboard {y} is there'"))) == []


def test_no_message_puts_a_name_into_a_command_unquoted() -> None:
    found = {
        str(file.relative_to(ROOT)): [*_unquoted(ast.parse(file.read_text(encoding="utf-8")))]
        for file in SOURCES
    }
    assert len(found) > 300
    assert {file: texts for file, texts in found.items() if texts} == {}
