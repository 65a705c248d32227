from __future__ import annotations

from .conftest import Shell


def _store_findings(shell: Shell) -> list[tuple[str, str]]:
    findings = shell.json("doctor")
    return [(each["state"], each["found"]) for each in findings if each["check"] == "store"]


def test_doctor_is_content_with_a_store_in_order(filled: Shell) -> None:
    assert [state for state, _ in _store_findings(filled)] == ["ok"]


def test_doctor_names_a_journal_that_was_set_aside(filled: Shell) -> None:
    journals = filled.directory / "pegruns" / "pegboard.db.journal"
    journals.mkdir(exist_ok=True)
    (journals / "torn.damaged").write_bytes(b"x")
    findings = _store_findings(filled)
    assert [state for state, _ in findings] == ["ok", "warn"]
    assert str(journals / "torn.damaged") in findings[1][1]


def test_doctor_checks_sqlite_and_where_the_store_lies(filled: Shell) -> None:
    states = {each["check"]: each["state"] for each in filled.json("doctor")}
    assert [states[name] for name in ("sqlite", "store directory", "disk space")] == ["ok"] * 3
