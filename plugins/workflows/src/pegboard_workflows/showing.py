"""Output of many tasks at the same time: whole lines, each with the task that said it."""

from __future__ import annotations

import threading
from collections.abc import Callable

from pegboard_projects import Task


class Lines:
    """Takes pieces of output as they come, and passes on lines."""

    def __init__(self, write: Callable[[bytes], None]) -> None:
        """Give each line to ``write``, with its end."""
        self._write = write
        self._lock = threading.Lock()
        self._begun: dict[str, bytes] = {}

    def __call__(self, task: Task, piece: bytes) -> None:
        """Take a piece of a task's output."""
        label = str(task.key)
        with self._lock:
            *lines, rest = (self._begun.pop(label, b"") + piece).split(b"\n")
            self._begun[label] = rest
            for line in lines:
                self._pass_on(label, line)

    def end(self, label: str) -> None:
        """Pass on what is left of a task that ended in the middle of a line."""
        with self._lock:
            if rest := self._begun.pop(label, b""):
                self._pass_on(label, rest)

    def _pass_on(self, label: str, line: bytes) -> None:
        self._write(label.encode() + b" | " + line + b"\n")
