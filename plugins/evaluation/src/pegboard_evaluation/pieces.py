"""What models predict, piece by piece: kept as it comes where it costs, and asked for but once.

The first piece is small, so that a mistake costs little. If all would take a moment, the rest
follows in pieces of bounded size, and nothing is kept. Otherwise a piece is as large as the model
answers in about a second, or larger as long as that makes it quicker, and is kept when it is there.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from queue import SimpleQueue
from typing import Any

import numpy as np
import pandas as pd
from attrs import define, field
from pegboard.contracts.llm import LLMError
from pegboard.errors import InvalidValue

from pegboard_evaluation import resumption, rows
from pegboard_evaluation.pool import Pool
from pegboard_evaluation.predicting import Predictor

_LOG = logging.getLogger("pegboard")

PIECE = 100_000
"""Rows that a model gets at once."""

_FIRST, _FIRST_OF_LIBRARY = 2, 1_000
"""Rows of the first piece. One alone is never asked for: functions make a number of it."""

_MOMENT_S = 0.5
"""What would take no longer than this in all is not kept."""
_GOAL_S = 1.0
"""How long a piece should take, and how much is lost of what takes longer."""
_KEPT_S = 0.1
"""As soon as pieces took so long they are written."""
_ROW_S = 1e-4
"""Rows that took less are not kept: to keep them would take as long."""

_WORKERS = 8
"""Rows that an endpoint is asked about at once."""


@define
class Predicted:
    """What a model gave for some rows, or for all."""

    outputs: Any
    columns: dict[str, Any] = field(factory=dict)
    """What it gave beside its outputs, and ``latency`` if that was taken."""
    probabilities: Any = None
    output_name: str = ""


def predicted(
    model: Predictor,
    inputs: pd.DataFrame,
    *,
    output_name: str = "",
    one_by_one: bool = False,
    kept: resumption.Answers | None = None,
) -> Iterator[Predicted]:
    """Yield what a model gives for the rows, piece by piece.

    Args:
        model: what predicts.
        inputs: the features.
        output_name: which of several columns of a prediction is the output.
        one_by_one: whether each row is predicted alone, and the time taken.
        kept: where answers are kept, and found again.
    """
    work = _Work(model, inputs, output_name, kept or resumption.Answers(), one_by_one)
    for known in work.stretches():
        if isinstance(known, Predicted):
            yield known
        elif model.ask is not None and not one_by_one:
            yield from _asked(work, known)
        else:
            yield from work.done(known)
    work.write()


def joined(parts: Sequence[Predicted]) -> Predicted:
    """Return the pieces as one."""
    if len(parts) == 1:
        return parts[0]
    likely = [part.probabilities for part in parts]
    return Predicted(
        _joined([part.outputs for part in parts]),
        {name: _joined([part.columns[name] for part in parts]) for name in parts[0].columns},
        None if likely[0] is None else np.concatenate(likely),
        parts[0].output_name,
    )


def _joined(columns: Sequence[Any]) -> Any:
    if all(isinstance(column, np.ndarray) for column in columns):
        return np.concatenate(columns)
    return [value for column in columns for value in column]


@define(eq=False)
class _Work:
    """Rows on their way through a model."""

    model: Predictor
    inputs: pd.DataFrame
    output_name: str
    kept: resumption.Answers
    one_by_one: bool
    _keys: list[str] = field(factory=list)
    _waiting: list[tuple[slice, Predicted]] = field(factory=list)
    _unwritten_s: float = 0.0

    @property
    def keys(self) -> list[str]:
        """What the answer to each row is kept under; they are made when first wanted."""
        if not self._keys:
            of = resumption.digest(self.model.identity(), str(self.one_by_one))
            found = rows.digests(self.inputs)
            self._keys = [f"row-{of[:16]}-{each}" for each in resumption.numbered(found)]
        return self._keys

    def stretches(self) -> Iterator[Predicted | slice]:
        """Yield what is known already, and rows that are to be predicted, in the order of rows."""
        count = len(self.inputs)
        if not any(key.startswith("row-") for key in self.kept.known):
            yield slice(0, count)
            return
        known = [self.kept.known.get(key) for key in self.keys]
        begin = 0
        while begin < count:
            end, kind = begin + 1, _kind(known[begin])
            while end < count and _kind(known[end]) == kind:
                end += 1
            yield slice(begin, end) if kind is None else _restored(known[begin:end])
            begin = end

    def done(self, stretch: slice) -> Iterator[Predicted]:
        """Predict rows, and keep what takes long."""
        begin, end = stretch.start, stretch.stop
        is_library = self.model.native is not None
        size = min(_FIRST_OF_LIBRARY if is_library else _FIRST, PIECE)
        pace = _Pace(1 if self.one_by_one else size, end - begin)
        while begin < end:
            part = pace.piece(begin, end)
            try:
                made, taken = self.timed(part)
            except (InvalidValue, ValueError):
                # It may be that a function knows its table, and makes nothing of a part of it.
                if is_library or self.one_by_one or begin > stretch.start:
                    raise
                yield from self.at_once(slice(begin, end))
                return
            if begin == stretch.start and not self.one_by_one and pace.is_short(taken, part):
                # A function may go by what stands in other rows: it sees as many as there are.
                if is_library:
                    yield made
                    begin = part.stop
                yield from self.at_once(slice(begin, end))
                return
            self.keep(part, made, taken)
            yield made
            begin = part.stop
            if not self.one_by_one:
                pace.go_on(taken, part)

    def at_once(self, stretch: slice) -> Iterator[Predicted]:
        """Predict rows in pieces as large as may be; they are not kept."""
        for begin in range(stretch.start, stretch.stop, PIECE):
            yield self.timed(slice(begin, min(begin + PIECE, stretch.stop)))[0]

    def timed(self, part: slice) -> tuple[Predicted, float]:
        """Predict a piece; return the seconds that it took, too."""
        piece = self.inputs.iloc[part]
        began, begun = time.process_time(), time.perf_counter()
        # A copy, since what a model does to its input must not reach the next.
        answered = self.model.predict(piece.copy())
        latency = time.perf_counter() - begun
        made = _sorted_out(answered, self.output_name, len(piece))
        if self.one_by_one:
            made.columns["latency"] = [latency]
        if self.model.likely is not None:
            made.probabilities = np.asarray(self.model.likely(piece))
        taken = time.perf_counter() - begun
        # A library's model asks nobody else: what is not its work, is a wait for this machine.
        is_library = self.model.native is not None
        return made, min(taken, time.process_time() - began) if is_library else taken

    def keep(self, part: slice, made: Predicted, taken: float) -> None:
        """Keep a piece, with others that took little."""
        if taken < _ROW_S * len(made.outputs):
            return
        self._waiting.append((part, made))
        self._unwritten_s += taken
        if self._unwritten_s >= _KEPT_S:
            self.write()

    def write(self) -> None:
        """Write the pieces that took long enough together."""
        waiting, self._waiting = self._waiting, []
        is_worth, self._unwritten_s = self._unwritten_s >= _KEPT_S, 0.0
        found: dict[str, Any] = {}
        for part, made in waiting if is_worth else ():
            plain = zip(self.keys[part], _plain_rows(made), strict=True)
            found.update({key: row for key, row in plain if row is not None})
        if found:
            # Nobody asks for them again in this process, where they would take much memory.
            self.kept.add(found, hold=False)


@define
class _Pace:
    """How many rows a model is given at once."""

    size: int
    count: int
    _rate: float = 0.0

    def piece(self, begin: int, end: int) -> slice:
        """Return the next rows; one that would be left alone goes with them."""
        with_last = self.size > 1 and end - begin == self.size + 1
        return slice(begin, end if with_last else min(begin + self.size, end))

    def is_short(self, taken: float, part: slice) -> bool:
        """Whether all rows would take but a moment, going by a piece."""
        done: int = part.stop - part.start
        return taken * self.count < _MOMENT_S * done

    def go_on(self, taken: float, part: slice) -> None:
        """Choose the size of the next piece, when one took so many seconds."""
        rate = (part.stop - part.start) / max(taken, 1e-6)
        if taken < _GOAL_S / 20:
            self.size *= 16
        elif rate > 1.5 * self._rate:
            self.size *= 2
        else:
            self.size = min(2 * self.size, round(rate * _GOAL_S))
        self._rate = rate
        self.size = max(_FIRST, min(self.size, PIECE))


# -- rows that are asked one by one ----------------------------------------------------------------


def _asked(work: _Work, stretch: slice) -> Iterator[Predicted]:
    """Ask a model about rows, several at once; each answer is kept when it is there."""
    inputs, ask = work.inputs, work.model.ask
    assert ask is not None
    if inputs.shape[1] != 1:
        work.model.predict(inputs.iloc[:0])  # It says what is wrong with the columns.
    values = inputs.iloc[stretch, 0].tolist()
    keys = work.keys[stretch]
    done: SimpleQueue[Any] = SimpleQueue()

    def one(number: int) -> tuple[int, Any]:
        try:
            answer = ask(values[number])
        except LLMError as error:
            return number, error
        work.kept.add({keys[number]: {"output": answer}})
        return number, answer

    pool = Pool(_WORKERS, done)
    answers: dict[int, Any] = {}
    try:
        # Metrics are tried on the first rows before the others are paid for.
        for some in (range(min(_FIRST, len(values))), range(_FIRST, len(values))):
            for number in some:
                pool.submit(partial(one, number))
            for _ in some:
                found = done.get()
                if isinstance(found, BaseException):
                    raise found
                answers[found[0]] = found[1]
            if some.start == 0 and (given := [answers[number] for number in some]):
                yield Predicted([None if isinstance(x, LLMError) else x for x in given])
        _check_failures(list(answers.values()))
        rest = [answers[number] for number in range(_FIRST, len(values))]
        if rest:
            yield Predicted([None if isinstance(x, LLMError) else x for x in rest])
    finally:
        pool.close()


def _check_failures(answers: Sequence[Any]) -> None:
    failures = [each for each in answers if isinstance(each, LLMError)]
    if failures and len(failures) == len(answers):
        raise failures[0]
    if failures:
        _LOG.warning(
            "There was no answer for %d of %d rows; the first time: %s",
            len(failures),
            len(answers),
            failures[0].message,
        )


# -- as JSON ---------------------------------------------------------------------------------------


def _plain_rows(made: Predicted) -> Iterator[dict[str, Any] | None]:
    """Yield what is kept of each row; nothing of rows that JSON does not hold just as they are."""
    outputs, likely = made.outputs, made.probabilities
    kinds = {
        "output": _dtype(outputs),
        "likely": _dtype(likely),
        **{f"column {name}": _dtype(column) for name, column in made.columns.items()},
    }
    about = {"name": made.output_name, "types": {k: v for k, v in kinds.items() if v}}
    for row in range(len(outputs)):
        found: dict[str, Any] = {"output": _plain_value(outputs[row]), **about}
        if made.columns:
            found["columns"] = {n: _plain_value(column[row]) for n, column in made.columns.items()}
        if likely is not None:
            found["likely"] = _plain_value(likely[row])
        yield found if _is_same(found) else None


def _dtype(column: Any) -> str:
    return column.dtype.str if isinstance(column, np.ndarray) else ""


def _plain_value(value: Any) -> Any:
    return value.tolist() if isinstance(value, (np.ndarray, np.generic)) else value


def _is_same(found: Any) -> bool:
    try:
        return repr(json.loads(json.dumps(found))) == repr(found)
    except (TypeError, ValueError):
        return False


def _kind(known: Any) -> str | None:
    """Return what rows have in common that can be restored together; None: it is not known."""
    if not isinstance(known, Mapping) or "output" not in known:
        return None
    return json.dumps([known.get("name"), known.get("types"), sorted(known.get("columns") or ())])


def _restored(known: Sequence[Any]) -> Predicted:
    """Return what was kept of rows of one kind."""
    first = known[0]
    types = first.get("types") or {}

    def column(values: list[Any], kind: str) -> Any:
        if not types.get(kind):
            return values
        dtype = np.dtype(types[kind])
        if not dtype.hasobject:
            return np.array(values, dtype=dtype)
        made = np.empty(len(values), dtype=object)
        made[:] = values
        return made

    names = list(first.get("columns") or ())
    return Predicted(
        column([each["output"] for each in known], "output"),
        {n: column([each["columns"][n] for each in known], f"column {n}") for n in names},
        column([each["likely"] for each in known], "likely") if "likely" in first else None,
        first.get("name") or "",
    )


# -- what a prediction is --------------------------------------------------------------------------


def _sorted_out(answered: Any, output_name: str, count: int) -> Predicted:
    """Return a prediction's output, and its other columns."""
    table: Mapping[str, Any] | None = None
    if isinstance(answered, pd.DataFrame):
        table = {str(name): column.tolist() for name, column in answered.items()}
    elif isinstance(answered, Mapping):
        table = {str(name): _plain(column) for name, column in answered.items()}
    elif isinstance(answered, list) and answered and isinstance(answered[0], Mapping):
        table = {str(name): [row.get(name) for row in answered] for name in answered[0]}
    if table is None:
        outputs, columns, name = _plain(answered), {}, output_name
    else:
        name = output_name if output_name in table else ""
        if not name and len(table) == 1:
            name = next(iter(table))
        if not name:
            raise InvalidValue(
                f"The model predicts several columns: {', '.join(map(repr, table))}.",
                hint="Name the one that is its output: predictions='answer'.",
            )
        outputs = table[name]
        columns = {key: column for key, column in table.items() if key != name}
    if len(outputs) != count:
        raise InvalidValue(f"The model predicted {len(outputs)} values for {count} rows.")
    return Predicted(outputs, columns, output_name=name)


def _plain(column: Any) -> Any:
    """Return predictions as an array or a list, without an index."""
    if isinstance(column, str) or not hasattr(column, "__len__"):
        return [column]
    if isinstance(column, pd.Series):
        return column.to_numpy()
    if isinstance(column, np.ndarray):
        return column[:, 0] if column.ndim == 2 and column.shape[1] == 1 else column
    return list(column)
