"""NVIDIA devices, through ``pynvml`` where it is installed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Devices:
    """The devices of this machine. A value that a device does not offer is left out."""

    def __init__(self, pynvml: Any) -> None:
        """Use the module ``pynvml``, initialised; raises its NVMLError."""
        self._nvml = pynvml
        count = pynvml.nvmlDeviceGetCount()
        self._handles = [pynvml.nvmlDeviceGetHandleByIndex(i) for i in range(count)]

    def describe(self) -> list[dict[str, Any]]:
        """Return name and memory, in bytes, of each device."""
        found = []
        for handle in self._handles:
            device: dict[str, Any] = {}
            self._add(device, lambda h: {"name": _text(self._nvml.nvmlDeviceGetName(h))}, handle)
            self._add(
                device,
                lambda h: {"memory_bytes": self._nvml.nvmlDeviceGetMemoryInfo(h).total},
                handle,
            )
            found.append(device)
        return found

    def sample(self) -> dict[str, float]:
        """Return what the devices are doing now, under MLflow's names."""
        values: dict[str, float] = {}
        for index, handle in enumerate(self._handles):
            device: dict[str, float] = {}
            for reading in (self._memory, self._utilization, self._power):
                self._add(device, reading, handle)
            values |= {f"gpu_{index}_{name}": value for name, value in device.items()}
        return values

    def _add(
        self, values: dict[str, Any], read: Callable[[Any], dict[str, Any]], handle: Any
    ) -> None:
        try:
            values |= read(handle)
        except (self._nvml.NVMLError, ZeroDivisionError):
            # Virtual and older devices lack some of the readings.
            return

    def _memory(self, handle: Any) -> dict[str, float]:
        memory = self._nvml.nvmlDeviceGetMemoryInfo(handle)
        return {
            "memory_usage_percentage": memory.used / memory.total * 100,
            "memory_usage_megabytes": memory.used / 1e6,
        }

    def _utilization(self, handle: Any) -> dict[str, float]:
        return {"utilization_percentage": self._nvml.nvmlDeviceGetUtilizationRates(handle).gpu}

    def _power(self, handle: Any) -> dict[str, float]:
        milliwatts = self._nvml.nvmlDeviceGetPowerUsage(handle)
        limit = self._nvml.nvmlDeviceGetEnforcedPowerLimit(handle)
        return {
            "power_usage_watts": milliwatts / 1000,
            "power_usage_percentage": milliwatts / limit * 100,
        }


def devices() -> Devices | None:
    """Return the NVIDIA devices of this machine, or None."""
    try:
        import pynvml
    except ImportError:
        return None
    try:
        pynvml.nvmlInit()
        found = Devices(pynvml)
    except pynvml.NVMLError:
        # No driver, or no device.
        return None
    return found


def _text(name: str | bytes) -> str:
    return name.decode("utf-8", "replace") if isinstance(name, bytes) else name
