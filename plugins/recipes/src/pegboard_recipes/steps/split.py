"""The step ``split``: rows for training, for choosing between models, and for the last test.

The part of a row follows from what is in it: the first 64 bits of a hash of its values, as a share
of all such numbers, are compared with the ratios. So the same row comes into the same part whatever
the order of rows is and whatever other rows there are, equal rows come into one part, and shares as
small as one in 10^18 are kept apart.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from pegboard.errors import InvalidValue, quoted

from pegboard_recipes import tables
from pegboard_recipes.cards import profiles
from pegboard_recipes.names import DATASET, TEST, TRAIN, VALIDATION
from pegboard_recipes.step import Work

TRAINING_WORD, VALIDATION_WORD, TEST_WORD = "TRAINING", "VALIDATION", "TEST"
WORDS = (TRAINING_WORD, VALIDATION_WORD, TEST_WORD)
NAMES = ("training", "validation", "test")
FILES = (TRAIN, VALIDATION, TEST)
RATIOS = (0.75, 0.125, 0.125)
LEAST = 4
"""Rows that each part needs."""

_NONE = -1
"""The part of a row that is left out."""

_PIECE = 250_000
"""Rows that are read at once."""


def run(work: Work) -> None:
    """Split the data, and keep each part as a file."""
    own = work.own
    for key in ("group_col", "time_col"):
        for name in _listed(own.get(key)):
            _require_column(work, key, name)
    whole = own.get("using") == "custom" or any(
        own.get(key) for key in ("post_split_method", "post_split_filter_method")
    )
    counts, dropped = (_by_frame if whole else _by_pieces)(work)
    if min(counts) < LEAST:
        said = ", ".join(f"{name} {count}" for name, count in zip(NAMES, counts, strict=True))
        place = ("steps", "split", "split_ratios")
        what = f"Each part needs at least {LEAST} rows, and there are: {said}."
        raise work.config.wrong(place, what, hint="Change split_ratios, or bring more rows.")
    _describe(work, counts, dropped)


def _listed(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value or ())


def _require_column(work: Work, key: str, name: str) -> None:
    arrow = tables.arrow()
    schema = arrow.parquet.read_schema(work.output("ingest", DATASET))
    if name not in schema.names:
        raise work.config.wrong(("steps", "split", key), f"The data has no column {name!r}.")


# -- which part ----------------------------------------------------------------------------------


def shares(frame: Any) -> Any:
    """Return for each row of a DataFrame a number from 0 to 1 that follows from its values.

    The same values give the same number, wherever they stand and whatever other rows there are.
    Numbers count as float64, as pandas makes floats of whole numbers where some are missing; -0.0
    and 0.0 are the same value, and so are all missing ones.
    """
    import pandas as pd

    columns = [_hashed(frame[name]) for name in frame.columns]
    plain = pd.concat(columns, axis=1, keys=range(len(columns)))
    hashes = pd.util.hash_pandas_object(plain, index=False).to_numpy()
    # Shifted, so that no share is rounded up to 1.
    return (hashes >> np.uint64(11)) * (1.0 / (1 << 53))


def _hashed(column: Any) -> Any:
    """Return what stands for a column: numbers, times, or texts."""
    import pandas as pd

    if isinstance(column.dtype, pd.CategoricalDtype):
        column = column.astype(column.cat.categories.dtype)
    if pd.api.types.is_numeric_dtype(column.dtype) and column.dtype.kind != "c":
        return _numbers(column)
    if column.dtype == object:
        if pd.api.types.infer_dtype(column, skipna=True) == "string":
            return column.where(column.notna(), None)
        known = column.dropna()
        if len(known) and known.map(type).eq(bool).all():
            return _numbers(column)
        return column.map(_plain)
    return column


def _numbers(column: Any) -> Any:
    import pandas as pd

    values = column.to_numpy(dtype=float, na_value=np.nan) + 0.0
    return pd.Series(np.where(np.isnan(values), np.nan, values), index=column.index)


def _plain(value: Any) -> Any:
    """Return the text that stands for a value; None if it is missing."""
    if value is None or isinstance(value, str) or value is np.nan:
        return value if isinstance(value, str) else None
    return f"{type(value).__name__}: {_sorted(value)!r}"


def _sorted(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return [_sorted(item) for item in value.tolist()]
    if isinstance(value, dict):
        return sorted((str(key), _sorted(item)) for key, item in value.items())
    if isinstance(value, (set, frozenset)):
        return sorted(map(repr, value))
    if isinstance(value, (list, tuple)):
        return [_sorted(item) for item in value]
    return value


def _bounds(work: Work) -> tuple[float, float]:
    ratios = work.own.get("split_ratios") or RATIOS
    first, second, third = ratios
    total = first + second + third
    return first / total, (first + second) / total


class _Parts:
    """Says which part rows belong to: 0 for training, 1 for validation, 2 for the test."""

    def __init__(self, work: Work) -> None:
        self.low, self.high = _bounds(work)
        self.groups = _listed(work.own.get("group_col"))
        self.time = work.own.get("time_col")
        if self.time:
            self.low, self.high = _times(work, self.time, self.low, self.high)

    def of(self, frame: Any) -> Any:
        """Return the number of the part of each row."""
        if self.time:
            marks = frame[self.time].to_numpy()
        else:
            marks = shares(frame[self.groups] if self.groups else frame)
        return (marks >= self.low).astype(np.int8) + (marks >= self.high)


def _times(work: Work, name: str, low: float, high: float) -> tuple[Any, Any]:
    """Return the times at which validation and test begin; equal times are in one part."""
    arrow = tables.arrow()
    columns = [name, work.config.target]
    frame = arrow.parquet.read_table(
        work.output("ingest", DATASET), columns=list(dict.fromkeys(columns))
    ).to_pandas()
    times = frame[frame[work.config.target].notna()][name]
    if times.isna().any():
        raise work.config.wrong(
            ("steps", "split", "time_col"), f"The column {name!r} lacks values: rows have no time."
        )
    ordered = np.sort(times.to_numpy())
    count = len(ordered)
    return tuple(ordered[min(int(count * share), count - 1)] for share in (low, high))


# -- in pieces, of any size ----------------------------------------------------------------------


def _by_pieces(work: Work) -> tuple[list[int], int]:
    """Split without holding all rows at once; return the rows of each part and those dropped."""
    arrow = tables.arrow()
    parts = _Parts(work)
    counts, dropped = np.zeros(len(FILES), dtype=int), 0
    source = arrow.parquet.ParquetFile(work.output("ingest", DATASET))
    writers = [tables.writer(work.directory / name, source.schema_arrow) for name in FILES]
    try:
        # One piece is written while the next is hashed: neither holds Python's lock for long.
        with ThreadPoolExecutor(1) as beside:
            before = beside.submit(lambda: None)
            for batch in source.iter_batches(batch_size=_PIECE):
                piece = arrow.Table.from_batches([batch])
                frame = piece.to_pandas()
                known = frame[work.config.target].notna().to_numpy()
                numbers = np.where(known, parts.of(frame), _NONE)
                dropped += int((~known).sum())
                counts += [(numbers == number).sum() for number in range(len(FILES))]
                before.result()
                before = beside.submit(_write, writers, piece, numbers)
            before.result()
    finally:
        for writer in writers:
            writer.close()
        source.close()
    return counts.tolist(), dropped


def _write(writers: Sequence[Any], piece: Any, numbers: Any) -> None:
    """Write each row of a piece to the file of its part."""
    arrow = tables.arrow()
    for number, writer in enumerate(writers):
        chosen = numbers == number
        if chosen.any():
            writer.write_table(piece.filter(arrow.array(chosen)))


# -- with the user's functions -------------------------------------------------------------------


def _by_frame(work: Work) -> tuple[list[int], int]:
    frame = work.frame("ingest", DATASET)
    known = frame[work.config.target].notna()
    dropped = int((~known).sum())
    frame = frame[known]
    custom = work.own.get("using") == "custom"
    numbers = _custom(work, frame) if custom else _Parts(work).of(frame)
    found = [frame[numbers == number] for number in range(3)]
    found = _after(work, found)
    for part, name in zip(found, FILES, strict=True):
        tables.write(part, work.directory / name)
    return [len(part) for part in found], dropped


def _custom(work: Work, frame: Any) -> Any:
    import pandas as pd

    said = work.function("split_method")(frame.copy())
    what = work.said_of("split_method")
    if not isinstance(said, pd.Series):
        raise InvalidValue(f"{what} returned {type(said).__name__}, not a Series of words.")
    if len(said) != len(frame):
        raise InvalidValue(f"{what} returned {len(said)} words for {len(frame)} rows.")
    words = said.to_numpy()
    if strange := [word for word in pd.unique(words) if word not in WORDS]:
        raise InvalidValue(
            f"{what} returned {quoted(strange[0])}.", hint=f"The words are: {', '.join(WORDS)}."
        )
    return np.select([words == word for word in WORDS], range(3))


def _after(work: Work, parts: Sequence[Any]) -> list[Any]:
    """Let the user change the parts, or leave out rows of the training data."""
    import pandas as pd

    change, keep = work.function("post_split_method"), work.function("post_split_filter_method")
    if change is not None:
        what = work.said_of("post_split_method")
        found = change(*(part.copy() for part in parts))
        if not isinstance(found, (tuple, list)) or len(found) != 3:
            raise InvalidValue(f"{what} returned {type(found).__name__}, not three DataFrames.")
        for before, after, name in zip(parts, found, NAMES, strict=True):
            if not isinstance(after, pd.DataFrame):
                raise InvalidValue(f"{what} returned {type(after).__name__} for {name}.")
            if list(before.columns) != list(after.columns):
                differ = sorted({*map(str, before.columns)} ^ {*map(str, after.columns)})
                raise InvalidValue(
                    f"{what} returned other columns for {name}: {', '.join(differ) or 'reordered'}."
                )
        return list(found)
    if keep is not None:
        what = work.said_of("post_split_filter_method")
        chosen = np.asarray(keep(parts[0].copy()))
        if chosen.shape != (len(parts[0]),) or chosen.dtype != bool:
            raise InvalidValue(f"{what} did not return true or false for each row.")
        return [parts[0][chosen], *parts[1:]]
    return list(parts)


# -- card ----------------------------------------------------------------------------------------


def _describe(work: Work, counts: Sequence[int], dropped: int) -> None:
    card, config = work.card, work.config
    if not work.own.get("skip_data_profiling"):
        heads = dict(zip(("Train", "Validation", "Test"), _samples(work), strict=True))
        card.tab("Compare Splits").profile(profiles.of(heads))
        if config.is_classification:
            title, by_class = _by_class(work, heads["Train"])
            card.tab(f"Compare Training Data ({title})").profile(profiles.of(by_class))
    card.tab("Run Summary").facts(
        Number_of_train_dataset_rows=counts[0],
        Number_of_validation_dataset_rows=counts[1],
        Number_of_test_dataset_rows=counts[2],
        Number_of_dropped_rows=f"{dropped} (without a target)",
    )
    if dropped:
        card.notes.append(f"Rows left out, as they lack {config.target!r}: {dropped}.")
    card.facts |= {"rows": dict(zip(NAMES, counts, strict=True)), "dropped": dropped}


def _samples(work: Work) -> Iterator[Any]:
    for name in FILES:
        yield profiles.sample(work.directory / name)


def _by_class(work: Work, train: Any) -> tuple[str, dict[str, Any]]:
    """Return rows of classes, each with how many there are in all."""
    config, target = work.config, train[work.config.target]
    columns = tables.arrow().parquet.read_table(work.directory / TRAIN, columns=[config.target])
    whole = columns.to_pandas()[config.target]
    if config.positive_class is not None:
        chosen = target == config.positive_class
        found = {"Positive": train[chosen], "Negative": train[~chosen]}
        positive = int((whole == config.positive_class).sum())
        counts = {"Positive": positive, "Negative": len(whole) - positive}
        title = "Positive vs Negative"
    else:
        rarest = whole.value_counts(ascending=True).head(5)
        found = {str(each): train[target == each] for each in rarest.index}
        counts = {str(each): int(count) for each, count in rarest.items()}
        title = f"Top {len(found)} Classes"
    found = {name: part.drop(columns=[config.target]) for name, part in found.items()}
    for name, part in found.items():
        # Those of the table that it was taken from came along.
        part.attrs["rows"] = counts[name]
    return title, found
