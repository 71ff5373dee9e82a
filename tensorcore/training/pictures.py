"""Pictures in files as arrays and back, by Pillow, which is imported when it is needed."""

from __future__ import annotations

from typing import Any

import numpy as np

from tensorcore.errors import InvalidArgumentError

COLOR_MODES = {"grayscale": "L", "rgb": "RGB", "rgba": "RGBA"}


def load_img(
    path: Any,
    color_mode: str = "rgb",
    target_size: tuple[int, int] | None = None,
    interpolation: str = "nearest",
    keep_aspect_ratio: bool = False,
) -> Any:
    """A picture of Pillow from a file.

    Args:
        path: the file.
        color_mode: "rgb", "rgba" or "grayscale".
        target_size: (height, width) to bring it to.
        interpolation: "nearest", "bilinear", "bicubic", "lanczos", "box" or "hamming".
        keep_aspect_ratio: cut the middle out with the wanted proportions first.
    """
    from PIL import Image

    if color_mode not in COLOR_MODES:
        raise InvalidArgumentError(
            f"load_img: color_mode must be one of {', '.join(COLOR_MODES)}, received {color_mode!r}"
        )
    ways = {name.lower(): way for name, way in Image.Resampling.__members__.items()}
    if interpolation not in ways:
        raise InvalidArgumentError(
            f"load_img: interpolation must be one of {', '.join(ways)}, received {interpolation!r}"
        )
    with Image.open(path) as file:
        picture = file.convert(COLOR_MODES[color_mode])
    if target_size is None:
        return picture
    height, width = target_size
    box = None
    if keep_aspect_ratio:
        scale = min(picture.height / height, picture.width / width)
        left, top = (picture.width - width * scale) / 2, (picture.height - height * scale) / 2
        box = (left, top, left + width * scale, top + height * scale)
    return picture.resize((width, height), ways[interpolation], box)


def img_to_array(img: Any, data_format: str | None = None, dtype: Any = "float32") -> np.ndarray:
    """A picture of Pillow, or an array, as (height, width, channels) from 0 to 255."""
    array = np.asarray(img, dtype or "float32")
    if array.ndim == 2:
        array = array[..., None]
    if array.ndim != 3:
        raise InvalidArgumentError(
            f"img_to_array: expected a picture, received shape {array.shape}"
        )
    return np.moveaxis(array, -1, 0) if data_format == "channels_first" else array


def array_to_img(
    x: Any, data_format: str | None = None, scale: bool = True, dtype: Any = None
) -> Any:
    """An array (height, width, channels) as a picture of Pillow.

    Args:
        x: the values.
        data_format: "channels_first" if the channels come first.
        scale: bring the smallest value to 0 and the largest to 255; else they are taken as they
            are.
        dtype: in which to compute; None means float32.
    """
    from PIL import Image

    array = np.asarray(x, dtype or "float32")
    if data_format == "channels_first":
        array = np.moveaxis(array, 0, -1)
    if array.ndim != 3 or array.shape[-1] not in (1, 3, 4):
        raise InvalidArgumentError(
            "array_to_img: expected (height, width, channels) with 1, 3 or 4 channels, received "
            f"shape {array.shape}"
        )
    if scale:
        array = array - array.min()
        largest = array.max()
        array = array * (255.0 / largest) if largest else array
    values = array.astype(np.uint8)
    return Image.fromarray(values[..., 0] if values.shape[-1] == 1 else values)


def save_img(
    path: Any,
    x: Any,
    data_format: str | None = None,
    file_format: str | None = None,
    scale: bool = True,
    **kwargs: Any,
) -> None:
    """Write an array as a picture file; see `array_to_img`."""
    picture = array_to_img(x, data_format, scale)
    if picture.mode == "RGBA" and str(path).lower().endswith((".jpg", ".jpeg")):
        picture = picture.convert("RGB")
    picture.save(path, format=file_format, **kwargs)
