"""What calls of language models cost while an evaluation runs: counted, and kept within a budget.

Every call that the evaluation itself makes goes through ``complete``: those of judges, of
``to_predict_fn`` and of the models of a test form. Before a call, the most that it may cost is set
aside; what it did cost takes its place.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from attrs import define, field, frozen
from pegboard.contracts.llm import LLMRequest, Task
from pegboard.errors import InvalidState, InvalidValue, quoted
from pegboard_llm import api as llm
from pegboard_llm import estimate, prices
from pegboard_llm.model_data import most_output

_NANO = 1_000_000_000

_WIDTH = 8
"""How many numbers a vector has that stands for one."""

USUAL_OUTPUT = 1_024
"""How many tokens an answer is taken to have, if the request does not limit it."""


class BudgetExceeded(InvalidState):
    """An evaluation stopped before a call that might have passed its budget.

    ``result`` is what there is up to then; ``evaluate`` with ``resume=result.run_id`` goes on.
    """

    result: Any = None


class OverBudget(BaseException):
    """Ends the work on one row; not an Exception, so that no code of users takes it for theirs."""


@frozen(kw_only=True)
class Counted:
    """A call that is not made yet: tokens by a plain count, and what it may cost."""

    model: str
    input_tokens: int
    output_tokens: int
    """The most that the request allows; ``USUAL_OUTPUT`` if it does not say."""
    cost: float | None
    """US dollars of as many tokens; None if no price is known."""
    most: float | None
    """The most that it may cost: that of the longest answer that the model gives."""


def counted(model: str, messages: llm.Messages, fields: Mapping[str, Any]) -> Counted:
    """Count what a call sends, and may cost."""
    said = [{"role": "user", "content": messages}] if isinstance(messages, str) else messages
    provider, _, name = model.partition(":/")
    request = LLMRequest(Task.CHAT, name, {**fields, "messages": list(said)})
    longest = most_output(provider, name)
    into, usual = estimate.prompt_tokens(request), estimate.most_output(request, USUAL_OUTPUT) or 0
    most = estimate.most_output(request, longest or USUAL_OUTPUT, longest) or 0
    found = prices.price_of(provider, name)
    cost, dearest = (
        None if found is None else found.most(into, out) / _NANO for out in (usual, most)
    )
    return Counted(model=model, input_tokens=into, output_tokens=usual, cost=cost, most=dearest)


def is_priced(model: str) -> bool:
    """Whether it is known what a model costs."""
    provider, _, name = model.partition(":/")
    return prices.price_of(provider, name) is not None


def checked(budget: Any) -> float | None:
    """Return a budget; InvalidValue if it is none."""
    if budget is None:
        return None
    number = isinstance(budget, (int, float)) and not isinstance(budget, bool)
    if not number or not 0 <= budget < math.inf:
        raise InvalidValue(f"'budget' is {quoted(budget)}, not a number of US dollars.")
    return float(budget)


@define(eq=False)
class Purse:
    """What an evaluation has spent, and may spend. Used by all its threads."""

    budget: float | None = None
    """US dollars; None: there is no limit."""
    spent: float = 0.0
    unpriced: int = 0
    """Calls whose price is not known."""
    stopped: bool = False
    """Whether a call was not made because of the budget."""
    _held: float = 0.0
    _under_way: int = 0
    _changed: threading.Condition = field(factory=threading.Condition)

    @contextmanager
    def used(self) -> Iterator[None]:
        """Within this block, calls are paid out of this purse; also in threads that it starts."""
        token = _purse.set(self)
        try:
            yield
        finally:
            _purse.reset(token)

    def check(self) -> None:
        """OverBudget if nothing more is to be bought."""
        with self._changed:
            if self.budget is not None and self.spent >= self.budget > 0:
                self.stopped = True
            if self.stopped:
                raise OverBudget

    def hold(self, most: float) -> None:
        """Set aside what a call may cost; OverBudget if it could pass the budget.

        If calls that are under way hold what is missing, this waits for what they really cost.
        """
        with self._changed:
            while not self.stopped and self.budget is not None:
                if self.spent + self._held + most <= self.budget:
                    break
                if not self._under_way:
                    self.stopped = True
                    self._changed.notify_all()
                    break
                self._changed.wait()
            if self.stopped:
                raise OverBudget
            self._held += most
            self._under_way += 1

    def release(self, held: float) -> None:
        """Give back what was set aside for a call that ended."""
        with self._changed:
            self._under_way -= 1
            # Sums of fractions must not leave a trace of what nobody holds.
            self._held = self._held - held if self._under_way else 0.0
            self._changed.notify_all()

    def pay(self, cost: float | None) -> None:
        """Take what a call cost; None if that is not known."""
        row = _row.get()
        with self._changed:
            if cost is None:
                self.unpriced += 1
                return
            self.spent += cost
            if row is not None:
                row.paid += cost

    @contextmanager
    def row(self) -> Iterator[Row]:
        """Within this block, what is paid is noted for one row."""
        made = Row()
        token = _row.set(made)
        try:
            yield made
        finally:
            _row.reset(token)

    def settle(self, row: Row, cost: float) -> None:
        """Take what a row's trace says that its calls cost, beyond what was paid for it here."""
        if cost > row.paid:
            self.pay(cost - row.paid)


@define(eq=False)
class Row:
    """What was paid for one row."""

    paid: float = 0.0


_purse: ContextVar[Purse | None] = ContextVar("pegboard_evaluation_purse", default=None)
_row: ContextVar[Row | None] = ContextVar("pegboard_evaluation_row", default=None)
_notes: ContextVar[list[Counted] | None] = ContextVar("pegboard_evaluation_notes", default=None)
Ask = Callable[[str, Sequence[Mapping[str, Any]], Mapping[str, Any]], llm.Completion]
_ask: ContextVar[Ask | None] = ContextVar("pegboard_evaluation_ask", default=None)


def complete(
    model: str,
    messages: str | Sequence[Mapping[str, Any]],
    *,
    settings: Mapping[str, Any] | None = None,
    timeout: float | None = None,
    **fields: Any,
) -> llm.Completion:
    """Ask a model as ``pegboard.llm.complete`` does, out of the purse of the evaluation."""
    if (ask := _ask.get()) is not None:
        said = [{"role": "user", "content": messages}] if isinstance(messages, str) else messages
        fields.pop("retries", None)
        return ask(model, said, fields)
    purse = _purse.get()
    if purse is None:
        return llm.complete(model, messages, settings=settings, timeout=timeout, **fields)
    held = 0.0
    if purse.budget is not None:
        held = counted(model, messages, fields).most or 0.0
    purse.hold(held)
    try:
        answer = llm.complete(model, messages, settings=settings, timeout=timeout, **fields)
        purse.pay(answer.cost)
    finally:
        purse.release(held)
    return answer


def check_model(model: str) -> None:
    """Refuse a model that cannot be asked; where somebody else asks, that is his affair."""
    if _ask.get() is None:
        llm.check_model(model)


@contextmanager
def asked_by(ask: Ask) -> Iterator[None]:
    """Within this block another asks in place of this process: ``ask(model, messages, fields)``."""
    token = _ask.set(ask)
    try:
        yield
    finally:
        _ask.reset(token)


def vector(model: str, text: str) -> list[float]:
    """Return the vector of a text, out of the purse; while calls are only counted, one of ones."""
    if _ask.get() is not None:
        raise InvalidState(
            f"Vectors of {model!r} are wanted, and it is answers alone that somebody else asks for."
        )
    noted, purse = notes(), _purse.get()
    if noted is not None:
        noted.append(_embedding(model, text))
        return [1.0] * _WIDTH
    if purse is None:
        return list(llm.embed(model, text)[0])
    held = 0.0 if purse.budget is None else _embedding(model, text).most or 0.0
    purse.hold(held)
    try:
        found = llm.embed(model, text)
        purse.pay(found.cost)
    finally:
        purse.release(held)
    return list(found[0])


def _embedding(model: str, text: str) -> Counted:
    provider, _, name = model.partition(":/")
    size = -(-len(text.encode(errors="replace")) // estimate.BYTES_OF_TOKEN)
    found = prices.price_of(provider, name)
    cost = None if found is None else found.most(size, 0) / _NANO
    return Counted(model=model, input_tokens=size, output_tokens=0, cost=cost, most=cost)


# -- before ----------------------------------------------------------------------------------------


@contextmanager
def noted() -> Iterator[list[Counted]]:
    """Within this block judges ask nothing, but say here what they would ask."""
    made: list[Counted] = []
    token = _notes.set(made)
    try:
        yield made
    finally:
        _notes.reset(token)


def notes() -> list[Counted] | None:
    """Return where calls are noted in place of being made; None if they are made."""
    return _notes.get()
