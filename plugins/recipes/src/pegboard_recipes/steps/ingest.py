"""The steps ``ingest`` and ``ingest_scoring``: data of any form becomes one Parquet file."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from pegboard import host as hosts
from pegboard.errors import InvalidValue, PluginError
from pegboard_wire.outbound import Guard

from pegboard_recipes import project, sources, tables
from pegboard_recipes.cards import page, profiles
from pegboard_recipes.cards.card import Card
from pegboard_recipes.configuration import Configuration
from pegboard_recipes.names import DATASET, PROFILE, SCORING
from pegboard_recipes.settings import NAME
from pegboard_recipes.step import Work
from pegboard_recipes.steps import classes
from pegboard_recipes.steps.checks import FORMS

_PIECE = 250_000
"""Rows that are held at once, where that is possible."""


def run(work: Work) -> None:
    """Read the data, check its target, and describe it."""
    scoring = work.step.scoring
    file = work.directory / (SCORING if scoring else DATASET)
    if work.own.get("using") == sources.PARQUET and _copied(work, file):
        frame = profiles.sample(file)
    else:
        frame = _data(work)
        tables.write(frame, file)
    if not scoring and work.config.values.get("target_col") is not None:
        _check_target(work, list(frame.columns), file)
    _describe(work, frame)


def _data(work: Work) -> Any:
    """Return all rows as one DataFrame."""
    import pandas as pd

    using = work.own["using"]
    if using in sources.DATABASES:
        return _checked(_of_database(work), f"The query of steps.{work.step.name}.sql")
    found = sources.locations(work.config, work.step.name)
    if using == sources.DELTA:
        frames = [_of_delta(work, each) for each in found]
    else:
        frames = [frame for each in found for frame in _of_location(work, each)]
    return frames[0] if len(frames) == 1 else pd.concat(frames)


def _checked(frame: Any, what: str) -> Any:
    import pandas as pd

    if not isinstance(frame, pd.DataFrame):
        kind = "nothing" if frame is None else f"an object of the type {type(frame).__name__}"
        raise InvalidValue(f"{what} returned {kind}, not a DataFrame.")
    if frame.empty:
        raise InvalidValue(f"{what} returned no rows.")
    frame.columns = [str(name) for name in frame.columns]
    if twice := frame.columns[frame.columns.duplicated()].tolist():
        raise InvalidValue(f"{what} returned two columns {twice[0]!r}.")
    return frame


# -- files ---------------------------------------------------------------------------------------


def _copied(work: Work, file: Path) -> bool:
    """Copy Parquet files into one, in pieces; False if their columns are not the same.

    Then, and for files elsewhere, pandas has to bring them together.
    """
    found = sources.locations(work.config, work.step.name)
    if not found or any(sources.is_web(each) for each in found):
        return False
    arrow = tables.arrow()
    files = [
        each for place in found for each in sources.files_at(work.config, work.step.name, place)
    ]
    schemas = [arrow.parquet.read_schema(each) for each in files]
    if any(not schema.equals(schemas[0]) for schema in schemas):
        return False
    count = 0
    with tables.writer(file, schemas[0]) as writer:
        for each in files:
            with arrow.parquet.ParquetFile(each) as source:
                for batch in source.iter_batches(batch_size=_PIECE):
                    writer.write_batch(batch)
                    count += len(batch)
    if not count:
        raise InvalidValue(f"{files[0]} holds no rows.")
    return True


def _of_location(work: Work, location: str) -> list[Any]:
    load = _loader(work)
    if sources.is_web(location):
        with tempfile.TemporaryDirectory() as place:
            from pegboard_recipes import fetching

            allowed = hosts.current().settings(NAME).url_allow
            return [load(fetching.fetch(location, Path(place), Guard(allowed)))]
    return [load(file) for file in sources.files_at(work.config, work.step.name, location)]


def _loader(work: Work) -> Callable[[Path], Any]:
    """Return what reads a file: the user's loader, else what is known of its form."""
    using = work.own["using"]
    if using == sources.PARQUET:
        return lambda file: _checked(tables.read(file), str(file))
    own = work.function("loader_method", module="ingest")
    if own is not None:
        what = work.said_of("loader_method", module="ingest")

        def load(file: Path) -> Any:
            try:
                found = project.call_loader(own, str(file), using, what)
            except NotImplementedError as error:
                raise InvalidValue(
                    f"{what} does not read files of the form {using!r}.",
                    hint=f"Let it read {file}, or change 'using'.",
                ) from error
            return _checked(found, what)

        return load
    known = _KNOWN[using]
    return lambda file: _checked(_read(work, known, file), str(file))


def _read(work: Work, known: Callable[[Path], Any], file: Path) -> Any:
    try:
        return known(file)
    except ValueError as error:  # pandas' own derive from it, as what is not UTF-8 does.
        key, using = ("steps", work.step.name, "using"), work.own["using"]
        what = f"{file} cannot be read as {using!r}: {str(error).strip()}."
        raise work.config.wrong(key, what) from error


def _csv(file: Path) -> Any:
    import pandas as pd

    return pd.read_csv(file)


def _json_lines(file: Path) -> Any:
    import pandas as pd

    return pd.read_json(file, lines=True)


def _excel(file: Path) -> Any:
    import pandas as pd

    try:
        return pd.read_excel(file)
    except ImportError as error:
        raise PluginError(f"{file} cannot be read: {error}") from error


_KNOWN: dict[str, Callable[[Path], Any]] = dict(
    zip(FORMS, (_csv, _json_lines, _json_lines, _excel), strict=True)
)


# -- elsewhere -----------------------------------------------------------------------------------


def _of_delta(work: Work, location: str) -> Any:
    try:
        from deltalake import DeltaTable
    except ImportError as error:
        raise PluginError(
            "Delta tables are read by the package deltalake.",
            hint="Install it: pip install deltalake",
        ) from error
    place = location if "://" in location else str(work.config.path(location))
    key = ("steps", work.step.name)
    try:
        table = DeltaTable(place, version=work.own.get("version"))
        if work.own.get("timestamp") is not None:
            table.load_as_version(str(work.own["timestamp"]))
    except (import_module("deltalake.exceptions").DeltaError, ValueError) as error:
        what = f"The Delta table {place} cannot be read as it is asked for: {error}."
        raise work.config.wrong(key, what) from error
    return _checked(table.to_pandas(), f"The table {location}")


def _of_database(work: Work) -> Any:
    own = work.own
    if own["using"] == sources.SPARK:
        try:
            spark = import_module("pyspark.sql").SparkSession
        except ImportError as error:
            raise PluginError(
                "using: spark_sql needs pyspark, which is not installed.",
                hint="Install it: pip install pyspark. Or use 'sql', with the database's URL as "
                "'location'.",
            ) from error
        return spark.builder.getOrCreate().sql(own["sql"]).toPandas()
    return _by_sqlalchemy(own["location"], own["sql"])


def _by_sqlalchemy(url: str, query: str) -> Any:
    import pandas as pd

    try:
        import sqlalchemy
    except ImportError as error:
        raise PluginError(
            "using: sql reads through SQLAlchemy, which is not installed.",
            hint="Install it: pip install sqlalchemy",
        ) from error
    engine = sqlalchemy.create_engine(url)
    try:
        with engine.connect() as connection:
            return pd.read_sql(sqlalchemy.text(query), connection)
    finally:
        engine.dispose()


# -- checks and card -----------------------------------------------------------------------------


def _check_target(work: Work, columns: list[str], file: Path) -> None:
    config = work.config
    if config.target not in columns:
        from difflib import get_close_matches

        near = get_close_matches(config.target, columns, 1)
        raise config.wrong(
            ("target_col",),
            f"The data has no column {config.target!r}.",
            hint=f"Did you mean {near[0]!r}?"
            if near
            else f"Its columns are: {', '.join(map(repr, columns[:20]))}.",
        )
    arrow = tables.arrow()
    target = arrow.parquet.read_table(file, columns=[config.target]).to_pandas()[config.target]
    if config.is_classification:
        classes.check(config, target)
    else:
        _check_numbers(config, target)


def _check_numbers(config: Configuration, target: Any) -> None:
    import pandas as pd

    try:
        pd.to_numeric(target)
    except (ValueError, TypeError) as error:
        raise config.wrong(
            ("target_col",),
            f"The target {config.target!r} is of the type {target.dtype}, and a regression "
            "predicts numbers.",
            hint="For classes: recipe: classification/v1.",
        ) from error


def _describe(work: Work, frame: Any) -> None:
    card = work.card
    count = frame.attrs.get("rows", len(frame))
    if not work.own.get("skip_data_profiling"):
        card.tab("Data Profile").profile(profiles.of({"Ingested Dataset": frame}))
        alone = Card(step=card.step, recipe=card.recipe, tabs=list(card.tabs))
        (work.directory / PROFILE).write_text(page.html_of(alone), encoding="utf-8")
    kinds = [[name, str(kind)] for name, kind in frame.dtypes.items()]
    card.tab("Data Schema").table(["Name", "Type"], kinds)
    card.tab("Data Preview").frame(frame)
    where = ", ".join(sources.locations(work.config, work.step.name)) or work.own.get("sql")
    card.tab("Run Summary").facts(Number_of_rows_ingested=count, Dataset_source=where)
    card.facts |= {"rows": count, "columns": [str(name) for name in frame.columns]}
