"""Prompts: a text or messages with variables, written in the form or in a file of their own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import frozen
from pegboard.errors import InvalidValue

from pegboard_evaluation.genai.texts import as_json
from pegboard_evaluation.suites import source, templates
from pegboard_evaluation.suites.source import At, fields, rows, text

Messages = list[dict[str, Any]]

_SPELLINGS = {"label": "name", "id": "name", "raw": "text", "prompt": "text"}
_TEXTS, _LISTS = (".txt", ".md"), (".json", ".yaml", ".yml")


@frozen
class Prompt:
    """What models are asked: ``content`` is a text, or messages; None: the case has all."""

    name: str
    content: str | Messages | None
    at: At
    params: Mapping[str, Any] = {}
    """Fields of a request that go with it, before those of the model."""

    def messages(self, variables: Mapping[str, Any]) -> Messages:
        """Return what a model is told of a case; InvalidValue names a variable that is missing."""
        try:
            if isinstance(self.content, list):
                return [
                    {**each, "content": _told(templates.filled(each["content"], variables))}
                    for each in self.content
                ]
            return [{"role": "user", "content": _told(templates.filled(self.content, variables))}]
        except InvalidValue as error:
            raise self.at.wrong(error.message, error.hint) from None


def _told(value: Any) -> Any:
    return value if isinstance(value, list) else as_json(value)


def read(at: At, given: Any) -> list[Prompt]:
    """Return the prompts of a form; InvalidValue names what is wrong."""
    found: list[Prompt] = []
    for where, each in rows(at, given):
        made = _prompt(where, each, len(found) + 1)
        if made.name in {other.name for other in found}:
            raise where.wrong(f"Two prompts are called {made.name!r}.", "Give one another 'name'.")
        found.append(made)
    if not found:
        raise at.wrong("There is no prompt.")
    return found


def _prompt(at: At, given: Any, count: int) -> Prompt:
    name = f"prompt-{count}"
    if isinstance(given, str):
        given = {"file" if _is_file(given) else "text": given}
    table = fields(at, given, ["name", "text", "messages", "file"], _SPELLINGS)
    ways = [key for key in ("text", "messages", "file") if key in table]
    if len(ways) != 1:
        raise at.wrong("A prompt has one of 'text', 'messages' and 'file'.")
    where, content = at / ways[0] if ways[0] in given else at, table[ways[0]]
    if ways[0] == "file":
        path = at.file(text(where, content))
        name = path.stem
        if path.suffix in _TEXTS:
            content = path.read_text(encoding="utf-8")
        elif path.suffix in _LISTS:
            where, content = source.load(path)
        else:
            raise where.wrong(
                f"A prompt is a text or messages, not {path.suffix!r}.",
                f"Such a file ends in {', '.join((*_TEXTS, *_LISTS))}.",
            )
    content = _messages(where, content) if isinstance(content, list) else text(where, content)
    templates.check(where, content)
    return Prompt(text(at, table.get("name", name)), content, where)


def _is_file(given: str) -> bool:
    one_word = "\n" not in given and " " not in given and "{{" not in given
    return given.startswith("file://") or (one_word and given.endswith((*_TEXTS, *_LISTS)))


def _messages(at: At, given: list[Any]) -> Messages:
    for where, each in rows(at, given):
        if not isinstance(each, Mapping) or "role" not in each or "content" not in each:
            raise where.wrong("A message has a 'role' and 'content'.")
    return [dict(each) for each in given]
