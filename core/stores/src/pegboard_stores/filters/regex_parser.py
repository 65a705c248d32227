"""Text of a regular expression to a program for an automaton."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache

from attrs import frozen

MAX_PATTERN = 1_000
"""The longest pattern, in characters."""

MAX_PROGRAM = 2_000
"""The largest program; {m,n} repeats what it follows in it."""

_MAX_EFFORT = 20 * MAX_PROGRAM
"""How many pieces may be gone through for the program: those that are empty add nothing to it."""

_MAX_NESTING = 40

CHARACTER, SPLIT, START, END, ACCEPT = "character", "split", "start", "end", "accept"


class PatternError(ValueError):
    """A pattern that cannot be understood; ``position`` is the offset of the trouble in it."""

    def __init__(self, message: str, position: int) -> None:
        super().__init__(message)
        self.position = position


Test = Callable[[str], bool]


@frozen
class Instruction:
    """A step: take a character that passes a test, or go on at one or two other places."""

    kind: str
    target: int = 0
    other: int = 0
    test: Test | None = None

    def accepts(self, character: str) -> bool:
        """Whether this step takes the character."""
        return self.test is not None and self.test(character)


@frozen
class Program:
    """What a pattern says."""

    steps: Sequence[Instruction]
    fold: bool
    """Whether it ignores case."""
    effort: int
    """How many pieces were gone through to make it."""


@lru_cache(maxsize=256)
def parse(text: str) -> Program:
    """Return the program of a pattern; PatternError if it is not one."""
    if len(text) > MAX_PATTERN:
        raise PatternError(f"A pattern has at most {MAX_PATTERN} characters.", MAX_PATTERN)
    return _Parser(text).program()


def _is_digit(character: str) -> bool:
    return character.isdecimal()


def _is_word(character: str) -> bool:
    return character.isalnum() or character == "_"


_CLASSES: dict[str, Test] = {"d": _is_digit, "w": _is_word, "s": str.isspace}
_CONTROLS = {"n": "\n", "t": "\t", "r": "\r", "f": "\f", "v": "\v", "0": "\0"}

# A piece of pattern, as nested tuples: ("test", f), ("start",), ("end",), ("empty",),
# ("both", a, b), ("either", a, b), ("repeat", a, least, most or None).
_Node = tuple[object, ...]


def _repeats_too_much() -> PatternError:
    return PatternError("The pattern repeats too much.", 0)


class _Parser:
    def __init__(self, text: str) -> None:
        self._fold = text.startswith("(?i)")
        self._text = text
        self._at = 4 if self._fold else 0
        self._nesting = 0
        self._steps: list[Instruction] = []
        self._effort = 0

    def program(self) -> Program:
        node = self._either()
        if self._at < len(self._text):
            raise PatternError("This ')' closes nothing.", self._at)
        self._emit(node)
        self._steps.append(Instruction(ACCEPT))
        return Program(self._steps, self._fold, self._effort)

    # -- parsing -------------------------------------------------------------------------------

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _either(self) -> _Node:
        node = self._sequence()
        while self._peek() == "|":
            self._at += 1
            node = ("either", node, self._sequence())
        return node

    def _sequence(self) -> _Node:
        node: _Node = ("empty",)
        while self._peek() not in ("", "|", ")"):
            node = ("both", node, self._repeated())
        return node

    def _repeated(self) -> _Node:
        node = self._atom()
        repeats = 0
        while (bounds := self._bounds()) is not None:
            repeats += 1
            if node[0] in ("start", "end"):
                raise PatternError("There is nothing that could be repeated.", self._at - 1)
            if repeats > 1:
                raise PatternError("A repetition cannot be repeated; use a group.", self._at - 1)
            node = ("repeat", node, *bounds)
            if self._peek() == "?":
                self._at += 1
        return node

    def _bounds(self) -> tuple[int, int | None] | None:
        sign = self._peek()
        simple = {"*": (0, None), "+": (1, None), "?": (0, 1)}
        if sign and sign in simple:
            self._at += 1
            return simple[sign]
        if sign != "{":
            return None
        end = self._text.find("}", self._at)
        least, comma, most = self._text[self._at + 1 : max(end, 0)].partition(",")
        valid = all(not part or (part.isascii() and part.isdigit()) for part in (least, most))
        if end < 0 or not valid or not (least or most):
            raise PatternError("To match the character '{', write '\\{'.", self._at)
        if len(least) > 4 or len(most) > 4:
            raise PatternError(f"A pattern repeats at most {MAX_PROGRAM} times.", self._at)
        low = int(least or 0)
        high = (int(most) if most else None) if comma else low
        if high is not None and high < low:
            raise PatternError("The bounds of the repetition are the wrong way round.", self._at)
        self._at = end + 1
        return low, high

    def _atom(self) -> _Node:
        at = self._at
        character = self._text[at]
        self._at += 1
        if character == "(":
            return self._group(at)
        if character == "[":
            return ("test", self._class(at))
        if character == ".":
            return ("test", lambda c: c != "\n")
        if character == "^":
            return ("start",)
        if character == "$":
            return ("end",)
        if character == "\\":
            return ("test", self._escape(at)[1])
        if character in "*+?{":
            raise PatternError(f"There is nothing that {character!r} could repeat.", at)
        return ("test", self._equal(character))

    def _group(self, at: int) -> _Node:
        if self._text.startswith("?:", self._at):
            self._at += 2
        elif self._peek() == "?":
            raise PatternError("Groups are written (…) or (?:…); (?i) only comes first.", at)
        self._nesting += 1
        if self._nesting > _MAX_NESTING:
            raise PatternError(f"More than {_MAX_NESTING} groups are nested.", at)
        node = self._either()
        if self._peek() != ")":
            raise PatternError("This group is never closed.", at)
        self._at += 1
        self._nesting -= 1
        return node

    def _equal(self, wanted: str) -> Test:
        return self._folding(lambda c: c == wanted)

    def _folding(self, test: Test) -> Test:
        """Return the test for texts that were made lower case, if case is ignored."""
        if not self._fold:
            return test
        return lambda c: test(c) or test(c.upper())

    def _escape(self, at: int) -> tuple[str | None, Test]:
        """Read what follows a backslash; return the character, if it is one, and the test."""
        letter = self._peek()
        if not letter:
            raise PatternError("There is nothing after the last '\\'.", at)
        self._at += 1
        if letter in _CLASSES:
            return None, _CLASSES[letter]
        if letter.lower() in _CLASSES:
            inside = _CLASSES[letter.lower()]
            return None, lambda c: not inside(c)
        if letter in _CONTROLS:
            return _CONTROLS[letter], self._equal(_CONTROLS[letter])
        if letter in "xu":
            width = 2 if letter == "x" else 4
            digits = self._text[self._at : self._at + width]
            try:
                character = chr(int(digits, 16)) if digits.isalnum() else ""
            except ValueError:
                character = ""
            if len(digits) < width or not character:
                raise PatternError(f"'\\{letter}' needs {width} hexadecimal digits.", at)
            self._at += width
            return character, self._equal(character)
        if letter.isalnum():
            raise PatternError(f"'\\{letter}' is not supported.", at)
        return letter, self._equal(letter)

    def _class(self, at: int) -> Test:
        negated = self._peek() == "^"
        self._at += negated
        tests: list[Test] = []
        first = self._at
        while self._peek() != "]" or self._at == first:
            if not self._peek():
                raise PatternError("This '[' is never closed.", at)
            tests.append(self._class_item())
        self._at += 1
        test = self._folding(lambda c: any(each(c) for each in tests))
        return (lambda c: not test(c)) if negated else test

    def _class_item(self) -> Test:
        at = self._at
        low, test = self._class_character()
        text = self._text
        if low is None or self._peek() != "-" or text[self._at + 1 : self._at + 2] in ("", "]"):
            return test
        self._at += 1
        high, _ = self._class_character()
        if high is None or high < low:
            raise PatternError("This range has no beginning and end in order.", at)
        return lambda c: low <= c <= high

    def _class_character(self) -> tuple[str | None, Test]:
        at = self._at
        character = self._text[at]
        self._at += 1
        if character == "\\":
            return self._escape(at)
        return character, lambda c: c == character

    # -- compiling -----------------------------------------------------------------------------

    def _add(self, step: Instruction) -> int:
        if len(self._steps) >= MAX_PROGRAM:
            raise _repeats_too_much()
        self._steps.append(step)
        return len(self._steps) - 1

    def _emit(self, node: _Node) -> None:
        """Append the program of a piece, which goes on at the place after it."""
        self._effort += 1
        if self._effort > _MAX_EFFORT:
            raise _repeats_too_much()
        kind = node[0]
        if kind == "test":
            self._add(Instruction(CHARACTER, len(self._steps) + 1, test=node[1]))  # type: ignore[arg-type]
        elif kind in ("start", "end"):
            self._add(Instruction(START if kind == "start" else END, len(self._steps) + 1))
        elif kind == "both":
            self._emit_sequence(node)
        elif kind == "either":
            self._emit_either(node)
        elif kind == "repeat":
            self._emit_repeat(node)

    def _emit_sequence(self, node: _Node) -> None:
        parts = []
        while node[0] == "both":
            parts.append(node[2])
            node = node[1]  # type: ignore[assignment]
        for part in [node, *reversed(parts)]:
            self._emit(part)  # type: ignore[arg-type]

    def _emit_either(self, node: _Node) -> None:
        branches = []
        while node[0] == "either":
            branches.append(node[2])
            node = node[1]  # type: ignore[assignment]
        jumps = []
        ordered = [node, *reversed(branches)]
        for branch in ordered[:-1]:
            fork = self._add(Instruction(SPLIT))
            self._emit(branch)  # type: ignore[arg-type]
            jumps.append(self._add(Instruction(SPLIT)))
            after = len(self._steps)
            self._steps[fork] = Instruction(SPLIT, fork + 1, after)
        self._emit(ordered[-1])  # type: ignore[arg-type]
        end = len(self._steps)
        for jump in jumps:
            self._steps[jump] = Instruction(SPLIT, end, end)

    def _emit_repeat(self, node: _Node) -> None:
        _, inner, least, most = node
        assert isinstance(least, int)
        for _ in range(least):
            self._emit(inner)  # type: ignore[arg-type]
        if most is None:
            fork = self._add(Instruction(SPLIT))
            self._emit(inner)  # type: ignore[arg-type]
            self._add(Instruction(SPLIT, fork, fork))
            self._steps[fork] = Instruction(SPLIT, fork + 1, len(self._steps))
            return
        assert isinstance(most, int)
        forks = []
        for _ in range(most - least):
            forks.append(self._add(Instruction(SPLIT)))
            self._emit(inner)  # type: ignore[arg-type]
        for fork in forks:
            self._steps[fork] = Instruction(SPLIT, fork + 1, len(self._steps))
