"""Why a search found nothing: a key in its filter that nothing has, which a typo makes."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from pegboard.cli import output

from pegboard_stores.filters import And, Comparison, Expr, Kind, Not, Operator, Or

_LISTED = 5
_SYSTEM = ("mlflow.", "pegboard.", "system/")


def note_unknown_keys(
    expr: Expr | None, known: Mapping[Kind, Collection[str]], owners: str = "No run"
) -> None:
    """Say which keys of a filter none of the things that were searched has.

    ``known`` holds the existing keys of each kind to check; ``owners`` begins the sentence: what
    has no such key.
    """
    told = set()
    for kind, key in _keys(expr):
        if kind in known and key not in known[kind] and (kind, key) not in told:
            told.add((kind, key))
            output.note(
                output.clean(f"{owners} has a {kind} {key!r}; {_there_is(kind, key, known)}.")
            )


def _keys(expr: Expr | None) -> Iterator[tuple[Kind, str]]:
    """Yield what a filter compares; not what it wants to be missing."""
    if isinstance(expr, And | Or):
        for item in expr.items:
            yield from _keys(item)
    elif isinstance(expr, Not):
        yield from _keys(expr.item)
    elif isinstance(expr, Comparison) and expr.operator is not Operator.IS_NULL:
        yield expr.field.kind, expr.field.key


def _there_is(kind: Kind, key: str, known: Mapping[Kind, Collection[str]]) -> str:
    import difflib

    # Those that people chose come first.
    names = sorted(known[kind], key=lambda name: (name.startswith(_SYSTEM), name))
    if not names:
        return f"there is no {kind} at all"
    folded = {name.casefold(): name for name in names}
    near = difflib.get_close_matches(key.casefold(), list(folded), n=2, cutoff=0.6)
    shown = [folded[name] for name in near] or names[:_LISTED]
    more = ", …" if not near and len(names) > _LISTED else ""
    verb = "is" if len(shown) == 1 else "are"
    return f"there {verb} {', '.join(map(repr, shown))}{more}"
