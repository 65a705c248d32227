"""``pegboard.transformers``: the flavor's functions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pegboard.errors import InvalidValue
from pegboard_models import flavor_api, load_native

from pegboard_transformers.saving import MODEL, PARTS

if TYPE_CHECKING:
    import os

    from pegboard_models import TrustLike


def load_model(
    model_uri: str | os.PathLike[str],
    dst_path: str | os.PathLike[str] | None = None,
    return_type: str = "pipeline",
    device: Any = None,
    *,
    trust: TrustLike = None,
) -> Any:
    """Return a pipeline; with ``return_type="components"``, a dict of its parts and its task.

    ``device`` is where to move it, as PyTorch names devices: ``"cuda:0"``.
    """
    if return_type not in ("pipeline", "components"):
        raise InvalidValue(
            f"return_type should be 'pipeline' or 'components', not {return_type!r}."
        )
    loaded = load_native(model_uri, "transformers", trust, dst_path)
    if isinstance(loaded, dict):
        return loaded
    if device is not None:
        import torch

        loaded.device = torch.device(device)
        loaded.model.to(loaded.device)
    if return_type == "pipeline":
        return loaded
    parts = {name: getattr(loaded, name, None) for name in (MODEL, *PARTS)}
    return {**{name: part for name, part in parts.items() if part is not None}, "task": loaded.task}


transformers = flavor_api("transformers", {"load_model": load_model})
