"""All versions of prompts as files: a folder ``NAME/`` for each, with ``1.md``, ``2.yaml``, ….

``prompt.yaml`` beside them holds what belongs to no version: description, tags, aliases, and how
callers are shared. Read into another registry, versions have their numbers again. Times, and what
gates and tests found, are the registry's own, and stay there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from attrs import frozen
from pegboard import paging
from pegboard.entities.registry import Author
from pegboard.errors import InvalidState, InvalidValue, NotFound, command_line, translate_os_error
from pegboard_stores import prompt_tags as keys
from pegboard_stores import prompt_traffic as traffic
from pegboard_stores import validation

from pegboard_prompts import files, tagging, uris
from pegboard_prompts.entities import Prompt, checked_name
from pegboard_prompts.files import Draft
from pegboard_prompts.store import NOBODY, PromptStore

ABOUT = "prompt.yaml"
_NUMBER = re.compile(r"[1-9]\d{0,8}")
_KEYS = ("description", "tags", "aliases", "traffic")


@frozen(kw_only=True)
class History:
    """A prompt with all its versions, by their numbers."""

    name: str
    drafts: Mapping[int, Draft]
    description: str = ""
    tags: Mapping[str, str]
    aliases: Mapping[str, int]
    traffic: Mapping[str, Mapping[int, float]]
    """By alias, the weights of the versions that its callers are shared between."""

    def about(self) -> dict[str, Any]:
        """Return what belongs to no version, without what is empty."""
        shared = {alias: dict(shares) for alias, shares in self.traffic.items()}
        told = {
            "description": self.description,
            "tags": dict(self.tags),
            "aliases": dict(self.aliases),
            "traffic": shared,
        }
        return {key: value for key, value in told.items() if value}


def of_store(store: PromptStore, name: str) -> History:
    """Return a prompt as the registry has it; NotFound, and InvalidValue for a damaged version."""
    found = paging.items(lambda page_token=None: store.versions(name, page_token=page_token))
    drafts = {each.version: files.draft_of(each) for each in found}
    return _history(store.get(name), drafts)


def _history(prompt: Prompt, drafts: Mapping[int, Draft]) -> History:
    return History(
        name=prompt.name,
        drafts=dict(sorted(drafts.items())),
        description=prompt.description or "",
        tags=_own_tags(prompt),
        aliases=dict(sorted(prompt.aliases.items())),
        traffic={each: t for each in sorted(prompt.aliases) if (t := prompt.traffic(each))},
    )


def _own_tags(prompt: Prompt) -> dict[str, str]:
    hidden = (*keys.OF_VERSION, keys.EXPERIMENTS)
    return {
        key: value
        for key, value in sorted(prompt.tags.items())
        if key not in hidden and not key.startswith(keys.OWN)
    }


# -- files ---------------------------------------------------------------------------------------


def write(folder: Path, histories: Sequence[History], suffix: str | None = None) -> list[Path]:
    """Write prompts into a folder; return the files that changed. What is no version any more goes.

    The single file that a prompt had there goes, too.
    """
    written = []
    for each in histories:
        place = _place(folder, each.name)
        # A version's file is named by its number; the name of the prompt is that of the folder.
        contents = {ABOUT: files.as_yaml(each.about()).encode()}
        for number, draft in each.drafts.items():
            name, content = files.dumped(draft, suffix)
            contents[f"{number}{Path(name).suffix}"] = content
        try:
            place.mkdir(parents=True, exist_ok=True)
            written += [place / n for n, c in contents.items() if files.put(place / n, c)]
            for path in place.iterdir():
                if path.name not in contents and _is_version(path):
                    path.unlink()
            files.remove_single(folder, each.name)
        except OSError as error:
            raise translate_os_error(error, place) from error
    return written


def _place(folder: Path, name: str) -> Path:
    if set(name) == {"."}:
        raise InvalidValue(f"The prompt {name!r} can have no folder: its name is only points.")
    place = folder / name
    files.refuse_link(place)
    return place


def _is_version(path: Path) -> bool:
    return path.suffix in files.SUFFIXES and _NUMBER.fullmatch(path.stem) is not None


def are_in(folder: Path, name: str) -> bool:
    """Whether a folder has all versions of a prompt."""
    return (folder / name / ABOUT).is_file()


def read_all(folder: Path) -> Iterator[History]:
    """Yield the prompts of which a folder has all versions; InvalidValue names a file."""
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if path.is_dir() and (path / ABOUT).is_file():
            files.refuse_link(path)
            yield _read(path)


def _read(place: Path) -> History:
    name = checked_name(place.name)
    drafts: dict[int, Draft] = {}
    for path in sorted(place.iterdir()):
        if path.suffix not in files.SUFFIXES:
            continue
        files.refuse_link(path)
        if not path.is_file():
            raise InvalidValue(f"{path} is not a file.")
        if path.name == ABOUT:
            continue
        if not _is_version(path):
            raise InvalidValue(f"{path} is no version: its name is not a number.")
        if int(path.stem) in drafts:
            raise InvalidValue(f"{place} has two files of version {path.stem}.")
        drafts[int(path.stem)] = files.read(path, name)
    if not drafts:
        raise InvalidValue(f"{place} has no version.")
    try:
        return _about(name, dict(sorted(drafts.items())), files.mapping_of(place / ABOUT))
    except InvalidValue as error:
        raise InvalidValue(f"{place / ABOUT}: {error.message}", hint=error.hint) from None


def _about(name: str, drafts: Mapping[int, Draft], known: Mapping[str, Any]) -> History:
    if unknown := [key for key in known if key not in _KEYS]:
        raise InvalidValue(
            f"The key {unknown[0]!r} is unknown.", hint=f"Known are: {', '.join(_KEYS)}."
        )
    description = known.get("description") or ""
    tags, aliases = (known.get(key) or {} for key in ("tags", "aliases"))
    shared = known.get("traffic") or {}
    if not isinstance(description, str):
        raise InvalidValue("'description' is not a text.")
    if not isinstance(tags, dict) or not all(isinstance(v, str) for v in tags.values()):
        raise InvalidValue("'tags' is not a mapping to texts.", hint="Put values in quotes.")
    tagging.user_tags(tags)
    if not isinstance(aliases, dict) or not all(type(v) is int for v in aliases.values()):
        raise InvalidValue("'aliases' is not a mapping to numbers of versions.")
    if not isinstance(shared, dict) or not all(isinstance(v, dict) for v in shared.values()):
        raise InvalidValue("'traffic' is not a mapping from aliases to weights of versions.")
    for alias, number in aliases.items():
        validation.alias(alias, new=True)
        if number not in drafts:
            raise InvalidValue(f"The alias {alias!r} is of version {number}, which is not here.")
    weights = {alias: traffic.checked(shares) for alias, shares in shared.items()}
    if strange := [alias for alias in weights if alias not in aliases]:
        raise InvalidValue(f"'traffic' names {strange[0]!r}, which is no alias here.")
    for alias, shares in weights.items():
        if strangers := [number for number in shares if number not in drafts]:
            raise InvalidValue(
                f"'traffic' of {alias!r} names version {strangers[0]}, which is not here."
            )
    return History(
        name=name, drafts=drafts, description=description, tags=tags, aliases=aliases,
        traffic=weights,
    )  # fmt: skip


# -- the registry --------------------------------------------------------------------------------


def differences(store: PromptStore, wanted: History) -> list[str]:
    """Return in words how the registry differs from a folder; [] if they agree."""
    try:
        there = of_store(store, wanted.name)
    except NotFound:
        return [f"{wanted.name}: the registry does not have it"]
    said = []
    for number in sorted({*wanted.drafts, *there.drafts}):
        if number not in there.drafts:
            said.append(f"{wanted.name}/{number}: the registry does not have it")
        elif number not in wanted.drafts:
            said.append(f"{wanted.name}/{number}: the folder does not have it")
        elif wanted.drafts[number] != there.drafts[number]:
            said.append(f"{wanted.name}/{number}: the folder has another one than the registry")
    if wanted.about() != there.about():
        ours, theirs = wanted.about(), there.about()
        other = ", ".join(key for key in _KEYS if ours.get(key) != theirs.get(key))
        said.append(f"{wanted.name}: the folder has other {other} than the registry")
    return said


def check(store: PromptStore, histories: Sequence[History]) -> None:
    """Refuse prompts whose versions the registry has otherwise; InvalidState, nothing is changed.

    A version is never changed, and a number that was deleted is not used again.
    """
    for each in histories:
        try:
            there = of_store(store, each.name)
        except NotFound:
            continue
        newest = max(there.drafts, default=0)
        for number, draft in each.drafts.items():
            is_there = number in there.drafts
            if (is_there and draft != there.drafts[number]) or (not is_there and number < newest):
                what = "has another" if is_there else "had, and deleted, a"
                again = ("pegboard", "prompts", "export", "FOLDER", each.name, "--all-versions")
                raise InvalidState(
                    f"The registry {what} version {number} of {each.name!r} than the folder."
                    if is_there
                    else f"The registry {what} version {number} of {each.name!r}.",
                    hint="Versions are never changed. Import into another registry, or take what "
                    f"this one has: {command_line(*again)}",
                )


def register(
    store: PromptStore, histories: Sequence[History], message: str = "", by: Author = NOBODY
) -> list[dict[str, Any]]:
    """Add the versions that a registry has not, under their numbers; then tags and aliases.

    Return the name and the number of each that was added. Nothing that is there is deleted.
    """
    check(store, histories)
    before = {each.name: _there(store, each.name) for each in histories}
    last = {name: (there.latest if there else None) or 0 for name, there in before.items()}
    made = []
    for name, number, draft in _in_order(histories):
        if number <= last[name]:
            continue
        # Numbers of versions that were deleted where they come from are used up, too.
        for blank in range(last[name] + 1, number):
            found = store.register(name, "(deleted)", commit_message="deleted before", by=by)
            store.delete_version(name, found.version, by)
            _must_be(name, found.version, blank)
        version = draft.register(store, "" if draft.message else message, by)
        if version.version != number:
            store.delete_version(name, version.version, by)
        _must_be(name, version.version, number)
        last[name] = number
        made.append({"name": name, "version": number})
    for each in histories:
        _finish(store, each, before[each.name], by)
    return made


def _must_be(name: str, found: int, wanted: int) -> None:
    if found != wanted:
        raise InvalidState(
            f"The next version of {name!r} is {found} in this registry, not {wanted} as in the "
            "folder.",
            hint="It had versions that were deleted, or somebody registers some at the same time. "
            "Import into another registry.",
        )


def _there(store: PromptStore, name: str) -> Prompt | None:
    try:
        return store.get(name)
    except NotFound:
        return None


def _finish(store: PromptStore, wanted: History, before: Prompt | None, by: Author) -> None:
    there = store.get(wanted.name)
    if before is None:
        # Each version brought its tags to the prompt, as MLflow has it; those of now count.
        for key in _own_tags(there).keys() - wanted.tags.keys():
            store.delete_tag(wanted.name, key)
    for key, value in wanted.tags.items():
        if there.tags.get(key) != value:
            store.set_tag(wanted.name, key, value)
    if (there.description or "") != wanted.description:
        store.registry.update_model(wanted.name, wanted.description)
    for alias, number in wanted.aliases.items():
        if there.aliases.get(alias) != number:
            store.set_alias(wanted.name, alias, number, by)
    for alias, shares in wanted.traffic.items():
        if there.traffic(alias) != shares:
            store.set_traffic(wanted.name, shares, alias)


def _in_order(histories: Sequence[History]) -> list[tuple[str, int, Draft]]:
    """Return versions so that those that others include, and earlier ones, come before them."""
    known = {(each.name, n): d for each in histories for n, d in each.drafts.items()}
    earlier = {}
    for each in histories:
        numbers = list(each.drafts)
        for one, next_one in pairwise(numbers):
            earlier[each.name, next_one] = (each.name, one)
    found: dict[tuple[str, int], Draft] = {}
    pending, begun = list(reversed(known)), set[tuple[str, int]]()
    while pending:
        key = pending[-1]
        needed = [] if key in begun else [*_included(known[key]), earlier.get(key)]
        begun.add(key)
        more = [each for each in needed if each in known and each not in begun]
        if more:
            pending += [each for each in more if each is not None]
        else:
            found.setdefault(pending.pop(), known[key])
    return [(name, number, draft) for (name, number), draft in found.items()]


def _included(draft: Draft) -> Iterator[tuple[str, int]]:
    for asked, version in draft.includes.items():
        yield uris.parse(asked.removeprefix(uris.SCHEME)).name, version
