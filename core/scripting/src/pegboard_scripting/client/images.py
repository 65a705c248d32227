"""Images as files, from arrays and Pillow images."""

from __future__ import annotations

import re
import uuid
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from attrs import frozen
from pegboard.errors import InvalidValue, PluginError

if TYPE_CHECKING:
    import numpy
    from PIL.Image import Image as PillowImage

THUMBNAIL_SIZE = 256
"""The longer side of a thumbnail, in pixels."""

_KEY = re.compile(r"[A-Za-z0-9_\-./ ]+")


class Image:
    """An image to be logged: from a NumPy array, nested lists, a Pillow image or a file."""

    def __init__(self, image: numpy.ndarray[Any, Any] | PillowImage | str | list[Any]) -> None:
        """Read the file, or convert; arrays are height by width (by 1, 3 or 4 channels)."""
        if isinstance(image, (str, Path)):
            self.image: PillowImage = load_pillow().open(image)
        elif isinstance(image, list):
            import numpy as np

            self.image = to_pillow(np.array(image))
        else:
            self.image = to_pillow(image)
        self.size: tuple[int, int] = self.image.size

    def to_pil(self) -> PillowImage:
        """Return it as a Pillow image."""
        return self.image

    def to_array(self) -> numpy.ndarray[Any, Any]:
        """Return its pixels as an array."""
        import numpy as np

        return np.array(self.image)

    def to_list(self) -> list[Any]:
        """Return its pixels, row after row; with several channels, each is a tuple."""
        width, height = self.size
        return [self.image.getpixel((x, y)) for y in range(height) for x in range(width)]

    def resize(self, size: tuple[int, int]) -> Image:
        """Return it in another size (width, height)."""
        return Image(self.image.resize(size))

    def save(self, path: str | Path) -> None:
        """Write it to a file; the suffix decides the format."""
        self.image.save(path)


@frozen
class StepFiles:
    """The paths at which an image of a step, and its thumbnail, are kept."""

    image: str
    thumbnail: str


def step_files(key: str, step: int, timestamp: int) -> StepFiles:
    """Return new paths for the image of a step, in MLflow's layout."""
    if _KEY.fullmatch(key) is None:
        raise InvalidValue(
            f"{key!r} cannot be the key of an image.",
            hint="Letters, digits, '_', '-', '.', '/' and spaces are allowed.",
        )
    name = f"images/{key.replace('/', '~')}+step+{step}+timestamp+{timestamp}+{uuid.uuid4()}"
    return StepFiles(f"{name}.png", f"{name}+compressed.webp")


def to_pillow(image: Any) -> PillowImage:
    """Return a Pillow image of an ``Image``, a Pillow image or a NumPy array."""
    if isinstance(image, Image):
        return image.to_pil()
    pillow = load_pillow()
    if isinstance(image, pillow.Image):
        return cast("PillowImage", image)
    if type(image).__module__ == "numpy" and hasattr(image, "dtype"):
        return cast("PillowImage", pillow.fromarray(_pixels(image)))
    raise InvalidValue(
        f"Cannot log {type(image).__name__!r} as an image.",
        hint="NumPy arrays, Pillow images and pegboard.Image can be logged.",
    )


def thumbnail(image: PillowImage) -> PillowImage:
    """Return the image scaled so that its longer side has ``THUMBNAIL_SIZE`` pixels."""
    scale = THUMBNAIL_SIZE / max(image.size)
    width, height = image.size
    return image.resize((max(1, int(width * scale)), max(1, int(height * scale))))


def _pixels(array: numpy.ndarray[Any, Any]) -> numpy.ndarray[Any, Any]:
    """Return the array as bytes: integers from 0 to 255 as they are, others from 0.0 to 1.0."""
    import numpy as np

    if array.dtype.kind not in "biuf":
        raise InvalidValue(f"An image cannot be made from an array of type {array.dtype}.")
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (1, 3, 4)):
        raise InvalidValue(
            f"An image cannot be made from an array of shape {array.shape}.",
            hint="The shape is (height, width), or (height, width, channels) with 1, 3 or 4.",
        )
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    whole = array.dtype.kind in "iu"
    least, greatest = array.min(), array.max()
    if least < 0 or greatest > (255 if whole else 1):
        if whole:
            raise InvalidValue(
                f"The pixels of an image range from {least} to {greatest}; 0 to 255 is allowed."
            )
        warnings.warn(
            f"The pixels of an image range from {least} to {greatest}, not from 0.0 to 1.0; "
            "they were scaled.",
            stacklevel=5,
        )
        array = (array - least) / (greatest - least)
    return (array if whole else array * 255).astype(np.uint8)


def load_pillow() -> Any:
    """Return the module ``PIL.Image``; a clear error if it is not installed."""
    try:
        from PIL import Image as pillow  # noqa: N813 (Pillow names the module like the class)
    except ImportError as error:
        raise PluginError("Images need Pillow.", hint="pip install 'pegboard[images]'") from error
    return pillow
