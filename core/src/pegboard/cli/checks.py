"""The checks of ``pegboard doctor``, from the interpreter to the store."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click
from attrs import field, frozen

from pegboard.cli.formats import size
from pegboard.cli.shell import configuration, open_host
from pegboard.errors import NoStore, PegboardError

if TYPE_CHECKING:
    from pegboard.host import Host, Plugin

OK, WARN, FAIL = "ok", "warn", "fail"

_LEAST_PYTHON = (3, 11)
_LEAST_SQLITE = (3, 37, 0)
"""The first with STRICT tables."""
_LITTLE_SPACE, _NO_SPACE = 1_000_000_000, 20_000_000
"""Free bytes below which to warn, and below which to call it a fault."""

_REQUIREMENT = re.compile(r"pegboard\s*(?:\[[^\]]*\])?\s*\(?([^;)]*)\)?")
_CLAUSE = re.compile(r"(>=|<=|==|!=|~=|>|<)\s*([\d.]+)")


@frozen
class Finding:
    """The result of one check: what was found, and for all but ``ok`` what to do."""

    check: str
    state: str
    found: str
    advice: str = field(default="")


def run_all(ctx: click.Context) -> Iterator[Finding]:
    """Yield the findings of every check; one that breaks is a finding too."""
    checks: list[Callable[[click.Context], Iterator[Finding]]] = [
        _python,
        _sqlite,
        _git,
        _config,
        _plugins,
        _store,
    ]
    for check in checks:
        name = check.__name__.strip("_")
        try:
            yield from check(ctx)
        except PegboardError as error:
            yield Finding(name, FAIL, error.message, error.hint)
        except Exception as error:
            # A doctor that stops at the first surprise is of no use.
            yield Finding(name, FAIL, f"{type(error).__name__}: {error}")


def _python(_: click.Context) -> Iterator[Finding]:
    version = ".".join(map(str, sys.version_info[:3]))
    fine = sys.version_info >= _LEAST_PYTHON
    advice = "" if fine else f"Use Python {'.'.join(map(str, _LEAST_PYTHON))} or newer."
    yield Finding("python", OK if fine else FAIL, f"{version} at {sys.executable}", advice)


def _sqlite(_: click.Context) -> Iterator[Finding]:
    fine = sqlite3.sqlite_version_info >= _LEAST_SQLITE
    least = ".".join(map(str, _LEAST_SQLITE))
    advice = "" if fine else f"The store needs {least} or newer: use a newer Python or system."
    yield Finding("sqlite", OK if fine else FAIL, sqlite3.sqlite_version, advice)


def _git(_: click.Context) -> Iterator[Finding]:
    program = shutil.which("git")
    if program:
        yield Finding("git", OK, program)
    else:
        yield Finding(
            "git", WARN, "not found", "Install git to have runs record the commit they ran on."
        )


def _config(ctx: click.Context) -> Iterator[Finding]:
    file = configuration(ctx).file
    yield Finding("config", OK, str(file) if file else "no file; the defaults hold")


def _plugins(ctx: click.Context) -> Iterator[Finding]:
    plugins = open_host(ctx).plugins
    if not plugins:
        yield Finding("plugins", WARN, "none is installed", "Try: pip install pegboard-tracking")
    for name, plugin in plugins.items():
        yield _plugin(f"plugin {name}", plugin)
    # Two plugins that claim the same thing are found out here.
    open_host(ctx).commands()


def _plugin(check: str, plugin: Plugin) -> Finding:
    label = f"{plugin.distribution} {plugin.version}".strip()
    if plugin.disabled:
        return Finding(check, OK, f"{label}, disabled in the configuration")
    wanted = _unmet_requirement(plugin.distribution)
    if wanted:
        found, wants = wanted
        return Finding(
            check,
            FAIL,
            f"{label} wants pegboard {wants}, but {found} is installed",
            f"pip install --upgrade pegboard {plugin.distribution}",
        )
    if plugin.error:
        return Finding(
            check,
            FAIL,
            f"{label} does not load: {plugin.error}",
            f"Reinstall it, or name {plugin.name!r} in [host] disabled, in pegboard.toml.",
        )
    return Finding(check, OK, label)


def _unmet_requirement(distribution: str) -> tuple[str, str] | None:
    """Return pegboard's version and the range that a distribution wants, if they disagree."""
    from importlib.metadata import PackageNotFoundError, requires, version

    try:
        found, requirements = version("pegboard"), requires(distribution) or []
    except (PackageNotFoundError, ValueError):
        return None
    for requirement in requirements:
        match = _REQUIREMENT.fullmatch(requirement.partition(";")[0].strip())
        if match is not None and not accepts(match[1], found):
            return found, match[1]
    return None


def accepts(wanted: str, version: str) -> bool:
    """Whether a range such as ``>=0.1,<0.2`` holds a version; only release numbers count."""
    have = _release(version)
    for operator, text in _CLAUSE.findall(wanted):
        bound = _release(text)
        order = (have > bound) - (have < bound)
        holds = {
            ">=": order >= 0,
            "<=": order <= 0,
            ">": order > 0,
            "<": order < 0,
            "==": order == 0,
            "!=": order != 0,
            "~=": order >= 0 and have[: text.count(".")] == bound[: text.count(".")],
        }
        if not holds[operator]:
            return False
    return True


def _release(version: str) -> tuple[int, ...]:
    match = re.match(r"[\d.]*", version)
    numbers = [int(part) for part in (match[0] if match else "").split(".") if part]
    return (*numbers, *[0] * (6 - len(numbers)))


# -- the store ---------------------------------------------------------------------------------


def _store(ctx: click.Context) -> Iterator[Finding]:
    host = open_host(ctx)
    uri = host.config.tracking.uri
    path = _local_path(uri)
    if path is not None:
        yield from _medium(path)
        if not path.exists():
            yield _missing(uri, path)
            return
    yield from _contents(host, uri)


def _local_path(uri: str) -> Path | None:
    """Return where on this machine a store lies; None if it is elsewhere."""
    from pegboard import uris

    parsed = uris.parse(uri)
    return parsed.local_path() if parsed.scheme in ("sqlite", "file", uris.PLAIN_PATH) else None


def _medium(path: Path) -> Iterator[Finding]:
    """Check what a local store lies on: may it be written, is there space."""
    directory = next(place for place in (path, *path.parents) if place.is_dir())
    fault = _write_fault(directory, path)
    if fault:
        yield Finding(
            "store directory", FAIL, fault, "Check permissions and owner, or choose another store."
        )
    else:
        yield Finding("store directory", OK, f"{directory} can be written")
    free = shutil.disk_usage(directory).free
    text = f"{size(free)} free on the disk of {directory}"
    if free >= _LITTLE_SPACE:
        yield Finding("disk space", OK, text)
    else:
        advice = "Free some space, for instance with 'pegboard gc'."
        yield Finding("disk space", FAIL if free < _NO_SPACE else WARN, text, advice)


def _write_fault(directory: Path, file: Path) -> str:
    """Say why a store cannot be written; "" if it can be.

    The directory is tried out, since permission bits do not tell of read-only disks.
    """
    try:
        with tempfile.NamedTemporaryFile(dir=directory, prefix=".pegboard-doctor-"):
            pass
    except OSError as error:
        return f"{directory} cannot be written: {error.strerror}"
    if file.is_file() and not os.access(file, os.W_OK):
        return f"{file} cannot be written: no permission"
    return ""


def _missing(uri: str, place: object) -> Finding:
    return Finding("store", OK, f"{uri}: not there yet; made on first use at {place}")


def _contents(host: Host, uri: str) -> Iterator[Finding]:
    from pegboard.entities import ViewType

    try:
        store = host.tracking_store(uri)
    except NoStore as error:
        yield _missing(uri, error.place)
        return
    store.search_experiments(view=ViewType.ALL, max_results=1)
    yield Finding("store", OK, f"{uri} opens and can be read")
    for found, advice in store.faults():
        yield Finding("store", WARN, found, advice)
