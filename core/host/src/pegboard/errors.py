"""Errors of pegboard: one class per kind of trouble, each with a message for people.

``error_code`` is the code that MLflow's wire protocol uses for the same trouble, so a server can
pass an error on without a table of its own.
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from typing import Any, Self


def quoted(value: object) -> str:
    """Return a value as it is shown in a message: in quotes, and shortened if it is long."""
    text = value if isinstance(value, str) else repr(value)
    text, dots = (text, "") if len(text) <= 60 else (text[:57], "…")
    return f"{text!r}{dots}" if isinstance(value, str) else text + dots


def with_article(noun: str) -> str:
    """Return ``a noun`` or ``an noun``."""
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def command_line(*words: object) -> str:
    """Return a command that people can type into a shell, whatever names are among its words."""
    import shlex

    return shlex.join(map(str, words))


class PegboardError(Exception):
    """Base of every error that pegboard raises on purpose.

    The message says what happened and where; ``hint`` says what to do next.
    """

    error_code: ClassVar[str] = "INTERNAL_ERROR"

    fault: str = ""
    """Which trouble this is, for programs: ``no_run``, say. Empty if it has no name."""
    facts: Mapping[str, Any] = {}
    """What the trouble is about, by name: ``run_id``, say. Each fault has facts of its own."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def about(self, fault: str, **facts: Any) -> Self:
        """Return this error, with the name of the trouble and what it is about."""
        self.fault, self.facts = fault, {**self.facts, **facts}
        return self

    def __str__(self) -> str:
        return f"{self.message}\n{self.hint}" if self.hint else self.message


class InvalidValue(PegboardError):
    """A value given by the caller is malformed, too long or out of range."""

    error_code = "INVALID_PARAMETER_VALUE"


class FilterError(InvalidValue):
    """A filter or order-by clause could not be understood.

    ``column`` is the 0-based offset into ``text`` at which the trouble begins; ``reason`` is the
    message without both.
    """

    def __init__(self, message: str, *, text: str, column: int, hint: str = "") -> None:
        self.reason = message
        self.text = text
        self.column = column
        super().__init__(f"{message}\n  {text}\n  {' ' * column}^", hint=hint)
        self.about("bad_filter", text=text, column=column)


class UnsafePath(InvalidValue):
    """A path would leave the directory that it must stay in."""

    fault = "unsafe_path"


class ConfigError(InvalidValue):
    """The configuration file or an environment variable is wrong."""


class UnknownScheme(InvalidValue):
    """No installed plugin handles a URI's scheme."""


class NotFound(PegboardError):
    """A named experiment, run, artifact or other entity does not exist."""

    error_code = "RESOURCE_DOES_NOT_EXIST"


class NoStore(NotFound):
    """There is no store yet at the place that is named, and none was to be made."""

    def __init__(self, place: str) -> None:
        self.place = place
        super().__init__(
            f"There is no store at {place}.",
            hint="It is made by the first script that logs to it. Is this the right folder? "
            "--tracking-uri and PEGBOARD_TRACKING_URI name another store.",
        )


class AlreadyExists(PegboardError):
    """An entity of that name exists already."""

    error_code = "RESOURCE_ALREADY_EXISTS"


class InvalidState(PegboardError):
    """The entity exists but its state forbids the operation (a deleted run, for instance)."""

    error_code = "INVALID_STATE"


class Deleted(InvalidState):
    """The entity is deleted: it has to be restored before it can be changed."""

    # As of values that are wrong, for MLflow's clients.
    error_code = "INVALID_PARAMETER_VALUE"


class Refused(PegboardError):
    """Not allowed: a gate of the model registry says no, or files may not be trusted."""

    error_code = "PERMISSION_DENIED"


class NotSupported(PegboardError):
    """The store in use has no such ability."""

    error_code = "NOT_IMPLEMENTED"


class PluginError(PegboardError):
    """A plugin is missing, broken, or two plugins claim the same thing."""


class StoreError(PegboardError):
    """Base of the faults of a store's medium."""


class StoreBusy(StoreError):
    """The store stayed locked by others for longer than the time-out; trying again may help."""

    error_code = "TEMPORARILY_UNAVAILABLE"


class StoreFull(StoreError):
    """The disk or quota behind the store is full; what was acknowledged before is kept."""

    def __init__(self, path: object) -> None:
        super().__init__(
            f"There is no space left for {path}.",
            hint="All that was acknowledged is kept. Free some space, for instance with "
            "'pegboard gc'.",
        )


class StoreReadOnly(StoreError):
    """The store's files cannot be written by this process."""

    def __init__(self, path: object) -> None:
        super().__init__(
            f"{path} cannot be written: the file, its directory or the disk is read-only.",
            hint="Check its permissions and owner.",
        )


class StoreGone(StoreError):
    """The store's files were removed or replaced while this process used them."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"The store {path} was removed, or replaced by another, while this process used it.",
            hint="What this process logged to it since is lost. Put the files back if they were "
            "moved, or start the process again to use the place anew.",
        )


class StoreCorrupt(StoreError):
    """The store's files are not what they should be."""


def translate_os_error(error: OSError, path: Path) -> PegboardError:
    """Return the error for people that stands for an error of the system on ``path``."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return StoreFull(path)
    if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        return StoreReadOnly(path)
    return StoreError(f"{path}: {error.strerror or error}")
