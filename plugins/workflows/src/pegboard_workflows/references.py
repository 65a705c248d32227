"""What stands in ``${…}``: parameters of the workflow, the item of a foreach, results of steps.

``${params.NAME}``, ``${item}``, ``${item.KEY}``, ``${steps.STEP.metrics.NAME}``, and ``params`` and
``outputs`` in the place of ``metrics``. ``$${`` is a text with ``${`` in it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from attrs import frozen

_REFERENCE = re.compile(r"\$(\$?)\{([^{}]*)\}")
RESULTS = ("metrics", "params", "outputs")


@frozen
class Reference:
    """One of them, by its parts: ``("steps", "train", "metrics", "loss")``."""

    text: str
    parts: tuple[str, ...]

    @property
    def step(self) -> str | None:
        """The step whose result it is, if it is one."""
        return self.parts[1] if self.parts[0] == "steps" and len(self.parts) > 1 else None


def of(text: str) -> Reference:
    """Return what stands between the braces; names of results may have dots in them."""
    words = text.strip()
    most = {"steps": 3, "params": 1}.get(words.partition(".")[0], -1)
    return Reference(words, tuple(words.split(".", most)))


def within(value: Any) -> Iterator[Reference]:
    """Yield the references in a value, however deep."""
    if isinstance(value, str):
        for found in _REFERENCE.finditer(value):
            if not found[1]:
                yield of(found[2])
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from within(each)
    elif isinstance(value, (list, tuple)):
        for each in value:
            yield from within(each)


def resolved(value: Any, look: Callable[[Reference], Any], text: Callable[[Any], str]) -> Any:
    """Return a value with what ``look`` finds in the places of its references.

    A text that is a reference and nothing else becomes what it stands for, of any kind; in another
    text, ``text`` says how that is written.
    """
    if isinstance(value, str):
        whole = _REFERENCE.fullmatch(value)
        if whole and not whole[1]:
            return look(of(whole[2]))
        return _REFERENCE.sub(
            lambda found: f"${{{found[2]}}}" if found[1] else text(look(of(found[2]))), value
        )
    if isinstance(value, Mapping):
        return {key: resolved(each, look, text) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [resolved(each, look, text) for each in value]
    return value
