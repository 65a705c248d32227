"""A plugin that implements the hook of another plugin."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from examples.notices import Notice
from pegboard.hookspecs import hookimpl


def append(text: str) -> None:
    """Append a line to ``notices.txt``."""
    with Path("notices.txt").open("a", encoding="utf-8") as file:
        file.write(f"{text}\n")


@hookimpl(optionalhook=True)
def pegboard_notices() -> Sequence[Notice]:
    """Declare the file ``notices.txt``."""
    return [Notice("file", "examples.notice_file:append", "Appends to notices.txt.")]
