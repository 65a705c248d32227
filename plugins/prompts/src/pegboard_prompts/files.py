"""Prompts as files that live in git: Markdown with front matter for texts, YAML for chats.

``NAME.md`` holds what is known of a prompt between two lines ``---``, and then its text, followed
by one end of line that is not part of it. ``NAME.yaml`` holds the same with ``text`` or
``messages`` beside it. What is written and read again is the same, byte by byte.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from attrs import evolve, field, frozen
from pegboard.entities.registry import Author
from pegboard.errors import InvalidValue, translate_os_error
from pegboard_llm import templates, variables
from pegboard_llm.templates import Template
from pegboard_stores import prompt_tags as keys

from pegboard_prompts import codec, composition
from pegboard_prompts.entities import PromptVersion, checked_name
from pegboard_prompts.store import NOBODY, PromptStore

MARKDOWN, YAML = ".md", ".yaml"
MOST_BYTES = 4 << 20
"""Of a file; a prompt has 100,000 characters at the most."""
SUFFIXES = (MARKDOWN, YAML, ".yml")
_LINE = "---"
_KEYS = (
    "message", "tags", "variables", "model_config", "response_format", "includes",
    "text", "messages",
)  # fmt: skip


@frozen
class Draft:
    """A version as a file has it. ``includes`` maps what the template includes to versions."""

    name: str
    template: Template
    message: str | None = field(default=None, eq=False)
    tags: Mapping[str, str] = field(factory=dict)
    variables: Mapping[str, Any] = field(factory=dict)
    model_config: Mapping[str, Any] | None = None
    response_format: Mapping[str, Any] | None = None
    includes: Mapping[str, int] = field(factory=dict)

    def normal(self) -> Draft:
        """Return it as the registry would have it; InvalidValue says what is wrong."""
        # Variables of what it includes are known only when that is put in.
        described = None if composition.includes_any(self.template) else self.variables
        made = codec.unregistered(
            self.name,
            self.template,
            response_format=self.response_format,
            model_config=self.model_config,
            described=described,
            tags=self.tags,
        )
        return evolve(draft_of(made), **self._kept(described is None))

    def _kept(self, composed: bool) -> dict[str, Any]:
        kept: dict[str, Any] = {"message": self.message, "includes": self.includes}
        return {**kept, "variables": self.variables} if composed else kept

    def version(self) -> PromptVersion:
        """Return it as version 0 of its prompt, with what it includes still to be put in."""
        made = codec.unregistered(
            self.name,
            self.template,
            response_format=self.response_format,
            model_config=self.model_config,
            tags=self.tags,
        )
        known = {name: dict(each) for name, each in self.variables.items()}
        raw = {**made.raw_tags, **({keys.VARIABLES: json.dumps(known)} if known else {})}
        return PromptVersion.of_tags(self.name, 0, raw)

    def agrees(self, version: PromptVersion) -> bool:
        """Whether a version is what the file has; who names no included version takes any."""
        there = draft_of(version)
        return self == (there if self.includes else evolve(there, includes={}))

    def register(self, store: PromptStore, message: str = "", by: Author = NOBODY) -> PromptVersion:
        """Add it to its prompt as the next version."""
        return store.register(
            self.name,
            self.template,
            commit_message=message or self.message,
            tags=self.tags,
            response_format=self.response_format,
            model_config=self.model_config,
            variables=self.variables,
            pinned=dict(self.includes),
            by=by,
        )


def draft_of(version: PromptVersion) -> Draft:
    """Return what a file holds of a version."""
    return Draft(
        version.name,
        version.source,
        version.commit_message,
        version.tags,
        {name: each.plain() for name, each in version.variable_info.items()},
        version.model_config,
        version.response_format,
        {each.asked: each.version for each in version.includes},
    )


class _Dumper(yaml.SafeDumper):  # type: ignore[misc]
    """Writes texts of several lines as such, and no aliases."""

    def ignore_aliases(self, data: Any) -> bool:
        del data
        return True


class _Loader(yaml.SafeLoader):  # type: ignore[misc]
    """Takes no aliases: a few lines of them stand for more than fits into memory.

    Nor a key twice in one mapping: what it says first would be lost without a word.
    """

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("aliases, such as *name, are not taken")
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        seen: set[tuple[str, str]] = set()
        for key, _ in node.value:
            told = (key.tag, str(key.value))
            if told in seen:
                raise yaml.YAMLError(f"the key {told[1]!r:.60} is there twice")
            seen.add(told)
        return super().construct_mapping(node, deep)


def _represent(dumper: yaml.SafeDumper, text: str) -> Any:
    style = "|" if "\n" in text else None
    if text.splitlines() != text.split("\n") and text.splitlines() != text.split("\n")[:-1]:
        style = '"'  # YAML takes other characters for ends of lines, too, unless they are escaped.
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _represent)


def dumped(draft: Draft, suffix: str | None = None) -> tuple[str, bytes]:
    """Return the name and the content of a file; by default texts become Markdown."""
    is_text = isinstance(draft.template, str)
    known: dict[str, Any] = {
        "message": draft.message,
        "tags": dict(draft.tags),
        "variables": dict(draft.variables),
        "model_config": draft.model_config,
        "response_format": draft.response_format,
        "includes": dict(draft.includes),
    }
    known = {key: value for key, value in known.items() if value}
    # README.md of a folder is about it.
    if suffix == YAML or not is_text or draft.name.lower() == "readme":
        known["text" if is_text else "messages"] = draft.template
        return f"{draft.name}{YAML}", as_yaml(known).encode()
    head = as_yaml(known) if known else ""
    return f"{draft.name}{MARKDOWN}", f"{_LINE}\n{head}{_LINE}\n{draft.template}\n".encode()


def as_yaml(value: Mapping[str, Any]) -> str:
    """Return a mapping as YAML, in its order."""
    text: str = yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)
    return text


def write(folder: Path, drafts: list[Draft], suffix: str | None = None) -> list[Path]:
    """Write prompts into a folder, which is made if need be; return the files that changed.

    A prompt that had a file of another form loses that.
    """
    written = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for draft in drafts:
            name, content = dumped(draft, suffix)
            checked_name(draft.name)
            if put(folder / name, content):
                written.append(folder / name)
            remove_single(folder, draft.name, but=name)
    except OSError as error:
        raise translate_os_error(error, folder) from error
    return written


def put(path: Path, content: bytes) -> bool:
    """Write a file, and return whether that changed it; OSError."""
    refuse_link(path)
    if path.is_file() and path.read_bytes() == content:
        return False
    path.write_bytes(content)
    return True


def remove_single(folder: Path, name: str, but: str = "") -> None:
    """Remove the files of a prompt in a folder, but one; OSError."""
    for suffix in SUFFIXES:
        stale = folder / f"{name}{suffix}"
        if stale.name != but and stale.is_file():
            stale.unlink()


def refuse_link(path: Path) -> None:
    """Refuse a link: what lies elsewhere is neither read nor written, whoever sent the folder."""
    if path.is_symlink():
        raise InvalidValue(f"{path} is a link.", hint="Put the file itself into the folder.")


def read_all(folder: Path) -> Iterator[Draft]:
    """Yield the prompts of a folder by their names; InvalidValue names a file that is wrong."""
    if not folder.is_dir():
        raise InvalidValue(f"There is no folder {str(folder)!r}.")
    seen: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix not in SUFFIXES or path.name.lower() == "readme.md":
            continue
        refuse_link(path)
        if not path.is_file():
            continue
        if path.stem in seen:
            raise InvalidValue(f"{path.name} and {seen[path.stem].name} are the same prompt.")
        seen[path.stem] = path
        yield read(path)


def read(path: Path, name: str | None = None) -> Draft:
    """Return the prompt of a file: of Markdown, YAML, or of a text as it is.

    Its name is the file's, unless another is given. InvalidValue names the file.
    """
    content = _content(path)
    try:
        draft = loaded(name or path.stem, content, path.suffix)
        checked_name(draft.name)
        return draft.normal()
    except InvalidValue as error:
        raise InvalidValue(f"{path}: {error.message}", hint=error.hint) from None


def loaded(name: str, content: str, suffix: str) -> Draft:
    """Return the prompt that the content of a file holds; InvalidValue."""
    content = content.removeprefix("\ufeff")  # Some editors put it before every text.
    if suffix in (YAML, ".yml"):
        known, body = _mapping(content), None
    elif content.startswith((f"{_LINE}\n", f"{_LINE}\r\n")):
        if not content.startswith(f"{_LINE}\n"):
            content = content.replace("\r\n", "\n")
        head, mark, body = content[len(_LINE) + 1 :].partition(f"{_LINE}\n")
        while mark and head and not head.endswith("\n"):
            more, mark, body = body.partition(f"{_LINE}\n")
            head += f"{_LINE}\n{more}"
        if not mark:
            raise InvalidValue(
                "The front matter has no end.", hint=f"Write a line {_LINE!r} behind it."
            )
        known = _mapping(head)
    else:
        known, body = {}, content.replace("\r\n", "\n")
    unknown = [key for key in known if key not in _KEYS]
    if unknown:
        raise InvalidValue(
            f"The key {unknown[0]!r} is unknown.", hint=f"Known are: {', '.join(_KEYS)}."
        )
    if body is not None:
        return _draft(name, body.removesuffix("\n"), known)
    for key, kind, what in (("text", str, "a text"), ("messages", list, "a list of messages")):
        if not isinstance(known.get(key, kind()), kind):
            raise InvalidValue(f"{key!r} is {known[key]!r:.60}, not {what}.")
    if known.get("text") is not None and known.get("messages") is not None:
        raise InvalidValue(
            "There are 'text' and 'messages'.", hint="A prompt is one of them: leave one out."
        )
    return _draft(name, known.get("messages", known.get("text")), known)


def _draft(name: str, template: Any, known: Mapping[str, Any]) -> Draft:
    if template is None:
        raise InvalidValue("There is no prompt.", hint="Write it under 'text' or 'messages'.")
    templates.checked(template)
    if not isinstance(known.get("message") or "", str):
        raise InvalidValue(f"'message' is {known['message']!r:.60}, not a text.")
    for key in ("tags", "variables", "model_config", "response_format", "includes"):
        if not isinstance(known.get(key) or {}, Mapping):
            raise InvalidValue(f"{key!r} is {known[key]!r:.60}, not a mapping.")
    tags = known.get("tags") or {}
    for key, value in tags.items():
        if not isinstance(value, str):
            raise InvalidValue(
                f"The tag {key!r} is {value!r:.60}, not a text.", hint="Put it in quotes."
            )
    for asked, version in (known.get("includes") or {}).items():
        if not isinstance(asked, str) or type(version) is not int or version < 1:
            raise InvalidValue(
                f"'includes' has {asked!r:.60}: {version!r:.60}, not the number of a version."
            )
    described = variables.plain(known.get("variables") or {})
    return Draft(
        name,
        template,
        known.get("message"),
        tags,
        described,
        known.get("model_config") or None,
        known.get("response_format") or None,
        known.get("includes") or {},
    )


def mapping_of(path: Path) -> dict[str, Any]:
    """Return what a file of YAML holds; InvalidValue."""
    return _mapping(_content(path))


def _content(path: Path) -> str:
    try:
        if path.stat().st_size > MOST_BYTES:
            raise InvalidValue(f"{path} has more than {MOST_BYTES:,} bytes.")
        return path.read_bytes().decode()
    except UnicodeDecodeError as error:
        raise InvalidValue(f"{path} is not UTF-8: {error}.") from None
    except OSError as error:
        raise translate_os_error(error, path) from error


def _mapping(text: str) -> dict[str, Any]:
    try:
        found = yaml.load(text, _Loader)  # noqa: S506 (it is a SafeLoader)
    except (yaml.YAMLError, ValueError) as error:
        raise InvalidValue(f"It is not YAML: {error}.") from None
    except RecursionError:
        raise InvalidValue("It is nested too deep.") from None
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise InvalidValue("It is not a mapping of keys to values.")
    return found
