"""The LLM gateway: one address for every language model, with keys, limits, budgets and records.

What stands here is what other distributions may use; it is imported on first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pegboard_gateway.control.contract import Blocked as Blocked
    from pegboard_gateway.control.contract import Charge as Charge
    from pegboard_gateway.control.contract import Guard as Guard
    from pegboard_gateway.control.contract import Ledger as Ledger
    from pegboard_gateway.control.contract import Level as Level
    from pegboard_gateway.control.contract import Refusal as Refusal
    from pegboard_gateway.control.contract import StreamGuard as StreamGuard
    from pegboard_gateway.control.windows import Window as Window
    from pegboard_gateway.hookspecs import GuardrailKind as GuardrailKind
    from pegboard_gateway.hookspecs import LedgerBackend as LedgerBackend
    from pegboard_gateway.testing import LedgerContract as LedgerContract

_HOMES = {
    "Blocked": "control.contract",
    "Charge": "control.contract",
    "Guard": "control.contract",
    "GuardrailKind": "hookspecs",
    "Ledger": "control.contract",
    "LedgerBackend": "hookspecs",
    "LedgerContract": "testing",
    "Level": "control.contract",
    "Refusal": "control.contract",
    "StreamGuard": "control.contract",
    "Window": "control.windows",
}
"""By public name the module that has it."""

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    """Import a public name on first use."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
