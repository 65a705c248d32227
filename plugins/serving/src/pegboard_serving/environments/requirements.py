"""What an environment for a model has to hold, as the model's own files say."""

from __future__ import annotations

import re
import sys
from collections.abc import Collection
from pathlib import Path

import yaml
from attrs import frozen
from pegboard.errors import InvalidValue, NotSupported, translate_os_error

from pegboard_serving.environments.wheels import name_of

_OLDEST = (3, 11)
_VERSION = re.compile(r"(\d+)\.(\d+)")
_INCLUDE = re.compile(r"(?:-c|--constraint|-r|--requirement)[ =]\s*(\S+)")


@frozen
class Requirements:
    """The version of Python, such as ``3.11``, and the contents of files by name.

    The file to read first is ``requirements.txt``.
    """

    python: str
    files: dict[str, str]

    def names(self) -> set[str]:
        """Return the names of the distributions that are required."""
        lines = self.files["requirements.txt"].splitlines()
        return {name for line in lines if (name := name_of(line))}

    def without(self, names: Collection[str]) -> Requirements:
        """Return the same without some distributions, which come from elsewhere."""
        files = {
            file: "".join(
                line for line in text.splitlines(keepends=True) if name_of(line) not in names
            )
            for file, text in self.files.items()
        }
        return Requirements(self.python, files)


def read(directory: Path) -> Requirements:
    """Return the requirements of the model in a directory; InvalidValue if they are missing."""
    file = directory / "requirements.txt"
    if not file.is_file():
        raise InvalidValue(
            f"The model in {directory} has no requirements.txt, so no environment can be built.",
            hint="Use --env-manager local.",
        )
    files = {"requirements.txt": _text(file)}
    for line in files["requirements.txt"].splitlines():
        if match := _INCLUDE.match(line.strip()):
            files[match[1]] = _text(_beside(directory, match[1]))
    return Requirements(_python(directory / "python_env.yaml"), files)


def _beside(directory: Path, name: str) -> Path:
    # What a model includes must be its own.
    if "/" in name or "\\" in name or not (directory / name).is_file():
        raise InvalidValue(
            f"{directory / 'requirements.txt'} includes {name!r}, which is not there."
        )
    return directory / name


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except OSError as error:
        raise translate_os_error(error, file) from error
    except UnicodeDecodeError:
        raise InvalidValue(f"{file} is not valid UTF-8.") from None


def _python(file: Path) -> str:
    here = f"{sys.version_info.major}.{sys.version_info.minor}"
    if not file.is_file():
        return here
    try:
        content = yaml.safe_load(_text(file))
    except yaml.YAMLError as error:
        raise InvalidValue(f"{file} is not valid YAML: {error}") from None
    wanted = str(content.get("python", here)) if isinstance(content, dict) else here
    match = _VERSION.match(wanted)
    if match is None:
        raise InvalidValue(f"{file} names {wanted!r}, which is not a version of Python.")
    if (int(match[1]), int(match[2])) < _OLDEST:
        raise NotSupported(
            f"The model needs Python {wanted}, and pegboard needs 3.11 or newer.",
            hint="Use --env-manager local.",
        )
    # Any patch release of the version will do, so take the installed one.
    return match[0]
