"""The step ``predict``: the registered model scores rows, in pieces of bounded size."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from pegboard.errors import AlreadyExists, InvalidValue, PluginError

from pegboard_recipes import classifier, names, tables, tracking
from pegboard_recipes.cards import profiles
from pegboard_recipes.step import Work
from pegboard_recipes.steps.checks import KINDS
from pegboard_recipes.tracking import api

PREDICTION = "prediction"
_PIECE = 100_000
_PRESENT = ("default", "error", "errorifexists")


def run(work: Work) -> None:
    """Score the rows of ``ingest_scoring``, and write them where the recipe says."""
    output = work.own["output"]
    place = work.config.path(output["location"])
    mode = work.own.get("save_mode", "overwrite")
    if place.exists() and mode in _PRESENT:
        raise AlreadyExists(
            f"{place} is there already.", hint="steps.predict.save_mode: overwrite replaces it."
        )
    scored = work.directory / names.SCORED
    with tracking.located(work.config):
        model, uri = _model(work)
        count = _score(work, model, scored)
    _deliver(scored, place, output["using"], mode)
    _describe(work, scored, count, uri, place)


def _model(work: Work) -> tuple[Any, str]:
    """Return the model that the recipe names, else the version that it registered, or the last."""
    own = work.own.get("model_uri")
    known = work.output("register", names.VERSION_FILE)
    load = api("pyfunc").load_model
    if own:
        return load(own), own
    if known.is_file():
        # It was made here, by this recipe.
        made = json.loads(known.read_text(encoding="utf-8"))
        uri = f"models:/{made['name']}/{made['version']}"
        return load(uri, trust=True), uri
    name = work.config.section("model_registry")["model_name"]
    uri = f"models:/{name}/latest"
    return load(uri), uri


def _score(work: Work, model: Any, scored: Path) -> int:
    """Write rows with predictions; return how many there are."""
    arrow = tables.arrow()
    source = arrow.parquet.ParquetFile(work.output("ingest_scoring", names.SCORING))
    writer, count = None, 0
    try:
        for batch in source.iter_batches(batch_size=_PIECE):
            rows = arrow.Table.from_batches([batch]).to_pandas()
            rows = rows.drop(columns=[PREDICTION], errors="ignore")
            said = model.predict(rows.copy())
            piece = _with_predictions(work, rows, said)
            table = arrow.Table.from_pandas(piece, preserve_index=False)
            if writer is None:
                writer = tables.writer(scored, table.schema)
            writer.write_table(table.cast(writer.schema))
            count += len(rows)
    finally:
        if writer is not None:
            writer.close()
        source.close()
    return count


def _with_predictions(work: Work, rows: Any, said: Any) -> Any:
    """Return rows with a column ``prediction``, and the scores of classes if there are any."""
    import pandas as pd

    prefix = work.config.step("train").get("predict_prefix", classifier.PREFIX)
    found = rows.copy()
    if isinstance(said, pd.DataFrame):
        label = f"{prefix}label"
        for name in said.columns:
            if name != label:
                found[name] = said[name].to_numpy()
        said = said[label] if label in said.columns else said.iloc[:, 0]
    values = pd.Series(said.to_numpy() if hasattr(said, "to_numpy") else said, index=found.index)
    kind = KINDS.get(work.own.get("result_type") or "")
    if kind is not None:
        try:
            values = values.astype(kind)
        except (TypeError, ValueError) as error:
            result_type = work.own["result_type"]
            raise InvalidValue(f"Predictions are not of the type {result_type}: {error}") from error
    found[PREDICTION] = values
    return found


def _deliver(scored: Path, place: Path, form: str, mode: str) -> None:
    """Write the result where the recipe says; a file is there as a whole or not at all."""
    if mode == "ignore" and place.exists():
        return
    place.parent.mkdir(parents=True, exist_ok=True)
    if form == "delta":
        _deliver_delta(scored, place, "append" if mode == "append" else "overwrite")
        return
    beside = place.with_name(f".{place.name}.new")
    arrow = tables.arrow()
    if mode == "append" and place.exists():
        if form == "csv":
            with place.open("a", encoding="utf-8", newline="") as stream:
                tables.read(scored).to_csv(stream, index=False, header=False)
            return
        before = arrow.parquet.read_table(place)
        after = arrow.parquet.read_table(scored).cast(before.schema)
        arrow.parquet.write_table(arrow.concat_tables([before, after]), beside)
    elif form == "csv":
        tables.read(scored).to_csv(beside, index=False)
    else:
        shutil.copyfile(scored, beside)
    if place.is_dir():
        shutil.rmtree(place)  # Spark wrote one.
    beside.replace(place)


def _deliver_delta(scored: Path, place: Path, mode: str) -> None:
    try:
        from deltalake import write_deltalake
    except ImportError as error:
        raise PluginError(
            "Delta tables are written by the package deltalake.",
            hint="Install it: pip install deltalake",
        ) from error
    write_deltalake(str(place), tables.arrow().parquet.read_table(scored), mode=mode)


def _describe(work: Work, scored: Path, count: int, uri: str, place: Path) -> None:
    card = work.card
    if not work.own.get("skip_data_profiling"):
        found = profiles.of({"Scored Dataset": profiles.sample(scored)})
        card.tab("Scored Data Profile").profile(found)
    card.tab("Run Summary").facts(
        Number_of_scored_dataset_rows=count, Model_URI=uri, Written_to=str(place)
    )
    card.facts |= {"rows": count, "model_uri": uri, "location": str(place)}
