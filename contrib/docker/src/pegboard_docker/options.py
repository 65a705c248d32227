"""Options of ``docker run``: checked, and each made one word, so that none is taken for another.

MLflow passes the names of ``--docker-args`` on as they are, so that a value can be an option.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping

from pegboard.errors import ConfigError
from pegboard_projects import Container

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]*")
_IMAGE = re.compile(r"[A-Za-z0-9][\w./:@-]*")
_OURS = {
    "a", "attach", "cidfile", "d", "detach", "h", "help", "i", "interactive", "name", "rm", "t",
    "tty", "w", "workdir",
}  # fmt: skip


def checked(container: Container) -> Container:
    """Return a container that can be run; ConfigError tells all that is wrong with it."""
    faults = []
    if not _IMAGE.fullmatch(container.image):
        faults.append(f"{container.image!r} is not the name of an image")
    for name, value in container.options.items():
        if not _NAME.fullmatch(name):
            faults.append(f"{name!r} is not the name of an option of 'docker run'")
        elif name in _OURS:
            faults.append(f"the option {name!r} is pegboard's own")
        elif "\0" in str(value):
            faults.append(f"the option {name!r} holds a NUL")
    for each in container.environment:
        name = each if isinstance(each, str) else each[0]
        if not name.isidentifier():
            faults.append(f"{name!r} is not the name of a variable")
        elif isinstance(each, str) and name not in os.environ:
            faults.append(f"the variable {name} is not set here, and the project expects it")
    if faults:
        raise ConfigError(f"The container cannot be run: {'; '.join(faults)}.")
    return container


def chosen(asked: Container | None, image: str, runner: str) -> Container:
    """Return the container that is asked for, else one of an image; ConfigError if there is none.

    ``runner`` is what the runner is called that needs it.
    """
    if asked is None and not image:
        raise ConfigError(
            f"The runner {runner!r} needs an image, and the project names none.",
            hint="Add a docker_env to the project, or name one by the setting image.",
        )
    return checked(asked or Container(image=image))


def words(options: Mapping[str, str | bool]) -> Iterator[str]:
    """Yield options of ``docker run``, by name, as words; what is False is left out."""
    for name, value in options.items():
        dashes = "-" if len(name) == 1 else "--"
        if value is True:
            yield f"{dashes}{name}"
        elif value is not False:
            yield f"{dashes}{name}={value}"
