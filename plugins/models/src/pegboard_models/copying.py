"""Files of the user are copied into a model's directory."""

from __future__ import annotations

import shutil
from pathlib import Path

from pegboard.errors import InvalidValue, translate_os_error


def copy(source: Path, target: Path, *, ignore: tuple[str, ...] = ()) -> None:
    """Copy a file or a directory; the directories above the target are made.

    InvalidValue if the target lies in the source, as the copy would never end.
    """
    if source.resolve() in target.resolve().parents:
        raise InvalidValue(
            f"The directory {str(source)!r} cannot be kept with the model: the model is saved to a "
            "place inside it.",
            hint="Save the model elsewhere, or name only what it needs.",
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns(*ignore))
        else:
            shutil.copyfile(source, target)
    except shutil.Error as error:
        raise InvalidValue(f"{str(source)!r} cannot be copied: {error.args[0][0][2]}") from error
    except OSError as error:
        raise translate_os_error(error, source) from error
