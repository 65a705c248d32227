"""Reads the file of a sweep: W&B's form, and what to run where. All faults are told together."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attrs import evolve
from pegboard_projects import Document, read_document

from pegboard_sweeps import command_words, spaces
from pegboard_sweeps.errors import SweepError, together
from pegboard_sweeps.faults import Faults
from pegboard_sweeps.sweep import Code, Halving, Metric, Sweep

METHODS = ("grid", "random", "bayes")
GOALS = ("minimize", "maximize")
_CODE = ("uri", "entry_point", "version", "backend", "backend_config", "env_manager")
KEYS = (
    *("name", "description", "project", "method", "metric", "parameters", "early_terminate"),
    *("run_cap", "program", "command", *_CODE, "concurrency", "max_failures", "seed"),
    "timeout_seconds",
)
_IGNORED = ("entity", "controller", "$schema")
"""Keys of W&B that say something about its server only."""
_ELSEWHERE = {
    "imports": "parameters are not imported from other files: write them here",
    "job": "W&B's jobs are not run: name the code by 'uri', and where it runs by 'backend'",
    "launch": "W&B Launch is not used: say where trials run by 'backend'",
    "queue": "W&B Launch is not used: say where trials run by 'backend'",
    "image_uri": "W&B Launch is not used: an image stands in the MLproject, as docker_env",
}
_MOST_ITERATIONS = 10**9


def load(file: Path, run_cap: int | None = None) -> Sweep:
    """Read a file; SweepError tells all that is wrong with it. ``run_cap`` replaces the file's."""
    document = read_document(file)
    return _sweep(document, file.read_text("utf-8"), file.absolute().parent, run_cap)


def made(content: Mapping[str, Any], run_cap: int | None = None) -> Sweep:
    """Return the sweep that a mapping describes, as a file does; paths are relative to here."""
    text = json.dumps(content, indent=2, default=str)
    return _sweep(Document(Path("the sweep"), dict(content)), text, Path.cwd(), run_cap)


def _sweep(document: Document, text: str, base: Path, run_cap: int | None) -> Sweep:
    faults = Faults(document)
    top = faults.mapping()
    faults.unknown((*KEYS, *_IGNORED, *_ELSEWHERE))
    for key in _ELSEWHERE.keys() & top.keys():
        faults.add(f"{_ELSEWHERE[key]}.", key)
    notes = [
        f"{document.where(key)}: {key!r} means nothing here." for key in _IGNORED if key in top
    ]
    method = faults.one_of(METHODS, None, "method")
    if "method" not in top:
        faults.add(f"the sweep needs a 'method': {', '.join(METHODS)}.")
    metric = _metric(faults)
    parameters = spaces.read(faults, method, notes)
    sweep = Sweep(
        file=str(document.file),
        text=text,
        name=faults.text("name"),
        description=faults.text("description"),
        experiment=faults.text("project"),
        method=method or METHODS[0],
        metric=metric,
        parameters=parameters,
        space=faults.mapping("parameters"),
        halving=_halving(faults),
        code=_code(faults, base),
        run_cap=run_cap or faults.whole("run_cap", least=1),
        seed=faults.whole("seed", least=0) or 0,
        concurrency=faults.whole("concurrency", least=1) or 1,
        max_failures=faults.whole("max_failures", least=1) or 5,
        notes=notes,
    )
    _whole_sense(faults, sweep)
    if faults.found:
        raise together(f"{document.file} is not a sweep that can be carried out", faults.found)
    return sweep


def _whole_sense(faults: Faults, sweep: Sweep) -> None:
    """Note what does not go together."""
    top = faults.mapping()
    if top.get("metric") is None and (sweep.method == "bayes" or sweep.halving is not None):
        needing = "early_terminate" if sweep.halving is not None else "bayes"
        faults.add(f"{needing} needs a 'metric': its name, and its goal.")
    if sweep.method != "grid" and sweep.run_cap is None and top.get("run_cap") is None:
        said = "search has no end of its own: say run_cap: 50, or --run-cap 50."
        faults.add(f"{sweep.method} {said}", "method")


def _metric(faults: Faults) -> Metric | None:
    if faults.document.at("metric") is None:
        return None
    faults.unknown(("name", "goal", "target"), "metric")
    goal = faults.one_of(GOALS, GOALS[0], "metric", "goal")
    target = faults.number("metric", "target")
    if not faults.mapping("metric"):
        return None
    name = faults.text("metric", "name")
    if name is None:
        if faults.document.at("metric", "name") is None:
            faults.add("the metric needs a 'name'.", "metric")
        return None
    return Metric(name=name, goal=goal or GOALS[0], target=target)


def _halving(faults: Faults) -> Halving | None:
    """Read W&B's ``hyperband``: which iterations are brackets."""
    place = "early_terminate"
    if faults.document.at(place) is None:
        return None
    faults.unknown(("type", "min_iter", "max_iter", "s", "eta", "strict"), place)
    given = faults.mapping(place)
    faults.one_of(("hyperband",), None, place, "type")
    if "type" not in given:
        faults.add("early_terminate needs a 'type', which is hyperband.", place)
    least, most = (faults.whole(place, key, least=1) for key in ("min_iter", "max_iter"))
    eta = faults.number(place, "eta", least=1.0001) or 3.0
    count = faults.whole(place, "s", least=1)
    strict = given.get("strict", False)
    if not isinstance(strict, bool):
        faults.add(f"strict is {strict!r}, neither true nor false.", place, "strict")
    if ("min_iter" in given) == ("max_iter" in given):
        faults.add("early_terminate has either min_iter or max_iter.", place)
        return None
    brackets: list[int] = []
    if least is not None:
        iterations: float = least
        while iterations <= _MOST_ITERATIONS:
            brackets.append(int(iterations))
            iterations *= eta
    elif most is not None:
        iterations = most / eta
        while iterations >= 1 and (count is None or len(brackets) < count):
            brackets.insert(0, int(iterations))
            iterations /= eta
    return Halving(brackets=list(dict.fromkeys(brackets)), eta=eta, strict=strict is True)


def _code(faults: Faults, base: Path) -> Code:
    """Read what is run: an entry point of a project, or W&B's program and command."""
    program, entry_point = faults.text("program"), faults.text("entry_point")
    if program and entry_point:
        faults.add("either 'program' or 'entry_point' says what is run.", "program")
    return Code(
        uri=_placed(faults.text("uri") or ".", base),
        entry_point=entry_point or program or "main",
        command=command_words.read(faults, program),
        version=faults.text("version"),
        backend=faults.text("backend"),
        backend_config=faults.mapping("backend_config"),
        env_manager=faults.text("env_manager"),
        timeout_seconds=faults.number("timeout_seconds", least=0.001),
    )


def _placed(uri: str, base: Path) -> str:
    """Return the address of a project; a folder is relative to that of the file."""
    address, mark, folder = uri.partition("#")
    path = base / Path(address).expanduser()
    return f"{path.resolve()}{mark}{folder}" if path.exists() else uri


def overridden(sweep: Sweep, **given: Any) -> Sweep:
    """Return a sweep with what a caller says instead of the file, where it is not None."""
    code = {key: value for key, value in given.items() if value is not None}
    concurrency = code.pop("concurrency", None)
    if concurrency is not None and concurrency < 1:
        raise SweepError("At least one trial has to run at a time: concurrency is 1 or more.")
    return evolve(
        sweep,
        code=evolve(sweep.code, **code),
        concurrency=sweep.concurrency if concurrency is None else concurrency,
    )
