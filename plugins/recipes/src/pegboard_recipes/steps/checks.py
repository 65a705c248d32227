"""What is wrong with the configuration of a step, as far as it can be told before anything runs.

Nothing of the user's is imported, no data is read, and no library is loaded that takes long.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator, Mapping
from difflib import get_close_matches
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pegboard import distributions, uris
from pegboard import host as hosts
from pegboard.errors import InvalidValue, PegboardError, PluginError, command_line

from pegboard_recipes import code, names, sources
from pegboard_recipes.configuration import Configuration
from pegboard_recipes.documents import Place
from pegboard_recipes.steps import search_space

FORMS = ("csv", "json", "jsonl", "excel")
"""What is read without a loader of the user's, beside Parquet, Delta and databases."""

KINDS = {
    "double": "float64",
    "float": "float32",
    "int": "int32",
    "integer": "int32",
    "long": "int64",
    "bigint": "int64",
    "boolean": "bool",
    "string": None,
}
"""By ``result_type`` the type that predictions are turned into; None leaves them as they are."""

ALGORITHMS = {"hyperopt.rand.suggest": "RandomSampler", "hyperopt.tpe.suggest": "TPESampler"}
"""By hyperopt's name the class of Optuna that draws parameters."""

_RUN = ("pegboard", "recipes", "run", "-p")
_TRAINING = ("sklearn", "models", "pyfunc", "start_run", "evaluate", "make_metric")


def ingest(config: Configuration) -> Iterator[PegboardError]:
    """Yield what is wrong with where the data is, and how it is read."""
    yield from _missing("pyarrow", "The steps of a recipe keep tables in Parquet files.")
    yield from _data(config, "ingest")


def ingest_scoring(config: Configuration) -> Iterator[PegboardError]:
    """Yield what is wrong with where the rows to score are."""
    yield from _data(config, "ingest_scoring")


def split(config: Configuration) -> Iterator[PegboardError]:
    """Yield what is wrong with how rows are split."""
    own, place = config.step("split"), ("steps", "split")
    if own.get("using") == "custom" and not own.get("split_method"):
        yield config.wrong(place, "using: custom needs a 'split_method'.")
    if own.get("group_col") and own.get("time_col"):
        both = "Rows are split by 'group_col' or by 'time_col', not by both."
        yield config.wrong((*place, "time_col"), both, "Leave out one.")
    keys = ("split_method", "post_split_method", "post_split_filter_method")
    yield from _functions(config, "split", "split", keys)


def transform(config: Configuration) -> Iterator[PegboardError]:
    """Yield what is wrong with the transformer."""
    yield from _functions(config, "transform", "transform", ["transformer_method"])


def train(config: Configuration) -> Iterator[PegboardError]:
    """Yield what is wrong with the estimator, its tuning, the metrics, and where runs go."""
    own, place = config.step("train"), ("steps", "train")
    if own.get("using", "custom") == "custom":
        if not own.get("estimator_method"):
            yield config.wrong(place, "steps.train lacks 'estimator_method'.")
        yield from _functions(config, "train", "train", ["estimator_method"])
        if (own.get("tuning") or {}).get("enabled"):
            yield from _tuning(config, own["tuning"])
    else:
        what = f"using: {own['using']} searches by FLAML."
        yield from _missing("flaml", what, "'pegboard-recipes[automl]'")
    yield from evaluate(config)
    yield from _names(_TRAINING)
    yield from _store(config, "tracking store", ("experiment", "tracking_uri"))


def evaluate(config: Configuration) -> Iterator[PegboardError]:
    """Yield what is wrong with the user's metrics."""
    for number, each in enumerate(config.values.get("custom_metrics") or ()):
        place = ("custom_metrics", str(number), "function")
        key = f"custom_metrics.{each['name']}.function"
        yield from _function(config, place, key, names.METRICS, each["function"])


def register(config: Configuration) -> Iterator[PegboardError]:
    """Yield what is wrong with the registered model."""
    if not config.section("model_registry").get("model_name"):
        yield config.wrong(
            ("model_registry",),
            "model_registry lacks 'model_name'.",
            hint="Write into the profile: model_registry: {model_name: NAME}",
        )
    criteria = config.step("evaluate").get("validation_criteria")
    allowed = config.step("register").get("allow_non_validated_model")
    if config.is_learned and not criteria and not allowed:
        what = "steps.evaluate has no 'validation_criteria', so the model would not be registered."
        yield config.wrong(
            ("steps", "evaluate"),
            what,
            hint="Add criteria, set steps.register.allow_non_validated_model: true, or run as far "
            f"as 'evaluate': {command_line(*_RUN, config.profile, '-s', 'evaluate')}",
        )
    yield from _names(["register_model"])
    for key in ("registry_uri", "uri"):
        yield from _store(config, "model registry", ("model_registry", key))


def predict(config: Configuration) -> Iterator[PegboardError]:
    """Yield what is wrong with the model that predicts, and where its predictions go."""
    own, place = config.step("predict"), ("steps", "predict")
    output = own.get("output") or {}
    for key in ("using", "location"):
        if not output.get(key):
            yield config.wrong(place, f"steps.predict.output lacks {key!r}.")
    if output.get("using") == sources.DELTA:
        yield from _missing("deltalake", "Delta tables are written by the package deltalake.")
    if not own.get("model_uri") and not config.section("model_registry").get("model_name"):
        yield config.wrong(
            ("model_registry",),
            "There is no model to predict with: neither 'model_uri' nor 'model_name' is set.",
        )
    kind = own.get("result_type") or "double"
    if kind not in KINDS and not kind.startswith("array"):
        what, hint = f"There is no result_type {kind!r}.", f"There are: {', '.join(KINDS)}."
        yield config.wrong((*place, "result_type"), what, hint)
    yield from _names(["pyfunc"])


# -- data ----------------------------------------------------------------------------------------


def _data(config: Configuration, step: str) -> Iterator[PegboardError]:
    own, place = config.step(step), ("steps", step)
    using = own.get("using")
    if not using:
        yield config.wrong(place, f"steps.{step} lacks 'using'.")
        return
    if using in sources.DATABASES and not own.get("sql"):
        yield config.wrong(place, f"steps.{step} lacks 'sql'.")
    if using == sources.SQL and not isinstance(own.get("location"), str):
        yield config.wrong(place, "using: sql needs the database's URL as 'location'.")
    if using not in sources.DATABASES and not own.get("location"):
        yield config.wrong(place, f"steps.{step} lacks 'location'.")
    for name, module, what in (
        (sources.DELTA, "deltalake", "Delta tables are read by the package deltalake."),
        (sources.SQL, "sqlalchemy", "using: sql reads through SQLAlchemy."),
    ):
        if using == name:
            yield from _missing(module, what)
    if using not in (sources.DELTA, *sources.DATABASES):
        for each in sources.locations(config, step):
            if not sources.is_web(each):
                yield from _raised(partial(sources.files_at, config, step, each))
    if using in (sources.PARQUET, sources.DELTA, *sources.DATABASES):
        return
    if own.get("loader_method"):
        yield from _functions(config, step, "ingest", ["loader_method"])
    elif using not in FORMS:
        yield config.wrong(
            (*place, "using"),
            f"Data of the form {using!r} needs a 'loader_method'.",
            hint=f"Without one are understood: {', '.join(['parquet', 'delta', *FORMS, 'sql'])}.",
        )


# -- training --------------------------------------------------------------------------------------


def _tuning(config: Configuration, tuning: Mapping[str, Any]) -> Iterator[PegboardError]:
    place = ("steps", "train", "tuning")
    yield from _missing("optuna", "Parameters are tuned by Optuna.")
    yield from _raised(partial(search_space.check, config, tuning["parameters"]))
    algorithm = tuning.get("algorithm", "hyperopt.rand.suggest")
    if algorithm not in ALGORITHMS:
        what = f"There is no algorithm {algorithm!r}."
        hint = f"There are: {', '.join(ALGORITHMS)}."
        yield config.wrong((*place, "algorithm"), what, hint)
    if name := tuning.get("early_stop_fn"):
        module, _, function = str(name).rpartition(".")
        module = module.removeprefix("steps.") or "train"
        key = "steps.train.tuning.early_stop_fn"
        yield from _function(config, (*place, "early_stop_fn"), key, module, function)


def _store(config: Configuration, kind: str, place: Place) -> Iterator[PegboardError]:
    """Yield that no plugin opens the store that the profile names."""
    given = config.section(place[0]).get(place[1])
    if not given:
        return
    try:
        scheme = uris.parse(uris.anchored(given, config.root)).scheme
    except PegboardError as error:
        yield config.wrong(place, error.message, error.hint)
        return
    known = hosts.current().declared(kind)
    if scheme not in known:
        yield config.wrong(
            place,
            f"There is no {kind} for the scheme {scheme!r}.",
            hint=distributions.install(kind, scheme)
            or f"{distributions.near(scheme, known)}There are: {', '.join(sorted(known))}.",
        )


# -- what the user has written ---------------------------------------------------------------------


def _functions(
    config: Configuration, step: str, module: str, keys: Iterable[str]
) -> Iterator[PegboardError]:
    """Yield which of the functions that a step names are not there."""
    own = config.step(step)
    for key in keys:
        if own.get(key):
            place = ("steps", step, key)
            yield from _function(config, place, ".".join(place), module, own[key])


def _function(
    config: Configuration, place: Place, key: str, module: str, name: str
) -> Iterator[PegboardError]:
    file = config.root.joinpath(code.STEPS, *module.split(".")).with_suffix(".py")
    if not file.is_file():
        yield config.wrong(place, f"{key} is {name!r}, and there is no file {file}.")
        return
    try:
        tree = ast.parse(file.read_bytes(), str(file))
    except (SyntaxError, ValueError) as error:
        yield _not_python(config.root, file, error)
        return
    defined = set(_defined(tree.body))
    # What is imported from everywhere, or made on demand, shows only when it runs.
    if not defined & {name, "*", "__getattr__"}:
        near = get_close_matches(name, defined, 1)
        hint = f"Did you mean {near[0]!r}?" if near else ""
        yield config.wrong(place, f"{key} is {name!r}, which {file} does not define.", hint)


def _defined(nodes: Iterable[ast.AST]) -> Iterator[str]:
    """Yield the names that statements of a module define, whatever the branch."""
    for node in nodes:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield node.name
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            yield from (each.asname or each.name.partition(".")[0] for each in node.names)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        else:
            yield from _defined(ast.iter_child_nodes(node))


def _not_python(root: Path, file: Path, error: Exception) -> PegboardError:
    where = file.relative_to(root).as_posix()
    lines = [f"{where} is not Python."]
    if isinstance(error, SyntaxError):
        lines.append(f"  {where}, line {error.lineno}")
        lines += [f"    {error.text.strip()}"] if error.text else []
    return InvalidValue("\n".join([*lines, f"{type(error).__name__}: {error}"]))


# -- what is installed -----------------------------------------------------------------------------


def _missing(module: str, what: str, distribution: str = "") -> Iterator[PegboardError]:
    if find_spec(module) is None:
        hint = f"Install it: {command_line('pip', 'install', distribution or module)}"
        yield PluginError(f"{what} {module} is not installed.", hint=hint)


def _names(wanted: Iterable[str]) -> Iterator[PegboardError]:
    """Yield which names of ``pegboard`` no plugin adds."""
    host = hosts.current()
    for name in sorted({*wanted} - {*host.api_names()}):
        yield PluginError(f"A recipe needs pegboard.{name}. {host.explain_missing(name)}")


def _raised(check: Callable[[], object]) -> Iterator[PegboardError]:
    try:
        check()
    except PegboardError as error:
        yield error
