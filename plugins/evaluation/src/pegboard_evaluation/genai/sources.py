"""Code of scorers as MLflow keeps it: the body of a function, its signature and its name."""

from __future__ import annotations

import ast
import inspect
import os
import textwrap
from collections.abc import Callable, Mapping
from typing import Any

from pegboard.errors import InvalidValue, quoted
from pegboard_tracing import api

from pegboard_evaluation.genai import scoring
from pegboard_evaluation.genai.scoring import FIELDS, Scorer

_ALLOWED = ("PEGBOARD_SERVER_ENABLE_CUSTOM_SCORERS", "MLFLOW_SERVER_ENABLE_CUSTOM_SCORERS")
_NAMES = ("Assessment", "AssessmentError", "AssessmentSource", "AssessmentSourceType", "Feedback",
          "Trace")  # fmt: skip
"""What code finds without an import."""


def may_run() -> bool:
    """Whether code that others registered may run here: only if a variable says so."""
    given = next((os.environ[name] for name in _ALLOWED if os.environ.get(name)), "")
    return given.strip().lower() in ("1", "true", "yes")


def source_of(name: str, function: Callable[..., Any]) -> dict[str, Any]:
    """Return a function as it is kept; InvalidValue if its code cannot be found."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, TypeError, SyntaxError):
        tree = ast.Module([], [])
    named = getattr(function, "__name__", "")
    found = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef) and n.name == named]
    if not found:
        raise InvalidValue(
            f"The code of the scorer {name!r} cannot be found, so it cannot be registered.",
            hint="Write it as a plain function (def) in a file or a notebook.",
        )
    body = found[0].body
    if isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant):
        body = body[1:] or [ast.Pass()]
    return {
        "call_source": "\n".join(map(ast.unparse, body)),
        "call_signature": f"({ast.unparse(found[0].args)})",
        "original_func_name": named,
    }


class RegisteredCode(Scorer):
    """A function that somebody registered. It runs only where a variable allows that."""

    call_source: str
    call_signature: str
    original_func_name: str

    def check(self) -> None:
        """Refuse what is no function; make one of it if that is allowed."""
        try:
            [made] = ast.parse(f"def {self.original_func_name}{self.call_signature}: pass").body
            assert isinstance(made, ast.FunctionDef)
        except (SyntaxError, ValueError, AssertionError, RecursionError):
            what = f"{self.original_func_name}{self.call_signature}"
            raise InvalidValue(
                f"The scorer {self.name!r} is no function: {quoted(what)}."
            ) from None
        arguments = made.args
        every = (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)
        self._named = tuple(each.arg for each in every if each.arg in FIELDS)
        self._function = self._made() if may_run() else None

    @property
    def source(self) -> str:
        """The code, to be read before it is trusted."""
        body = textwrap.indent(self.call_source, "    ")
        return f"def {self.original_func_name}{self.call_signature}:\n{body}\n"

    @property
    def takes(self) -> tuple[str, ...]:
        """The keywords that it takes."""
        return self._named

    @property
    def insists_on_expectations(self) -> bool:
        """Whether it takes expectations."""
        return "expectations" in self._named

    def _made(self) -> Callable[..., Any]:
        import pegboard

        known: dict[str, Any] = {name: getattr(api, name) for name in _NAMES}
        known |= {"pegboard": pegboard, "mlflow": pegboard}
        try:
            code = compile(f"from __future__ import annotations\n{self.source}", self.name, "exec")
            exec(code, known)  # noqa: S102 - only where the user allowed it
        except Exception as error:
            raise InvalidValue(f"The code of {self.name!r} cannot be used: {error}") from error
        made: Callable[..., Any] = known[self.original_func_name]
        return made

    def __call__(self, **given: Any) -> Any:
        """Call the function; InvalidValue if that is not allowed."""
        if self._function is None:
            raise InvalidValue(
                f"The scorer {self.name!r} is code that was registered, which is not run here.",
                hint=f"Read its .source. If you trust it, copy it under @scorer, or set "
                f"{_ALLOWED[0]}=true before you load it.",
            )
        return self._function(**given)

    def _serialized(self) -> dict[str, Any]:
        return {
            name: getattr(self, name)
            for name in ("call_source", "call_signature", "original_func_name")
        }

    @property
    def digest(self) -> str:
        """What is the same for the same code."""
        return scoring.sha256(self.source)


def loaded(common: Mapping[str, Any], data: Mapping[str, Any]) -> RegisteredCode:
    """Return the scorer of code that is kept."""
    names = ("call_source", "call_signature", "original_func_name")
    return RegisteredCode(**common, **{name: str(data.get(name) or "") for name in names})
