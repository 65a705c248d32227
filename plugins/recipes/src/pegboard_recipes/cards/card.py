"""A card: tabs of tables, texts and figures, written as one safe HTML file and as JSON."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from attrs import define, field

from pegboard_recipes.places import CARD, CARD_JSON


@define
class Tab:
    """One tab of a card; its parts are plain values, which are escaped where they are shown."""

    title: str
    parts: list[dict[str, Any]] = field(factory=list)

    def heading(self, text: str) -> Tab:
        """Add a heading."""
        self.parts.append({"kind": "heading", "text": text})
        return self

    def text(self, text: str) -> Tab:
        """Add text as it stands, in lines."""
        self.parts.append({"kind": "text", "text": text})
        return self

    def facts(self, **facts: Any) -> Tab:
        """Add names and values, to those that stand before; underscores in names are blanks."""
        pairs = [[name.replace("_", " "), value] for name, value in facts.items()]
        if self.parts and self.parts[-1]["kind"] == "facts":
            self.parts[-1]["facts"] += pairs
        else:
            self.parts.append({"kind": "facts", "facts": pairs})
        return self

    def table(
        self,
        columns: Sequence[str],
        rows: Sequence[Sequence[Any]],
        *,
        strong: Sequence[int] = (),
    ) -> Tab:
        """Add a table; ``strong`` are the numbers of rows that stand out."""
        self.parts.append(
            {
                "kind": "table",
                "columns": [str(name) for name in columns],
                "rows": [list(row) for row in rows],
                "strong": list(strong),
            }
        )
        return self

    def frame(self, frame: Any, most: int = 10) -> Tab:
        """Add the first rows of a DataFrame."""
        first = frame.head(most)
        rows = list(first.itertuples(index=False, name=None))
        return self.table([str(name) for name in first.columns], rows)

    def profile(self, profile: Mapping[str, Any]) -> Tab:
        """Add what ``profiles.of`` found of the columns of tables."""
        self.parts.append({"kind": "profile", **profile})
        return self

    def picture(self, file: Path, title: str) -> Tab:
        """Add an image of the file type PNG."""
        import base64

        data = base64.b64encode(file.read_bytes()).decode()
        self.parts.append({"kind": "picture", "title": title, "png": data})
        return self

    def diagram(self, html: str, text: str) -> Tab:
        """Add a page of a library's own, which is shown in a frame without scripts; or its text."""
        self.parts.append({"kind": "diagram", "html": html, "text": text})
        return self


@define
class Card:
    """What is shown of one step of one run."""

    step: str
    recipe: str
    tabs: list[Tab] = field(factory=list)
    facts: dict[str, Any] = field(factory=dict)
    """For machines, beside what the tabs show."""
    failed: bool = False
    notes: list[str] = field(factory=list)
    """What is also said where the step runs: in the terminal, in the cell of a notebook."""

    def tab(self, title: str) -> Tab:
        """Return the tab of a title, which is added if it is new."""
        for known in self.tabs:
            if known.title == title:
                return known
        self.tabs.append(Tab(title))
        return self.tabs[-1]

    def fail(self, message: str, trace: str) -> None:
        """Say that the step failed."""
        self.failed = True
        self.tab("Failure").text(message).heading("Traceback").text(trace)

    def finish(self, seconds: float) -> None:
        """Add when the step ended, and how long it took."""
        now = time.strftime("%Y-%m-%d %H:%M:%S %z")
        self.tab("Run Summary").facts(Run_duration=f"{seconds:.3g} s", Last_updated=now)

    def write(self, directory: Path) -> None:
        """Write ``card.html`` and ``card.json``."""
        from pegboard_recipes.cards import page

        text = page.json_of(self)
        (directory / CARD_JSON).write_text(text, encoding="utf-8")
        (directory / CARD).write_text(page.html_of(self), encoding="utf-8")
