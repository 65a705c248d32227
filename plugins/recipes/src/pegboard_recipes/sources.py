"""Where the data of a recipe is: files, folders, lists of them, URLs and databases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import unquote, urlsplit

from pegboard.errors import NotFound

from pegboard_recipes.configuration import Configuration
from pegboard_recipes.digests import Memory

WEB = ("http", "https")
SQL, DELTA, SPARK, PARQUET, CUSTOM = "sql", "delta", "spark_sql", "parquet", "custom"
DATABASES = frozenset({SQL, SPARK})
SUFFIXES = {
    "csv": (".csv", ".csv.gz"),
    "json": (".json", ".jsonl"),
    "jsonl": (".jsonl", ".ndjson"),
    "excel": (".xlsx", ".xls"),
}
"""What files are called in a folder; of other forms the form itself is the suffix."""


def locations(config: Configuration, step: str) -> Sequence[str]:
    """Return where the data of a step is."""
    given = config.step(step).get("location")
    if given is None:
        return ()
    return [given] if isinstance(given, str) else given


def is_web(location: str) -> bool:
    """Whether a location is a URL of the web."""
    return urlsplit(location).scheme in WEB


def files_at(config: Configuration, step: str, location: str) -> list[Path]:
    """Return the files at a location on this machine, sorted by name; NotFound if there are none.

    Of a folder these are the files whose suffix is the form that ``using`` names; with ``custom``,
    all of them. Hidden files are left out.
    """
    key = ("steps", step, "location")
    if "://" in _foreign(location):
        raise config.wrong(
            key,
            f"Data at {location!r} is not read here.",
            hint="A location is a file, a folder, or a URL of HTTP or HTTPS.",
        )
    place = config.path(_path_of(location))
    if place.is_file():
        return [place]
    if not place.is_dir():
        raise NotFound(str(config.wrong(key, f"There is no file {place}.")))
    form = str(config.step(step).get("using") or "")
    endings = SUFFIXES.get(form, (f".{form}",))
    found = sorted(
        file
        for file in place.rglob("*")
        if file.is_file()
        and not any(part.startswith(".") for part in file.relative_to(place).parts)
        and (form == CUSTOM or file.name.endswith(endings))
    )
    if not found:
        raise NotFound(str(config.wrong(key, f"{place} has no file that ends in {endings[0]!r}.")))
    return found


def _path_of(location: str) -> str:
    parts = urlsplit(location)
    return unquote(parts.path) if parts.scheme == "file" else location


def digests_of(config: Configuration, step: str, memory: Memory) -> Mapping[str, str]:
    """Return the digest of each file that a step reads; what is not here counts by its name.

    A URL, a database and a table elsewhere are read again only if the step is asked for by name.
    """
    using = config.step(step).get("using")
    found = {}
    for location in locations(config, step):
        if using in DATABASES or is_web(location) or "://" in _foreign(location):
            found[location] = "elsewhere"
        elif using == DELTA:
            found |= _of_delta(config, location, memory)
        else:
            try:
                files = files_at(config, step, location)
            except NotFound:
                found[location] = "missing"
            else:
                found |= memory.of_files(files, config.root)
    return found


def _foreign(location: str) -> str:
    return "" if urlsplit(location).scheme in ("", "file") else location


def _of_delta(config: Configuration, location: str, memory: Memory) -> Mapping[str, str]:
    """Return the digests of a Delta table's log, which names every file of every version."""
    log = config.path(_path_of(location)) / "_delta_log"
    return memory.of_files(sorted(log.glob("*.json")), config.root)
