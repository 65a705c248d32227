"""The example autologger logs fits, and changes nothing of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pegboard
import pytest
from examples import fits, polynomials
from numpy.polynomial import polynomial
from pegboard import host
from pegboard_testing.isolation import separate_tracking


@pytest.fixture(autouse=True)
def tracked(tmp_path: Path) -> Iterator[None]:
    with separate_tracking(tmp_path):
        host.current().register(polynomials, "polynomials")
        host.current().register(fits, "fits")
        yield
        pegboard.autolog(disable=True)


def test_a_fit_is_logged() -> None:
    x = np.arange(5.0)
    plain = polynomial.polyfit(x, x**2, deg=2)
    pegboard.autolog()
    assert polynomial.polyfit(x, x**2, deg=2).tolist() == plain.tolist()
    run = pegboard.last_active_run()
    assert run is not None
    assert run.data.params == {"deg": "2", "points": "5"}
    assert run.data.metrics["max_error"] < 1e-9
    model = pegboard.last_logged_model()
    assert model is not None
    assert model.params == {"deg": "2"}
    loaded = pegboard.pyfunc.load_model(model.model_uri)
    np.testing.assert_allclose(loaded.predict(np.array([3.0, 4.0])), [9.0, 16.0])


def test_a_fit_that_fails_fails_as_before() -> None:
    pegboard.autolog()
    with pytest.raises(TypeError, match="expected non-empty vector"):
        polynomial.polyfit([], [], deg=1)
    run = pegboard.last_active_run()
    assert run is not None
    assert run.info.status == "FAILED"
