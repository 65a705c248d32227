"""What differs between two versions: word by word, message by message, and in all else."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from typing import Any

from attrs import frozen

from pegboard_prompts.entities import PromptVersion

SAME, REMOVED, ADDED = " ", "-", "+"

_TOKEN = re.compile(r"\w+|\s+|[^\w\s]")


@frozen
class Part:
    """A piece of text: ``kind`` says whether it is in both versions, or was removed or added."""

    kind: str
    text: str


@frozen
class Section:
    """What differs in one place; ``title`` is "text" or "message 2 (user)", for instance."""

    title: str
    parts: Sequence[Part]

    @property
    def changed(self) -> bool:
        """Whether anything differs here."""
        return any(part.kind != SAME for part in self.parts)


def compare(before: PromptVersion, after: PromptVersion) -> list[Section]:
    """Return the sections in which two versions differ; [] if they are the same."""
    if before.is_text_prompt and after.is_text_prompt:
        sections = [Section("text", words(str(before.source), str(after.source)))]
    else:
        sections = list(_messages(_read(before), _read(after)))
    for title, one, other in (
        ("model config", before.model_config, after.model_config),
        ("response format", before.response_format, after.response_format),
        ("variables", _described(before), _described(after)),
        ("tags", before.tags or None, after.tags or None),
    ):
        if one != other:
            sections.append(Section(title, words(_pretty(one), _pretty(other))))
    return [section for section in sections if section.changed]


def words(before: str, after: str) -> list[Part]:
    """Return what was removed from a text and added to it, by words.

    Lines are compared first, words only where lines differ: texts may be long.
    """
    old, new = before.splitlines(keepends=True), after.splitlines(keepends=True)
    parts: list[Part] = []
    for tag, a, b, c, d in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        removed, added = "".join(old[a:b]), "".join(new[c:d])
        if tag == "equal":
            parts.append(Part(SAME, removed))
        else:
            parts += _tokens(removed, added)
    return _joined(parts)


def _tokens(before: str, after: str) -> Iterator[Part]:
    old, new = _TOKEN.findall(before), _TOKEN.findall(after)
    for tag, a, b, c, d in SequenceMatcher(None, old, new, autojunk=True).get_opcodes():
        if tag == "equal":
            yield Part(SAME, "".join(old[a:b]))
            continue
        yield Part(REMOVED, "".join(old[a:b]))
        yield Part(ADDED, "".join(new[c:d]))


def _joined(parts: Sequence[Part]) -> list[Part]:
    """Put pieces of one kind together, and leave empty ones out."""
    found: list[Part] = []
    for part in parts:
        if not part.text:
            continue
        if found and found[-1].kind == part.kind:
            found[-1] = Part(part.kind, found[-1].text + part.text)
        else:
            found.append(part)
    return found


def _read(version: PromptVersion) -> list[tuple[str, str]]:
    """Return the messages of a version as role and text."""
    source = version.source
    messages = [{"role": "user", "content": source}] if isinstance(source, str) else source
    return [(str(message["role"]), _text(message)) for message in messages]


def _text(message: dict[str, Any]) -> str:
    rest = {key: value for key, value in message.items() if key != "role"}
    content = rest.get("content")
    return content if len(rest) == 1 and isinstance(content, str) else _pretty(rest)


def _messages(
    before: Sequence[tuple[str, str]], after: Sequence[tuple[str, str]]
) -> Iterator[Section]:
    for tag, a, b, c, d in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if tag == "equal":
            continue
        for i in range(max(b - a, d - c)):
            old = before[a + i] if a + i < b else None
            new = after[c + i] if c + i < d else None
            yield _message(a + i if new is None else c + i, old, new)


def _message(index: int, old: tuple[str, str] | None, new: tuple[str, str] | None) -> Section:
    number = index + 1
    if old is None or new is None:
        role, text = old or new or ("", "")
        kind = ADDED if old is None else REMOVED
        return Section(f"message {number} ({role})", [Part(kind, text)])
    role = new[0] if old[0] == new[0] else f"{old[0]} → {new[0]}"
    parts = words(old[1], new[1])
    if old[0] != new[0]:
        parts = [Part(REMOVED, f"{old[0]}: "), Part(ADDED, f"{new[0]}: "), *parts]
    return Section(f"message {number} ({role})", parts)


def _described(version: PromptVersion) -> dict[str, Any] | None:
    return {name: each.plain() for name, each in version.variable_info.items()} or None


def _pretty(value: Any) -> str:
    if value is None:
        return ""
    return json.dumps(value, indent=2, ensure_ascii=False, sort_keys=True) + "\n"
