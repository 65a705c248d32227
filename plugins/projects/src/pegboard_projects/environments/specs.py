"""What the environment of a project has to hold, as its file says, for uv.

The files: python_env.yaml, conda.yaml (whose packages are looked for under the same names on PyPI),
requirements.txt, pyproject.toml (with uv.lock beside it), and the metadata inside a script.
"""

from __future__ import annotations

import hashlib
import platform
import re
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from attrs import field, frozen
from pegboard.errors import InvalidValue, translate_os_error

from pegboard_projects.environments import conda_file
from pegboard_projects.errors import ProjectError
from pegboard_projects.reading.document import read_document

_INCLUDE = re.compile(r"(-r|--requirement|-c|--constraint)[ =]?\s*(\S+)")
_LOCAL = re.compile(r"(?:(-e|--editable)[ =]?\s*)?((?:\./|\.\./|/|file:)\S*|\.)(\[[^\]]*\])?$")
_SCRIPT = re.compile(r"(?m)^# /// script\s*$\s((?:^#(?:| .*)$\s)+)^# ///$")
_NUMBER = re.compile(r"(?m)^python:\s*(\d+\.\d+)")
_PACKAGE_FILES = (".py", ".toml", ".cfg", ".in", ".c", ".cpp", ".pyx", ".rs")
_MOST_FILES = 5000


@frozen(kw_only=True)
class Spec:
    """``python`` is a version or a range, None: this one. ``lines`` are requirements, as in a file.

    ``read`` holds what else they depend on: files that they include, packages in folders.
    """

    kind: str
    directory: Path
    python: str | None = None
    lines: Sequence[str] = ()
    written: Sequence[str] = ()
    """The lines as they were written, without a word of where the project is."""
    build: Sequence[str] = ()
    lock: Path | None = None
    read: Sequence[bytes] = field(default=(), repr=False)
    notes: Sequence[str] = ()
    variables: Mapping[str, str] = field(factory=dict)
    """What the command finds in its environment."""

    @property
    def key(self) -> str:
        """What changes with all that the environment is made of."""
        here = (sys.platform, platform.machine(), sys.implementation.cache_tag)
        wanted = (self.python or "", *here, *self.build, "", *self.written)
        digest = hashlib.sha256("\0".join(wanted).encode())
        for content in self.read:
            digest.update(b"\0" + hashlib.sha256(content).digest())
        if self.lock is not None:
            digest.update(self.lock.read_bytes())
        return digest.hexdigest()[:32]


def of_file(kind: str, file: Path, directory: Path) -> Spec:
    """Return what a file of a project asks for. ProjectError says what is wrong with it."""
    try:
        return _READERS[kind](file, directory)
    except OSError as error:
        raise translate_os_error(error, file) from error


def of_script(file: Path, directory: Path) -> Spec | None:
    """Return what the metadata inside a script asks for (PEP 723); None if there is none."""
    try:
        found = _SCRIPT.search(file.read_text("utf-8", errors="replace"))
    except OSError as error:
        raise translate_os_error(error, file) from error
    if found is None:
        return None
    text = "".join(line.removeprefix("#").removeprefix(" ") for line in found[1].splitlines(True))
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ProjectError(f"The metadata in {file} is not TOML: {error}.") from None
    dependencies = table.get("dependencies", [])
    if not isinstance(dependencies, list) or not all(isinstance(e, str) for e in dependencies):
        raise ProjectError(f"The dependencies in the metadata of {file} are not a list of texts.")
    return _made("script", directory, dependencies, python=table.get("requires-python"))


def _python_env(file: Path, directory: Path) -> Spec:
    document = read_document(file)
    python = document.at("python")
    if isinstance(python, float) and (written := _NUMBER.search(file.read_text("utf-8"))):
        # 3.10 is not the number 3.1.
        python = written[1]
    return _made(
        "python",
        directory,
        document.texts("dependencies"),
        python=None if python is None else str(python),
        build=document.texts("build_dependencies"),
    )


def _conda(file: Path, directory: Path) -> Spec:
    asked = conda_file.read(file)
    return _made(
        "conda",
        directory,
        asked.lines,
        python=asked.python,
        notes=asked.notes,
        variables=asked.variables,
    )


def _requirements(file: Path, directory: Path) -> Spec:
    return _made("requirements", directory, [f"-r {file.relative_to(directory).as_posix()}"])


def _pyproject(file: Path, directory: Path) -> Spec:
    document = read_document(file)
    python = document.text("project", "requires-python")
    lines = document.texts("project", "dependencies")
    lock = directory / "uv.lock"
    return _made(
        "pyproject", directory, lines, python=python, lock=lock if lock.is_file() else None
    )


_READERS = {
    "python": _python_env,
    "conda": _conda,
    "requirements": _requirements,
    "pyproject": _pyproject,
}


def _made(kind: str, directory: Path, lines: Sequence[str], **others: Any) -> Spec:
    """Return a spec whose paths are absolute, with what they lead to."""
    root = directory.resolve()
    contents: list[bytes] = []
    absolute = [_absolute(line, root, contents) for line in lines]
    return Spec(kind=kind, directory=root, lines=absolute, written=lines, read=contents, **others)


def _absolute(line: str, root: Path, contents: list[bytes]) -> str:
    text = line.strip()
    if include := _INCLUDE.match(text):
        file = root / include[2]
        contents += _included(file, set())
        return f"{include[1]} {file}{text[include.end() :]}"
    if local := _LOCAL.match(text):
        folder = root / local[2].removeprefix("file://").removeprefix("file:")
        if not folder.exists():
            raise ProjectError(
                f"The environment of the project needs {folder}, which is not there."
            )
        if local[1]:
            # An editable one is where it is.
            contents.append(str(folder).encode())
        contents += _package(folder)
        return f"{local[1] + ' ' if local[1] else ''}{folder}{local[3] or ''}"
    return text


def _included(file: Path, seen: set[Path]) -> Iterator[bytes]:
    """Yield the contents of a file of requirements, and of those that it includes."""
    if file in seen:
        return
    seen.add(file)
    try:
        content = file.read_bytes()
    except OSError:
        raise ProjectError(f"The environment needs {file}, which cannot be read.") from None
    yield content
    for line in content.decode(errors="replace").splitlines():
        text = line.strip()
        if include := _INCLUDE.match(text):
            yield from _included(file.parent / include[2], seen)
        elif (local := _LOCAL.match(text)) and (folder := file.parent / local[2]).exists():
            yield from _package(folder)


def _package(folder: Path) -> Iterator[bytes]:
    """Yield the code of a package that is installed from a folder."""
    if folder.is_file():
        yield folder.read_bytes()
        return
    files = sorted(file for file in folder.rglob("*") if file.suffix in _PACKAGE_FILES)
    if len(files) > _MOST_FILES:
        raise InvalidValue(f"The package in {folder} has more than {_MOST_FILES} files.")
    for file in files:
        yield file.relative_to(folder).as_posix().encode()
        yield file.read_bytes()
