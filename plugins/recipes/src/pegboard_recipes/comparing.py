"""What differs between the cards of two runs of a recipe: as values, as JSON, as a page."""

from __future__ import annotations

import json
import math
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import frozen
from pegboard.errors import InvalidValue, NotFound

from pegboard_recipes.cards import page
from pegboard_recipes.cards.card import Card
from pegboard_recipes.places import CARD_JSON
from pegboard_recipes.records import RECORD

if TYPE_CHECKING:
    from pegboard_scripting.client import Client

_VARY = frozenset({"Run duration", "Last updated", "Run ID", "Model URI", "Model Source URI"})
"""Facts that differ between any two runs."""

_OF_ROWS = frozenset(
    {"Data Preview", "Data Profile (Worst vs Train)", "Leaderboard", "Worst Predictions"}
)
"""Tabs that show some rows as they come: where one is new, all of them are others."""

_NOISE = 1e-9
"""The share of a number by which another is still the same: sums depend on the order of rows."""


@frozen
class Change:
    """A value that differs; None where a run lacks it."""

    tab: str
    what: str
    before: Any
    after: Any

    @property
    def by(self) -> float | None:
        """The difference of two numbers."""
        both = (self.before, self.after)
        if all(isinstance(x, (int, float)) and not isinstance(x, bool) for x in both):
            return float(self.after - self.before)
        return None


@frozen
class Difference:
    """What differs between two runs, by step; a step that did not change is left out."""

    runs: tuple[str, str]
    steps: Mapping[str, Sequence[Change]]

    def only(self, step: str) -> Difference:
        """Return what differs of one step."""
        return Difference(self.runs, {k: v for k, v in self.steps.items() if k == step})

    def plain(self) -> dict[str, Any]:
        """Return it as plain values, for programs."""
        return {
            "runs": list(self.runs),
            "steps": [
                {
                    "step": step,
                    "changes": [
                        {
                            "tab": each.tab,
                            "what": each.what,
                            "before": each.before,
                            "after": each.after,
                            "by": each.by,
                        }
                        for each in changes
                    ],
                }
                for step, changes in self.steps.items()
            ],
        }

    def html(self) -> str:
        """Return it as a page, of the same form as a card."""
        one, other = self.runs
        card = Card(step="What differs", recipe=f"from run {one} to run {other}")
        for step, changes in self.steps.items():
            tab = card.tab(step)
            for title in dict.fromkeys(each.tab for each in changes):
                rows = [
                    [each.what, each.before, each.after, each.by]
                    for each in changes
                    if each.tab == title
                ]
                tab.heading(title).table(["", "before", "after", "by"], rows)
        if not self.steps:
            card.tab("Nothing").text("The cards of both runs say the same.")
        return page.html_of(card)

    def _repr_html_(self) -> str:
        """Show it in a notebook."""
        return page.framed(self.html())


def of_runs(client: Client, one: str, other: str) -> Difference:
    """Return what differs between the cards of two runs; NotFound if a run has none."""
    with tempfile.TemporaryDirectory() as place:
        found = [
            _cards(client, run_id, Path(place) / str(n)) for n, run_id in enumerate((one, other))
        ]
    before, after = found
    steps = {}
    for step in dict.fromkeys([*before, *after]):
        changes = list(between(before.get(step, {}), after.get(step, {})))
        if changes:
            steps[step] = changes
    return Difference((one, other), steps)


def _cards(client: Client, run_id: str, place: Path) -> dict[str, dict[str, Any]]:
    place.mkdir()

    def read(name: str) -> Any:
        file = Path(client.download_artifacts(run_id, name, place))
        try:
            return json.loads(file.read_text(encoding="utf-8"))
        except ValueError as error:
            raise InvalidValue(f"{name} of run {run_id} is damaged: {error}.") from error

    names = {each.path for each in client.list_artifacts(run_id)}
    steps = [each["step"] for each in read(RECORD)["steps"]] if RECORD in names else []
    found = {}
    for step in steps:
        card = f"{step}/{CARD_JSON}"
        if step in names and any(x.path == card for x in client.list_artifacts(run_id, step)):
            found[step] = read(card)
    if not found:
        raise NotFound(
            f"The run {run_id} has no cards.",
            hint="Give the ids of runs of a recipe; pegboard recipes run prints them.",
        )
    return found


def between(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Change]:
    """Yield what differs between two cards, in the order in which they show it."""
    old, new = dict(_values(before)), dict(_values(after))
    for place in dict.fromkeys([*old, *new]):
        one, other = old.get(place), new.get(place)
        if not _same(one, other):
            yield Change(*place, *_differing_lines(one, other))


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, float) and isinstance(other, (int, float)):
        return math.isclose(one, other, rel_tol=_NOISE, abs_tol=1e-12)
    return bool(one == other)


def _differing_lines(one: Any, other: Any) -> tuple[Any, Any]:
    """Return of two texts of several lines those that the other lacks; else both as they are."""
    if not (isinstance(one, str) and isinstance(other, str) and "\n" in one + other):
        return one, other
    old, new = one.splitlines(), other.splitlines()
    return (
        "; ".join(line.strip() for line in old if line not in new),
        "; ".join(line.strip() for line in new if line not in old),
    )


def _values(card: Mapping[str, Any]) -> Iterator[tuple[tuple[str, str], Any]]:
    """Yield every value of a card, with its tab and what it is of."""
    for tab in card.get("tabs", ()):
        if tab["title"] in _OF_ROWS:
            continue
        for number, part in enumerate(tab["parts"]):
            for what, value in _PARTS.get(part["kind"], _nothing)(part, str(number)):
                yield (tab["title"], what), value


def _nothing(part: Mapping[str, Any], place: str) -> Iterator[tuple[str, Any]]:
    del part, place
    return iter(())


def _facts(part: Mapping[str, Any], place: str) -> Iterator[tuple[str, Any]]:
    del place
    return ((name, value) for name, value in part["facts"] if name not in _VARY)


def _text(part: Mapping[str, Any], place: str) -> Iterator[tuple[str, Any]]:
    yield "text" if place == "0" else f"text {place}", part["text"]


def _table(part: Mapping[str, Any], place: str) -> Iterator[tuple[str, Any]]:
    """Yield cells; rows go by their first cell if that tells them apart, else by number."""
    columns, rows = part["columns"], part["rows"]
    names = [row[0] for row in rows]
    named = all(isinstance(name, str) for name in names) and len(set(names)) == len(names)
    yield f"rows of table {place}" if place != "0" else "rows", len(rows)
    for number, row in enumerate(rows):
        label = row[0] if named else f"row {number + 1}"
        for column, value in list(zip(columns, row, strict=True))[named:]:
            yield f"{label}, {column}", value


def _profile(part: Mapping[str, Any], place: str) -> Iterator[tuple[str, Any]]:
    del place
    for title, table in part["tables"].items():
        yield f"{title}, rows", table["rows"]
    for column in part["columns"]:
        for title, found in column["parts"].items():
            label = f"{column['name']} of {title}" if len(part["tables"]) > 1 else column["name"]
            for name in ("type", "missing", "mean", "deviation", "distinct", "earliest", "latest"):
                if name in found:
                    yield f"{label}, {name}", found[name]
            for name, value in zip(_QUANTILES, found.get("quantiles", ()), strict=False):
                yield f"{label}, {name}", value


_QUANTILES = ("least", "first quartile", "median", "third quartile", "largest")
_PARTS = {"facts": _facts, "text": _text, "table": _table, "profile": _profile}
