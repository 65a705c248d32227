"""The hooks that the registry adds to the host's: gates, which promotions may have to pass."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import field, frozen
from pegboard.hookspecs import hookspec
from pegboard.targets import check


@frozen
class Verdict:
    """What a gate says: whether it lets a promotion pass, and why or why not."""

    passed: bool
    explanation: str = ""


@frozen
class Gate:
    """A check that a promotion in the model registry can be made to require.

    ``target`` names a function of the promotion, the registry to look things up in, and the host;
    it returns a Verdict. Which promotions require the gate is configured by its name.
    """

    name: str
    target: str = field(validator=check)
    summary: str


@hookspec
def pegboard_gates() -> Sequence[Gate]:
    """Declare checks that promotions in a model registry can be made to require."""
    return ()


KINDS = {"gate": ("pegboard_gates", Gate)}
