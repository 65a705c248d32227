"""Text of filters and orders to values: a recursive descent."""

from __future__ import annotations

from collections.abc import Sequence

from pegboard.errors import FilterError

from pegboard_stores.filters.lexer import Lexeme, Token, tokenize
from pegboard_stores.filters.nodes import And, Comparison, Expr, Field, Not, Operator, Or, OrderBy
from pegboard_stores.filters.schema import DATASET_ATTRIBUTES, Kind, SearchSchema, Type

MAX_DEPTH = 50
"""How deep parentheses and NOT may be nested."""

MAX_COMPARISONS = 250
"""How many comparisons a filter may hold; an IN with a list of any length is one."""

MAX_ORDERS = 30
"""How many fields a search may be ordered by; databases join a table for each."""

MAX_LIKE_LENGTH = 10_000
"""The longest pattern of LIKE and ILIKE, in characters: databases take no longer ones."""

MAX_LIKE = 2_000
"""How many characters may come after the first ``%`` of all LIKE and ILIKE together.

Each of them may be compared with each character of a value.
"""

MAX_PATTERNS = 200_000
"""How much work the regular expressions of a filter may be to read, in pieces and repetitions."""

_INT64 = 2**63
_ORDERING = frozenset({Operator.LT, Operator.LE, Operator.GT, Operator.GE})
_NUMERIC = _ORDERING | {Operator.EQ, Operator.NE}
_TEXTUAL = frozenset(Operator) - _ORDERING
_IDENTITY = frozenset({Operator.EQ, Operator.NE, Operator.IN, Operator.NOT_IN})
_NULL = frozenset({Operator.IS_NULL, Operator.IS_NOT_NULL})
_LISTS = frozenset({Operator.IN, Operator.NOT_IN})
_SIGNS = frozenset({"=", "!=", "<", "<=", ">", ">=", "=~", "!~"})
_PATTERNS = frozenset({Operator.MATCHES, Operator.MATCHES_NOT})
_LIKES = frozenset({Operator.LIKE, Operator.ILIKE})
_EITHER = frozenset({Kind.PARAM, Kind.FEEDBACK, Kind.EXPECTATION})
"""Kinds whose values are compared as texts or as numbers."""


def parse_filter(text: str, schema: SearchSchema) -> Expr | None:
    """Return what a filter says, None if it is empty; FilterError at the column of a mistake."""
    parser = _Parser(text or "", schema)
    if parser.ahead.token is Token.END:
        return None
    result = parser.disjunction()
    parser.expect_end("AND or OR")
    return result


def parse_order_by(clauses: Sequence[str], schema: SearchSchema) -> tuple[OrderBy, ...]:
    """Return what clauses such as ``metrics.loss ASC`` say; a field may be named only once."""
    if len(clauses) > MAX_ORDERS:
        raise FilterError(
            f"The results are to be ordered by {len(clauses)} fields; {MAX_ORDERS} are possible.",
            text=clauses[MAX_ORDERS],
            column=0,
            hint="The first fields decide; leave the last ones out.",
        )
    found: list[OrderBy] = []
    for text in clauses:
        try:
            order = _Parser(text, schema).order()
        except FilterError as error:
            if error.fault == "bad_filter":
                error.about("bad_order")
            raise
        if any(order.field == other.field for other in found):
            raise FilterError("The results are ordered by this already.", text=text, column=0)
        found.append(order)
    return tuple(found)


class _Parser:
    """The tokens of one text and the place reached in them."""

    def __init__(self, text: str, schema: SearchSchema) -> None:
        self._text = text
        self._schema = schema
        self._tokens = tokenize(text)
        self._next = 0
        self._depth = 0
        self._comparisons = 0
        self._like = self._patterns = 0

    @property
    def ahead(self) -> Lexeme:
        return self._tokens[self._next]

    def _take(self) -> Lexeme:
        taken = self.ahead
        if taken.token is not Token.END:
            self._next += 1
        return taken

    def _accept(self, *texts: str) -> bool:
        """Take the next tokens if they are these keywords or signs."""
        for offset, text in enumerate(texts):
            lexeme = self._tokens[min(self._next + offset, len(self._tokens) - 1)]
            if lexeme.token not in (Token.KEYWORD, Token.PUNCTUATION):
                return False
            if lexeme.text.upper() != text:
                return False
        self._next += len(texts)
        return True

    def _error(self, message: str, at: Lexeme | int, hint: str = "") -> FilterError:
        column = at if isinstance(at, int) else at.column
        return FilterError(message, text=self._text, column=column, hint=hint)

    def _expected(self, what: str, hint: str = "") -> FilterError:
        got = "the end" if self.ahead.token is Token.END else repr(self.ahead.text)
        return self._error(f"Expected {what}, found {got}.", self.ahead, hint)

    def expect_end(self, what: str) -> None:
        """Raise FilterError unless everything was read; ``what`` could have come instead."""
        if self.ahead.token is not Token.END:
            raise self._expected(f"{what}, or the end")

    # -- filters -------------------------------------------------------------------------------

    def disjunction(self) -> Expr:
        items = [self._conjunction()]
        while self._accept("OR"):
            items.append(self._conjunction())
        return items[0] if len(items) == 1 else Or(tuple(items))

    def _conjunction(self) -> Expr:
        items = [self._negation()]
        while self._accept("AND"):
            items.append(self._negation())
        return items[0] if len(items) == 1 else And(tuple(items))

    def _negation(self) -> Expr:
        at = self.ahead
        if self._accept("NOT"):
            parse = self._negation
        elif self._accept("("):
            parse = self._group
        else:
            return self._comparison()
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise self._error(f"More than {MAX_DEPTH} levels are nested.", at)
        inner = parse()
        self._depth -= 1
        return inner if at.text == "(" else Not(inner)

    def _group(self) -> Expr:
        inner = self.disjunction()
        if not self._accept(")"):
            raise self._expected("AND, OR or ')'")
        return inner

    def _comparison(self) -> Comparison:
        at = self.ahead
        self._comparisons += 1
        if self._comparisons > MAX_COMPARISONS:
            raise self._error(
                f"The filter makes more than {MAX_COMPARISONS} comparisons.",
                at,
                hint="To choose from many values use IN ('a', 'b', …).",
            )
        if at.token is not Token.NAME:
            raise self._expected(
                "something to compare", hint="A filter is like: metrics.loss < 0.5 AND tags.a = 'b'"
            )
        field = self._field(self._take())
        operator_at = self.ahead
        operator = self._operator()
        self._check(field, operator, operator_at)
        if operator in _NULL:
            return Comparison(field, operator)
        if operator in _LISTS:
            return Comparison(field, operator, self._list(field))
        return Comparison(field, operator, self._value(field, operator, operator_at))

    def _operator(self) -> Operator:
        lexeme = self.ahead
        if self._accept("IS", "NOT", "NULL"):
            return Operator.IS_NOT_NULL
        if self._accept("IS", "NULL"):
            return Operator.IS_NULL
        if self._accept("NOT", "IN"):
            return Operator.NOT_IN
        if lexeme.token is Token.KEYWORD and lexeme.text.upper() in ("IN", "LIKE", "ILIKE"):
            return Operator(self._take().text.upper())
        if self._accept("RLIKE"):
            return Operator.MATCHES
        if lexeme.token is Token.OPERATOR and lexeme.text in _SIGNS:
            return Operator(self._take().text)
        hints = {"==": "Equality is written =.", "<>": "Inequality is written !=."}
        hint = hints.get(lexeme.text, "")
        if lexeme.text.upper() == "NOT":
            hint = "Write NOT before the whole comparison, or NOT IN, or IS NOT NULL."
        error = self._expected("a comparison such as =, !=, <, LIKE, IN or IS NULL", hint)
        if lexeme.token is Token.OPERATOR:
            error.about("no_operator", found=lexeme.text)
        raise error

    def _check(self, field: Field, operator: Operator, at: Lexeme) -> None:
        if operator in _NULL:
            return
        allowed = _TEXTUAL
        if field.kind is Kind.METRIC:
            allowed = _NUMERIC
        elif field.kind in _EITHER:
            allowed = _NUMERIC | _TEXTUAL
        elif field.kind is Kind.ATTRIBUTE:
            allowed = {Type.TEXT: _TEXTUAL, Type.NUMBER: _NUMERIC, Type.ID: _IDENTITY}[
                self._schema.attributes[field.key]
            ]
        if operator not in allowed:
            names = ", ".join(o for o in Operator if o in allowed | _NULL)
            raise self._error(
                f"{operator} cannot be used with the {field.kind} {field.key!r}.",
                at,
                hint=f"Possible are {names}.",
            ).about("no_operator", found=str(operator))

    def _is_number(self, field: Field) -> bool:
        if field.kind is Kind.ATTRIBUTE:
            return self._schema.attributes[field.key] is Type.NUMBER
        return field.kind is Kind.METRIC

    def _value(self, field: Field, operator: Operator, operator_at: Lexeme) -> float | str:
        lexeme = self.ahead
        number_wanted = self._is_number(field)
        if field.kind in _EITHER:
            number_wanted = operator in _ORDERING or (
                operator in _NUMERIC and lexeme.token is Token.NUMBER
            )
        if number_wanted:
            if lexeme.token is not Token.NUMBER:
                hint = ""
                if field.kind in _EITHER:
                    hint = "Texts are compared with =, !=, LIKE, ILIKE, IN, =~ or !~."
                error = self._expected(f"a number after {operator_at.text}", hint)
                raise error.about("not_a_number", kind=str(field.kind), found=lexeme.text)
            return _number(self._take().text, whole=field.kind is Kind.ATTRIBUTE)
        text = self._string()
        if field.kind is Kind.ATTRIBUTE and self._schema.attributes[field.key] is Type.ID:
            return _id(text)
        if operator in _PATTERNS:
            self._check_pattern(text, lexeme)
        elif operator in _LIKES:
            self._check_like(text, lexeme)
        return text

    def _check_pattern(self, text: str, lexeme: Lexeme) -> None:
        from pegboard_stores.filters.regex_parser import PatternError, parse

        try:
            self._patterns += parse(text).effort
        except PatternError as error:
            read = text[: error.position]
            column = lexeme.column + 1 + len(read) + read.count(lexeme.text[0])
            raise self._error(str(error), column) from error
        if self._patterns > MAX_PATTERNS:
            raise self._error(
                "The regular expressions of this filter are too large together.",
                lexeme,
                hint="Repeat less within them with {…}, or search several times.",
            )

    def _check_like(self, text: str, lexeme: Lexeme) -> None:
        if len(text) > MAX_LIKE_LENGTH:
            raise self._error(
                f"The pattern has {len(text)} characters; {MAX_LIKE_LENGTH} are allowed.", lexeme
            )
        self._like += len(text.partition("%")[2].rstrip("%"))
        if self._like > MAX_LIKE:
            raise self._error(
                f"More than {MAX_LIKE} characters come after a '%' in this filter.",
                lexeme,
                hint="Look for shorter pieces of text, or search several times.",
            )

    def _string(self) -> str:
        lexeme = self.ahead
        if lexeme.is_text:
            return _unquoted(self._take().text)
        error = self._expected("a quoted text", hint="Texts are written 'so' or \"so\".")
        if lexeme.token is Token.NAME:
            error.about("not_quoted", found=lexeme.text)
        raise error

    def _list(self, field: Field) -> tuple[str, ...]:
        if not self._accept("("):
            raise self._expected("a list such as ('a', 'b')")
        items = [self._string()]
        while self._accept(","):
            if self.ahead.text == ")":
                break
            items.append(self._string())
        if not self._accept(")"):
            raise self._expected("',' or ')'")
        if field.kind is Kind.ATTRIBUTE and self._schema.attributes[field.key] is Type.ID:
            items = [_id(item) for item in items]
        return tuple(items)

    # -- orders --------------------------------------------------------------------------------

    def order(self) -> OrderBy:
        at = self.ahead
        if at.token is not Token.NAME:
            raise self._expected("something to order by", hint="An order is like: metrics.loss ASC")
        field = self._field(self._take(), whole_quoted=True)
        if field.kind not in self._schema.orderable:
            raise self._error(f"{self._schema.name} cannot be ordered by a {field.kind}.", at)
        if field.kind is Kind.ATTRIBUTE and field.key in self._schema.unordered:
            raise self._error(f"{self._schema.name} cannot be ordered by {field.key!r}.", at)
        ascending = self._accept("ASC") or not self._accept("DESC")
        if self.ahead.token is Token.NAME:
            raise self._expected("ASC or DESC, or the end").about("bad_direction")
        self.expect_end("ASC or DESC")
        return OrderBy(field, ascending)

    # -- fields --------------------------------------------------------------------------------

    def _field(self, lexeme: Lexeme, *, whole_quoted: bool = False) -> Field:
        first = _unquote(lexeme.first or "")
        rest = None if lexeme.rest is None else _unquote(lexeme.rest)
        if rest is None and whole_quoted and "." in first:
            first, rest = first.split(".", 1)
        if rest is None:
            return Field(Kind.ATTRIBUTE, self._attribute(first, lexeme))
        kind = self._schema.kinds.get(first)
        if kind is None:
            raise self._error(
                f"{first!r} is not something that {self._schema.name} have.",
                lexeme,
                hint=_suggest(first, self._schema.kinds),
            ).about("no_entity_type", name=first)
        if kind is Kind.ATTRIBUTE:
            return Field(kind, self._attribute(rest, lexeme))
        if kind is Kind.DATASET and rest not in DATASET_ATTRIBUTES:
            raise self._error(
                f"Datasets have no attribute {rest!r}.",
                lexeme,
                hint=_suggest(rest, DATASET_ATTRIBUTES),
            )
        return Field(kind, rest)

    def _attribute(self, name: str, lexeme: Lexeme) -> str:
        name = self._schema.aliases.get(name, name)
        if name in self._schema.attributes:
            return name
        raise self._error(
            f"{self._schema.name.capitalize()} have no attribute {name!r}.",
            lexeme,
            hint=_suggest(name, self._schema.attributes),
        ).about("no_attribute", name=name)


def _unquote(text: str) -> str:
    return _unquoted(text) if text[0] in '`"' else text


def _number(text: str, *, whole: bool) -> float:
    """Return a number; times are whole, if they are written so and fit 64 bits."""
    if whole and text.lstrip("+-").isdigit() and len(text) < 25:
        value = int(text)
        if -_INT64 <= value < _INT64:
            return value
    return float(text)


def _id(text: str) -> str:
    return str(int(text)) if text.isascii() and text.isdigit() and len(text) < 25 else text


def _suggest(name: str, known: object) -> str:
    from difflib import get_close_matches

    names = list(dict.fromkeys(known))  # type: ignore[call-overload]
    close = get_close_matches(name, names, 1)
    if close:
        return f"Did you mean {close[0]!r}?"
    return f"Possible are {', '.join(names)}."


def _unquoted(text: str) -> str:
    """Return what is between quotes of any sort, each quote inside once."""
    quote = text[0]
    return text[1:-1].replace(quote * 2, quote)
