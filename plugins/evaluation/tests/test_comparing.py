"""Two evaluations are compared row by row, in scripts and on the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pegboard
import pytest
from click.testing import CliRunner, Result
from pegboard.cli.shell import cli
from pegboard.config import Config
from pegboard.errors import InvalidValue
from pegboard.host import Host
from pegboard_evaluation.comparing import compare
from pegboard_evaluation.endpoints import ENDPOINTS
from pegboard_stores.evaluations import Rows
from pegboard_wire.http import Call, Identity

N = 200
TARGETS = np.arange(N) % 2
REGION = np.where(np.arange(N) < 100, "north", "south")


def evaluated(name: str, wrong: Any, **config: Any) -> Any:
    """Evaluate a table in which some rows are wrong, in an order of its own."""
    table = pd.DataFrame({"x": np.arange(N), "region": REGION, "t": TARGETS})
    table["out"] = np.where(np.isin(table.x, wrong), 1 - TARGETS, TARGETS)
    with pegboard.start_run(run_name=name):
        return pegboard.evaluate(
            data=table.sample(frac=1, random_state=len(wrong)),
            targets="t",
            predictions="out",
            model_type="classifier",
            evaluator_config={"plots": False, **config},
        )


def pegboard_eval(place: Path, *words: str) -> Result:
    return CliRunner().invoke(cli, ["--tracking-uri", f"sqlite:{place}/runs.db", "eval", *words])


def test_rows_are_paired_whatever_their_order(place: Path) -> None:
    before, after = evaluated("before", range(10)), evaluated("after", range(5, 40))
    found = compare(before, after, by=["region"])
    correct = found.metrics["correct"]
    assert (correct.won, correct.lost, correct.equal) == (5, 30, 165)
    assert correct.difference == pytest.approx(-25 / N)
    assert correct.interval is not None
    assert correct.interval[0] < -25 / N < correct.interval[1] < 0
    assert (correct.verdict, found.worse) == ("worse", ["correct"])
    assert found.slices["region=south"]["correct"].verdict == "the same"
    assert compare(after, before).metrics["correct"].verdict == "better"
    assert len(correct.lost_rows) == 10

    # The same on the command line, for CI.
    done = pegboard_eval(
        place, "compare", "before", "after", "--by", "region", "--junit", str(place / "j.xml")
    )
    assert done.exit_code == 1
    assert "worse" in done.stdout
    cases = ElementTree.parse(place / "j.xml").getroot()
    failed = [(c.get("classname"), c.find("failure") is not None) for c in cases]
    assert failed == [("all rows", True), ("region=north", True), ("region=south", False)]
    assert pegboard_eval(place, "compare", "after", "before").exit_code == 0
    never = pegboard_eval(place, "compare", "before", "after", "--json", "--fail-on", "never")
    assert never.exit_code == 0
    assert json.loads(never.stdout)["metrics"]["correct"]["lost"] == 30
    same = pegboard_eval(place, "compare", "before", "before", "--fail-on", "not-better")
    assert same.exit_code == 1

    shown = pegboard_eval(place, "show", "before", "--rows", "2")
    assert "accuracy_score" in shown.stdout
    assert "Skipped: confusion_matrix" in shown.stderr
    assert "There is no run" in pegboard_eval(place, "show", "nothing").stderr


def test_what_cannot_be_compared_is_refused(place: Path) -> None:
    kept, large = evaluated("kept", [1]), evaluated("large", [1], keep_rows=10)
    with pytest.raises(InvalidValue, match="keeps no rows"):
        compare(kept, large)
    with pytest.raises(InvalidValue, match=r"'nearness' for each row.\nBoth have: 'correct'"):
        compare(kept, kept, metrics=["nearness"])
    with pytest.raises(InvalidValue, match=r"no column 'colour'.*\n.*'region'"):
        compare(kept, kept, by=["colour"])

    def served(**words: Any) -> Any:
        call = Call(
            Host(Config()), Identity("ann", frozenset()), words, {},
            tracking_uri=f"sqlite:{place}/runs.db",
        )  # fmt: skip
        return ENDPOINTS[0].handle(call)

    with pytest.raises(InvalidValue, match="keeps no rows"):
        served(before=kept.run_id, after=large.run_id)
    told = served(before=kept.run_id, after=kept.run_id, by=["region"])
    assert told == compare(kept, kept, by=["region"]).plain()
    with pytest.raises(InvalidValue, match="no row in common"):
        compare(Rows(["a"], scores={"m": [1]}), Rows(["b"], scores={"m": [1]}))


def test_rows_without_a_score_are_not_compared_and_directions_are_known() -> None:
    one = Rows(["a", "b", "c"], scores={"toxicity/v1": [0.1, None, 0.3], "words": ["x", "y", "z"]})
    other = Rows(["c", "a", "d"], scores={"toxicity/v1": [0.2, 0.2, 0.9], "words": ["x"] * 3})
    found = compare(one, other)
    assert list(found.metrics) == ["toxicity/v1"]
    paired = found.metrics["toxicity/v1"]
    assert (paired.rows, paired.won, paired.lost) == (2, 1, 1)
    assert (found.only_before, found.only_after) == (1, 1)
    assert paired.lost_rows[0].id == "a"
    up = compare(one, other, greater_is_better={"toxicity/v1": True})
    assert up.metrics["toxicity/v1"].lost_rows[0].id == "c"


def test_rows_of_the_same_content_are_told_apart() -> None:
    from pegboard.contracts.evaluation import EvaluationTable
    from pegboard_evaluation.rows import ids_of

    inputs = pd.DataFrame({"x": [1, 1, 2], "words": [["a"], ["a"], ["b"]]})
    ids = ids_of(EvaluationTable(count=3, inputs=inputs, targets=[0, 0, 0]))
    assert len(set(ids)) == 3
    assert ids[1] == f"{ids[0]}-1"


@pytest.mark.parametrize("text", ["", "[]", '{"x": 1}', '{"ids": ["a"], "targets": [1, 2]}'])
def test_damaged_rows_are_refused(text: str) -> None:
    with pytest.raises(InvalidValue, match="not what an evaluation keeps"):
        Rows.read(text)
