"""Images: had, pulled, or built with a project inside."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable
from pathlib import Path

from attrs import frozen
from pegboard.errors import StoreError

from pegboard_docker.program import Program

CODE = "/mlflow/projects/code"
"""Where a project lies in its container, as with MLflow."""


@frozen
class Image:
    """An image: ``identity`` names its content on this machine, ``digest`` in a registry or ""."""

    name: str
    identity: str
    digest: str


def had(program: Program, name: str, log: Callable[[bytes], None]) -> Image:
    """Return an image, pulled if it is not here."""
    found = program.image(name)
    if found is None:
        program.carry_out(["pull", name], log)
        found = program.image(name)
    if found is None:
        raise StoreError(f"The image {name!r} is not here, though it was pulled.")
    return Image(name, *found)


def built(
    program: Program, base: str, project: Path, tag: str, log: Callable[[bytes], None]
) -> Image:
    """Return an image made of another, with the project inside, under a name."""
    with tempfile.TemporaryDirectory(prefix="pegboard-image-") as folder:
        file = Path(folder) / "Dockerfile"
        file.write_text(f"FROM {base}\nCOPY . {CODE}\nWORKDIR {CODE}\n")
        program.carry_out(["build", f"--tag={tag}", f"--file={file}", str(project)], log)
    found = program.image(tag)
    if found is None:
        raise StoreError(f"The image {tag!r} is not here, though it was built.")
    return Image(tag, *found)


def pushed(program: Program, image: Image, log: Callable[[bytes], None]) -> str:
    """Push an image and return its name in the registry, by its digest."""
    program.carry_out(["push", image.name], log)
    found = program.image(image.name)
    if found is None or not found[1]:
        raise StoreError(f"The registry gave no digest of {image.name!r}.")
    return found[1]


def tag_of(name: str) -> str:
    """Return the name of a project as one of an image: small letters, digits, few others."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "project"
