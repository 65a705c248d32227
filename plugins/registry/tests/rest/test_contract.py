"""The registry behind a server keeps the contract, as far as the protocol goes."""

from __future__ import annotations

import pytest
from pegboard_testing import ModelRegistryContract

NOT_KEPT: dict[str, str] = {}


class TestRestRegistry(ModelRegistryContract):
    @pytest.fixture(autouse=True)
    def exception(self, request):
        if reason := NOT_KEPT.get(request.node.originalname):
            request.applymarker(pytest.mark.xfail(reason=reason))

    @pytest.fixture
    def registry(self, open_registry):
        return open_registry()

    @pytest.fixture
    def reopen(self, registry, open_registry):
        return open_registry
