"""The expressions that an exported program holds as text, and that PyTorch evaluates as Python.

Sizes that vary are written as ``2*Symbol('s77', integer=True)``, and what a program takes for
granted as ``L['x'].size()[0] <= 128``. Only these forms are let through.
"""

from __future__ import annotations

import ast
import re

_LONGEST = 20_000
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_SYMBOL = re.compile(r"[a-z]{1,4}[0-9]+|oo|int_oo|true|false|inf", re.ASCII)

# fmt: off
_FUNCTIONS = frozenset({
    "Abs", "Add", "And", "CeilDiv", "ceiling", "CeilToInt", "CleanDiv", "Eq", "Equality",
    "Float", "FloatPow", "FloatTrueDiv", "floor", "FloorDiv", "FloorToInt", "Ge", "GreaterThan",
    "Gt", "Identity", "Integer", "IntTrueDiv", "IsNonOverlappingAndDenseIndicator", "Le",
    "LessThan", "LShift", "Lt", "Max", "max", "Min", "min", "Mod", "ModularIndexing", "Mul",
    "Ne", "Not", "Or", "Pow", "PowByNatural", "PythonMod", "Rational", "RoundDecimal",
    "RoundToInt", "RShift", "sqrt", "StrictGreaterThan", "StrictLessThan", "Symbol", "ToFloat",
    "TruncToFloat", "TruncToInt", "Unequality", "Where",
})
# fmt: on
"""Arithmetic of sympy and of torch.utils._sympy, by the names that programs are written with."""

_SHAPES = frozenset({"dim", "ndim", "shape", "size", "storage_offset", "stride"})

_PLAIN = (
    ast.Expression,
    ast.BoolOp,
    ast.boolop,
    ast.BinOp,
    ast.operator,
    ast.UnaryOp,
    ast.unaryop,
    ast.Compare,
    ast.cmpop,
    ast.Tuple,
    ast.List,
    ast.Load,
    ast.keyword,
)


def harmless(text: str, *, guard: bool = False) -> bool:
    """Whether a text is arithmetic and nothing more; with ``guard`` also on sizes of inputs."""
    if len(text) > _LONGEST:
        return False
    try:
        tree = ast.parse(text, mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    names = {id(name) for node in ast.walk(tree) for name in _symbol_names(node)}
    if guard:
        names |= {id(node.slice) for node in ast.walk(tree) if isinstance(node, ast.Subscript)}
    return all(_harmless_node(node, names, guard) for node in ast.walk(tree))


def _symbol_names(node: ast.AST) -> list[ast.expr]:
    match node:
        case ast.Call(func=ast.Name(id="Symbol"), args=[name]):
            return [name]
        case _:
            return []


def _harmless_node(node: ast.AST, names: set[int], guard: bool) -> bool:
    match node:
        case ast.Constant(value=str() as text):
            return id(node) in names and _IDENTIFIER.fullmatch(text) is not None
        case ast.Constant(value=value):
            return value is None or type(value) in (bool, int, float)
        case ast.Call(func=ast.Name(id=name)):
            return name in _FUNCTIONS
        case ast.Call(func=ast.Attribute(), keywords=[]):
            return guard
        case ast.Name(id=name):
            known = name in _FUNCTIONS or _SYMBOL.fullmatch(name) is not None
            return known or (guard and name == "L")
        case ast.Attribute(attr=name):
            return guard and name in _SHAPES
        case ast.Subscript():
            return guard
        case _:
            return isinstance(node, _PLAIN)
