"""Which packages a model needs, found out from what it refers to and imports."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pegboard.errors import PegboardError, PluginError

from pegboard_models import distributions, import_graph, object_graph
from pegboard_models.model_files import PYTHON_FUNCTION

logger = logging.getLogger(__name__)

_TIMEOUT = 120.0
"""How long the fresh process may take, in seconds."""


def infer(
    directory: Path,
    model: Any,
    known: Sequence[str] = (),
    *,
    in_fresh_process: bool = False,
    tabular: bool = False,
) -> list[str]:
    """Return the packages that a saved model needs, as ``name==version``, sorted.

    They are those that the flavor knows of, those of the classes and functions in the model, those
    that its code imports, directly or in turn, and, if wanted, those that a fresh process imports
    while it loads the model and predicts its example. ``tabular`` models are given tables.
    """
    roots = [place for place in (directory / "code",) if place.is_dir()]
    referred = import_graph.reachable(object_graph.modules_of(model), roots)
    direct = distributions.of_modules(referred | import_graph.of_code(roots) | _of_files(directory))
    loaded: set[str] = set()
    if in_fresh_process or roots:
        loaded = distributions.of_modules(_imported_by_loading(directory))
    if tabular:
        direct.add("pandas")
    kept = distributions.pruned(direct | loaded, direct)
    return _merged(known, kept)


def _of_files(directory: Path) -> set[str]:
    """Return what the files of code in a model's directory, such as a model from code, import."""
    found: set[str] = set()
    for file in directory.glob("*.py"):
        found |= import_graph.imports_of_file(file)
    return import_graph.reachable(found)


def _merged(known: Sequence[str], names: Iterable[str]) -> list[str]:
    """Return what a flavor requires and what was found, without repetitions."""
    told = {distributions.normal(_name(each)): each for each in known}
    for name in names:
        # The process that reads the model has the libraries to read it.
        if (
            name not in told
            and not _is_reader(name)
            and (pin := distributions.pinned(name)) is not None
        ):
            told[name] = pin
    return [told[name] for name in sorted(told)]


def _is_reader(distribution: str) -> bool:
    return distributions.is_reader(distribution.replace("-", "_"))


def _name(requirement: str) -> str:
    match = distributions.NAME.match(requirement.strip())
    return match[0] if match else requirement


def _imported_by_loading(directory: Path, flavor: str = PYTHON_FUNCTION) -> set[str]:
    """Return the modules that a fresh process imports to load a model; none if it cannot."""
    with tempfile.TemporaryDirectory(prefix="pegboard-") as scratch:
        report = Path(scratch, "modules.json")
        command = [
            sys.executable,
            "-m",
            "pegboard_models.probe",
            str(directory),
            flavor,
            str(report),
        ]
        # The user's modules are found where they are found now.
        path = os.pathsep.join(entry or os.getcwd() for entry in sys.path)  # noqa: PTH109
        environment: Mapping[str, str] = {**os.environ, "PYTHONPATH": path}
        try:
            done = subprocess.run(
                command, env=environment, capture_output=True, text=True, timeout=_TIMEOUT
            )
        except subprocess.TimeoutExpired:
            logger.warning("The model took too long to load in a fresh process.")
            return set()
        if done.returncode != 0 or not report.is_file():
            said = done.stderr.strip().splitlines()
            logger.warning(
                "The model could not be loaded in a fresh process, so that what it imports there "
                "is not among its requirements: %s",
                said[-1] if said else "it gives no reason",
            )
            return set()
        return set(json.loads(report.read_text()))


def of_flavor(flavor: str) -> list[str]:
    """Return the packages that models of a flavor need whatever they are, as installed here."""
    if flavor == PYTHON_FUNCTION:
        return _pins(["cloudpickle"])
    from pegboard import host

    plugin = host.current().plugins.get(flavor)
    name = plugin.distribution if plugin is not None else f"pegboard-{flavor}"
    needed = [each for each in distributions.requires(name) if not _is_reader(each)]
    return _pins(needed)


def _pins(names: Iterable[str]) -> list[str]:
    return sorted(pin for name in names if (pin := distributions.pinned(name)) is not None)


def of_saved(directory: Path, flavor: str, fallback: list[str] | None) -> list[str]:
    """Return the packages that a saved model needs; see ``models.infer_pip_requirements``."""
    modules = _imported_by_loading(directory, flavor)
    if not modules:
        if fallback is not None:
            return fallback
        raise PluginError(
            f"The model in {directory} cannot be loaded, so its requirements cannot be found.",
            hint="Load it here to see why.",
        )
    found = distributions.of_modules(modules)
    try:
        known = of_flavor(flavor)
    except PegboardError:
        known = []
    return _merged(known, distributions.pruned(found, ()))
