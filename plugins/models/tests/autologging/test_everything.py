"""``pegboard.autolog`` switches on what is installed, for libraries as they are imported."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pegboard
import pytest
from pegboard import host
from pegboard.hookspecs import Autologger, hookimpl
from pegboard_models.autologging import Integration, Switches, imports
from pegboard_testing.targets import target_of

calls: list[tuple[str, dict[str, Any]]] = []
INTEGRATION = Integration("early", "pluggy", ("1.0", "99.0"))


def early(silent: bool = False, disable: bool = False, level: int = 1) -> None:
    calls.append(("early", {"silent": silent, "disable": disable, "level": level}))
    INTEGRATION.enable(Switches(silent=silent, disable=disable), lambda: None)


def broken(**switches: Any) -> None:
    raise RuntimeError("no luck")


def plugin() -> Any:

    def note(name: str) -> Any:
        return lambda **switches: calls.append((name, switches))

    @hookimpl
    def pegboard_autologgers() -> list[Autologger]:
        return [
            Autologger("early", "json", target_of(early), ""),
            Autologger("late", "later_library", target_of(note("late")), ""),
            Autologger("below", "later_library.part", target_of(note("below")), ""),
            Autologger("broken", "json", target_of(broken), ""),
            Autologger("absent", "no_such_library", target_of(note("absent")), ""),
        ]

    return SimpleNamespace(pegboard_autologgers=pegboard_autologgers)


@pytest.fixture(autouse=True)
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    calls.clear()
    package = tmp_path / "later_library"
    package.mkdir()
    (package / "__init__.py").write_text("value = 1\n")
    (package / "part.py").write_text("value = 2\n")
    monkeypatch.syspath_prepend(tmp_path)
    host.current().register(plugin(), "libraries")
    yield
    pegboard.autolog(disable=True)
    for name in ("later_library", "later_library.part"):
        sys.modules.pop(name, None)


def names() -> list[str]:
    return [name for name, _ in calls]


def test_a_library_that_is_there_is_logged_at_once_and_another_when_it_is_imported(
    caplog: pytest.LogCaptureFixture,
) -> None:
    pegboard.autolog(silent=False, log_models=False)
    assert calls == [("early", {"silent": False, "disable": False, "level": 1})]
    assert "no luck" in caplog.text
    library = importlib.import_module("later_library")
    assert library.value == 1
    assert names() == ["early", "late"]
    assert calls[1][1]["log_models"] is False
    importlib.import_module("later_library.part")
    assert names() == ["early", "late", "below"]
    importlib.import_module("later_library.part")
    assert len(calls) == 3


def test_some_can_be_left_alone() -> None:
    pegboard.autolog(exclude_flavors=["late", "broken"])
    importlib.import_module("later_library")
    assert names() == ["early"]


def test_the_last_word_is_that_of_the_library_s_own_function() -> None:
    early(level=5)
    pegboard.autolog(silent=True)
    assert calls == [("early", {"silent": False, "disable": False, "level": 5})]
    pegboard.autolog(disable=True, silent=True)
    assert not INTEGRATION.is_on()
    pegboard.autolog(silent=True)
    assert calls[-1] == ("early", {"silent": True, "disable": False, "level": 1})


def test_switched_off_nothing_waits_for_imports() -> None:
    pegboard.autolog(silent=True)
    assert any(type(finder).__module__ == imports.__name__ for finder in sys.meta_path)
    pegboard.autolog(disable=True, silent=True)
    assert not any(type(finder).__module__ == imports.__name__ for finder in sys.meta_path)
    calls.clear()
    importlib.import_module("later_library")
    assert not calls


def test_a_module_that_fails_to_import_fails_as_ever(tmp_path: Path) -> None:
    (tmp_path / "later_library" / "__init__.py").write_text("raise ValueError('its own fault')\n")
    pegboard.autolog(silent=True)
    with pytest.raises(ValueError, match="its own fault"):
        importlib.import_module("later_library")
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("no_such_library")
    assert names() == ["early"]


def test_modules_below_a_package_are_seen_too() -> None:
    seen: list[str] = []
    wait = imports.when_imported("later_library", lambda m: seen.append(m.__name__), below=True)
    importlib.import_module("later_library.part")
    imports.forget(wait)
    assert seen == ["later_library", "later_library.part"]
