"""The contract of vendors' providers, kept by the one that ``plugins new`` writes, and broken."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from pegboard.contracts.llm import EventReader, HttpReply, Json, LLMError, LLMRequest, Trouble
from pegboard.settings import Secret
from pegboard_testing import LLMProviderContract, scaffold
from pegboard_testing._llm_exchanges import Exchange
from pegboard_testing.llm import MARKER


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """Yield the module of a new plugin; its exchanges are in ``tmp_path/new``."""
    scaffold.create("echo", "provider", tmp_path / "new")
    monkeypatch.syspath_prepend(str(tmp_path / "new" / "src"))
    import pegboard_echo.provider as module

    yield module
    for name in [name for name in sys.modules if name.startswith("pegboard_echo")]:
        del sys.modules[name]


def broken(module: Any, how: str) -> Any:
    """Return the new plugin's provider with a fault."""

    class Broken(module.Echo):  # type: ignore[misc]
        def body(self, request: LLMRequest) -> Json:
            made: Json = super().body(request)
            if how == "forgets":
                made.pop("limit", None)
            return made

        def read(self, request: LLMRequest, value: Json) -> Json:
            made: Json = super().read(request, value)
            if how == "does not count":
                del made["usage"]
            return made

        def error(self, reply: HttpReply) -> LLMError:
            if how == "tells":
                return LLMError(Trouble.SERVER, reply.body.decode())
            error: LLMError = super().error(reply)
            return error

        def events(self, request: LLMRequest) -> EventReader:
            reader: Any = super().events(request)
            if how == "holds back":
                return Slow(reader)
            if how == "believes":
                reader.complete = True
            return reader

    return Broken(module.Settings(api_key=Secret(MARKER)))


class Slow(EventReader):
    """Gives nothing before the end."""

    def __init__(self, reader: EventReader) -> None:
        self.reader = reader
        self.chunks: list[Json] = []

    def feed(self, data: bytes) -> Sequence[Json]:
        self.chunks.extend(self.reader.feed(data))
        return ()

    def end(self) -> Sequence[Json]:
        last: Iterable[Json] = self.reader.end()
        return [*self.chunks, *last]


class Together:
    """Stands in for ``subtests``: what a case raises goes on."""

    def test(self, **values: object) -> contextlib.nullcontext[None]:
        return contextlib.nullcontext()


@pytest.mark.parametrize(
    ("how", "test"),
    [
        ("forgets", "test_every_field_that_is_taken_is_sent"),
        ("forgets", "test_the_vendor_receives_what_it_documents"),
        ("does not count", "test_a_documented_answer_is_read"),
        ("tells", "test_no_error_repeats_a_key"),
        ("tells", "test_a_documented_error_is_understood"),
        ("holds back", "test_words_are_passed_on_as_soon_as_they_come"),
        ("believes", "test_a_stream_that_ends_too_early_is_said_to_be_cut"),
    ],
)
def test_a_fault_is_found(how: str, test: str, written: ModuleType, tmp_path: Path) -> None:
    class Suite(LLMProviderContract):
        recorded = tmp_path / "new" / "tests" / "recorded"

    chat, rate = Exchange(Suite.recorded, "chat"), Exchange(Suite.recorded, "rate")
    arguments: dict[str, dict[str, Any]] = {
        "test_every_field_that_is_taken_is_sent": {"model": "small"},
        "test_the_vendor_receives_what_it_documents": {"exchange": chat, "stream": False},
        "test_a_documented_answer_is_read": {"answered": chat},
        "test_no_error_repeats_a_key": {"subtests": Together()},
        "test_a_documented_error_is_understood": {"failed": rate},
        "test_words_are_passed_on_as_soon_as_they_come": {"streamed": chat},
        "test_a_stream_that_ends_too_early_is_said_to_be_cut": {"streamed": chat},
    }
    run = getattr(Suite(), test)
    run(broken(written, "sound"), **arguments[test])
    with pytest.raises((AssertionError, KeyError)):
        run(broken(written, how), **arguments[test])
