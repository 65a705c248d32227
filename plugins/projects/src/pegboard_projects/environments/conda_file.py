"""What a conda.yaml asks for, as packages of PyPI; what has none there is refused with the reason.

A channel of somebody's own may have other packages under the names that PyPI has: those are not
taken from there. Libraries that wheels bring along themselves are left out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from attrs import field, frozen

from pegboard_projects.errors import ProjectError, together
from pegboard_projects.reading.document import read_document

_PACKAGE = re.compile(
    r"(?:(?P<channel>[^\s:=<>!~]+)::)?(?P<name>[A-Za-z0-9_][\w.-]*)\s*(?P<rest>.*)"
)
_VERSION = re.compile(r"(=|==)?\s*([\w.!+*]+)(=\S*)?")
_RENAMED = {
    "matplotlib-base": "matplotlib",
    "msgpack-python": "msgpack",
    "opencv": "opencv-python",
    "py-opencv": "opencv-python",
    "py-xgboost": "xgboost",
    "py-xgboost-cpu": "xgboost",
    "pytables": "tables",
    "pytorch": "torch",
    "python-graphviz": "graphviz",
    "tensorflow-base": "tensorflow",
}
_CHANNELS = ("anaconda", "bioconda", "conda-forge", "defaults", "main", "nvidia", "pytorch")
"""Those whose packages of Python are the ones that PyPI has under the same names."""
_TOOLS = ("pip", "setuptools", "wheel")
_WITHIN_WHEELS = re.compile(
    r"_.*|ld_impl.*|lib(gcc|stdcxx|gfortran|jpeg|lapack|webp|clang|llvm|brotli|cu|npp|nv).*|"
    r"lib(abseil|aio|blas|cblas|curl|deflate|edit|ev|event|faiss|ffi|gd|gomp|grpc|hwloc|iconv|"
    r"nghttp2|nsl|openblas|opus|png|protobuf|sodium|sqlite|ssh2|tiff|uuid|uv|vpx|xcb|xml2|xslt|"
    r"zlib|zopfli)|blas|geos|hdf5|proj|openblas|mkl(-service|_fft|_random)?|nomkl|intel-openmp|"
    r"ca-certificates|openssl|readline|sqlite|tk|xz|zlib|zstd|bzip2|ncurses|icu|freetype|jpeg|"
    r"cudatoolkit|cudnn|cuda-(version|runtime|cudart.*)|pytorch-(cuda|mutex)|cpuonly|"
    r"python_abi|tzdata|vs2015_runtime|vc14_runtime|vc|ucrt|llvm-openmp|lz4-c|yaml"
)
_OF_CONDA_ONLY = {
    re.compile(r"r|r-.*|mro-.*"): "it is of R",
    re.compile(r"(gcc|gxx|g\+\+|gfortran|clang|clangxx|fortran)(_.*)?|(c|cxx)-compiler|compilers"):
        "it is a compiler",
    re.compile(r"cuda|cuda-(toolkit|nvcc|compiler).*|openjdk|nodejs|go|rust|julia|perl|ffmpeg|git|"
               r"make|boost(-cpp)?|openmpi|mpich|postgresql|redis|gdal|graphviz|"
               r"pandoc|imagemagick|curl|wget|samtools|blast"):
        "it is a program or a library that is not of Python",
}  # fmt: skip


@frozen(kw_only=True)
class CondaFile:
    """Requirements in pip's form, a version or range of Python, what to tell, and variables."""

    lines: Sequence[str]
    python: str | None
    notes: Sequence[str]
    variables: Mapping[str, str] = field(factory=dict)


def read(file: Path) -> CondaFile:
    """Return what a file asks for. ProjectError tells all that only conda can give."""
    document = read_document(file)
    lines: list[str] = []
    left_out: list[str] = []
    faults: list[str] = []
    python = None
    found = document.at("dependencies") or []
    if not isinstance(found, list):
        raise document.fault("'dependencies' is not a list.", "dependencies")
    for each in found:
        if isinstance(each, dict):
            lines += [str(line) for line in each.get("pip") or ()]
            continue
        channel, name, version = _package(str(each))
        if name == "python":
            python = version.removeprefix("==").removesuffix(".*") or None
        elif why := _why_not(channel, name):
            faults.append(f"{name}: {why}")
        elif name in _TOOLS:
            continue
        elif _WITHIN_WHEELS.fullmatch(name):
            left_out.append(name)
        else:
            lines.append(f"{_RENAMED.get(name, name)}{version}")
    if faults:
        raise together(
            f"Only conda can make what {file.name} asks for",
            faults,
            hint="Install conda, mamba or micromamba, or use --env-manager local with what it "
            "needs installed.",
        )
    notes = ["The packages of conda.yaml are taken from PyPI: conda is not used."]
    if left_out:
        notes.append(f"Left out, as wheels bring what they need of it: {', '.join(left_out)}.")
    if others := [each for each in document.texts("channels") if not _is_known(each)]:
        notes.append(f"Nothing is taken from the channels {', '.join(others)}.")
    return CondaFile(lines=lines, python=python, notes=notes, variables=variables_of(file))


def variables_of(file: Path) -> dict[str, str]:
    """Return the variables that a conda.yaml sets."""
    document = read_document(file)
    found = document.at("variables") or {}
    if not isinstance(found, dict):
        raise document.fault("'variables' is not a mapping.", "variables")
    return {str(name): str(value) for name, value in found.items()}


def _why_not(channel: str, name: str) -> str:
    if channel and not _is_known(channel):
        return f"it is of the channel {channel}, whose packages PyPI has not, or has others"
    return next((why for which, why in _OF_CONDA_ONLY.items() if which.fullmatch(name)), "")


def _is_known(channel: str) -> bool:
    return channel.removeprefix("pkgs/").lower() in (*_CHANNELS, "nodefaults")


def _package(text: str) -> tuple[str, str, str]:
    """Return channel and name of a requirement of conda's, and the version in pip's form."""
    match = _PACKAGE.fullmatch(text.strip())
    if match is None:
        raise ProjectError(f"{text!r} in conda.yaml is not a package.")
    channel, name, rest = match["channel"] or "", match["name"].lower(), match["rest"].strip()
    exact = _VERSION.fullmatch(rest)
    if exact is None or not rest:
        return channel, name, rest.replace(" ", "")
    operator, version, built = exact.groups()
    if operator == "==" or built or version.endswith("*"):
        return channel, name, f"=={version}"
    return channel, name, f"=={version}.*"
