"""The step ``transform``: a transformer is fitted to the training rows, and applied."""

from __future__ import annotations

from typing import Any

from pegboard.errors import InvalidValue

from pegboard_recipes import names, tables
from pegboard_recipes.cards import profiles
from pegboard_recipes.step import Work


def run(work: Work) -> None:
    """Fit the transformer, and keep it with the tables that it makes."""
    import cloudpickle

    train = work.frame("split", names.TRAIN)
    validation = work.frame("split", names.VALIDATION)
    transformer = _made(work)
    target = work.config.target
    # A transformer may change what it gets.
    transformer.fit(train.drop(columns=[target]), train[target].copy())
    transformed = _applied(work, transformer, train)
    tables.write(transformed, work.directory / names.TRANSFORMED)
    tables.write(
        _applied(work, transformer, validation), work.directory / names.TRANSFORMED_VALIDATION
    )
    with (work.directory / names.TRANSFORMER).open("wb") as stream:
        cloudpickle.dump(transformer, stream)
    _describe(work, transformer, train, transformed)


def _made(work: Work) -> Any:
    function = work.function("transformer_method")
    made = None if function is None else function()
    if made is None:
        from sklearn.pipeline import Pipeline
        from sklearn.preprocessing import FunctionTransformer

        return Pipeline([("identity", FunctionTransformer())])
    for method in ("fit", "transform"):
        if not callable(getattr(made, method, None)):
            kind = type(made).__name__
            raise InvalidValue(
                f"{work.said_of('transformer_method')} returned an object of the type {kind}, "
                f"which has no method {method!r}.",
                hint="Return a transformer of scikit-learn that is not fitted, or None.",
            )
    return made


def _applied(work: Work, transformer: Any, rows: Any) -> Any:
    """Return what a transformer makes of rows, with their targets as the last column."""
    import pandas as pd

    target = work.config.target
    features = rows.drop(columns=[target])
    found = transformer.transform(features.copy())
    what = f"The transformer {type(transformer).__name__}"
    if work.own.get("transformer_method"):
        what = f"{work.said_of('transformer_method')}: its{what[3:]}"
    if found is None:
        raise InvalidValue(f"{what} returned nothing.")
    count = found.shape[0] if hasattr(found, "shape") else len(found)
    if count != len(rows):
        raise InvalidValue(
            f"{what} made {count} rows of {len(rows)}: it may not drop or add any.",
            hint="Leave rows out in the step split: post_split_filter_method.",
        )
    if hasattr(found, "toarray"):
        found = found.toarray()
    if not isinstance(found, pd.DataFrame):
        if found.ndim == 1:
            found = found.reshape(-1, 1)
        found = pd.DataFrame(found, columns=_names(transformer, found.shape[1], features.columns))
    if target in found.columns:
        raise InvalidValue(f"{what} made a column {target!r}, which is the target's name.")
    found = found.reset_index(drop=True)
    found[target] = rows[target].to_numpy()
    found.columns = [str(name) for name in found.columns]
    return found


def _names(transformer: Any, count: int, given: Any) -> list[str]:
    """Return the names of columns: the transformer's, else numbered ones."""
    try:
        names = [str(name) for name in transformer.get_feature_names_out(given)]
    except Exception:
        names = []
    if len(names) == count:
        return names
    width = len(str(count))
    return [f"f_{number:0{width}d}" for number in range(count)]


def _describe(work: Work, transformer: Any, before: Any, after: Any) -> None:
    from sklearn.utils import estimator_html_repr

    card = work.card
    if not work.own.get("skip_data_profiling"):
        found = profiles.of({"Train Transformed": after})
        card.tab("Data Profile (Train Transformed)").profile(found)
    card.tab("Transformer").diagram(estimator_html_repr(transformer), str(transformer))
    for title, frame in (("Input Schema", before), ("Output Schema", after)):
        kinds = [[name, str(kind)] for name, kind in frame.dtypes.items()]
        card.tab(title).table(["Name", "Type"], kinds)
    card.tab("Data Preview").frame(after)
    card.facts |= {"columns": [str(name) for name in after.columns], "rows": len(after)}
