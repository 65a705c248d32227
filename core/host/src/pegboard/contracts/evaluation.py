"""The contract of evaluators: a table of rows in; scores, figures and files out, as they are ready.

An evaluator logs nothing. Its user (``pegboard.evaluate``, a script) keeps each result when it
comes, so what was yielded before a crash or Ctrl-C is not lost, and hands it back to go on.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, TypeAlias

from attrs import evolve, field, fields, frozen

from pegboard.errors import InvalidValue
from pegboard.settings import NoSettings

Value: TypeAlias = float | bool | str
"""What a row is given: a number that is not NaN, a truth value, or a text such as a category."""


@frozen(kw_only=True)
class EvaluationTable:
    """What is evaluated. Whatever has one entry per row has ``count`` entries, in one order.

    Entries may be held in lists, arrays or columns of a DataFrame, and are never changed.
    InvalidValue, which names the field, if one has another length.
    """

    count: int
    kind: str = ""
    """The type of model, such as ``classifier``; "" if none was said."""
    inputs: Any = field(default=None, metadata={"rows": True})
    """What the model gets: a DataFrame, an array of shape (count, k), a sequence of anything."""
    targets: Any = field(default=None, metadata={"rows": True})
    """What would be right: labels, numbers, texts, lists of documents, dicts of expectations."""
    outputs: Any = field(default=None, metadata={"rows": True})
    """What the model gave. None if there is none yet: see ``ModelEvaluator.predicts``."""
    probabilities: Any = field(default=None, metadata={"rows": True})
    """Shape (count, k): of a classifier, how likely each of ``labels`` is."""
    labels: Sequence[Any] | None = None
    """Shape (k,): what the columns of ``probabilities`` stand for."""
    contexts: Any = field(default=None, metadata={"rows": True})
    """What the model was shown beside its input: texts, or lists of retrieved documents."""
    weights: Any = field(default=None, metadata={"rows": True})
    """Shape (count,): how much each row counts; None: all the same."""
    ids: Any = field(default=None, metadata={"rows": True})
    """Texts that tell rows apart, the same in another evaluation of them; None: their numbers."""
    columns: Mapping[str, Any] = field(factory=dict)
    """More with one entry per row, by name: latencies, token counts, traces, groups."""
    model: Any = None
    """The library's own model if there is one, for evaluators that look into it."""
    predict: Callable[[Any], Sequence[Any]] | None = None
    """Returns outputs for some rows of ``inputs``; None for a table of predictions."""

    def __attrs_post_init__(self) -> None:
        """Refuse ragged tables."""
        for name, entries in {**self._by_row(), **self.columns}.items():
            if (found := len(entries)) != self.count:
                raise InvalidValue(f"{name!r} has {found} entries, the table {self.count} rows.")

    def only(self, rows: Sequence[int]) -> EvaluationTable:
        """Return a table of some rows, in their order: a piece, a group, the first ones."""
        return evolve(
            self,
            count=len(rows),
            columns={name: _taken(entries, rows) for name, entries in self.columns.items()},
            **{name: _taken(entries, rows) for name, entries in self._by_row().items()},
        )

    def _by_row(self) -> dict[str, Any]:
        names = [each.name for each in fields(type(self)) if each.metadata]
        return {name: found for name in names if (found := getattr(self, name)) is not None}


def _taken(entries: Any, rows: Sequence[int]) -> Any:
    if isinstance(entries, (list, tuple)):
        return [entries[row] for row in rows]
    return entries.iloc[rows] if hasattr(entries, "iloc") else entries[rows]


@frozen
class Scores:
    """What one metric gives to some rows: to one, as soon as it is known, or to many at once.

    Each of ``rows`` has a value, or a reason for having none: it failed (``errors``), or there is
    nothing to score (``skipped``). Both are sentences by row number; its value is then None.
    """

    metric: str
    rows: Sequence[int]
    """Row numbers, from 0, each at most once."""
    values: Sequence[Value | None]
    """Shape (len(rows),)."""
    justifications: Mapping[int, str] = field(factory=dict)
    errors: Mapping[int, str] = field(factory=dict)
    skipped: Mapping[int, str] = field(factory=dict)
    details: Mapping[int, Mapping[str, Any]] = field(factory=dict)
    """By row number, plain values of JSON: the judge's model, its tokens, costs and seconds."""


@frozen(kw_only=True)
class Figure:
    """One number for the whole table, under the name that it is logged with: ``f1_score``.

    It hides no rows that failed: ``count`` and ``failed`` say how many it is made of and lacks.
    """

    name: str
    value: float | None
    """NaN if it is not defined for these rows; None if it was not computed, for a reason."""
    skipped: str = ""
    """Why it was not computed, and what to do about it."""
    count: int = 0
    failed: int = 0
    error: float | None = None
    """The standard error, if it is known."""
    interval: tuple[float, float] | None = None
    """Where 95 of 100 such tables would have it, if that is known."""


@frozen(kw_only=True)
class Artifact:
    """A file that was written, under the name that it is logged with: ``confusion_matrix.png``."""

    name: str
    path: Path | None
    """The file, below ``Work.directory``; None if it was not made, for a reason."""
    skipped: str = ""


Result: TypeAlias = Scores | Figure | Artifact


@frozen(kw_only=True)
class Work:
    """What one evaluation has besides its table."""

    directory: Path
    """Empty at first; files are written there and nowhere else."""
    known: Sequence[Scores] = ()
    """What an evaluation of the same rows yielded before it broke off. These scores are not made
    again and not yielded again, and count in all figures."""
    seed: int = 0
    """Begins whatever is random, so that a second evaluation gives the same."""


class ModelEvaluator(ABC):
    """Evaluates models and tables. It is made from an instance of ``settings``."""

    settings: ClassVar[type[Any]] = NoSettings
    """The attrs class of its settings, read as ``pegboard.settings`` reads tables."""

    kinds: ClassVar[frozenset[str]] = frozenset()
    """The types of models that it is for. With none it takes any table, but only if it is named."""

    predicts: ClassVar[bool] = False
    """Whether it predicts itself, row by row, if the table has a ``predict`` and no outputs: what a
    row costs is then paid when its scores are wanted. All others get the outputs."""

    def __init__(self, options: Any) -> None:
        self.options = options

    @abstractmethod
    def check(self, table: EvaluationTable) -> None:
        """Refuse quickly what cannot be evaluated, before anything costly is done.

        ``table`` holds the first rows alone, with their outputs. InvalidValue, which names the
        field, column or setting.
        """

    @abstractmethod
    def evaluate(self, table: EvaluationTable, work: Work) -> Iterator[Result]:
        """Yield scores, figures and files, each as soon as it is ready.

        Neither the order of rows nor what of ``work.known`` is there changes a figure. What fails
        for a row, or for one metric, is said in the result of that row or metric, and the rest goes
        on. Rows of one metric may come in any order, each once. When the iterator is closed, the
        work stops.
        """
