"""Names and places: what is not seen is refused, whatever script a name is written in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pegboard.errors import InvalidValue
from pegboard_stores import characters, validation

UNSEEN = {
    "a NUL": "a\0b",
    "a line feed": "a\nb",
    "a tab": "a\tb",
    "an escape": "\x1b[31mred",
    "a delete": "a\x7fb",
    "a control character of Latin-1": "a\x85b",
    "a line separator": "a\u2028b",
    "a right-to-left override": "model\u202egnp.exe",
    "a right-to-left isolate": "a\u2067b\u2069",
    "a left-to-right mark": "a\u200eb",
    "an Arabic letter mark": "a\u061cb",
    "a zero-width space": "a\u200bb",
    "a zero-width joiner between Latin letters": "a\u200db",
    "a zero-width non-joiner at the end": "a\u200c",
    "two joiners in a row": "\U0001f468\u200d\u200d\U0001f469",
    "a word joiner": "a\u2060b",
    "a byte-order mark": "\ufeffa",
    "a soft hyphen": "a\u00adb",
    "a Hangul filler": "a\u3164b",
    "a variation selector after a Latin letter": "a\ufe0fb",
    "a tag character": "a\U000e0061b",
    "half of a surrogate pair": "a\ud800b",
    "an encoded slash": "a%2Fb",
    "an encoded slash in small letters": "a%2fb",
    "an encoded backslash": "a%5Cb",
    "a slash that is encoded twice": "a%252Fb",
    "a slash that is encoded often": "a%" + "25" * 12 + "2Fb",
    "an encoded NUL": "a%00b",
    "an encoded line feed": "a%0Ab",
    "an encoded right-to-left override": "a%E2%80%AEb",
}

SEEN = [
    "plain",
    "with blank",
    "Ünïcödé",
    "e\u0301",
    "Ελληνικά",
    "Русский",
    "עברית",
    "العربية",
    "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
    "क्\u200dष",
    "日本語",
    "葛\U000e0100城",
    "한국어",
    "🚀",
    "❤️",
    "©️",
    "1️⃣",
    "👩🏽\u200d🚀",
    "👨\u200d👩\u200d👧",
    "🏳️\u200d🌈",
    "100%",
    "50% off",
    "a%20b",
    "%",
    "%zz",
    "%ff",
]


@pytest.mark.parametrize("text", UNSEEN.values(), ids=UNSEEN)
def test_a_name_or_place_is_refused_that_holds(text: str) -> None:
    assert characters.fault(text)
    for make in (
        validation.experiment_name,
        lambda name: validation.registered_name(name, new=True),
        lambda place: validation.artifact_location(f"s3://bucket/{place}"),
    ):
        with pytest.raises(InvalidValue):
            make(text)
    if "%" not in text:
        with pytest.raises(InvalidValue):
            validation.model_name(text)


@pytest.mark.parametrize("name", SEEN)
def test_a_name_of_any_script_is_taken(name: str) -> None:
    assert validation.experiment_name(name) == name
    assert validation.registered_name(name, new=True) == name
    assert validation.artifact_location(name) == name


@given(st.text(min_size=1))
def test_what_is_taken_reads_the_same_everywhere(text: str) -> None:
    if not characters.fault(text):
        assert text.splitlines() == [text]
        assert text.encode("utf-8").decode("utf-8") == text
        assert not set(text) & {*map(chr, range(32)), "\x7f", "\u202e", "\u200b", "\ufeff"}


def test_a_registered_model_of_an_older_store_keeps_its_name() -> None:
    assert validation.registered_name("old\u200bname") == "old\u200bname"
