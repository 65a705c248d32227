"""Text of filters to tokens."""

from __future__ import annotations

import re
from enum import Enum, auto

from attrs import frozen
from pegboard.errors import FilterError

MAX_LENGTH = 200_000
"""The length of the longest filter or order that is read, in characters."""

KEYWORDS = frozenset(
    {"AND", "OR", "NOT", "IN", "IS", "NULL", "LIKE", "ILIKE", "RLIKE", "ASC", "DESC"}
)


class Token(Enum):
    """The sorts of tokens."""

    NAME = auto()
    STRING = auto()
    NUMBER = auto()
    KEYWORD = auto()
    OPERATOR = auto()
    PUNCTUATION = auto()
    END = auto()


@frozen
class Lexeme:
    """A token, its text as written, and where it begins.

    If it is a name, ``first`` is the part before the dot, or all of it, and ``rest`` what follows.
    """

    token: Token
    text: str
    column: int
    first: str | None = None
    rest: str | None = None

    @property
    def is_text(self) -> bool:
        """Whether this may be a text: it is in single quotes, or one name in double quotes."""
        if self.token is Token.NAME:
            return self.rest is None and self.text[0] == '"'
        return self.token is Token.STRING


# A quote inside a text or a key is written twice; a backslash is a character like others.
_PART = r"""(?:`(?:``|[^`])*`|"(?:""|[^"])*"|[^\W\d]\w*)"""
_REST = r"""(?:`(?:``|[^`])*`|"(?:""|[^"])*"|\w+(?:\.\w+)*)"""
_TOKENS = re.compile(
    rf"""
    (?P<SPACE>\s+)
  | (?P<STRING>'(?:''|[^'])*')
  | (?P<NAME>(?P<FIRST>{_PART})(?:\.(?P<REST>{_REST}))?)
  | (?P<NUMBER>[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?(?!\w))
  | (?P<OPERATOR>[<>=~!]+)
  | (?P<PUNCTUATION>[(),])
    """,
    re.VERBOSE,
)


def tokenize(text: str) -> list[Lexeme]:
    """Return the tokens of ``text``, the last one an END; FilterError where there is none."""
    if len(text) > MAX_LENGTH:
        raise FilterError(
            f"The filter has {len(text)} characters; {MAX_LENGTH} are allowed.",
            text=f"{text[:60]}…",
            column=0,
        )
    found: list[Lexeme] = []
    position = 0
    while position < len(text):
        match = _TOKENS.match(text, position)
        if match is None:
            raise _unknown(text, position)
        if match.lastgroup != "SPACE":
            token = Token[str(match.lastgroup)]
            if token is Token.NAME and match.group().upper() in KEYWORDS:
                token = Token.KEYWORD
            found.append(Lexeme(token, match.group(), position, match["FIRST"], match["REST"]))
        position = match.end()
    found.append(Lexeme(Token.END, "", len(text.rstrip())))
    return found


def _unknown(text: str, position: int) -> FilterError:
    character = text[position]
    if character in "'\"`":
        return FilterError(
            f"The quote {character} is never closed.",
            text=text,
            column=position,
            hint='Texts are written \'so\' or "so", unusual keys `so` or "so"; inside, the quote '
            "is written twice: 'it''s'.",
        )
    return FilterError(
        f"{character!r} has no meaning here.",
        text=text,
        column=position,
        hint="Quote keys with special characters, such as metrics.`val/loss`.",
    )
