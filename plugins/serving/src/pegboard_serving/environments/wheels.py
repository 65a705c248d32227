"""Installed distributions, packed as wheels again.

So the code that runs here can be installed elsewhere, no matter where it came from: an index, a
wheel, or a checkout that is being worked on. Nothing is built and nothing is downloaded.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import zipfile
from collections.abc import Iterable, Iterator
from importlib import metadata, util
from pathlib import Path, PurePosixPath

from pegboard.errors import PluginError

GROUP = "pegboard"
"""The group of entry points that makes a distribution one of pegboard's plugins."""

_CORE = "pegboard"
_EPOCH = (1980, 1, 1, 0, 0, 0)
_WHEEL = "Wheel-Version: 1.0\nGenerator: pegboard\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def normalized(name: str) -> str:
    """Return the name of a distribution in the form in which names are compared."""
    return re.sub(r"[-_.]+", "-", name).lower()


def name_of(requirement: str) -> str:
    """Return the normalized name in a requirement such as ``a_b[c]>=1``; "" if there is none."""
    match = _NAME.match(requirement.strip())
    return normalized(match[0]) if match else ""


def of_pegboard(names: Iterable[str]) -> dict[str, metadata.Distribution]:
    """Return pegboard's own and the plugins among some distributions and all that these need."""
    found: dict[str, metadata.Distribution] = {}
    waiting = [normalized(name) for name in names]
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        try:
            distribution = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue
        if _packages(distribution):
            found[name] = distribution
            waiting += [
                name_of(line) for line in distribution.requires or () if "extra" not in line
            ]
    return dict(sorted(found.items()))


def pack(distribution: metadata.Distribution, folder: Path) -> Path:
    """Write the wheel of an installed distribution into a folder; equal code gives equal bytes."""
    name = re.sub(r"[-.]+", "_", distribution.metadata["Name"])
    stem = f"{name}-{distribution.version}"
    wheel = distribution.read_text("WHEEL") or _WHEEL
    if _is_editable(distribution):
        wheel, files = _WHEEL, dict(_files_of_packages(distribution))
    else:
        files = dict(_files_of_record(distribution))
    info = f"{stem}.dist-info"
    contents = {path: file.read_bytes() for path, file in sorted(files.items())}
    contents[f"{info}/METADATA"] = _text(distribution, "METADATA").encode()
    contents[f"{info}/WHEEL"] = wheel.encode()
    if entry_points := distribution.read_text("entry_points.txt"):
        contents[f"{info}/entry_points.txt"] = entry_points.encode()
    lines = [f"{path},{_digest(content)},{len(content)}\n" for path, content in contents.items()]
    contents[f"{info}/RECORD"] = "".join([*lines, f"{info}/RECORD,,\n"]).encode()
    target = folder / f"{stem}-{_tags(wheel)}.whl"
    with zipfile.ZipFile(target, "w") as archive:
        for path, content in contents.items():
            archive.writestr(zipfile.ZipInfo(path, _EPOCH), content)
    return target


def _tags(wheel: str) -> str:
    """Return the tags of a file ``WHEEL`` as the name of a wheel has them."""
    tags = [line[4:].strip().split("-") for line in wheel.splitlines() if line.startswith("Tag:")]
    return "-".join(".".join(sorted(set(parts))) for parts in zip(*tags, strict=True))


def _digest(content: bytes) -> str:
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest())
    return f"sha256={digest.rstrip(b'=').decode()}"


def _text(distribution: metadata.Distribution, name: str) -> str:
    text = distribution.read_text(name)
    if text is None:
        raise PluginError(
            f"The installed {distribution.metadata['Name']} is incomplete: it has no {name}.",
            hint="Install it again.",
        )
    return text


def _is_editable(distribution: metadata.Distribution) -> bool:
    text = distribution.read_text("direct_url.json")
    return bool(text and json.loads(text).get("dir_info", {}).get("editable"))


def _packages(distribution: metadata.Distribution) -> list[str]:
    """Return the top-level packages of a plugin, which its entry points name, or of our own.

    Distributions of ours that are not plugins have one package each, of the same name.
    """
    points = [point for point in distribution.entry_points if point.group == GROUP]
    if points:
        return sorted({point.module.partition(".")[0] for point in points})
    name = normalized(distribution.metadata["Name"])
    return [name.replace("-", "_")] if name == _CORE or name.startswith(f"{_CORE}-") else []


def _files_of_packages(distribution: metadata.Distribution) -> Iterator[tuple[str, Path]]:
    for package in _packages(distribution):
        spec = util.find_spec(package)
        if spec is None or spec.origin is None:
            raise PluginError(f"The package {package!r} cannot be found.")
        root = Path(spec.origin)
        if root.name != "__init__.py":
            yield root.name, root
            continue
        for file in root.parent.rglob("*"):
            if file.is_file() and file.suffix != ".pyc":
                yield file.relative_to(root.parent.parent).as_posix(), file


def _files_of_record(distribution: metadata.Distribution) -> Iterator[tuple[str, Path]]:
    for file in distribution.files or ():
        path = PurePosixPath(file.as_posix())
        outside = path.is_absolute() or ".." in path.parts
        if outside or path.suffix == ".pyc" or path.parts[0].endswith((".dist-info", ".egg-info")):
            continue
        yield str(path), Path(str(distribution.locate_file(file)))
