"""The files that say what a model needs around it, in the forms that MLflow reads."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pegboard.errors import InvalidValue, NotFound, quoted

from pegboard_models import distributions, yaml_files

CONDA = "conda.yaml"
PYTHON_ENV = "python_env.yaml"
REQUIREMENTS = "requirements.txt"
CONSTRAINTS = "constraints.txt"

Requirements = Sequence[str] | str | os.PathLike[str] | None


def write(
    directory: Path,
    inferred: Callable[[], list[str]],
    pip_requirements: Requirements = None,
    extra_pip_requirements: Requirements = None,
    conda_env: Mapping[str, Any] | str | os.PathLike[str] | None = None,
) -> None:
    """Write ``requirements.txt``, ``conda.yaml`` and ``python_env.yaml``.

    ``inferred`` is called only if neither requirements nor a conda environment are given.
    """
    constraints: list[str] = []
    if conda_env is not None:
        if pip_requirements is not None or extra_pip_requirements is not None:
            raise InvalidValue("Give either conda_env or requirements of pip, not both.")
        content = _conda_of(conda_env)
        needed = _pip_of(content)
    else:
        if pip_requirements is not None and extra_pip_requirements is not None:
            raise InvalidValue("Give either pip_requirements or extra_pip_requirements, not both.")
        chosen, constraints = _parsed(pip_requirements)
        extra, more_constraints = _parsed(extra_pip_requirements)
        constraints += more_constraints
        base = inferred() if pip_requirements is None else chosen
        needed = _with_extra(base, extra)
        if constraints:
            needed.append(f"-c {CONSTRAINTS}")
        content = conda(needed)
    if constraints:
        _write_lines(directory / CONSTRAINTS, constraints)
    _write_lines(directory / REQUIREMENTS, needed)
    (directory / CONDA).write_text(yaml_files.dump(content), encoding="utf-8")
    (directory / PYTHON_ENV).write_text(_python_env(), encoding="utf-8")


def _write_lines(file: Path, lines: Sequence[str]) -> None:
    file.write_text("\n".join(lines) + "\n" if lines else "", encoding="utf-8")


def _python_env() -> str:
    builders = [distributions.pinned(name) or name for name in ("pip", "setuptools", "wheel")]
    return yaml_files.dump(
        {
            "python": platform.python_version(),
            "build_dependencies": builders,
            "dependencies": [f"-r {REQUIREMENTS}"],
        }
    )


def conda(requirements: Sequence[str]) -> dict[str, Any]:
    """Return the conda environment with this Python and these packages of pip."""
    return {
        "name": "mlflow-env",
        "channels": ["conda-forge"],
        "dependencies": [
            f"python={platform.python_version()}",
            "pip",
            {"pip": list(requirements)},
        ],
    }


def _conda_of(given: Mapping[str, Any] | str | os.PathLike[str]) -> dict[str, Any]:
    content = yaml_files.load(Path(given)) if isinstance(given, (str, os.PathLike)) else given
    if not isinstance(content, Mapping):
        raise InvalidValue(f"A conda environment is a mapping, not {quoted(content)}.")
    return dict(content)


def _pip_of(environment: Mapping[str, Any]) -> list[str]:
    for entry in environment.get("dependencies") or ():
        if isinstance(entry, Mapping) and isinstance(entry.get("pip"), list):
            return [str(each) for each in entry["pip"]]
    return []


def _parsed(given: Requirements) -> tuple[list[str], list[str]]:
    """Return requirements and constraints: of a list, or of a file and the files it refers to."""
    if given is None:
        return [], []
    if isinstance(given, (str, os.PathLike)):
        return _parsed_file(Path(given), ())
    if not all(isinstance(line, str) for line in given):
        raise InvalidValue("Requirements are a list of texts, or the path of a file of them.")
    return _parsed_lines(list(given), Path.cwd(), ())


def _parsed_file(file: Path, within: tuple[Path, ...]) -> tuple[list[str], list[str]]:
    if file.resolve() in within:
        raise InvalidValue(f"The requirements file {file} refers to itself.")
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidValue(
            f"The requirements file {str(file)!r} cannot be read: {error}"
        ) from error
    return _parsed_lines(lines, file.parent, (*within, file.resolve()))


def _parsed_lines(
    lines: Sequence[str], directory: Path, within: tuple[Path, ...]
) -> tuple[list[str], list[str]]:
    needed: list[str] = []
    constraints: list[str] = []
    for line in lines:
        text = line.split(" #")[0].strip()
        option, _, rest = text.partition(" ")
        if not text or text.startswith("#"):
            continue
        if option in ("-r", "--requirement", "-c", "--constraint"):
            inner, limits = _parsed_file(directory / rest.strip(), within)
            (needed if "r" in option.lstrip("-")[:1] else constraints).extend(inner)
            constraints.extend(limits)
        else:
            needed.append(text)
    return needed, constraints


def _with_extra(base: list[str], extra: list[str]) -> list[str]:
    """Return requirements where those that are asked for take the place of those found out."""
    asked = {_key(line) for line in extra}
    return [line for line in base if _key(line) not in asked] + extra


def _key(line: str) -> str:
    match = distributions.NAME.match(line)
    return distributions.normal(match[0]) if match else line


def dependencies(model_uri: str | os.PathLike[str], form: str) -> str:
    """Return the path of the file that names what a model needs; ``form`` is pip or conda."""
    from pegboard_models.model_files import local_copy

    files = {"pip": REQUIREMENTS, "conda": CONDA}
    if form not in files:
        raise InvalidValue(f"{form!r} is not a format of requirements: 'pip' and 'conda' are.")
    file = local_copy(model_uri) / files[form]
    if not file.is_file():
        raise NotFound(f"The model {str(model_uri)!r} has no {files[form]!r}.")
    return str(file)
