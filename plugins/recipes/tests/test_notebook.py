"""Recipes in a notebook: a real kernel runs the cells, and what it shows is looked at."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook
from pegboard_recipes import beginning

EDIT = """from pathlib import Path
file = Path("steps/train.py")
text = file.read_text()
file.write_text(text.replace({old!r}, {new!r}))
None"""
CELLS = {
    "begun": "from pegboard.recipes import Recipe\nrecipe = Recipe(profile='local')",
    "run": "recipe.run()",
    "again": "recipe.run()",
    "card": "recipe.inspect('train')",
    "states": "recipe.inspect()",
    "plan": "recipe.plan('split')",
    "edited": EDIT.format(old="return Ridge(", new="return Ridge(solver='svd', "),
    "after": "recipe.run()",
    "broken": EDIT.format(old="return Ridge(", new="return 1 / 0, Ridge("),
    "failed": "recipe.run()",
    "mended": "file.write_text(text)\nrecipe.run()",
}


@pytest.fixture
def shown(place: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, list[Any]]:
    root = beginning.begin(place / "a recipe", "regression")
    kernel = place / "kernels" / "own"
    kernel.mkdir(parents=True)
    words = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    spec = {"argv": words, "display_name": "own", "language": "python"}
    (kernel / "kernel.json").write_text(json.dumps(spec))
    monkeypatch.setenv("JUPYTER_PATH", str(place))
    monkeypatch.setenv("IPYTHONDIR", str(place / "ipython"))
    book = new_notebook(cells=[new_code_cell(cell) for cell in CELLS.values()])
    client = NotebookClient(
        book,
        timeout=600,
        kernel_name="own",
        allow_errors=True,
        resources={"metadata": {"path": str(root)}},
    )
    client.execute()
    return dict(zip(CELLS, (cell.outputs for cell in book.cells), strict=True))


def _said(outputs: list[Any]) -> str:
    return "".join(each.text for each in outputs if each.output_type == "stream")


def _cards(outputs: list[Any]) -> list[str]:
    found = [each.data for each in outputs if each.output_type == "display_data"]
    return [data["text/html"] for data in found if "text/html" in data]


def _value(outputs: list[Any]) -> str:
    (found,) = (each.data for each in outputs if each.output_type == "execute_result")
    return str(found["text/plain"])


def test_a_notebook_shows_cards_short_errors_and_what_was_edited(
    shown: dict[str, list[Any]],
) -> None:
    assert shown["begun"] == []
    (card,) = _cards(shown["run"])
    assert card.startswith("<iframe sandbox ")
    assert "a recipe: register" in card
    assert "train: " in _said(shown["run"])
    assert "Warning" not in _said(shown["run"])
    ran = "ran ingest, split, transform, train, evaluate, register, models:/a recipe/1"
    assert _value(shown["run"]) == f"<Outcome of 'a recipe': validated, {ran}>"
    assert "ran nothing" in _value(shown["again"])
    assert _said(shown["again"]).count("No changes. Skipping.") == 6
    (card,) = _cards(shown["card"])
    assert "Model Performance" in card
    assert _said(shown["states"]).splitlines()[:2] == ["ingest: SUCCEEDED", "split: SUCCEEDED"]
    assert "Decision(step='split', runs=False, reasons=['no changes'])" in _value(shown["plan"])
    assert "ran train, evaluate, register, models:/a recipe/2" in _value(shown["after"])
    (error,) = (each for each in shown["failed"] if each.output_type == "error")
    assert "ZeroDivisionError: division by zero" in error.evalue
    assert "steps/train.py, line 8, in estimator_fn" in error.evalue
    assert len("\n".join(error.traceback).splitlines()) < 20
    assert "train: failed after" in _said(shown["failed"])
    assert "ran train" in _value(shown["mended"])
