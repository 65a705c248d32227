"""``pegboard.onnx``: the functions of the flavor."""

from __future__ import annotations

from pegboard_models import flavor_api

onnx = flavor_api("onnx")
