"""``runs/compare/files``: which files runs have in common, for images and texts beside each other.

A run's directories are walked breadth first, within bounds; ``more`` names the runs that have files
behind them.
"""

from __future__ import annotations

import posixpath
import re
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Annotated, Any

from attrs import frozen
from pegboard.entities import FileInfo
from pegboard.errors import NotFound, PegboardError
from pegboard_stores import cancellation
from pegboard_wire import places
from pegboard_wire.http import Answer, Call, Permission
from pegboard_wire.places import Place
from pegboard_wire.requests import store_of
from pegboard_wire.shapes import TEXT, array, mapping, record
from pegboard_wire.typed import AtMost, typed

from pegboard_ui.data.answers import json_answer
from pegboard_ui.data.preview import type_of

MOST_RUNS = 12
"""For how many runs files are compared: more do not fit beside each other."""
MOST_FILES, MOST_DIRECTORIES = 2_000, 60
"""How many files and directories of a run are read."""

IMAGES = "images"
_STEP = re.compile(r"(?P<key>.+)[+%]step[+%](?P<step>-?\d+)[+%]timestamp[+%]\d+[+%][\w-]+")
_TEXT_ENDINGS = tuple(
    f".{ending}"
    for line in (
        "cfg conf css csv diff env html ini ipynb js json jsonl lock log md patch py r",
        "rst sh sql svg toml ts tsv txt xml yaml yml",
    )
    for ending in line.split()
)
_TEXT_NAMES = frozenset({"MLmodel", "Dockerfile", "Makefile", "LICENSE", "README"})


@frozen
class FilesRequest:
    """The runs whose files are compared."""

    run_ids: Annotated[list[str], AtMost(MOST_RUNS)]


def files(call: Call, wanted: FilesRequest) -> Answer:
    """Return images by key and step, other pictures, and texts, by path, of each run."""
    found = {run_id: _Found.of(call, run_id) for run_id in dict.fromkeys(wanted.run_ids)}
    steps: dict[str, dict[str, Any]] = {}
    pictures: dict[str, list[str]] = {}
    texts: dict[str, dict[str, int | None]] = {}
    for run_id, seen in found.items():
        for file in seen.files:
            logged = _logged_image(file.path)
            if logged is not None:
                key, step = logged
                steps.setdefault(key, {}).setdefault(run_id, []).append([step, file.path])
            elif type_of(file.path).startswith("image/") and not file.path.endswith(".svg"):
                if not file.path.startswith(f"{IMAGES}/"):
                    pictures.setdefault(file.path, []).append(run_id)
            elif _is_text(file.path):
                texts.setdefault(file.path, {})[run_id] = file.file_size
    for runs in steps.values():
        for images in runs.values():
            images.sort()
    return json_answer(
        call,
        {
            "images": dict(sorted(steps.items())),
            "pictures": dict(sorted(pictures.items())),
            "texts": dict(sorted(texts.items())),
            "more": [run_id for run_id, seen in found.items() if seen.more],
            "errors": {run_id: seen.error for run_id, seen in found.items() if seen.error},
        },
    )


@frozen
class _Found:
    files: list[FileInfo]
    more: bool = False
    error: str = ""

    @classmethod
    def of(cls, call: Call, run_id: str) -> _Found:
        """Walk the files of a run; an error becomes part of the answer."""
        try:
            place = places.place_of(call, store_of(call).get_run(run_id).info.artifact_uri)
        except NotFound:
            return cls([], error="There is no such run.")
        except PegboardError as error:
            return cls([], error=error.message)
        seen: list[FileInfo] = []
        try:
            for file in _walk(place):
                if file is None or len(seen) >= MOST_FILES:
                    return cls(seen, more=True)
                seen.append(file)
        except PegboardError as error:
            return cls(seen, error=error.message)
        return cls(seen)


def _walk(place: Place) -> Iterator[FileInfo | None]:
    """Yield files, and None at the end if directories are left."""
    waiting, opened = deque([""]), 0
    while waiting:
        if opened >= MOST_DIRECTORIES:
            yield None
            return
        cancellation.check()
        opened += 1
        listed: Iterable[FileInfo] = place.list(waiting.popleft())
        for file in listed:
            if file.is_dir:
                waiting.append(file.path)
            else:
                yield file


def _logged_image(path: str) -> tuple[str, int] | None:
    """Return the key and the step of an image that was logged as one of a row; None of others."""
    directory, name = posixpath.split(path)
    stem, ending = posixpath.splitext(name)
    if directory != IMAGES or ending != ".png":
        return None
    match = _STEP.fullmatch(stem)
    if match is None:
        return None
    return re.sub("[~#]", "/", match["key"]), int(match["step"])


def _is_text(path: str) -> bool:
    name = posixpath.basename(path)
    return name in _TEXT_NAMES or posixpath.splitext(name)[1].lower() in _TEXT_ENDINGS


ENDPOINTS = [
    typed(
        "GET",
        "/api/pegboard/1.0/runs/compare/files",
        files,
        Permission.READ,
        "Images and texts of runs, by what they have in common.",
        FilesRequest,
        record(
            images=mapping(mapping(array({"type": "array"}))),
            pictures=mapping(array(TEXT)),
            texts=mapping({"type": "object"}),
            more=array(TEXT),
            errors=mapping(TEXT),
        ),
        tags=("Pages",),
    )
]
