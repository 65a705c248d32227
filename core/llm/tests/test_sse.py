"""Server-sent events, cut anywhere."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pegboard.contracts.llm import LLMError, Trouble
from pegboard_llm import sse

STREAM = (
    ': a comment\n\nevent: start\ndata: {"a": 1}\n\ndata:no blank\n\n'
    "data: two\ndata: lines\nid: 7\nretry: 10\n\nevent: nothing\n\ndata: é\n\n\n\ndata\n\n"
)
EVENTS = [
    ("start", b'{"a": 1}'),
    ("", b"no blank"),
    ("", b"two\nlines"),
    ("", "é".encode()),
    ("", b""),
]


def read(pieces: list[bytes]) -> list[sse.Event]:
    events = sse.Events()
    found = [event for piece in pieces for event in events.feed(piece)]
    return found + events.end()


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
def test_every_cut_gives_the_same_events(newline: str, bom: bytes) -> None:
    data = bom + STREAM.replace("\n", newline).encode()
    assert read([data]) == EVENTS
    assert read([data[i : i + 1] for i in range(len(data))]) == EVENTS
    for cut in range(len(data)):
        assert read([data[:cut], data[cut:]]) == EVENTS


@given(
    st.lists(
        st.lists(st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"])))
    ),
    st.lists(st.integers(0, 400)),
    st.sampled_from(["\n", "\r\n", "\r"]),
)
def test_what_was_written_is_read(events: list[list[str]], cuts: list[int], newline: str) -> None:
    written = "".join(
        "".join(f"data: {line}{newline}" for line in lines) + newline for lines in events
    ).encode()
    edges = [0, *sorted(min(cut, len(written)) for cut in cuts), len(written)]
    found = read([written[a:b] for a, b in itertools.pairwise(edges)])
    assert found == [("", "\n".join(lines).encode()) for lines in events if lines]


def test_the_last_event_may_lack_its_empty_line() -> None:
    assert read([b"data: a\n\ndata: b"]) == [("", b"a"), ("", b"b")]


def test_an_event_without_an_end_is_garbage(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "MAX_EVENT", 1000)
    events = sse.Events()
    with pytest.raises(LLMError) as raised:
        for _ in range(200):
            events.feed(b"data: xxxxxxxxxx")
    assert raised.value.trouble is Trouble.GARBAGE
