"""The register in SECURITY.md and the tests say the same."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).parent
REGISTER = (HERE.parents[1] / "SECURITY.md").read_text()
ROW = re.compile(r"^\| ([A-Z]+-\d+) \| [^|]+ \|([^|]*)\|$", re.MULTILINE)
NAME = re.compile(r"test_([a-z]+)_(\d+)_\w+")
CVE = re.compile(r"CVE-\d{4}-\d+")
KNOWN = re.compile(r"^\| ([A-E]\d+) \| [^|]+ \|[^|]*\|([^|]+)\|$", re.MULTILINE)
COUNTS = {"A": 12, "B": 9, "C": 4, "D": 6, "E": 7}
"""How many weaknesses are known of each subject."""


def named() -> Iterator[tuple[str, str]]:
    """Yield the row that each test is named after, "" if it is none, and its docstring."""
    for file in sorted(HERE.glob("test_*.py")):
        if file == Path(__file__):
            continue
        for node in ast.parse(file.read_text()).body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                match = NAME.fullmatch(node.name)
                row = f"{match[1].upper()}-{match[2]}" if match else ""
                yield row, ast.get_docstring(node) or ""


def test_each_row_has_a_test_and_each_test_a_row() -> None:
    rows = [row for row, _ in ROW.findall(REGISTER)]
    assert len(rows) == len(set(rows)) > 80
    assert {row for row, _ in named()} == set(rows)


def test_the_rows_of_a_subject_are_numbered_from_1() -> None:
    found: dict[str, list[int]] = {}
    for row, _ in ROW.findall(REGISTER):
        subject, _, number = row.partition("-")
        found.setdefault(subject, []).append(int(number))
    for numbers in found.values():
        assert numbers == list(range(1, len(numbers) + 1))


def test_the_advisories_of_a_row_are_those_of_its_tests() -> None:
    told = {row: set(CVE.findall(text)) for row, text in ROW.findall(REGISTER)}
    tested: dict[str, set[str]] = {row: set() for row in told}
    for row, docstring in named():
        tested[row].update(CVE.findall(docstring))
    assert told == tested


def test_every_line_of_the_tables_is_read() -> None:
    lines = [line for line in REGISTER.splitlines() if line.startswith("| ")]
    rows = ROW.findall(REGISTER)
    heads = [line for line in lines if line.startswith(("| id ", "| known ", "| --- "))]
    assert len(lines) == len(rows) + len(KNOWN.findall(REGISTER)) + len(heads)


def test_each_weakness_known_elsewhere_is_held_by_rows_or_tests() -> None:
    rows = {row for row, _ in ROW.findall(REGISTER)}
    known = dict(KNOWN.findall(REGISTER))
    assert sorted(known) == sorted(
        f"{a}{n + 1}" for a, count in COUNTS.items() for n in range(count)
    )
    for name, text in known.items():
        held, _, missing = text.strip().partition(";")
        for each in held.split(", "):
            exists = each in rows or (HERE.parents[1] / each).is_file()
            assert exists or (not missing and each.endswith(" yet")), f"{name}: {each}"
