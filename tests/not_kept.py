"""Exceptions from a contract, for another's server that keeps it only in part.

A table tells by name which tests, or which cases of a test, fail there and why. They have to fail:
the day one does not, the table is wrong. A name is that of a test, with that of its class in front
where two have the same, and the values of the case behind, in brackets.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest
from attrs import define


def expect_failures(request: pytest.FixtureRequest, reasons: Mapping[str, str]) -> None:
    """Expect a test to fail that the table names as a whole."""
    for name in (request.node.name, request.node.originalname):
        if reason := _reason(request, reasons, name):
            request.applymarker(pytest.mark.xfail(reason=reason, strict=True))


@define
class ExpectedFailures:
    """Stands in for pytest's ``subtests``, and expects the cases to fail that the table names."""

    subtests: pytest.Subtests
    request: pytest.FixtureRequest
    reasons: Mapping[str, str]

    @contextmanager
    def test(self, **values: Any) -> Iterator[None]:
        """Run a case."""
        name = self.request.node.originalname
        case = f"{name}[{'-'.join(map(_shown, values.values()))}]"
        if _reason(self.request, self.reasons, name):
            yield  # The first case that fails is what the whole test waits for.
        elif _reason(self.request, self.reasons, case):
            try:
                yield
            except (Exception, pytest.fail.Exception):
                return
            pytest.fail(f"{case} does not fail: take it off the table")
        else:
            with self.subtests.test(**values):
                yield


def _reason(request: pytest.FixtureRequest, reasons: Mapping[str, str], name: str) -> str:
    of_class = f"{request.cls.__name__}::" if request.cls else ""
    return reasons.get(of_class + name) or reasons.get(name, "")


def _shown(value: object) -> str:
    return value.encode("unicode_escape").decode() if isinstance(value, str) else str(value)
