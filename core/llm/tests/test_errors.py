"""From a vendor's status and words to the kind of trouble."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pegboard.contracts.llm import HttpReply, LLMError, Trouble
from pegboard_llm.errors import MAX_WORDS, found_words, retry_after, trouble_of, vendor_error


@pytest.mark.parametrize(
    ("status", "words", "trouble"),
    [
        (400, "", Trouble.INVALID),
        (401, "context length", Trouble.CREDENTIALS),
        (402, "", Trouble.QUOTA),
        (403, "", Trouble.CREDENTIALS),
        (403, "Rate limit exceeded", Trouble.RATE),
        (404, "", Trouble.NO_MODEL),
        (408, "", Trouble.TIMEOUT),
        (413, "", Trouble.TOO_LONG),
        (422, "", Trouble.INVALID),
        (429, "", Trouble.RATE),
        (429, "You exceeded your current quota", Trouble.QUOTA),
        (429, "Request too large for gpt-4o on tokens per min", Trouble.RATE),
        (429, "Too many tokens, please wait before trying again.", Trouble.RATE),
        (400, "insufficient_quota", Trouble.QUOTA),
        (400, "Input is too long for requested model.", Trouble.TOO_LONG),
        (400, "content_filter", Trouble.FILTERED),
        (500, "The maximum context length of the pod", Trouble.SERVER),
        (500, "", Trouble.SERVER),
        (502, "", Trouble.SERVER),
        (503, "", Trouble.OVERLOADED),
        (504, "", Trouble.TIMEOUT),
        (520, "", Trouble.SERVER),
        (522, "", Trouble.UNREACHABLE),
        (529, "", Trouble.OVERLOADED),
        (302, "", Trouble.GARBAGE),
        (204, "", Trouble.GARBAGE),
        (200, "Rate limit", Trouble.RATE),
        (200, "", Trouble.SERVER),
    ],
)
def test_status_and_words_say_what_it_is(status: int, words: str, trouble: Trouble) -> None:
    assert trouble_of(status, words) is trouble


def test_the_time_to_wait_comes_in_three_forms() -> None:
    assert retry_after({"retry-after": "2.5"}) == 2.5
    assert retry_after({"retry-after-ms": "1500", "retry-after": "9"}) == 1.5
    soon = datetime.now(UTC) + timedelta(seconds=90)
    found = retry_after({"retry-after": format_datetime(soon, usegmt=True)})
    assert found is not None
    assert 0 < found <= 90
    past = datetime.now(UTC) - timedelta(days=1)
    assert retry_after({"retry-after": format_datetime(past, usegmt=True)}) == 0
    assert retry_after({"retry-after": "Wed, 21 Oct 2015 07:28:00 -0000"}) == 0
    assert retry_after({}) is None


@pytest.mark.parametrize("said", ["soon", "-1", "nan", "inf", "", "1e999", "Mon, 99 Foo"])
def test_what_is_no_time_says_nothing(said: str) -> None:
    assert retry_after({"retry-after": said}) is None


def test_nobody_is_asked_to_wait_for_years() -> None:
    assert retry_after({"retry-after": "99999999999"}) == 24 * 3600


@given(st.integers(100, 599), st.binary(max_size=200), st.text(max_size=20))
def test_any_reply_is_an_error_for_people(status: int, body: bytes, header: str) -> None:
    error = vendor_error("Acme", HttpReply(status, {"retry-after": header}, body))
    assert isinstance(error, LLMError)
    assert "Acme" in str(error)
    assert len(str(error)) < MAX_WORDS + 200


def test_a_page_of_a_proxy_is_read_as_text() -> None:
    page = b"<html><style>body { color: red }</style><h1>Bad\n gateway</h1></html>"
    assert "Acme (status 502): Bad gateway." in str(vendor_error("Acme", HttpReply(502, {}, page)))


@pytest.mark.parametrize("before", [*range(400, MAX_WORDS + 20, 7), 19_990])
def test_no_part_of_a_key_is_repeated_wherever_a_page_has_it(before: int) -> None:
    key = "sk-AbCdEfGhIjKlMnOpQrStUvWxYz"
    page = b"x" * before + f" {key} ".encode()
    said = str(vendor_error("Acme", HttpReply(502, {}, page), secrets=[key]))
    assert key[:6] not in said


@pytest.mark.parametrize("piece", [b"<", b"<style ", b"<script>", b"</style><script>", b"<a "])
def test_a_page_that_ends_no_tag_is_read_as_fast_as_any(piece: bytes) -> None:
    """A pattern that goes back from each tag takes the square of the time."""
    page = piece * (4 << 20)
    assert "Acme" in str(vendor_error("Acme", HttpReply(502, {}, page)))
    assert len(found_words(page)[0]) <= 20_000


def test_of_a_huge_error_no_more_is_read_than_is_said() -> None:
    said = b'{"message": "' + b"model " * 2_000_000 + b'"}'
    assert len(found_words(said)[0]) <= 20_000
    assert len(found_words(b'{"error": "' + b"model " * 20_000 + b'"}')[0]) == 20_000
